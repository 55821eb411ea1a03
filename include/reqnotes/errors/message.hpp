#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "reqnotes/line/encode.hpp"
#include "reqnotes/text/hex.hpp"
#include "reqnotes/text/httpd_text.hpp"
#include "reqnotes/text/parse.hpp"
#include "reqnotes/text/sink.hpp"
#include "reqnotes/text/slice.hpp"
#include "reqnotes/text/utf8.hpp"

namespace reqnotes {

/// Undoes what httpd did to a message of the error log: `\b \n \r \t \v \\` and `\xHH`.
///
/// text     as the error_log hook gets it; it may be cut anywhere. An escape that is cut off or
///          unknown stays as it is.
/// out      gets at most as many bytes as `text` has.
/// source   ap_escape_errorlog_item in httpd's server/util.c.
inline void unescape_error_text(std::string_view text, Sink& out) {
  while (!text.empty()) {
    const std::size_t slash = text.find('\\');
    out.put(prefix(text, slash));
    if (slash == kNpos) return;
    text.remove_prefix(slash);
    const std::size_t which = text.size() > 1 ? kCharNames.find(text[1]) : kNpos;
    if (which != kNpos) {
      out.put(kNamedChars[which]);
      text.remove_prefix(2);
      continue;
    }
    if (text.size() >= 4 && text[1] == 'x') {
      const auto high = hex_digit(text[2]);
      const auto low = hex_digit(text[3]);
      if (high && low) {
        out.put(static_cast<char>(*high << 4 | *low));
        text.remove_prefix(4);
        continue;
      }
    }
    out.put('\\');
    text.remove_prefix(1);
  }
}

inline void put_escaped(char c, Sink& out) {
  if (error_text_size(c) == 1) return out.put(c);
  out.put('\\');
  const std::size_t which = kNamedChars.find(c);
  if (which != kNpos) return out.put(kCharNames[which]);
  const auto byte = static_cast<unsigned char>(c);
  char digits[2];
  put_hex({&byte, 1}, digits);
  out.put('x');
  out.put({digits, sizeof digits});
}

/// Writes `text` as httpd will show it in the error log, so that its length there is known.
///
/// room     bytes for it; a character that has none is left out whole, with all that follows.
/// quoted   a quote in `text` is doubled: httpd leaves it alone, and would double a backslash.
/// returns  whether all of it had room.
/// source   ap_escape_errorlog_item in httpd's server/util.c.
inline bool put_error_text(std::string_view text, std::size_t room, bool quoted, Sink& out) {
  const auto doubled = [quoted](char c) { return quoted && c == '"'; };
  while (!text.empty()) {
    const std::string_view character = prefix(text, utf8_step(text).length);
    std::size_t size = 0;
    for (char c : character) size += error_text_size(c) + (doubled(c) ? 1 : 0);
    if (size > room) return false;
    room -= size;
    for (char c : character) {
      if (doubled(c)) out.put(c);
      put_escaped(c, out);
    }
    text.remove_prefix(character.size());
  }
  return true;
}

/// Writes the value of `item` for a message of the error log: as it is, or in quotes where it has a
/// blank or `=`, or begins with a quote; in at most `room` bytes of what httpd makes of it.
///
/// returns  as put_json_value.
inline Put put_message_value(const Item& item, std::size_t room, Sink& out) {
  char digits[20];
  const std::string_view literal = literal_of(item, digits);
  if (!literal.empty()) return put_literal(literal, room, out);
  const auto [text, mark] =
      bounded_for_httpd(item.text, item.shortened, item.max == 0 ? kNoLimit : item.max);
  const bool quoted = item.text.starts_with('"') || item.text.find_first_of(" =") != kNpos;
  const std::size_t quotes = quoted ? 2 : 0;
  if (room < quotes + 1) return Put::kNone;
  const std::size_t before = out.size();
  if (quoted) out.put('"');
  const std::size_t begin = out.size();
  // The closing quote has its room whatever comes.
  const bool whole = put_error_text(text, room - quotes, quoted, out) &&
                     put_error_text(mark, room - quotes - (out.size() - begin), quoted, out);
  if (out.size() == begin) {
    out.rewind(before);
    return Put::kNone;
  }
  if (quoted) out.put('"');
  return whole ? Put::kWhole : Put::kPart;
}

/// The text of a message: the keys of logfmt, and values that httpd is still to escape.
constexpr Format kMessageText = {&Key::logfmt, put_message_value, "", "", " truncated=true"};

/// A message, and the code that it begins with.
struct CodedMessage {
  std::string_view code;  ///< "AH01071", "RN0006"; empty where there is none
  std::string_view text;  ///< what follows the code
};

/// Takes the code off a message: two to four capitals and four to six digits, then ": ".
constexpr CodedMessage split_code(std::string_view message) {
  std::size_t at = 0;
  while (at < message.size() && message[at] >= 'A' && message[at] <= 'Z') ++at;
  const std::size_t letters = at;
  while (at < message.size() && is_digit(message[at])) ++at;
  const std::size_t digits = at - letters;
  if (letters < 2 || letters > 4 || digits < 4 || digits > 6) return {{}, message};
  if (!suffix(message, at).starts_with(": ")) return {{}, message};
  return {prefix(message, at), suffix(message, at + 2)};
}

}  // namespace reqnotes
