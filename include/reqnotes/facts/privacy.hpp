#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "reqnotes/text/sink.hpp"
#include "reqnotes/text/slice.hpp"
#include "reqnotes/text/utf8.hpp"

namespace reqnotes {

/// What stands for the part of a value that is not shown, and at the end of one that was cut.
constexpr std::string_view kCutMark = "\xE2\x80\xA6";  // U+2026

/// Bytes of a hashed value: 16 bytes as hex. No other private value is longer.
constexpr std::size_t kPrivateSize = 32;

/// The number of characters of `text`, an ill-formed sequence counted as one, up to `most`.
constexpr std::size_t count_characters(std::string_view text, std::size_t most) {
  std::size_t count = 0;
  for (; count < most && !text.empty(); ++count) text.remove_prefix(utf8_step(text).length);
  return count;
}

/// The bytes of the last character of `text`, which must not be empty.
constexpr std::size_t last_character(std::string_view text) {
  for (std::size_t size = 2; size <= 4 && size <= text.size(); ++size) {
    if (utf8_step(suffix(text, text.size() - size)).length == size) return size;
  }
  return 1;
}

/// Writes the mark and the last four characters of a value; of one that has eight or fewer, of
/// which that would be half or more, the mark alone.
inline std::string_view last_four(std::string_view text, std::span<char, kPrivateSize> buffer) {
  Sink out(buffer);
  out.put(kCutMark);
  if (count_characters(text, 9) == 9) {
    std::size_t begin = text.size();
    for (int left = 4; left != 0; --left) begin -= last_character(prefix(text, begin));
    out.put(suffix(text, begin));
  }
  return out.written();
}

}  // namespace reqnotes
