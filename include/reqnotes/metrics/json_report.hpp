#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "reqnotes/flags/flag_state.hpp"
#include "reqnotes/flags/flags_file.hpp"
#include "reqnotes/line/json.hpp"
#include "reqnotes/metrics/dropped.hpp"
#include "reqnotes/metrics/exemplar.hpp"
#include "reqnotes/metrics/exposition.hpp"
#include "reqnotes/metrics/report.hpp"
#include "reqnotes/text/chunk_writer.hpp"
#include "reqnotes/text/sink.hpp"
#include "reqnotes/text/slice.hpp"
#include "reqnotes/text/time.hpp"
#include "reqnotes/text/utf8.hpp"

namespace reqnotes {

/// Writes JSON. Whoever calls it closes what it opens.
class JsonWriter {
 public:
  explicit JsonWriter(ChunkWriter& out) : out_(out) {}

  void open(char bracket) {
    separate();
    put(bracket);
    is_first_ = true;
  }
  void close(char bracket) {
    put(bracket);
    is_first_ = false;
  }
  /// The name of what comes next.
  void key(std::string_view name) {
    text(name);
    put(':');
    is_first_ = true;
  }
  void text(std::string_view value) {
    separate();
    put('"');
    while (!value.empty()) {
      // Who puts the answer into a script of old has the end of a line there.
      if (value.starts_with(kLineEnd) || value.starts_with(kParagraphEnd)) {
        out_.put(value.starts_with(kLineEnd) ? "\\u2028" : "\\u2029");
        value.remove_prefix(kLineEnd.size());
        continue;
      }
      // In parts that end at a character, as what has one beginning has no end of it.
      const std::size_t plain = std::min(value.find(kLineEnd), value.find(kParagraphEnd));
      const std::string_view part = cut_utf8(prefix(value, plain), kPart);
      char room[kEscapeMax * kPart];
      Sink sink(room);
      put_json_text(part, sizeof room, sink);
      out_.put(sink.written());
      value.remove_prefix(part.size());
    }
    put('"');
    is_first_ = false;
  }
  void number(double value) {
    separate();
    char digits[kMetricNumberMax];
    const bool is_known = std::isfinite(value);
    out_.put(is_known ? std::string_view(digits, static_cast<std::size_t>(
                                                     put_metric_number(value, digits) - digits))
                      : "null");
    is_first_ = false;
  }
  void count(std::uint64_t value) {
    separate();
    out_.put_count(value);
    is_first_ = false;
  }
  void null() { word("null"); }
  void boolean(bool value) { word(value ? "true" : "false"); }

  void member(std::string_view name, std::string_view value) { key(name), text(value); }
  void member(std::string_view name, double value) { key(name), number(value); }
  void member(std::string_view name, std::uint64_t value) { key(name), count(value); }
  /// In seconds.
  void member(std::string_view name, const std::optional<double>& micros) {
    key(name);
    micros ? number(*micros / 1e6) : null();
  }

 private:
  static constexpr std::size_t kPart = 128;
  static constexpr std::string_view kLineEnd = "\xE2\x80\xA8";
  static constexpr std::string_view kParagraphEnd = "\xE2\x80\xA9";

  void put(char c) { out_.put({&c, 1}); }
  void word(std::string_view text) {
    separate();
    out_.put(text);
    is_first_ = false;
  }
  void separate() {
    if (!is_first_) put(',');
  }

