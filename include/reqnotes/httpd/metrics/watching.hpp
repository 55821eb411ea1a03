#pragma once

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <span>
#include <string_view>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/flags/flag_files.hpp"
#include "reqnotes/httpd/flags/watch_flags.hpp"
#include "reqnotes/httpd/line/duration.hpp"
#include "reqnotes/httpd/metrics/counters.hpp"
#include "reqnotes/httpd/metrics/workers.hpp"
#include "reqnotes/httpd/pool.hpp"
#include "reqnotes/metrics/dropped.hpp"
#include "reqnotes/metrics/exemplar.hpp"
#include "reqnotes/metrics/exposition.hpp"
#include "reqnotes/metrics/label.hpp"
#include "reqnotes/metrics/published.hpp"
#include "reqnotes/metrics/report.hpp"
#include "reqnotes/metrics/series.hpp"
#include "reqnotes/metrics/threshold.hpp"
#include "reqnotes/metrics/watch.hpp"
#include "reqnotes/text/sink.hpp"

namespace reqnotes {

// What is watched, made of the directives when the configuration has been read. Its memory comes
// later, with that of what is counted.

struct Watched {
  const Threshold* threshold;
  const Giving* given;
  const Metric* metric;  ///< null where the signal is not of requests
  std::uint64_t key;     ///< of its memory
  WatchMemory* memory;   ///< null where there is none; then its state is unknown
};

struct Job {
  JobView view;
  std::uint32_t retry_s;
};

struct Watching {
  std::span<Watched> thresholds;
  std::span<Job> jobs;
  const MetricFiles* files = nullptr;     ///< null where none are read
  Published<Dropped>* dropped = nullptr;  ///< null where there is no memory
  std::int64_t telling_us = 0;            ///< since when messages about files are counted
  unsigned told = 0;                      ///< such messages
};

/// Those of this process.
constinit static Watching watching;

/// Whether the values of a threshold can be those of the metric's labels.
inline bool check_values(const Checked& checked, const Threshold& threshold, const Metric& metric) {
  if (threshold.values.count > metric.shape.labels) {
    return refuse_as_whole(checked, threshold.text, "has more values than the metric has labels");
  }
  for (std::size_t at = 0; at < threshold.values.count; ++at) {
    const std::string_view value = threshold.values.items[at];
    const bool is_last = at + 1 == metric.shape.labels;
    if (is_last && allowed_label(metric, value) != value) {
      return refuse_as_whole(checked, value, "is not in values= of the metric");
    }
    if (metric.options->by.items[at] != kVhostLabel || value == kOtherLabel) continue;
    const server_rec* server = checked.main_server;
    const auto is_named = [value](const server_rec* host) {
      char room[kLabelMax];
      return make_label(host->server_hostname ? host->server_hostname : "", room) == value;
    };
    while (server && !is_named(server)) server = server->next;
    if (!server) return refuse_as_whole(checked, value, "is the ServerName of no virtual host");
  }
  return true;
}

inline bool compile_threshold(const Checked& checked, const Threshold& threshold,
                              Watched& watched) {
  watched = {.threshold = &threshold,
             .given = checked.given,
             .metric = nullptr,
             .key = mix_key(mix_key(2, threshold.name), threshold.text),
             .memory = nullptr};
  watched.key = mix_key(mix_key(watched.key, threshold.over_s), WatchMemory::kVersion);
  if (threshold.signal->of == SignalOf::kNumber) {
    if (config_of(checked.main_server).metric_files.given) return true;
    return refuse_as_whole(checked, threshold.text, "needs ReqNotesMetricFiles");
  }
  if (threshold.signal->of == SignalOf::kServer) return true;
  for (const Metric& metric : counters.metrics) {
    if (metric.view.name != threshold.metric) continue;
    watched.metric = &metric;
    // What begins to be counted anew is watched anew.
    watched.key = mix_key(mix_key(watched.key, metric.shape.key), metric.shape.series);
    return check_values(checked, threshold, metric);
  }
  return refuse_as_whole(checked, threshold.metric,
                         "is no metric; declare it with ReqNotesMetric, or correct the name");
}

inline bool compile_job(const Checked& checked, const char* name, const JobOptions& options,
                        Job& job) {
  apr_array_header_t* places = apr_array_make(checked.pool, 4, sizeof(std::uint8_t));
  for (std::string_view threshold : options.thresholds) {
    std::size_t place = 0;
    while (place < watching.thresholds.size() &&
           watching.thresholds[place].threshold->name != threshold) {
      ++place;
    }
    if (place == watching.thresholds.size()) {
      return refuse_as_whole(checked, threshold,
                             "is no threshold; declare it with ReqNotesThreshold, or correct the "
                             "name");
    }
    push<std::uint8_t>(places, static_cast<std::uint8_t>(place));
  }
  job = {.view = {.name = name, .thresholds = elements<const std::uint8_t>(places)},
         .retry_s = options.retry_s};
  return true;
}

/// Makes what is watched of the configuration; what is counted was made before.
///
/// returns  false where that cannot be; the error is logged.
inline bool compile_watching(apr_pool_t* pool, const server_rec* main_server) {
  const ServerConfig& config = config_of(main_server);
  watching = {};
  if (config.metric_files.given) watching.files = &config.metric_files.value;
  const auto checked = [=](const char* directive, const char* name, const Giving* given) {
    return Checked{.pool = pool,
                   .main_server = main_server,
                   .what = apr_pstrcat(pool, directive, " ", name, nullptr),
                   .given = given};
  };
  apr_array_header_t* thresholds = apr_array_make(pool, 4, sizeof(Watched));
  for (const auto& [name, setting] : elements<ThresholdDeclaration>(config.thresholds)) {
    if (!compile_threshold(checked("ReqNotesThreshold", name, setting.given), setting.value,
                           push<Watched>(thresholds, {}))) {
      return false;
    }
  }
  watching.thresholds = elements<Watched>(thresholds);
  apr_array_header_t* jobs = apr_array_make(pool, 4, sizeof(Job));
  for (const auto& [name, setting] : elements<JobDeclaration>(config.jobs)) {
    if (!compile_job(checked("ReqNotesJob", name, setting.given), name, setting.value,
                     push<Job>(jobs, {}))) {
      return false;
    }
  }
  watching.jobs = elements<Job>(jobs);
  return true;
}

// --- In the monitor ---

/// Adds up what the series have counted that a threshold is about.
///
/// trace_id  is set to a request that shows what it looks at, if there is one.
inline Counted count_requests(const Threshold& threshold, const MetricView& metric,
                              std::array<char, 32>& trace_id) {
  Counted counted;
  std::int64_t best = 0;
  const bool is_of_failures = threshold.signal->kind == SignalKind::kErrors;
  each_series(metric, [&](std::uint32_t number, Series& series) {
    for (std::size_t at = 0; at < threshold.values.count; ++at) {
      if (label_value(metric, number, at) != threshold.values.items[at]) return;
    }
    counted.add(read_series(metric.table, series));
    const auto exemplar = read_exemplar(is_of_failures ? series.failed : series.slowest);
    if (!exemplar) return;
    const std::int64_t rank = is_of_failures ? exemplar->time_us : exemplar->duration_us;
    if (rank < best) return;
    best = rank;
    trace_id = exemplar->trace_id;
  });
  return counted;
}

inline Reading read_load() {
  double load = 0;
  const long processors = sysconf(_SC_NPROCESSORS_ONLN);
  if (getloadavg(&load, 1) != 1 || processors < 1) return {};
  Reading reading;
  reading.what = Reading::What::kValue;
  reading.value = load / static_cast<double>(processors);
  return reading;
}

/// How many flags errors have turned off.
inline Reading read_tripped() {
  Reading reading;
  reading.what = Reading::What::kValue;
  for (const FlagFile& file : flag_files) {
    if (file.watch) reading.value += file.watch->state.trips.count;
  }
  return reading;
}

inline Reading read_number(const Threshold& threshold, const Dropped& dropped,
                           std::int64_t wall_us) {
  const DroppedNumber* number = find_number(dropped, threshold.number, wall_us);
  if (!number) return {};
  Reading reading;
  const DroppedFile& file = dropped.files[number->file];
  const bool is_age = threshold.signal->kind == SignalKind::kAge;
  if (!is_age && is_stale(dropped, *number, wall_us)) return {};
  reading.what = Reading::What::kValue;
  reading.value = is_age ? age_seconds(file, wall_us) : number->value;
  return reading;
}

/// Says what a threshold's signal is right now.
inline Reading read_signal(const Watched& watched, const Dropped& dropped, const Workers& workers,
                           std::array<char, 32>& trace_id, std::int64_t now_us,
                           std::int64_t wall_us) {
  const Threshold& threshold = *watched.threshold;
  if (watched.metric) {
    if (!watched.metric->is_counted) return {};
    const Counted counted = count_requests(threshold, watched.metric->view, trace_id);
    return look_at(threshold, *watched.memory, counted, now_us);
  }
  if (threshold.signal->of == SignalOf::kNumber) return read_number(threshold, dropped, wall_us);
  if (threshold.signal->kind == SignalKind::kLoad) return read_load();
  if (threshold.signal->kind == SignalKind::kTripped) return read_tripped();
  if (workers.most == 0) return {};
  Counted& looks = watched.memory->looks;
  ++looks.requests;
  looks.sum += 100.0 * workers.busy / workers.most;
  return look_at(threshold, *watched.memory, looks, now_us);
}

/// Tells what a threshold's state is now.
inline void tell_state(const server_rec* server, const Threshold& threshold,
                       const ThresholdStatus& status) {
  char room[2 * kMetricNumberMax + 32];
  Sink text(room);
  put_signal_value(text, threshold, status.reading.value);
  text.put(threshold.is_below ? ", below " : ", above ");
  put_signal_value(text, threshold, threshold.limit);
  text.put('\0');
  const char* name = threshold.name.data();
  if (status.state == State::kUnknown) {
    ap_log_error(APLOG_MARK, APLOG_WARNING, 0, server,
                 "RN0037: threshold %s is unknown: there is no value of %s", name,
                 threshold.text.data());
  } else if (status.state == State::kFine) {
    ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, server, "RN0036: threshold %s is fine again", name);
  } else {
    const std::string_view trace = status.trace();
    ap_log_error(APLOG_MARK, threshold.level == Level::kWarning ? APLOG_WARNING : APLOG_ERR, 0,
                 server, "RN0035: threshold %s is exceeded: %s is %s%s%.*s", name,
                 threshold.text.data(), text.written().data(),
                 trace.empty() ? "" : " trace_id=", static_cast<int>(trace.size()), trace.data());
  }
}

