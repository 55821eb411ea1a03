#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "reqnotes/text.hpp"
#include "reqnotes/value.hpp"

namespace reqnotes {

/// Whether the name of a response header begins with `prefix`, without regard to case.
constexpr bool has_prefix(std::string_view header, std::string_view prefix_text) {
  if (header.size() < prefix_text.size()) return false;
  for (std::size_t at = 0; at < prefix_text.size(); ++at) {
    if (to_lower(header[at]) != to_lower(prefix_text[at])) return false;
  }
  return true;
}

/// Longest name of a note that a response header can set, in bytes.
constexpr std::size_t kHeaderNoteMax = 64;

/// The note that a response header names: what follows the prefix, in lower case, with `_` for
/// every `-`. "User-Id" gives "user_id".
///
/// name     what follows the prefix, from a backend.
/// buffer   holds the result.
/// returns  nullopt for a name that is empty, longer than kHeaderNoteMax, or has other bytes than
///          letters, digits, `-`, `_` and `.`: it names no note.
constexpr std::optional<std::string_view> note_of_header(std::string_view name,
                                                         std::span<char, kHeaderNoteMax> buffer) {
  if (name.empty() || name.size() > kHeaderNoteMax) return std::nullopt;
  for (std::size_t at = 0; at < name.size(); ++at) {
    const char c = name[at] == '-' ? '_' : to_lower(name[at]);
    if (!(c >= 'a' && c <= 'z') && !is_digit(c) && c != '_' && c != '.') return std::nullopt;
    buffer[at] = c;
  }
  return std::string_view(buffer.data(), name.size());
}

}  // namespace reqnotes