  ChunkWriter& out_;
  bool is_first_ = true;
};

inline void put_json_time(JsonWriter& out, std::int64_t time_us) {
  char digits[kTimeSize];
  put_time(time_us, digits);
  out.text({digits, sizeof digits});
}
inline void put_json_time(JsonWriter& out, std::string_view name, std::int64_t time_us) {
  out.key(name);
  put_json_time(out, time_us);
}

inline void put_json_exemplar(JsonWriter& out, std::string_view name,
                              const std::optional<Exemplar>& exemplar) {
  out.key(name);
  if (!exemplar) return out.null();
  out.open('{');
  out.member("trace_id", std::string_view(exemplar->trace_id.data(), exemplar->trace_id.size()));
  out.member("duration_seconds", static_cast<double>(exemplar->duration_us) / 1e6);
  put_json_time(out, "time", exemplar->time_us);
  out.close('}');
}

inline void put_json_window(JsonWriter& out, const WindowCounts& window, std::uint64_t whole_us) {
  const Rates rates = rates_of(window);
  out.key("window");
  out.open('{');
  out.member("seconds", window.seconds);
  out.member("requests", window.requests);
  out.member("failed", window.failed);
  out.member("requests_per_second", rates.requests_per_second);
  out.member("failed_share", rates.failed_share);
  out.member("p50_seconds", rates.p50_us);
  out.member("p95_seconds", rates.p95_us);
  out.member("worker_time_share", share_of(window.duration_us, whole_us));
  out.close('}');
}

inline void put_json_series(JsonWriter& out, const Report& report, const MetricView& metric,
                            std::uint32_t number, std::uint64_t whole_us) {
  Series& series = metric.table.at(number);
  const SeriesCounts counts = read_series(metric.table, series);
  out.open('{');
  out.key("labels");
  out.open('{');
  for (std::size_t at = 0; at < metric.labels.size(); ++at) {
    out.member(metric.labels[at], label_value(metric, number, at));
  }
  out.close('}');
  out.key("requests");
  out.open('{');
  for (std::size_t at = 0; at < kStatusClasses; ++at)
    out.member(kStatusNames[at], counts.classes[at]);
  out.close('}');
  out.member("duration_seconds", static_cast<double>(counts.duration_us) / 1e6);
  out.key("sums");
  out.open('{');
  for (std::size_t at = 0; at < metric.sums.size(); ++at) {
    out.key(metric.sums[at]);
    out.open('{');
    out.member("sum", counts.sums[at]);
    out.member("count", counts.sum_counts[at]);
    out.close('}');
  }
  out.close('}');
  put_json_window(out, read_window(metric.table, metric.windows, number, report.steady_us),
                  whole_us);
  put_json_exemplar(out, "slowest", read_exemplar(series.slowest));
  put_json_exemplar(out, "last_failed", read_exemplar(series.failed));
  out.close('}');
}

inline void put_json_metric(JsonWriter& out, const Report& report, const MetricView& metric) {
  out.open('{');
  out.member("name", metric.name);
  out.key("by");
  out.open('[');
  for (std::string_view label : metric.labels) out.text(label);
  out.close(']');
  const std::uint64_t whole_us = total_window(metric, report.steady_us).duration_us;
  out.key("series");
  out.open('[');
  for (const RankedSeries& ranked : rank_series(metric, report.steady_us, report.room)) {
    put_json_series(out, report, metric, ranked.number, whole_us);
  }
  out.close(']');
  out.close('}');
}

/// Keys of a list that are shown.
constexpr std::size_t kBusiestShown = 20;

/// A key as people look at it.
struct BusiestRates {
  double per_minute;        ///< requests
  double error_per_minute;  ///< that may be missing there
  double failed_share;
  double workers;        ///< that it keeps busy
  double workers_error;  ///< that may be missing there
};

inline BusiestRates rates_of(const BusiestRow& row) {
  constexpr double kMinute = 60 / kBusiestSteady;
  constexpr double kWorker = 1e6 * kBusiestSteady;
  return {.per_minute = row.requests * kMinute,
          .error_per_minute = row.error * kMinute,
          .failed_share = row.requests > 0 ? row.failed / row.requests : 0,
          .workers = row.time_us / kWorker,
          .workers_error = row.time_error_us / kWorker};
}

inline void put_json_list(JsonWriter& out, const Report& report, const BusiestView& list,
                          std::string_view name, BusiestBy by) {
  std::array<BusiestRow, kBusiestShown> rows;
  const auto now = static_cast<std::uint32_t>(report.now_us / 1'000'000);
  const std::size_t count = read_busiest(list.table, now, by, rows);
  out.key(name);
  out.open('[');
  for (const BusiestRow& row : std::span(rows).first(count)) {
    const BusiestRates rates = rates_of(row);
    out.open('{');
    out.member("key", row.key());
    out.member("requests_per_minute", rates.per_minute);
    out.member("requests_per_minute_error", rates.error_per_minute);
    out.member("failed_share", rates.failed_share);
    out.member("workers", rates.workers);
    out.member("workers_error", rates.workers_error);
    out.close('}');
  }
  out.close(']');
}

inline void put_json_thresholds(JsonWriter& out, const Report& report) {
  out.key("thresholds");
  out.open('[');
  for (const ThresholdView& view : report.thresholds) {
    const Threshold& threshold = *view.threshold;
    const ThresholdStatus& status = view.status;
    out.open('{');
    out.member("name", threshold.name);
    out.member("signal", threshold.text);
    out.member("unit", threshold.signal->unit);
    out.member("level", kLevelNames[static_cast<std::size_t>(threshold.level)]);
    out.member(threshold.is_below ? "below" : "above", threshold.limit);
    out.member("clear", threshold.clear);
    out.member("state", kStateNames[static_cast<std::size_t>(status.state)]);
    out.key("value");
    has_value(status) ? out.number(status.reading.value) : out.null();
    out.key("since");
    status.since_us == 0 ? out.null() : put_json_time(out, status.since_us);
    out.key("trace_id");
    status.trace().empty() ? out.null() : out.text(status.trace());
    out.close('}');
  }
  out.close(']');
  out.key("jobs");
  out.open('[');
  for (const JobView& job : report.jobs) {
    out.open('{');
    out.member("name", job.name);
    out.key("go");
    out.boolean(!find_reason(report, job));
    out.key("waits_for");
    out.open('[');
    for (std::uint8_t place : job.thresholds) {
      const ThresholdView& view = report.thresholds[place];
      if (view.status.state != State::kFine) out.text(view.threshold->name);
    }
    out.close(']');
    out.close('}');
  }
  out.close(']');
}

inline void put_json_dropped(JsonWriter& out, const Report& report) {
  out.key("numbers");
  out.open('[');
  for (const DroppedNumber& number : report.dropped->all_numbers()) {
    const DroppedFile& file = report.dropped->files[number.file];
    out.open('{');
    out.member("name", number.text());
    out.member("value", number.value);
    out.member("file", file.text());
    out.member("age_seconds", age_seconds(file, report.now_us));
    out.key("stale");
    out.boolean(is_stale(*report.dropped, number, report.now_us));
    out.close('}');
  }
  out.close(']');
  out.key("files");
  out.open('[');
  for (const DroppedFile& file : report.dropped->all_files()) {
    out.open('{');
    out.member("name", file.text());
    out.member("age_seconds", age_us(file, report.now_us));
    out.key("owner");
    file.owner == kNoOwner ? out.null() : out.count(file.owner);
    out.key("refused");
    *file.refused == '\0' ? out.null() : out.text(file.refused);
    out.close('}');
  }
  out.close(']');
}

inline void put_json_flag(JsonWriter& out, const Report& report, const FlagsFileView& file,
                          std::size_t place) {
  const FlagState& state = *file.state;
  const Flag& flag = state.set.flags[place];
  out.open('{');
  out.member("name", flag.text());
  out.member("state", state_of(state, flag));
  out.member("share", flag.share / double{kWholeShare});
  out.member("comment", flag.why());
  out.key("requests");
  out.open('{');
  each_flag_series(state.series[place], [&](std::string_view asked, std::uint32_t number) {
    const WindowCounts window = read_window(file.table, file.windows, number, report.steady_us);
    out.key(asked);
    out.open('{');
    put_json_window(out, window, 0);
    put_json_exemplar(out, "last_failed", read_exemplar(file.table.at(number).failed));
    out.close('}');
  });
  out.close('}');
  out.close('}');
}

inline void put_json_flags(JsonWriter& out, const Report& report) {
  out.key("flags");
  out.open('[');
  for (const FlagsFileView& file : report.flags) {
    out.open('{');
    out.member("file", file.path);
    const FlagRefusals& refused = file.state->refused;
    out.key("refused");
    *refused.flags == '\0' ? out.null() : out.text(refused.flags);
    out.key("trips_refused");
    *refused.trips == '\0' ? out.null() : out.text(refused.trips);
    out.key("flags");
    out.open('[');
    for (std::size_t place = 0; place < file.state->set.count; ++place) {
      put_json_flag(out, report, file, place);
    }
    out.close(']');
    out.close('}');
  }
  out.close(']');
}

/// Writes an answer of /json; docs/counting.md says what it has.
inline void put_json(const Report& report, std::span<char> buffer, ChunkWriter::Take take,
                     void* to) {
  ChunkWriter chunks(buffer, take, to);
  JsonWriter out(chunks);
  out.open('{');
  out.member("schema", std::uint64_t{1});
  out.member("version", report.version);
  out.member("server", report.server);
  put_json_time(out, "time", report.now_us);
  out.member("monitor_age_seconds", report.monitor_age_s);
  out.key("workers");
  out.open('{');
  out.member("max", std::uint64_t{report.max_workers});
  out.member("busy", std::uint64_t{report.busy});
  out.key("states");
  out.open('{');
  for (const WorkerCount& worker : report.workers) {
    out.member(worker.state, std::uint64_t{worker.count});
  }
  out.close('}');
  out.close('}');
  out.key("metrics");
  out.open('[');
  for (const MetricView& metric : report.metrics) put_json_metric(out, report, metric);
  out.close(']');
  out.key("busiest");
  out.open('[');
  for (const BusiestView& list : report.busiest) {
    out.open('{');
    out.member("field", list.field);
    out.member("privacy", list.privacy.empty() ? "plain" : list.privacy);
    put_json_list(out, report, list, "by_requests", BusiestBy::kRequests);
    put_json_list(out, report, list, "by_time", BusiestBy::kTime);
    out.close('}');
  }
  out.close(']');
  put_json_thresholds(out, report);
  put_json_flags(out, report);
  if (report.dropped) put_json_dropped(out, report);
  out.close('}');
  chunks.put("\n");
  chunks.flush();
}

}  // namespace reqnotes