/// Looks at all thresholds, once a second.
inline void watch_thresholds(const server_rec* server, const Dropped& dropped,
                             std::int64_t now_us) {
  const std::int64_t wall_us = apr_time_now();
  const auto is_of_workers = [](const Watched& watched) {
    return watched.threshold->signal->kind == SignalKind::kBusy;
  };
  const Workers workers =
      std::ranges::any_of(watching.thresholds, is_of_workers) ? count_workers() : Workers();
  for (const Watched& watched : watching.thresholds) {
    if (!watched.memory) continue;
    std::array<char, 32> trace_id = {};
    const Reading reading = read_signal(watched, dropped, workers, trace_id, now_us, wall_us);
    const ThresholdStatus status =
        judge(*watched.threshold, *watched.memory, reading, trace_id, now_us, wall_us);
    if (should_tell(*watched.memory, status, now_us)) {
      tell_state(server, *watched.threshold, status);
    }
  }
}

/// Tells why a file of numbers, or the directory where there is no name, is not read.
inline void tell_dropped(const server_rec* server, std::string_view file, const char* reason) {
  constexpr std::int64_t kMinute = 60'000'000;
  constexpr unsigned kMost = 20;
  if (*reason == '\0') return;
  // Whoever may drop files must not fill the log.
  const std::int64_t now_us = now_by(CLOCK_MONOTONIC);
  if (now_us - watching.telling_us >= kMinute) {
    watching.telling_us = now_us;
    watching.told = 0;
  }
  if (watching.told == kMost) return;
  const bool is_last = ++watching.told == kMost;
  ap_log_error(APLOG_MARK, APLOG_WARNING, 0, server, "RN0038: ReqNotesMetricFiles %s%s%.*s %s%s",
               watching.files->directory, file.empty() ? "" : ": ", static_cast<int>(file.size()),
               file.data(), reason,
               is_last ? "; the page tells of more, and the log not before a minute" : "");
}

