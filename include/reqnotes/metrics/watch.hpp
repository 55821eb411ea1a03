#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <span>
#include <string_view>

#include "reqnotes/metrics/exemplar.hpp"
#include "reqnotes/metrics/histogram.hpp"
#include "reqnotes/metrics/published.hpp"
#include "reqnotes/metrics/series.hpp"
#include "reqnotes/metrics/threshold.hpp"

namespace reqnotes {

// How a threshold is watched: by one process, once a second. What it knows is in memory that
// outlives that process, and any other one reads the state.

/// What had been counted at a time.
struct Counted {
  std::uint64_t requests = 0;
  std::uint64_t failed = 0;
  double sum = 0;  ///< of what is looked at, once for each request
  std::array<std::uint64_t, kBins> bins{};

  void add(const SeriesCounts& counts) {
    for (std::size_t bin = 0; bin < kBins; ++bin) {
      bins[bin] += counts.bins[bin];
      requests += counts.bins[bin];
    }
    failed += counts.classes[5];
  }
};

struct CountedAt {
  std::int64_t at_us;  ///< by the steady clock
  Counted counted;
};

/// What is known of a threshold.
struct ThresholdStatus {
  State state;
  Reading reading;
  std::int64_t since_us;          ///< since 1970; 0 where that is not known
  std::int64_t looked_us;         ///< by the steady clock
  std::array<char, 32> trace_id;  ///< of a request that shows it; NULs where there is none
  [[nodiscard]] std::string_view trace() const {
    return {trace_id.data(), trace_id[0] == '\0' ? 0 : trace_id.size()};
  }
};

inline bool has_value(const ThresholdStatus& status) {
  return status.reading.what == Reading::What::kValue;
}

struct WatchMemory {
  static constexpr std::size_t kKept = 64;
  static constexpr std::uint64_t kVersion = 1;

  // Of the watching process alone.
  bool is_made;
  std::uint64_t taken;
  CountedAt kept[kKept];
  Counted looks;  ///< where each look is counted, as nothing else is
  State state;
  State known;            ///< the last one that was not unknown
  State told;             ///< by a message
  std::int64_t began_us;  ///< of `state`, by the steady clock
  std::int64_t told_us;   ///< by the steady clock
  std::int64_t since_us;  ///< of `state`, since 1970

