#pragma once

#include <cstddef>
#include <string_view>

#include "reqnotes/text/slice.hpp"

namespace reqnotes {

/// What stands at the beginning of some bytes: one character, or one ill-formed sequence.
struct Utf8Step {
  std::size_t length;  ///< in bytes, at least 1
  bool valid;          ///< false: a maximal subpart of an ill-formed sequence
};

/// Reads one step of `text`, which must not be empty.
///
/// An ill-formed sequence ends where the WHATWG decoder would emit one U+FFFD, which is
/// Unicode's "substitution of maximal subparts" (Unicode Standard, section 3.9, table 3-7).
constexpr Utf8Step utf8_step(std::string_view text) {
  const auto byte = [text](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {1, true};

  std::size_t length = 0;
  unsigned char low = 0x80;
  unsigned char high = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    if (lead == 0xE0) low = 0xA0;   // below: overlong
    if (lead == 0xED) high = 0x9F;  // above: surrogates
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0) low = 0x90;   // below: overlong
    if (lead == 0xF4) high = 0x8F;  // above: beyond U+10FFFF
  } else {
    return {1, false};
  }

  for (std::size_t at = 1; at < length; ++at) {
    if (at == text.size() || byte(at) < low || byte(at) > high) return {at, false};
    low = 0x80;
    high = 0xBF;
  }
  return {length, true};
}

/// The length of the character at `in`, where three bytes can be read, if it is one of most texts
/// beyond ASCII: of two or three bytes, and no control character. Otherwise 0; see utf8_step.
constexpr std::size_t usual_character(const char* in) {
  const auto lead = static_cast<unsigned char>(in[0]);
  const auto continues = [in](std::size_t at) { return static_cast<signed char>(in[at]) < -0x40; };
  if (lead >= 0xC3 && lead <= 0xDF) return continues(1) ? 2 : 0;
  if (lead >= 0xE1 && lead <= 0xEF && lead != 0xED) return continues(1) && continues(2) ? 3 : 0;
  return 0;
}

/// The longest beginning of `text` of at most `max` bytes that does not split a character.
constexpr std::string_view cut_utf8(std::string_view text, std::size_t max) {
  if (text.size() <= max) return text;
  for (std::size_t back = 1; back <= 3 && back <= max; ++back) {
    const unsigned char byte = static_cast<unsigned char>(text[max - back]);
    if (byte >= 0x80 && byte < 0xC0) continue;
    const Utf8Step step = utf8_step(suffix(text, max - back));
    return prefix(text, step.valid && step.length > back ? max - back : max);
  }
  return prefix(text, max);
}

}  // namespace reqnotes