/// Reads the numbers of applications, once a second.
inline void read_numbers(const server_rec* server, Dropped& dropped) {
  if (!watching.files) return;
  read_dropped(
      watching.files->directory, apr_time_now(), std::int64_t{watching.files->stale_s} * 1'000'000,
      dropped,
      [server](std::string_view file, const char* reason) { tell_dropped(server, file, reason); });
  if (watching.dropped) publish(*watching.dropped, dropped);
}

// --- In all processes ---

inline ThresholdView view_threshold(const Watched& watched, std::int64_t now_us) {
  ThresholdView view = {.threshold = watched.threshold, .status = {}};
  if (watched.memory) view.status = read_status(*watched.memory, now_us);
  return view;
}

/// The states of all thresholds, for an answer.
inline std::span<const ThresholdView> view_thresholds(apr_pool_t* pool, std::int64_t now_us) {
  apr_array_header_t* views = apr_array_make(pool, 8, sizeof(ThresholdView));
  for (const Watched& watched : watching.thresholds) {
    push<ThresholdView>(views, view_threshold(watched, now_us));
  }
  return elements<const ThresholdView>(views);
}

inline std::span<const JobView> view_jobs(apr_pool_t* pool) {
  apr_array_header_t* views = apr_array_make(pool, 4, sizeof(JobView));
  for (const Job& job : watching.jobs) push<JobView>(views, job.view);
  return elements<const JobView>(views);
}

/// The numbers of applications, for an answer; null where none are read.
inline const Dropped* view_dropped(apr_pool_t* pool) {
  if (!watching.files || !watching.dropped) return nullptr;
  auto* const dropped = static_cast<Dropped*>(apr_pcalloc(pool, sizeof(Dropped)));
  if (!take(*watching.dropped, *dropped)) *dropped = {};
  return dropped;
}

}  // namespace reqnotes
