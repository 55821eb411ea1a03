#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>

#include "reqnotes/flags/flag_state.hpp"
#include "reqnotes/metrics/busiest.hpp"
#include "reqnotes/metrics/dropped.hpp"
#include "reqnotes/metrics/exemplar.hpp"
#include "reqnotes/metrics/histogram.hpp"
#include "reqnotes/metrics/metric.hpp"
#include "reqnotes/metrics/series.hpp"
#include "reqnotes/metrics/threshold.hpp"
#include "reqnotes/metrics/watch.hpp"
#include "reqnotes/metrics/window.hpp"

namespace reqnotes {

// What the answers are made of: /metrics, /json and the page say the same, each in its way.

/// A metric as it is shown.
struct MetricView {
  std::string_view name;
  std::span<const std::string_view> labels;  ///< their names
  std::span<const std::string_view> sums;
  std::span<const std::size_t> buckets;  ///< bins
  SeriesTable table;
  WindowTable windows;
};

/// A list of the busiest as it is shown.
struct BusiestView {
  std::string_view field;
  std::string_view privacy;  ///< `hash` or `last4`; empty where values are plain
  BusiestTable table;
};

/// How many workers are in a state, by mod_status's words.
struct WorkerCount {
  std::string_view state;
  std::uint32_t count;
};

/// A threshold as it is shown.
struct ThresholdView {
  const Threshold* threshold;
  ThresholdStatus status;
};

/// A job of others, which waits while one of its thresholds is exceeded or unknown.
struct JobView {
  std::string_view name;
  std::span<const std::uint8_t> thresholds;  ///< their places in the report
};

/// A file of flags as it is shown.
struct FlagsFileView {
  std::string_view path;
  const FlagState* state;
  SeriesTable table;
  WindowTable windows;
};

/// Room for the order of the series of a metric.
struct RankedSeries {
  std::uint64_t weight;
  std::uint32_t number;
};

struct Report {
  std::string_view server;
  std::string_view version;
  std::int64_t now_us;     ///< since 1970
  std::int64_t steady_us;  ///< by the clock of the snapshots
  std::span<const MetricView> metrics;
  std::span<const BusiestView> busiest;
  std::span<const ThresholdView> thresholds = {};
  std::span<const JobView> jobs = {};
  std::span<const FlagsFileView> flags = {};
  const Dropped* dropped = nullptr;  ///< null where no directory is read
  std::span<const WorkerCount> workers;
  std::uint32_t busy;
  std::uint32_t max_workers;
  double monitor_age_s;
  std::span<RankedSeries> room;  ///< one more than the most series of a metric
};

/// The metric that counts all requests of all hosts; null where there is none.
inline const MetricView* find_total(const Report& report) {
  const auto found =
      std::ranges::find(report.metrics, std::string_view(kAutomaticMetric), &MetricView::name);
  return found == report.metrics.end() ? nullptr : &*found;
}

/// Calls `act` with each series that is there, and with `other` where it has counted anything.
template <class Act>
void each_series(const MetricView& metric, const Act& act) {
  const std::uint32_t other = metric.table.header->shape.series;
  for (std::uint32_t number = 0; number <= other; ++number) {
    Series* const series = find_live(metric.table, number);
    if (!series) continue;
    if (number == other) {
      const auto& classes = series->classes;
      const auto has_counted = [](const auto& count) {
        return count.load(std::memory_order_relaxed) != 0;
      };
      if (std::ranges::none_of(classes, has_counted)) continue;
    }
    act(number, *series);
  }
}

/// The value of a label of a series.
inline std::string_view label_value(const MetricView& metric, std::uint32_t number,
                                    std::size_t which) {
  if (number == metric.table.header->shape.series) return kOtherLabel;
  return label_of(metric.table, metric.table.at(number), which);
}

/// What all series of a metric have counted in about the last minute.
inline WindowCounts total_window(const MetricView& metric, std::int64_t now) {
  WindowCounts total;
  each_series(metric, [&](std::uint32_t number, const Series&) {
    total.add(read_window(metric.table, metric.windows, number, now));
  });
  return total;
}

/// Puts the series of a metric into an order: those first that took most of the workers' time in
/// the last minute, and then those that have counted most.
///
/// returns  how many there are; what has no room is left out.
inline std::span<const RankedSeries> rank_series(const MetricView& metric, std::int64_t now,
                                                 std::span<RankedSeries> room) {
  std::size_t count = 0;
  each_series(metric, [&](std::uint32_t number, const Series&) {
    if (count == room.size()) return;
    const WindowCounts window = read_window(metric.table, metric.windows, number, now);
    // Fast requests may take no microsecond.
    room[count++] = {.weight = window.duration_us + window.requests, .number = number};
  });
  std::ranges::sort(room.first(count), [](const RankedSeries& a, const RankedSeries& b) {
    return a.weight != b.weight ? a.weight > b.weight : a.number < b.number;
  });
  return room.first(count);
}

/// Calls `act` with each of the series that count a flag, and its state there.
template <class Act>
void each_flag_series(const FlagSeries& series, const Act& act) {
  const std::uint16_t numbers[] = {series.on, series.off, series.unanswered};
  for (std::size_t at = 0; at < std::size(numbers); ++at) act(kFlagStates[at], numbers[at]);
}

/// The first threshold that a job waits for, or null.
inline const ThresholdView* find_reason(const Report& report, const JobView& job) {
  for (std::uint8_t place : job.thresholds) {
    const ThresholdView& view = report.thresholds[place];
    if (view.status.state != State::kFine) return &view;
  }
  return nullptr;
}

/// How long ago a file of numbers was written, in microseconds; nothing where nobody could look.
inline std::optional<double> age_us(const DroppedFile& file, std::int64_t now_us) {
  if (file.time_us == 0) return std::nullopt;
  return age_seconds(file, now_us) * 1e6;
}

/// A window as people look at it.
struct Rates {
  double requests_per_second = 0;
  double failed_share = 0;  ///< 0 to 1
  std::optional<double> p50_us;
  std::optional<double> p95_us;
};

inline Rates rates_of(const WindowCounts& window) {
  Rates rates;
  if (window.seconds <= 0 || window.requests == 0) return rates;
  const auto requests = static_cast<double>(window.requests);
  rates.requests_per_second = requests / window.seconds;
  rates.failed_share = static_cast<double>(window.failed) / requests;
  rates.p50_us = quantile(window.bins, 0.5);
  rates.p95_us = quantile(window.bins, 0.95);
  return rates;
}

/// A part of a whole, 0 to 1; a part that is read later may have grown beyond it.
constexpr double share_of(std::uint64_t part, std::uint64_t whole) {
  if (part >= whole) return whole == 0 ? 0 : 1;
  return static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace reqnotes
