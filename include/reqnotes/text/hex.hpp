#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "reqnotes/text/parse.hpp"

namespace reqnotes {

/// The value of a hex digit of either case.
constexpr std::optional<unsigned> hex_digit(char c) {
  if (is_digit(c)) return static_cast<unsigned>(c - '0');
  const char lower = to_lower(c);
  if (lower < 'a' || lower > 'f') return std::nullopt;
  return static_cast<unsigned>(lower - 'a') + 10;
}

/// The two hex digits of each byte.
constexpr auto kHexPairs = [] {
  std::array<char, 512> pairs{};
  for (std::size_t byte = 0; byte < 256; ++byte) {
    pairs[2 * byte] = "0123456789abcdef"[byte >> 4];
    pairs[2 * byte + 1] = "0123456789abcdef"[byte & 15];
  }
  return pairs;
}();

/// Writes `bytes` as lower-case hex, two digits a byte, to `out`.
inline void put_hex(std::span<const unsigned char> bytes, char* out) {
  for (std::size_t byte : bytes) {
    *out++ = kHexPairs[2 * byte];
    *out++ = kHexPairs[2 * byte + 1];
  }
}

/// Reads `hex`, which is_hex, two digits for each of `bytes`.
inline void get_hex(std::string_view hex, std::span<unsigned char> bytes) {
  const auto digit = [](char c) {
    return static_cast<unsigned>(c <= '9' ? c - '0' : c - 'a' + 10);
  };
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    bytes[at] = static_cast<unsigned char>(digit(hex[2 * at]) << 4 | digit(hex[2 * at + 1]));
  }
}

}  // namespace reqnotes
