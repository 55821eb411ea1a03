#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "reqnotes/flags/flag_state.hpp"
#include "reqnotes/flags/flags_file.hpp"
#include "reqnotes/metrics/dropped.hpp"
#include "reqnotes/metrics/exposition.hpp"
#include "reqnotes/metrics/report.hpp"
#include "reqnotes/metrics/threshold.hpp"
#include "reqnotes/metrics/watch.hpp"
#include "reqnotes/text/chunk_writer.hpp"
#include "reqnotes/text/sink.hpp"
#include "reqnotes/text/slice.hpp"

namespace reqnotes {

/// Most bytes of a family's name: two names of fields or metrics, and what stands around them.
constexpr std::size_t kFamilyNameMax = 160;

/// The name of a family of a metric: `reqnotes_NAME_WHAT`.
class FamilyName {
 public:
  FamilyName(const MetricView& metric, std::string_view what) {
    Sink out(room_);
    out.put("reqnotes_");
    out.put(metric.name);
    out.put('_');
    out.put(what);
    size_ = out.size();
  }
  [[nodiscard]] std::string_view text() const { return {room_.data(), size_}; }

 private:
  std::array<char, kFamilyNameMax> room_;
  std::size_t size_;
};

/// The labels of a series.
class SeriesLabels {
 public:
  SeriesLabels(const MetricView& metric, std::uint32_t number) : count_(metric.labels.size()) {
    for (std::size_t at = 0; at < count_; ++at) {
      pairs_[at] = {metric.labels[at], label_value(metric, number, at)};
    }
  }
  [[nodiscard]] std::span<const LabelPair> all() const { return {pairs_.data(), count_}; }

