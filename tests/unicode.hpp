#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

// A second opinion on UTF-8. It shares nothing with utf8.hpp: it decodes by arithmetic, and finds
// the end of an ill-formed sequence by trying whether more bytes could still complete it.

namespace reqnotes {

/// Whether `text` is one character, well-formed as definition D92 of the Unicode Standard has it.
inline bool is_character(std::string_view text) {
  const auto byte = [text](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const std::size_t size = text.size();
  if (size <= 1) return size == 1 && byte(0) < 0x80;
  if (size > 4) return false;
  constexpr unsigned kLead[] = {0, 0, 0xC0, 0xE0, 0xF0};
  constexpr unsigned kLeadMask[] = {0, 0, 0xE0, 0xF0, 0xF8};
  constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if ((byte(0) & kLeadMask[size]) != kLead[size]) return false;
  std::uint32_t code = byte(0) & ~kLeadMask[size];
  for (std::size_t at = 1; at < size; ++at) {
    if ((byte(at) & 0xC0) != 0x80) return false;
    code = code << 6 | (byte(at) & 0x3F);
  }
  return code >= kLeast[size] && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
}

/// Whether `text` is a character or the beginning of one.
inline bool begins_character(const std::string& text) {
  if (is_character(text)) return true;
  if (text.size() >= 4 || (text.size() > 1 && (text.back() & 0xC0) != 0x80)) return false;
  // Wherever the limits of the next byte lie, one of these is within them.
  for (char next : {'\x80', '\x8F', '\x90', '\x9F', '\xA0', '\xBF'}) {
    if (begins_character(text + next)) return true;
  }
  return false;
}

/// `text` with one U+FFFD for each maximal subpart of an ill-formed sequence.
inline std::string repaired(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    std::size_t length = 1;
    while (!is_character(text.substr(0, length)) && length < text.size() &&
           begins_character(std::string(text.substr(0, length + 1)))) {
      ++length;
    }
    out += is_character(text.substr(0, length)) ? text.substr(0, length) : "\xEF\xBF\xBD";
    text.remove_prefix(length);
  }
  return out;
}

inline bool is_utf8(std::string_view text) {
  return repaired(text) == text;
}

}  // namespace reqnotes
