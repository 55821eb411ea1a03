#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <span>

#include "reqnotes/metrics/histogram.hpp"
#include "reqnotes/metrics/series.hpp"

namespace reqnotes {

// What was counted a while ago, so that a page can say what the last minute was like. One process
// writes it, and any other reads it. A reader that is interrupted for longer than a snapshot is
// kept gets wrong numbers, and nothing worse.

constexpr std::size_t kSnapshots = 8;
/// How far apart snapshots are, and what a window is about, in microseconds.
constexpr std::int64_t kSnapshotEvery = 10'000'000;
constexpr std::int64_t kWindow = 60'000'000;
/// Counts of requests that are kept longer, for a sparkline.
constexpr std::size_t kPoints = 32;

/// What a series had counted. All counts are modulo 2^32: only differences are of use.
struct Snapshot {
  std::atomic<std::uint64_t> duration_us;
  std::atomic<std::uint32_t> bins[kBins];
  std::atomic<std::uint32_t> failed;
};

struct SeriesWindow {
  Snapshot snapshots[kSnapshots];
  std::atomic<std::uint32_t> points[kPoints];
};

/// Begins the memory; a window for each series follows, and that of `other` behind them.
struct alignas(64) WindowHeader {
  static constexpr std::uint64_t kMagic = 0x7265716E6F746577;
  static constexpr std::uint64_t kVersion = 1;

  std::uint64_t magic;
  std::uint64_t version;
  std::uint64_t key;
  std::uint64_t series;
  std::atomic<std::uint64_t> taken;  ///< snapshots that were published
  std::atomic<std::int64_t> times[kSnapshots];
};

/// Bytes of memory for the windows of a table, whatever its alignment.
constexpr std::size_t windows_bytes(const SeriesShape& shape) {
  return sizeof(WindowHeader) + (std::size_t{shape.series} + 1) * sizeof(SeriesWindow) + 63;
}

/// A process's view; it has pointers only.
struct WindowTable {
  WindowHeader* header;

  [[nodiscard]] SeriesWindow& at(std::size_t number) const {
    return *(std::launder(reinterpret_cast<SeriesWindow*>(header + 1)) + number);
  }
};

inline WindowTable view_of_windows(std::span<std::byte> memory) {
  const auto base = reinterpret_cast<std::uintptr_t>(memory.data());
  return {reinterpret_cast<WindowHeader*>(memory.data() + (align64(base) - base))};
}

/// Makes the windows of a table.
///
/// memory  windows_bytes(shape) of zeros; they are left untouched but for the header.
inline WindowTable create_windows(std::span<std::byte> memory, const SeriesShape& shape) {
  const WindowTable windows = view_of_windows(memory);
  new (windows.header) WindowHeader{.magic = WindowHeader::kMagic,
                                    .version = WindowHeader::kVersion,
                                    .key = shape.key,
                                    .series = shape.series,
                                    .taken = 0,
                                    .times = {}};
  return windows;
}

/// The windows that were made in the memory, or nothing where they are of another table or layout.
inline std::optional<WindowTable> find_windows(std::span<std::byte> memory,
                                               const SeriesShape& shape) {
  if (memory.size() < windows_bytes(shape)) return std::nullopt;
  const WindowTable windows = view_of_windows(memory);
  const WindowHeader& header = *windows.header;
  if (header.magic != WindowHeader::kMagic || header.version != WindowHeader::kVersion ||
      header.key != shape.key || header.series != shape.series) {
    return std::nullopt;
  }
  return windows;
}

/// Keeps what all series have counted by now. By one process only.
///
/// now  microseconds by a clock that all processes share.
inline void take_snapshot(const SeriesTable& table, const WindowTable& windows, std::int64_t now) {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  WindowHeader& header = *windows.header;
  const std::uint64_t taken = header.taken.load(kRelaxed);
  header.times[taken % kSnapshots].store(now, kRelaxed);
  for (std::uint32_t number = 0; number <= table.header->shape.series; ++number) {
    const Series* const series = find_live(table, number);
    if (!series) continue;
    SeriesWindow& window = windows.at(number);
    Snapshot& snapshot = window.snapshots[taken % kSnapshots];
    std::uint32_t requests = 0;
    // To go on costs as much as a bin does.
#pragma GCC unroll 8
    for (std::size_t bin = 0; bin < kBins; ++bin) {
      const auto count = static_cast<std::uint32_t>(series->bins[bin].load(kRelaxed));
      snapshot.bins[bin].store(count, kRelaxed);
      requests += count;
    }
    snapshot.failed.store(static_cast<std::uint32_t>(series->classes[5].load(kRelaxed)), kRelaxed);
    snapshot.duration_us.store(series->duration_us.load(kRelaxed), kRelaxed);
    window.points[taken % kPoints].store(requests, kRelaxed);
  }
  header.taken.store(taken + 1, std::memory_order_release);
}

/// What was counted in about the last minute.
struct WindowCounts {
  double seconds = 0;  ///< how long that is; 0 where nothing is known
  std::uint64_t requests = 0;
  std::uint64_t failed = 0;  ///< with a status of 500 or more
  std::uint64_t duration_us = 0;
  std::array<std::uint64_t, kBins> bins{};

