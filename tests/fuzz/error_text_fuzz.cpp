#include <algorithm>
#include <string>
#include <vector>

#include "fuzz.hpp"
#include "reqnotes/errors/coded_message.hpp"
#include "reqnotes/line/encode.hpp"
#include "reqnotes/line/message.hpp"
#include "reqnotes/text/httpd_text.hpp"

// -max_len=200

namespace reqnotes {
namespace {

/// What httpd does to a message; which bytes it takes for unprintable is its platform's matter.
std::string escape(std::string_view text, bool only_ascii, const char* hex) {
  constexpr std::string_view kNamed = "\b\n\r\t\v\\";
  std::string escaped;
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (const std::size_t at = kNamed.find(c); at != kNamed.npos) {
      escaped += {'\\', "bnrtv\\"[at]};
    } else if (byte < 0x20 || byte == 0x7F || (only_ascii && byte > 0x7F)) {
      escaped += {'\\', 'x', hex[byte >> 4], hex[byte & 15]};
    } else {
      escaped += c;
    }
  }
  return escaped;
}

/// Undoes the escapes of `text` in exactly its room.
std::string unescape(std::string_view text) {
  std::vector<char> buffer(text.size());
  Sink out(buffer);
  unescape_error_text(Text(text), out);
  promise(!out.overflowed(), "what is undone is never longer");
  return std::string(out.written());
}

void check_code(std::string_view message) {
  const CodedMessage got = split_code(message);
  const std::string_view code = message.substr(0, message.find(':'));
  const std::size_t letters = std::min(code.find_first_of("0123456789"), code.size());
  const std::size_t digits = code.size() - letters;
  const bool coded = letters >= 2 && letters <= 4 && digits >= 4 && digits <= 6 &&
                     has_only(code.substr(0, letters), "ABCDEFGHIJKLMNOPQRSTUVWXYZ") &&
                     has_only(code.substr(letters), "0123456789") &&
                     message.substr(code.size()).starts_with(": ");
  promise(got.code == (coded ? code : ""), "a code is capitals and digits");
  promise(got.text == message.substr(coded ? code.size() + 2 : 0), "the text is what follows it");
}

}  // namespace

/// What we count on httpd to make of a text, in some room.
void check_shown(std::string_view text, std::size_t room, bool quoted) {
  std::string doubled;
  for (char c : text) doubled += c == '"' && quoted ? std::string("\"\"") : std::string(1, c);
  const std::string want = escape(doubled, true, "0123456789abcdef");
  std::vector<char> buffer(std::min(room, want.size()));
  Sink out(buffer);
  const bool whole = put_error_text(text, room, quoted, out);
  promise(!out.overflowed(), "room is kept to");
  promise(whole == (out.written() == want), "whole is whole");
  promise(want.starts_with(out.written()), "what has no room is left out at the end");
  promise(whole || out.size() + 16 > room, "room is made use of");
  const std::string part = unescape(out.written());
  promise(quoted || text.size() == part.size() || cut_utf8(text, part.size()).size() == part.size(),
          "no character is split");
}

/// A value in a message is one field, whatever it is.
void check_value(std::string_view text, std::size_t room) {
  std::vector<char> buffer(std::min(room, 9 * text.size() + 2));
  Sink out(buffer);
  const Put put = put_message_value({.name = "k", .text = text}, room, out);
  promise(!out.overflowed() && (put != Put::kNone || out.size() == 0), "room is kept to");
  const std::string value(out.written());
  if (put == Put::kNone) return;
  promise(escape(unescape(value), true, "0123456789abcdef") == value, "httpd makes of it the same");
  if (value[0] != '"') {
    promise(value.find_first_of(" =") == kNpos, "no blank is bare");
    return;
  }
  promise(value.size() >= 2 && value.back() == '"', "what is quoted is closed");
  for (std::size_t at = 1; at + 1 < value.size(); ++at) {
    if (value[at] == '"')
      promise(at + 2 < value.size() && value[++at] == '"', "a quote is doubled");
  }
}

/// Undoing gives back what httpd escaped, and takes any other bytes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const unsigned flags = input.byte();
  const std::size_t cut = input.up_to(800);
  const Text message = input.rest();
  check_code(message);
  check_shown(message, cut, (flags & 4) != 0);
  if (!message.view().empty()) check_value(message, cut);

  const std::string plain = unescape(message);
  promise(message.view().find('\\') != kNpos || plain == message.view(), "no escape, no change");

  const std::string escaped =
      escape(message, (flags & 1) != 0, (flags & 2) != 0 ? "0123456789ABCDEF" : "0123456789abcdef");
  promise(unescape(escaped) == message.view(), "an escaped message reads back");

  // Of an escape that is cut off, at most three bytes stay.
  std::string part = unescape(prefix(escaped, cut));
  std::size_t same = 0;
  while (same < part.size() && same < message.view().size() && part[same] == message.view()[same]) {
    ++same;
  }
  part.erase(0, same);
  promise(part.size() <= 3 && escaped.find(part) != escaped.npos, "a cut message is a beginning");

  std::vector<char> buffer(cut);
  Sink out(buffer);
  unescape_error_text(message, out);
  promise(plain.starts_with(out.written()), "a small sink holds a beginning");
  return 0;
}

}  // namespace reqnotes
