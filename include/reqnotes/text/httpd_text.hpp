#pragma once

#include <cstddef>
#include <string_view>

#include "reqnotes/text/hex.hpp"
#include "reqnotes/text/sink.hpp"
#include "reqnotes/text/slice.hpp"
#include "reqnotes/text/utf8.hpp"

namespace reqnotes {

/// Stands at the end of a value that was cut and is then escaped by httpd, which leaves it as it
/// is.
constexpr std::string_view kHttpdCutMark = "...";

/// The characters that httpd escapes by a name, and their names.
constexpr std::string_view kNamedChars = "\b\n\r\t\v\\";
constexpr std::string_view kCharNames = "bnrtv\\";

/// Bytes that httpd makes of one in an error log.
///
/// source  ap_escape_errorlog_item in httpd's server/util.c.
constexpr std::size_t error_text_size(char c) {
  if (kNamedChars.find(c) != kNpos) return 2;
  return c >= ' ' && c <= '~' ? 1 : 4;
}

/// Bytes that httpd makes of one in any log: an access log has quotes escaped too.
///
/// source  ap_escape_logitem in httpd's server/util.c.
constexpr std::size_t httpd_escaped_size(char c) {
  return c == '"' ? 2 : error_text_size(c);
}

/// The longest beginning of `text` that httpd writes in at most `room` bytes, at a character.
constexpr std::string_view httpd_beginning(std::string_view text, std::size_t room) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t length = utf8_step(suffix(text, at)).length;
    for (char c : slice(text, at, length)) {
      const std::size_t size = httpd_escaped_size(c);
      if (size > room) return prefix(text, at);
      room -= size;
    }
    at += length;
  }
  return text;
}

/// What of a value is handed to httpd, and the mark that follows it.
struct MarkedText {
  std::string_view text;
  std::string_view mark;
};

/// Cuts a value so that httpd writes at most `max` bytes of it, the mark counted; nothing where the
/// mark alone is longer.
///
/// shortened  `text` was cut already.
constexpr MarkedText bounded_for_httpd(std::string_view text, bool shortened, std::size_t max) {
  constexpr std::size_t kMostOfAByte = 4;
  const std::size_t mark = shortened ? kHttpdCutMark.size() : 0;
  if (max < kHttpdCutMark.size()) return {};
  if (kMostOfAByte * text.size() + mark > max) {
    const std::string_view fits = httpd_beginning(text, max - mark);
    if (fits.size() != text.size()) {
      return {httpd_beginning(fits, max - kHttpdCutMark.size()), kHttpdCutMark};
    }
  }
  return {text, prefix(kHttpdCutMark, mark)};
}

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

}  // namespace reqnotes
