#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

#include "reqnotes/facts/field.hpp"
#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/facts/found.hpp"
#include "reqnotes/httpd/flags/request_flags.hpp"
#include "reqnotes/httpd/line/duration.hpp"
#include "reqnotes/httpd/metrics/counters.hpp"
#include "reqnotes/httpd/request.hpp"
#include "reqnotes/metrics/busiest.hpp"
#include "reqnotes/metrics/label.hpp"
#include "reqnotes/metrics/metric.hpp"
#include "reqnotes/metrics/series.hpp"
#include "reqnotes/text/parse.hpp"

namespace reqnotes {

/// The text of a field that a request has, or nothing.
inline std::string_view text_of(std::span<const Fact> facts, const Field* field) {
  for (const Fact& fact : facts) {
    if (fact.field == field) return fact.text;
  }
  return {};
}

/// What a value adds to a sum; no number where it is none.
inline double sum_of(std::span<const Fact> facts, const Field* field) {
  const std::string_view text = text_of(facts, field);
  const bool counts =
      field &&
      (field->options.type == Type::kInteger ? parse_integer(text).has_value() : is_number(text));
  return counts ? number_value(text) : std::numeric_limits<double>::quiet_NaN();
}

/// The series of a request, by the values that its line has.
[[gnu::always_inline]] inline Series& series_of(const CountedMetric& counted,
                                                std::span<const Fact> facts) {
  const Metric& metric = *counted.metric;
  const SeriesTable& table = metric.view.table;
  char rooms[kLabelsMax][kLabelMax];
  std::string_view labels[kLabelsMax];
  const std::size_t count = metric.shape.labels;
  std::size_t others = 0;
  for (std::size_t at = 0; at < count; ++at) {
    const LabelSource& source = counted.labels[at];
    std::string_view& label = labels[at];
    label = source.fixed;
    if (source.field) label = find_label(text_of(facts, source.field), rooms[at]);
    if (at + 1 == count && metric.has_values) label = allowed_label(metric, label);
    if (label == kOtherLabel) ++others;
  }
  // Of the two there could be no telling apart.
  return others == count && count != 0 ? table.other() : find_series(table, {labels, count});
}

/// The series of all requests of a server, looked for once.
[[gnu::noinline]] inline Series& find_fixed_series(const CountedMetric& counted) {
  Series& series = series_of(counted, {});
  // Of `other` there may be room later.
  if (&series != &counted.metric->view.table.other()) {
    counted.series.store(&series, std::memory_order_release);
  }
  return series;
}

inline Series& fixed_series(const CountedMetric& counted) {
  Series* const series = counted.series.load(std::memory_order_acquire);
  return series ? *series : find_fixed_series(counted);
}

/// Counts a request that has ended, once. Nothing here waits, allocates from the heap or calls the
/// kernel.
///
/// config    of a server that has counters.
/// original  its first leg.
/// last      and the one that it has come to.
[[gnu::noinline]] inline void count_transaction(const request_rec* original,
                                                const request_rec* last, const ServerConfig& config,
                                                RequestState& state) {
  const ServerCounters* const of_server = config.counters;
  if (state.is_own_page) return;
  const std::span<const Fact> facts = final_facts(config, state, last);
  if (state.duration == kUnmeasured) state.duration = time_since(original->request_time);
  const std::int64_t duration = std::max<std::int64_t>(state.duration, 0);
  const std::int64_t time = original->request_time + duration;
  std::array<double, kSumsMax> sums;
  CountedRequest request(last->status, duration, time, state.trace_id[0] ? state.trace_id : nullptr,
                         {});
  for (const CountedMetric& counted : of_server->metrics) {
    const Metric& metric = *counted.metric;
    if (!metric.is_counted) continue;
    Series& series = counted.is_fixed ? fixed_series(counted) : series_of(counted, facts);
    for (std::size_t at = 0; at < metric.shape.sums; ++at) {
      sums[at] = sum_of(facts, counted.sums[at]);
    }
    request.sums = {sums.data(), metric.shape.sums};
    count_request(metric.view.table, series, request);
  }
  if (config.flag_file) {
    const std::string_view text = text_of(facts, config.flags_field);
    request.sums = {};
    if (counts_flags(text, last)) count_flags(*config.flag_file, text, last, state, request);
  }
  if (of_server->lists.empty()) return;
  const BusiestRequest of_list(duration, request.status == 5,
                               static_cast<std::uint32_t>(apr_time_sec(time)));
  for (const CountedList& counted : of_server->lists) {
    const std::string_view text = text_of(facts, counted.field);
    if (text.empty() || !counted.list->is_counted) continue;
    char room[kLabelMax];
    add_busiest(counted.list->view.table, find_label(text, room), of_list);
  }
}

}  // namespace reqnotes
