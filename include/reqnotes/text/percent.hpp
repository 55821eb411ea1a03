#pragma once

#include <cstddef>
#include <string_view>

#include "reqnotes/text/hex.hpp"

namespace reqnotes {

/// A character that may be percent-encoded, once or more: `=`, `%3D` and `%253D` are the same.
struct EncodedChar {
  char value;
  std::size_t size;  ///< bytes of its text, the more the oftener it was encoded
};

constexpr EncodedChar read_encoded(std::string_view text, std::size_t at) {
  EncodedChar read = {text[at], 1};
  while (read.value == '%' && at + read.size + 2 <= text.size()) {
    const auto high = hex_digit(text[at + read.size]);
    const auto low = hex_digit(text[at + read.size + 1]);
    if (!high || !low) break;
    read = {static_cast<char>(*high << 4 | *low), read.size + 2};
  }
  return read;
}

}  // namespace reqnotes
