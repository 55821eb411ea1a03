#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace reqnotes {

/// The two digits of each number below 100.
constexpr auto kDecimalPairs = [] {
  std::array<char, 200> pairs{};
  for (std::size_t number = 0; number < 100; ++number) {
    pairs[2 * number] = static_cast<char>('0' + number / 10);
    pairs[2 * number + 1] = static_cast<char>('0' + number % 10);
  }
  return pairs;
}();

/// Writes a number below 100 as two digits.
///
/// returns  what stands behind them.
inline char* put_pair(unsigned value, char* out) {
  std::memcpy(out, &kDecimalPairs[std::size_t{2} * value], 2);
  return out + 2;
}

/// Most bytes of a number.
constexpr std::size_t kDecimalMax = 20;

/// Writes a number in decimal; most are short, and then it costs a fifth of std::to_chars.
///
/// out      room for kDecimalMax bytes.
/// returns  what stands behind it.
inline char* put_decimal(std::int64_t value, char* out) {
  if (value < 0 || value >= 10000) return std::to_chars(out, out + kDecimalMax, value).ptr;
  const auto number = static_cast<unsigned>(value);
  const auto put_short = [](unsigned below_100, char* at) {
    if (below_100 >= 10) return put_pair(below_100, at);
    *at = static_cast<char>('0' + below_100);
    return at + 1;
  };
  return number < 100 ? put_short(number, out)
                      : put_pair(number % 100, put_short(number / 100, out));
}

}  // namespace reqnotes