 private:
  std::array<LabelPair, kLabelsMax> pairs_;
  std::size_t count_;
};

inline void put_metric(ExpositionWriter& out, const MetricView& metric) {
  const FamilyName requests(metric, "requests");
  out.begin({requests.text(), FamilyType::kCounter, "", "Requests by class of status."});
  each_series(metric, [&](std::uint32_t number, Series& series) {
    out.requests(SeriesLabels(metric, number).all(), read_series(metric.table, series),
                 read_exemplar(series.failed));
  });
  const FamilyName durations(metric, "duration_seconds");
  out.begin({durations.text(), FamilyType::kHistogram, "seconds",
             "Time from the request line to the last byte."});
  each_series(metric, [&](std::uint32_t number, Series& series) {
    out.durations(SeriesLabels(metric, number).all(), read_series(metric.table, series),
                  metric.buckets, read_exemplar(series.slowest), read_exemplar(series.failed));
  });
  for (std::size_t which = 0; which < metric.sums.size(); ++which) {
    const FamilyName sum(metric, metric.sums[which]);
    out.begin({sum.text(), FamilyType::kSummary, "", "Values of a field, added up."});
    each_series(metric, [&](std::uint32_t number, Series& series) {
      out.sum(SeriesLabels(metric, number).all(), read_series(metric.table, series), which);
    });
  }
}

/// How many requests are in `other`.
inline double count_other(const MetricView& metric) {
  std::uint64_t requests = 0;
  for (const auto& count : metric.table.other().classes) {
    requests += count.load(std::memory_order_relaxed);
  }
  return static_cast<double>(requests);
}

/// Writes a gauge with one sample for each of `views`, whose `value` may be nothing.
template <class Views, class Name, class Value>
void put_gauges(ExpositionWriter& out, const Family& family, std::string_view label,
                const Views& views, const Name& name, const Value& value) {
  out.begin(family);
  for (const auto& view : views) {
    const std::optional<double> number = value(view);
    const LabelPair pair = {label, name(view)};
    if (number) out.sample({&pair, 1}, *number);
  }
}

inline void put_thresholds(ExpositionWriter& out, const Report& report) {
  const auto name = [](const ThresholdView& view) { return view.threshold->name; };
  const auto put_state = [&](std::string_view family, std::string_view help, State state) {
    put_gauges(out, {family, FamilyType::kGauge, "", help}, "threshold", report.thresholds, name,
               [state](const ThresholdView& view) {
                 return std::optional<double>(view.status.state == state ? 1 : 0);
               });
  };
  put_state("reqnotes_threshold_exceeded", "Whether a threshold is exceeded.", State::kExceeded);
  put_state("reqnotes_threshold_unknown", "Whether a threshold's state is not known.",
            State::kUnknown);
  put_gauges(out,
             {"reqnotes_threshold_value", FamilyType::kGauge, "",
              "What a threshold looks at, in percent, seconds or as it is."},
             "threshold", report.thresholds, name, [](const ThresholdView& view) {
               return has_value(view.status) ? std::optional(view.status.reading.value)
                                             : std::nullopt;
             });
  if (report.jobs.empty()) return;
  // Not by `job`, which Prometheus has a label of its own for.
  put_gauges(
      out, {"reqnotes_job_go", FamilyType::kGauge, "", "Whether a job is told to go on."}, "name",
      report.jobs, [](const JobView& job) { return job.name; },
      [&report](const JobView& job) {
        return std::optional<double>(find_reason(report, job) ? 0 : 1);
      });
}

/// Writes how flags stand, and what became of the requests that asked for them.
inline void put_flags(ExpositionWriter& out, const Report& report) {
  out.begin(
      {"reqnotes_flag", FamilyType::kGauge, "", "How a flag stands: 1 for the state it has."});
  for (const FlagsFileView& file : report.flags) {
    for (const Flag& flag : file.state->set.all()) {
      const LabelPair labels[] = {
          {"file", file.path}, {"flag", flag.text()}, {"state", state_of(*file.state, flag)}};
      out.sample(labels, 1);
    }
  }
  // Calls `act` with the labels of each series that counts a flag, and the series.
  const auto each_counted = [&report](const auto& act) {
    for (const FlagsFileView& file : report.flags) {
      for (std::size_t place = 0; place < file.state->set.count; ++place) {
        const auto put_series = [&](std::string_view state, std::uint32_t number) {
          if (number == file.table.header->shape.series) return;
          const LabelPair labels[] = {
              {"file", file.path}, {"flag", file.state->set.flags[place].text()}, {"state", state}};
          Series& series = file.table.at(number);
          act(labels, read_series(file.table, series), series);
        };
        each_flag_series(file.state->series[place], put_series);
      }
    }
  };
  out.begin({"reqnotes_flag_requests", FamilyType::kCounter, "",
             "Requests that asked for a flag, by how it stood for them and class of status."});
  each_counted(
      [&out](std::span<const LabelPair> labels, const SeriesCounts& counts, const Series& series) {
        out.requests(labels, counts, read_exemplar(series.failed));
      });
  out.begin({"reqnotes_flag_duration_seconds", FamilyType::kHistogram, "seconds",
             "Time of requests that asked for a flag, by how it stood for them."});
  each_counted(
      [&out](std::span<const LabelPair> labels, const SeriesCounts& counts, const Series& series) {
        out.durations(labels, counts, kDefaultBuckets.all(), read_exemplar(series.slowest),
                      read_exemplar(series.failed));
      });
}

/// Writes the numbers of applications.
inline void put_dropped(ExpositionWriter& out, const Report& report) {
  for (const DroppedNumber& number : report.dropped->all_numbers()) {
    if (is_stale(*report.dropped, number, report.now_us)) continue;
    char room[4 + sizeof number.name];
    Sink name(room);
    name.put("app_");
    const bool is_counter = number.text().ends_with("_total");
    name.put(is_counter ? prefix(number.text(), number.text().size() - 6) : number.text());
    out.begin({name.written(), is_counter ? FamilyType::kCounter : FamilyType::kGauge, "",
               "Dropped by an application."});
    out.sample({}, number.value);
  }
  put_gauges(
      out,
      {"reqnotes_file_age_seconds", FamilyType::kGauge, "seconds",
       "Time since a file of numbers was written."},
      "file", report.dropped->all_files(), [](const DroppedFile& file) { return file.text(); },
      [&report](const DroppedFile& file) {
        const std::optional<double> age = age_us(file, report.now_us);
        return age ? std::optional(*age / 1e6) : age;
      });
}

/// Writes an answer of /metrics.
inline void put_metrics(const Report& report, Exposition format, std::span<char> buffer,
                        ChunkWriter::Take take, void* to) {
  ExpositionWriter out(format, buffer, take, to);
  for (const MetricView& metric : report.metrics) put_metric(out, metric);
  out.begin({"reqnotes_series_other", FamilyType::kCounter, "",
             "Requests whose labels had no series of their own."});
  for (const MetricView& metric : report.metrics) {
    const LabelPair label = {"metric", metric.name};
    out.sample({&label, 1}, count_other(metric));
  }
  out.begin({"reqnotes_workers", FamilyType::kGauge, "", "Workers of httpd by what they do."});
  for (const WorkerCount& worker : report.workers) {
    const LabelPair label = {"state", worker.state};
    out.sample({&label, 1}, worker.count);
  }
  out.begin({"reqnotes_workers_busy", FamilyType::kGauge, "", "Workers that have a request."});
  out.sample({}, report.busy);
  out.begin({"reqnotes_workers_max", FamilyType::kGauge, "", "MaxRequestWorkers."});
  out.sample({}, report.max_workers);
  out.begin({"reqnotes_monitor_age_seconds", FamilyType::kGauge, "seconds",
             "Time since the monitor was last seen."});
  out.sample({}, report.monitor_age_s);
  if (!report.thresholds.empty()) put_thresholds(out, report);
  if (!report.flags.empty()) put_flags(out, report);
  if (report.dropped) put_dropped(out, report);
  // An info metric of OpenMetrics, as a gauge: the text format has no other.
  out.begin({"reqnotes_build_info", FamilyType::kGauge, "", "The version of mod_reqnotes."});
  const LabelPair version = {"version", report.version};
  out.sample({&version, 1}, 1);
  out.end();
}

}  // namespace reqnotes
