#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <type_traits>

#include "reqnotes/text/parse.hpp"
#include "reqnotes/text/slice.hpp"
#include "reqnotes/text/utf8.hpp"

namespace reqnotes {

// Files of lines `name value` or `name=value`, with comments from a `#` on.

constexpr std::size_t kNumberNameMax = 64;

constexpr bool is_number_name_char(char c) {
  return (to_lower(c) >= 'a' && to_lower(c) <= 'z') || is_digit(c) || c == '_';
}

/// Whether `name` is `[A-Za-z_][A-Za-z0-9_]{0,63}`.
constexpr bool is_number_name(std::string_view name) {
  return !name.empty() && name.size() <= kNumberNameMax && !is_digit(name[0]) &&
         std::ranges::all_of(name, is_number_name_char);
}

/// `text` without blanks and tabs at its ends.
constexpr std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t";
  text = suffix(text, std::min(text.find_first_not_of(kBlank), text.size()));
  return prefix(text, text.find_last_not_of(kBlank) + 1);
}

/// Whether a line is UTF-8 without control characters but tabs.
constexpr bool is_clean(std::string_view line) {
  while (!line.empty()) {
    const Utf8Step step = utf8_step(line);
    const auto lead = static_cast<unsigned char>(line[0]);
    const bool is_c0 = (lead < 0x20 && lead != '\t') || lead == 0x7F;
    const bool is_c1 = lead == 0xC2 && step.valid && static_cast<unsigned char>(line[1]) < 0xA0;
    if (!step.valid || is_c0 || is_c1) return false;
    line.remove_prefix(step.length);
  }
  return true;
}

/// Reads a text of lines `name value` or `name=value`.
///
/// line     becomes the number of the line that is wrong, from 1 on, or 0 where it is the text.
/// each     is called with the name and what stands behind it, trimmed, without its comment, maybe
///          empty; where it takes a third text, with the comment too, trimmed, without its `#`. It
///          gives null, or what is wrong, as the end of a sentence.
/// returns  null, or what is wrong; `each` was then called for the lines before.
template <class Each>
constexpr const char* read_key_values(std::string_view text, std::size_t& line, const Each& each) {
  line = 0;
  // Its writer may be about to write the other half, of the last number too.
  if (!text.empty() && text.back() != '\n') return "is not whole: it has no newline at its end";
  while (!text.empty()) {
    ++line;
    const std::size_t end = text.find('\n');
    std::string_view rest = prefix(text, end);
    text.remove_prefix(end + 1);
    if (rest.ends_with('\r')) rest.remove_suffix(1);
    if (!is_clean(rest)) return "is no UTF-8, or has a control character";
    const std::size_t mark = std::min(rest.find('#'), rest.size());
    const std::string_view comment = trim(suffix(rest, mark + 1));
    rest = trim(prefix(rest, mark));
    if (rest.empty()) continue;
    const std::string_view name = prefix(rest, rest.find_first_of(" \t="));
    if (!is_number_name(name)) {
      return "does not begin with a name of letters, digits and _, at most 64";
    }
    rest = trim(suffix(rest, name.size()));
    if (rest.starts_with('=')) rest = trim(suffix(rest, 1));
    const char* error = nullptr;
    if constexpr (std::is_invocable_v<const Each&, std::string_view, std::string_view,
                                      std::string_view>) {
      error = each(name, rest, comment);
    } else {
      error = each(name, rest);
    }
    if (error) return error;
  }
  return nullptr;
}

}  // namespace reqnotes
