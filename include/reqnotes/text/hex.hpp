#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "reqnotes/text/parse.hpp"
#include "reqnotes/text/scan.hpp"

namespace reqnotes {

/// The value of a hex digit of either case.
constexpr std::optional<unsigned> hex_digit(char c) {
  if (is_digit(c)) return static_cast<unsigned>(c - '0');
  const char lower = to_lower(c);
  if (lower < 'a' || lower > 'f') return std::nullopt;
  return static_cast<unsigned>(lower - 'a') + 10;
}

/// Whether a byte is no digit of lower-case hex; see find_odd.
constexpr auto kNotHex = [](auto c) { return (c < '0') | ((c > '9') & (c < 'a')) | (c > 'f'); };

/// Whether all of `text` is lower-case hex.
inline bool is_hex(std::string_view text) {
  return find_odd(text, kNotHex) == text.size();
}

/// Writes 8 bytes as 16 digits.
inline void put_hex_block(const unsigned char* bytes, char* out) {
  using Words = std::uint64_t __attribute__((vector_size(16)));
  using Block = unsigned char __attribute__((vector_size(16)));
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, sizeof word);
  const auto block = std::bit_cast<Block>(Words{word, 0});
  const Block high = block >> 4;
  const Block low = block & 15;
  const auto digits = std::bit_cast<Bytes16>(
      __builtin_shufflevector(high, low, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
  const Bytes16 written = digits + '0' + ((digits > 9) & ('a' - 10 - '0'));
  std::memcpy(out, &written, sizeof written);
}

/// Writes `bytes` as lower-case hex, two digits a byte, to `out`.
inline void put_hex(std::span<const unsigned char> bytes, char* out) {
  constexpr std::size_t kBlock = 8;
  for (; bytes.size() >= kBlock; bytes = bytes.subspan(kBlock), out += 2 * kBlock) {
    put_hex_block(bytes.data(), out);
  }
  for (std::size_t byte : bytes) {
    *out++ = "0123456789abcdef"[byte >> 4];
    *out++ = "0123456789abcdef"[byte & 15];
  }
}

}  // namespace reqnotes
