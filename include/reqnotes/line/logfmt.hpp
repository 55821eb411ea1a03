#pragma once

#include <string_view>

#include "reqnotes/text/scan.hpp"
#include "reqnotes/text/utf8.hpp"

namespace reqnotes {

/// What cannot stand in a bare logfmt value, or must be looked at; see copy_until.
constexpr auto kLogfmtOdd = [](auto c) {
  return (c <= 0x20) | (c == '"') | (c == '=') | (c == 0x7F);
};

/// Whether `text` can stand in logfmt without quotes: valid UTF-8 without blanks, `=`, `"` and
/// control characters, and not the word `null`, which readers take for an absent value.
/// Everything else is written as a JSON string, which is what logfmt readers unquote.
inline bool is_logfmt_bare(std::string_view text) {
  if (text == "null") return false;
  for (;;) {
    text.remove_prefix(find_odd(text, kLogfmtOdd));
    while (text.size() >= 3 && usual_character(text.data()) != 0) {
      text.remove_prefix(usual_character(text.data()));
    }
    if (text.empty()) return true;
    if (static_cast<signed char>(text[0]) >= 0) {
      if (kLogfmtOdd(text[0])) return false;
      continue;
    }
    const Utf8Step step = utf8_step(text);
    if (!step.valid) return false;
    if (text[0] == '\xC2' && static_cast<unsigned char>(text[1]) < 0xA0) return false;  // C1
    text.remove_prefix(step.length);
  }
}

}  // namespace reqnotes
