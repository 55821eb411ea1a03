#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "reqnotes/text/decimal.hpp"

namespace reqnotes {

/// Bytes of `2026-11-23T06:43:48.123456Z`.
constexpr std::size_t kTimeSize = 27;

/// Writes a time as RFC 3339 has it, in UTC.
///
/// time     microseconds since 1970, as apr_time_t; beyond the years from 0 to 9999, where only a
///          module can set a request's time to, it is the last that is within.
/// out      room for kTimeSize bytes.
/// returns  what stands behind them.
inline char* put_time(std::int64_t time, char* out) {
  using std::chrono::days;
  using std::chrono::microseconds;
  const auto put = [&out](unsigned value, char behind) {
    out = put_pair(value, out);
    if (behind != '\0') *out++ = behind;
  };
  constexpr std::int64_t kFirst = -62'167'219'200'000'000;
  constexpr std::int64_t kLast = 253'402'300'799'999'999;
  if (time < kFirst) time = kFirst;
  if (time > kLast) time = kLast;
  const std::chrono::sys_time<microseconds> at{microseconds(time)};
  const auto day = std::chrono::floor<days>(at);
  const std::chrono::year_month_day date{day};
  const auto of_day = static_cast<std::uint64_t>((at - day).count());
  const auto second = static_cast<unsigned>(of_day / 1'000'000);
  const auto micros = static_cast<unsigned>(of_day % 1'000'000);
  const auto year = static_cast<unsigned>(static_cast<int>(date.year()));
  put(year / 100, '\0');
  put(year % 100, '-');
  put(static_cast<unsigned>(date.month()), '-');
  put(static_cast<unsigned>(date.day()), 'T');
  put(second / 3600, ':');
  put(second / 60 % 60, ':');
  put(second % 60, '.');
  put(micros / 10000, '\0');
  put(micros / 100 % 100, '\0');
  put(micros % 100, 'Z');
  return out;
}

}  // namespace reqnotes
