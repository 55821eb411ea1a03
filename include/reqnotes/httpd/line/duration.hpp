#pragma once

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <limits>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/line/item.hpp"

namespace reqnotes {

// httpd notes by the clock of the machine when a request begins, and somebody may set that clock
// before it ends. So each process knows how far it is from the steady clock, which nobody sets.

/// More than what lies between reading one clock and the other, in microseconds.
constexpr std::int64_t kClockJitter = 1000;

struct ClockDistance {
  std::atomic<std::int64_t> distance;
  std::atomic<std::int64_t> since;  ///< by the steady clock: when it was last found to be another
};
constinit static ClockDistance clock_distance;

/// Microseconds: of CLOCK_REALTIME as apr_time_now has it, or of CLOCK_MONOTONIC.
inline std::int64_t now_by(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

/// Runs when a child begins.
inline void begin_clock() {
  clock_distance.distance.store(now_by(CLOCK_REALTIME) - now_by(CLOCK_MONOTONIC),
                                std::memory_order_relaxed);
  clock_distance.since.store(std::numeric_limits<std::int64_t>::min(), std::memory_order_relaxed);
}

/// Looks again where the clocks seem to have parted: the process may have been interrupted between
/// reading the one and the other.
[[gnu::noinline]] inline void compare_clocks() {
  for (int tries = 0; tries < 8; ++tries) {
    const std::int64_t before = now_by(CLOCK_MONOTONIC);
    const std::int64_t distance = now_by(CLOCK_REALTIME) - before;
    const std::int64_t after = now_by(CLOCK_MONOTONIC);
    if (after - before > kClockJitter / 4) continue;
    const std::int64_t known = clock_distance.distance.load(std::memory_order_relaxed);
    if (std::abs(distance - known) <= kClockJitter) return;
    clock_distance.since.store(after, std::memory_order_relaxed);
    clock_distance.distance.store(distance, std::memory_order_relaxed);
    return;
  }
}

/// Microseconds since `begin`, or kNoNumber where the clock may have been set in between.
inline std::int64_t time_since(apr_time_t begin) {
  const std::int64_t steady = now_by(CLOCK_MONOTONIC);
  const apr_time_t now = now_by(CLOCK_REALTIME);
  const std::int64_t known = clock_distance.distance.load(std::memory_order_relaxed);
  if (std::abs(now - steady - known) > kClockJitter) compare_clocks();
  const std::int64_t duration = now - begin;
  const bool is_steady = steady - duration >= clock_distance.since.load(std::memory_order_relaxed);
  return duration >= 0 && is_steady ? duration : kNoNumber;
}

}  // namespace reqnotes
