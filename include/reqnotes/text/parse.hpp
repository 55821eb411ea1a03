#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "reqnotes/text/slice.hpp"

namespace reqnotes {

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

constexpr char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

/// Compares ASCII letters without regard to case. `lower` is in lower case.
constexpr bool equals_lower(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (to_lower(text[at]) != lower[at]) return false;
  }
  return true;
}

/// Reads an optional `-` and decimal digits, all of `text`, within 64 bits signed.
inline std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || at != end) return std::nullopt;
  return value;
}

/// Reads true/false, 1/0, yes/no or on/off, in any case.
constexpr std::optional<bool> parse_boolean(std::string_view text) {
  for (std::string_view word : {"true", "1", "yes", "on"}) {
    if (equals_lower(text, word)) return true;
  }
  for (std::string_view word : {"false", "0", "no", "off"}) {
    if (equals_lower(text, word)) return false;
  }
  return std::nullopt;
}

/// Longest text of a number, in bytes.
constexpr std::size_t kNumberMax = 32;

/// Whether `text` is a JSON number of at most kNumberMax bytes that is finite as a double, so
/// that every reader can hold it. Done on the text itself: strtod obeys the locale, and PHP
/// changes the locale of the process.
///
/// source  RFC 8259, section 6.
constexpr bool is_number(std::string_view text) {
  if (text.size() > kNumberMax) return false;
  std::size_t at = 0;
  const auto peek = [&] { return at < text.size() ? text[at] : '\0'; };

  // The significant digits without leading zeros, and the power of ten of the first of them.
  char digits[kNumberMax] = {};
  std::size_t count = 0;
  long magnitude = 0;
  const auto take = [&](bool fraction) {
    const char digit = text[at++];
    if (count != 0 || digit != '0') {
      digits[count++] = digit;
      if (!fraction) ++magnitude;
    } else if (fraction) {
      --magnitude;
    }
  };

  if (peek() == '-') ++at;
  if (!is_digit(peek())) return false;
  const bool has_zero = peek() == '0';
  do take(false);
  while (!has_zero && is_digit(peek()));
  if (peek() == '.') {
    ++at;
    if (!is_digit(peek())) return false;
    while (is_digit(peek())) take(true);
  }
  long exponent = 0;
  if (peek() == 'e' || peek() == 'E') {
    ++at;
    const bool negative = peek() == '-';
    if (negative || peek() == '+') ++at;
    if (!is_digit(peek())) return false;
    for (; is_digit(peek()); ++at) {
      if (exponent < 100000) exponent = exponent * 10 + (text[at] - '0');
    }
    if (negative) exponent = -exponent;
  }
  if (at != text.size()) return false;
  if (count == 0) return true;  // zero, whatever the exponent

  // From 2^1024 - 2^970 on, a decimal rounds to infinity; these are its first 32 digits, and
  // more of them follow, so a number that equals them here is still below.
  constexpr std::string_view kInfinity = "17976931348623158079372897140530";
  magnitude += exponent;
  if (magnitude != 309) return magnitude < 309;
  return std::string_view(digits, count) <= prefix(kInfinity, kNumberMax);
}

/// The value of a number, as near as its first 19 digits have it.
///
/// text     is_number() is true of it.
constexpr double number_value(std::string_view text) {
  constexpr std::uint64_t kMost = 1'000'000'000'000'000'000;
  std::uint64_t digits = 0;
  int exponent = 0;
  bool is_fraction = false;
  std::size_t at = text[0] == '-' ? 1 : 0;
  for (; at < text.size() && (is_digit(text[at]) || text[at] == '.'); ++at) {
    if (text[at] == '.') {
      is_fraction = true;
    } else if (digits < kMost) {
      digits = digits * 10 + static_cast<std::uint64_t>(text[at] - '0');
      if (is_fraction) --exponent;
    } else if (!is_fraction) {
      ++exponent;
    }
  }
  if (at < text.size()) {
    const bool negative = text[at + 1] == '-';
    at += negative || text[at + 1] == '+' ? 2 : 1;
    int given = 0;
    for (; at < text.size(); ++at) given = std::min(given * 10 + (text[at] - '0'), 9999);
    exponent += negative ? -given : given;
  }
  auto value = static_cast<double>(digits);
  // To 10^22 a power is exact, so that most numbers are rounded once.
  for (; digits != 0 && exponent != 0 && value != 0;) {
    const int step = std::min(std::abs(exponent), 22);
    double power = 1;
    for (int power_of_ten = 0; power_of_ten < step; ++power_of_ten) power *= 10;
    value = exponent < 0 ? value / power : value * power;
    exponent += exponent < 0 ? step : -step;
  }
  return text[0] == '-' ? -value : value;
}

/// Takes the next element off a comma-separated list: blanks around it are trimmed, and empty
/// elements are passed over.
///
/// returns  an empty text when there is no more; `list` is then empty.
constexpr std::string_view next_element(std::string_view& list) {
  constexpr std::string_view kBlank = " \t";
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    std::string_view element = prefix(list, comma);
    list.remove_prefix(comma == kNpos ? list.size() : comma + 1);
    const std::size_t first = element.find_first_not_of(kBlank);
    if (first == kNpos) continue;
    return slice(element, first, element.find_last_not_of(kBlank) - first + 1);
  }
  return {};
}

}  // namespace reqnotes
