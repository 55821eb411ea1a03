#pragma once

#include <cstddef>
#include <string_view>

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

}  // namespace reqnotes