  void add(const WindowCounts& other) {
    seconds = std::max(seconds, other.seconds);
    requests += other.requests;
    failed += other.failed;
    duration_us += other.duration_us;
    for (std::size_t bin = 0; bin < kBins; ++bin) bins[bin] += other.bins[bin];
  }
};

/// The number of the snapshot that a window begins with: of those that are not older than a minute
/// the oldest one, and a little earlier where there is one. Nothing where there is none.
inline std::optional<std::uint64_t> find_snapshot(const WindowTable& windows, std::int64_t now) {
  const WindowHeader& header = *windows.header;
  const std::uint64_t taken = header.taken.load(std::memory_order_acquire);
  std::optional<std::uint64_t> found;
  // The oldest one may be about to be written over.
  for (std::uint64_t back = 1; back < kSnapshots && back <= taken; ++back) {
    const std::int64_t age =
        now - header.times[(taken - back) % kSnapshots].load(std::memory_order_relaxed);
    if (age <= 0) continue;
    found = taken - back;
    if (age >= kWindow) break;
  }
  return found;
}

/// Reads what a series has counted since then.
///
/// number  of a live series, or that of `other`.
inline WindowCounts read_window(const SeriesTable& table, const WindowTable& windows,
                                std::uint32_t number, std::int64_t now) {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  const std::optional<std::uint64_t> first = find_snapshot(windows, now);
  WindowCounts counts;
  if (!first) return counts;
  const std::size_t at = *first % kSnapshots;
  const std::int64_t begin = windows.header->times[at].load(kRelaxed);
  counts.seconds = static_cast<double>(std::max<std::int64_t>(now - begin, 1)) / 1e6;
  const Series& series = table.at(number);
  const Snapshot& before = windows.at(number).snapshots[at];
  for (std::size_t bin = 0; bin < kBins; ++bin) {
    const auto count = static_cast<std::uint32_t>(series.bins[bin].load(kRelaxed));
    counts.bins[bin] = count - before.bins[bin].load(kRelaxed);
    counts.requests += counts.bins[bin];
  }
  const auto failed = static_cast<std::uint32_t>(series.classes[5].load(kRelaxed));
  counts.failed = failed - before.failed.load(kRelaxed);
  counts.failed = std::min(counts.failed, counts.requests);
  counts.duration_us = series.duration_us.load(kRelaxed) - before.duration_us.load(kRelaxed);
  return counts;
}

/// Requests between the snapshots of the last minutes, the oldest first.
struct Sparkline {
  std::array<std::uint32_t, kPoints - 1> requests{};
  std::size_t count = 0;

  [[nodiscard]] std::span<const std::uint32_t> all() const { return {requests.data(), count}; }
};

inline Sparkline read_sparkline(const WindowTable& windows, std::uint32_t number) {
  const std::uint64_t taken = windows.header->taken.load(std::memory_order_acquire);
  const SeriesWindow& window = windows.at(number);
  const auto point = [&window](std::uint64_t at) {
    return window.points[at % kPoints].load(std::memory_order_relaxed);
  };
  Sparkline line;
  // As above: the one that is written next is left out.
  const std::uint64_t first = taken >= kPoints ? taken - kPoints + 1 : 0;
  for (std::uint64_t at = first; at + 1 < taken; ++at) {
    line.requests[line.count++] = point(at + 1) - point(at);
  }
  return line;
}

}  // namespace reqnotes
