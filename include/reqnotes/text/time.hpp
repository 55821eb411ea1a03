#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "reqnotes/text/decimal.hpp"

namespace reqnotes {

/// A day of the calendar.
struct Date {
  unsigned year;
  unsigned month;  ///< from 1
  unsigned day;    ///< from 1
};

/// The date of a day; here and not by <chrono>, which brings streams and locales along.
///
/// days   since 0000-03-01: years that begin in March have the leap day at their end.
constexpr Date date_of(unsigned days) {
  constexpr unsigned kOf400 = 146'097;
  constexpr unsigned kOf100 = 36'524;
  constexpr unsigned kOf4 = 1'461;
  unsigned left = days % kOf400;
  // The last hundred years of 400, and the last year of four, have a day more.
  const unsigned hundreds = std::min(left / kOf100, 3U);
  left -= hundreds * kOf100;
  const unsigned fours = left / kOf4;
  left -= fours * kOf4;
  const unsigned ones = std::min(left / 365, 3U);
  left -= ones * 365;
  // From March on, any five months have 153 days.
  const unsigned months = (5 * left + 2) / 153;
  const bool is_next = months >= 10;
  return {.year = days / kOf400 * 400 + hundreds * 100 + fours * 4 + ones + (is_next ? 1 : 0),
          .month = is_next ? months - 9 : months + 3,
          .day = left - (153 * months + 2) / 5 + 1};
}

/// Bytes of `2026-11-23T06:43:48.123456Z`.
constexpr std::size_t kTimeSize = 27;

/// Writes a time as RFC 3339 has it, in UTC.
///
/// time     microseconds since 1970, as apr_time_t; beyond the years from 1 to 9999, where only a
///          module can set a request's time to, it is the last that is within.
/// out      room for kTimeSize bytes.
/// returns  what stands behind them.
inline char* put_time(std::int64_t time, char* out) {
  constexpr std::int64_t kFirst = -62'135'596'800'000'000;
  constexpr std::int64_t kLast = 253'402'300'799'999'999;
  constexpr std::int64_t kDaysTo1970 = 719'468;
  constexpr std::int64_t kDay = 86'400'000'000;
  if (time < kFirst) time = kFirst;
  if (time > kLast) time = kLast;
  const auto put = [&out](unsigned value, char behind) {
    out = put_pair(value, out);
    if (behind != '\0') *out++ = behind;
  };
  const auto since = static_cast<std::uint64_t>(time + kDaysTo1970 * kDay);
  const auto days = static_cast<unsigned>(since / kDay);
  const std::uint64_t of_day = since - std::uint64_t{kDay} * days;
  const auto second = static_cast<unsigned>(of_day / 1'000'000);
  const auto micros = static_cast<unsigned>(of_day - std::uint64_t{1'000'000} * second);
  const Date date = date_of(days);
  put(date.year / 100, '\0');
  put(date.year % 100, '-');
  put(date.month, '-');
  put(date.day, 'T');
  put(second / 3600, ':');
  put(second / 60 % 60, ':');
  put(second % 60, '.');
  put(micros / 10000, '\0');
  put(micros / 100 % 100, '\0');
  put(micros % 100, 'Z');
  return out;
}

}  // namespace reqnotes
