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

/// Further than any two clocks are apart: no request began after it was found.
constexpr std::int64_t kNoDistance = std::numeric_limits<std::int64_t>::max() / 2;

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

/// What the clock of the machine has more than the steady one, or kNoDistance: the process may be
/// interrupted, again and again, between reading the one and the other.
inline std::int64_t find_distance() {
  for (int tries = 0; tries < 8; ++tries) {
    const std::int64_t before = now_by(CLOCK_MONOTONIC);
    const std::int64_t now = now_by(CLOCK_REALTIME);
    if (now_by(CLOCK_MONOTONIC) - before <= kClockJitter / 4) return now - before;
  }
  return kNoDistance;
}

/// Runs when a child begins.
inline void begin_clock() {
  clock_distance.since.store(std::numeric_limits<std::int64_t>::min(), std::memory_order_relaxed);
  clock_distance.distance.store(find_distance(), std::memory_order_relaxed);
}

/// Looks again where the clocks seem to have parted. Gives their distance.
[[gnu::noinline]] inline std::int64_t compare_clocks(std::int64_t known) {
  const std::int64_t distance = find_distance();
  if (distance != kNoDistance && std::abs(distance - known) <= kClockJitter) return known;
  clock_distance.since.store(now_by(CLOCK_MONOTONIC), std::memory_order_relaxed);
  clock_distance.distance.store(distance, std::memory_order_release);
  return distance;
}

/// Microseconds since `begin`, or kNoNumber where the clock may have been set in between.
inline std::int64_t time_since(apr_time_t begin) {
  const std::int64_t steady = now_by(CLOCK_MONOTONIC);
  const apr_time_t now = now_by(CLOCK_REALTIME);
  std::int64_t distance = clock_distance.distance.load(std::memory_order_acquire);
  if (std::abs(now - steady - distance) > kClockJitter) distance = compare_clocks(distance);
  const bool is_steady = begin - distance >= clock_distance.since.load(std::memory_order_relaxed);
  return now >= begin && is_steady ? now - begin : kNoNumber;
}

}  // namespace reqnotes
