#pragma once

#include <cstddef>
#include <string_view>

#include "reqnotes/hex.hpp"
#include "reqnotes/sink.hpp"
#include "reqnotes/text.hpp"
#include "reqnotes/value.hpp"

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
    constexpr std::string_view kNames = "bnrtv\\";
    constexpr std::string_view kCharacters = "\b\n\r\t\v\\";
    const std::size_t which = text.size() > 1 ? kNames.find(text[1]) : kNpos;
    if (which != kNpos) {
      out.put(kCharacters[which]);
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