  Published<ThresholdStatus> status;
};

/// A state that was not looked at for so long is not known.
constexpr std::int64_t kStateAge = 5'000'000;
/// How far messages of one threshold are apart, whatever its state does.
constexpr std::int64_t kTellEvery = 10'000'000;
/// What is looked at as an average is looked at for so long first.
constexpr std::int64_t kFirstLook = 60'000'000;

/// Makes what is watched of zeros; what was made already goes on.
inline void create_watch(WatchMemory& memory) {
  if (memory.is_made) return;
  memory.is_made = true;
  memory.told = State::kFine;
  memory.known = State::kFine;
}

/// The newest of what was kept that is as old as the window; otherwise the oldest one, or null.
template <class Memory>
const auto* find_begin(const Memory& memory, std::int64_t now_us, std::int64_t over_us) {
  decltype(&memory.kept[0]) found = nullptr;
  for (std::uint64_t back = 1; back <= Memory::kKept && back <= memory.taken; ++back) {
    found = &memory.kept[(memory.taken - back) % Memory::kKept];
    if (now_us - found->at_us >= over_us) break;
  }
  return found;
}

/// Keeps what was counted by now, as often as the window needs it. What went back, or was not
/// looked at for long, is begun anew.
template <class Memory, class Count>
void keep_counted(Memory& memory, const Count& counted, std::int64_t now_us, std::int64_t over_us) {
  // So many steps, and one that is younger, always reach back as far as the window; the oldest one,
  // which may be half written over, is never needed.
  constexpr std::int64_t kParts = Memory::kKept - 2;
  if (memory.taken != 0) {
    const auto& last = memory.kept[(memory.taken - 1) % Memory::kKept];
    const std::int64_t age = now_us - last.at_us;
    if (counted.requests < last.counted.requests || age < 0 || age > 2 * over_us) memory.taken = 0;
    if (memory.taken != 0 && age < over_us / kParts) return;
  }
  memory.kept[memory.taken % Memory::kKept] = {.at_us = now_us, .counted = counted};
  // Who is killed in between leaves it uncounted.
  std::atomic_signal_fence(std::memory_order_release);
  ++memory.taken;
}

/// What a signal of requests, or one that is an average, is in its window.
inline Reading read_window_signal(const Threshold& threshold, const CountedAt* begin,
                                  const Counted& now, std::int64_t now_us) {
  Reading reading;
  reading.what = Reading::What::kEarly;
  if (!begin || now_us <= begin->at_us) return reading;
  const std::int64_t age = now_us - begin->at_us;
  reading.seconds = static_cast<double>(age) / 1e6;
  reading.requests = now.requests - begin->counted.requests;
  if (threshold.signal->has_least && reading.requests < threshold.least) {
    reading.what = Reading::What::kQuiet;
    return reading;
  }
  const std::int64_t over_us = std::int64_t{threshold.over_s} * 1'000'000;
  if (!threshold.signal->has_least && age < std::min(over_us, kFirstLook)) return reading;
  reading.what = Reading::What::kValue;
  const auto requests = static_cast<double>(reading.requests);
  const auto quantile_s = [&](double share) {
    std::array<std::uint64_t, kBins> bins{};
    for (std::size_t bin = 0; bin < kBins; ++bin) {
      bins[bin] = now.bins[bin] - begin->counted.bins[bin];
    }
    return quantile(bins, share).value_or(0) / 1e6;
  };
  switch (threshold.signal->kind) {
    case SignalKind::kErrors:
      // What is read later may have grown.
      reading.value =
          std::min(100 * static_cast<double>(now.failed - begin->counted.failed) / requests, 100.0);
      break;
    case SignalKind::kP50:
      reading.value = quantile_s(0.5);
      break;
    case SignalKind::kP95:
      reading.value = quantile_s(0.95);
      break;
    case SignalKind::kP99:
      reading.value = quantile_s(0.99);
      break;
    case SignalKind::kRate:
      reading.value = requests / reading.seconds;
      break;
    default:  // busy: one look is one "request"
      reading.value = reading.requests == 0 ? 0 : (now.sum - begin->counted.sum) / requests;
  }
  return reading;
}

/// Takes what was counted by now, and says what the signal is.
inline Reading look_at(const Threshold& threshold, WatchMemory& memory, const Counted& counted,
                       std::int64_t now_us) {
  const std::int64_t over_us = std::int64_t{threshold.over_s} * 1'000'000;
  keep_counted(memory, counted, now_us, over_us);
  return read_window_signal(threshold, find_begin(memory, now_us, over_us), counted, now_us);
}

/// Takes a reading, and makes the state known.
///
/// trace_id  of a request that shows it, or NULs.
inline ThresholdStatus judge(const Threshold& threshold, WatchMemory& memory,
                             const Reading& reading, const std::array<char, 32>& trace_id,
                             std::int64_t now_us, std::int64_t wall_us) {
  const State state = next_state(threshold, memory.known, reading);
  if (state != memory.state || memory.since_us == 0) {
    memory.state = state;
    memory.began_us = now_us;
    memory.since_us = wall_us;
  }
  if (state != State::kUnknown) memory.known = state;
  const ThresholdStatus status = {.state = state,
                                  .reading = reading,
                                  .since_us = memory.since_us,
                                  .looked_us = now_us,
                                  .trace_id = trace_id};
  publish(memory.status, status);
  return status;
}

/// Whether a message should say what the state is now. Then it counts as said.
inline bool should_tell(WatchMemory& memory, const ThresholdStatus& status, std::int64_t now_us) {
  if (status.state == memory.told) return false;
  if (memory.told_us != 0 && now_us - memory.told_us < kTellEvery) return false;
  if (status.state == State::kUnknown) {
    const bool is_early = status.reading.what == Reading::What::kEarly;
    if (is_early || now_us - memory.began_us < kStateAge) return false;
  }
  memory.told = status.state;
  memory.told_us = now_us;
  return true;
}

/// The state as any process reads it.
inline ThresholdStatus read_status(const WatchMemory& memory, std::int64_t now_us) {
  ThresholdStatus status;
  const bool is_known = take(memory.status, status) && now_us - status.looked_us <= kStateAge;
  return is_known ? status : ThresholdStatus{};
}

}  // namespace reqnotes
