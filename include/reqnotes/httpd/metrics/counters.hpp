#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <span>
#include <string_view>

#include "reqnotes/facts/field.hpp"
#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/conf/fields.hpp"
#include "reqnotes/httpd/conf/tree.hpp"
#include "reqnotes/httpd/pool.hpp"
#include "reqnotes/metrics/busiest.hpp"
#include "reqnotes/metrics/key_hash.hpp"
#include "reqnotes/metrics/label.hpp"
#include "reqnotes/metrics/metric.hpp"
#include "reqnotes/metrics/report.hpp"
#include "reqnotes/metrics/series.hpp"

namespace reqnotes {

// What is counted, made of the directives when the configuration has been read. Its memory comes
// later; see httpd/metrics/memory.hpp.

/// A metric of all servers.
struct Metric {
  const MetricOptions* options;
  const Giving* given;  ///< null for the one that is always there
  SeriesShape shape;
  bool has_values;    ///< of the last label
  bool is_counted;    ///< whether `view` has tables
  bool is_told_full;  ///< by this process
  MetricView view;
};

/// A list of the busiest values of a field.
struct CountedKeys {
  BusiestShape shape;
  bool is_counted;
  BusiestView view;
};

struct Counters {
  std::span<Metric> metrics;
  std::span<CountedKeys> lists;
};

/// Those of this process; empty where nothing is counted.
constinit static Counters counters;

/// A label that is the same for all requests of a server, or the field that has it.
struct LabelSource {
  const Field* field;  ///< null where `fixed` has it
  std::string_view fixed;
};

/// A metric, as the fields of one server feed it.
struct CountedMetric {
  const Metric* metric;
  std::array<LabelSource, kLabelsMax> labels;
  std::array<const Field*, kSumsMax> sums;  ///< null where the server has no such field
  bool is_fixed;                            ///< no label comes from a field
  /// Then the series of all its requests; null before the first one.
  mutable std::atomic<Series*> series;
};

/// A list of the busiest, as one server feeds it.
struct CountedList {
  const CountedKeys* list;
  const Field* field;
};

struct ServerCounters {
  std::span<const CountedMetric> metrics;
  std::span<const CountedList> lists;  ///< those whose field the server has
};

/// Where a client can make any number of values.
inline bool is_from_client(const Field& field) {
  constexpr std::string_view kOurs[] = {"note", "response"};
  return std::ranges::any_of(
      std::span(field.sources, field.source_count), [&](const Source& source) {
        return std::ranges::find(kOurs, source.kind->word) == std::end(kOurs);
      });
}

inline bool is_summable(const Field& field) {
  return field.options.privacy == Privacy::kPlain &&
         (field.options.type == Type::kInteger || field.options.type == Type::kNumber);
}

/// A directive of the main server that is looked at as a whole.
struct Checked {
  apr_pool_t* pool;
  const server_rec* main_server;
  const char* what;  ///< such as "ReqNotesMetric api"
  const Giving* given;
};

/// Logs what is wrong.
///
/// why      what is to be said of `name`.
/// returns  false
inline bool refuse_as_whole(const Checked& checked, std::string_view name, const char* why) {
  ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_EMERG, 0, checked.main_server,
               "RN0028: %s at %s:%d: %.*s %s", checked.what,
               checked.given ? checked.given->file : "", checked.given ? checked.given->line : 0,
               static_cast<int>(name.size()), name.data(), why);
  return false;
}

/// What the servers say of a field together.
struct FieldUse {
  bool is_declared = false;
  bool is_from_client = false;
  bool is_logged = true;  ///< wherever it is declared, access lines have it
  bool is_summable = true;
  std::uint64_t privacies = 0;  ///< bits
};

inline FieldUse use_of(const server_rec* main_server, std::string_view name) {
  FieldUse use;
  for (const server_rec* server = main_server; server; server = server->next) {
    const Field* field = find_field(config_of(server).fields, name);
    if (!field) continue;
    use.is_declared = true;
    use.is_from_client = use.is_from_client || is_from_client(*field);
    use.is_logged = use.is_logged && (field->options.logs & kAccessLog) != 0;
    use.is_summable = use.is_summable && is_summable(*field);
    use.privacies |= std::uint64_t{1} << static_cast<unsigned>(field->options.privacy);
  }
  return use;
}

/// Whether a field can be counted by.
inline bool check_field(const Checked& checked, std::string_view name, const FieldUse& use) {
  if (!use.is_declared) {
    return refuse_as_whole(checked, name,
                           "is no field; declare it with ReqNotesField, or correct the name");
  }
  if (!use.is_logged) {
    return refuse_as_whole(checked, name,
                           "is left out of access lines by logs=error; what is counted is what "
                           "they have");
  }
  return true;
}

inline bool check_label(const Checked& checked, const MetricOptions& options, std::size_t which,
                        const FieldUse& use) {
  const std::string_view name = options.by.items[which];
  if (!check_field(checked, name, use)) return false;
  const bool has_values = options.values.count != 0 && which + 1 == options.by.count;
  if (use.is_from_client && !has_values) {
    return refuse_as_whole(checked, name,
                           "can come from the client, which could make any number of series; name "
                           "it last in by=, and what it may be in values=");
  }
  return true;
}

inline std::uint64_t mix_key(std::uint64_t key, std::string_view text) {
  constexpr HashSeed kFixed = {0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F};
  return hash_text(kFixed, key, text);
}
inline std::uint64_t mix_key(std::uint64_t key, std::uint64_t number) {
  char bytes[sizeof number];
  std::memcpy(bytes, &number, sizeof number);
  return mix_key(key, {bytes, sizeof bytes});
}

/// How many names the servers have, as vhost has them.
inline std::uint32_t count_hosts(apr_pool_t* pool, const server_rec* servers) {
  apr_table_t* names = apr_table_make(pool, 64);
  for (; servers; servers = servers->next) {
    if (servers->server_hostname) apr_table_setn(names, servers->server_hostname, "");
  }
  return static_cast<std::uint32_t>(entries_of(names).size());
}

/// Series of a metric. More hosts than before must not make another table of it at each restart.
inline std::uint32_t series_of(apr_pool_t* pool, const server_rec* main_server,
                               const MetricOptions& options) {
  if (options.series != 0) return options.series;
  if (options.by.count == 0) return 1;
  const bool is_by_host = options.by.count == 1 && options.by.items[0] == kVhostLabel;
  if (!is_by_host) return kSeriesDefault;
  const std::uint32_t hosts = std::bit_ceil(count_hosts(pool, main_server));
  return std::clamp(hosts, kSeriesDefault, kSeriesMax);
}

/// Makes a metric of what is declared.
///
/// returns  false where it cannot be; the error is logged.
inline bool compile_metric(const Checked& checked, const char* name, const MetricOptions& options,
                           Metric& metric) {
  apr_array_header_t* labels = apr_array_make(checked.pool, 3, sizeof(std::string_view));
  std::uint64_t key = mix_key(0, name);
  for (std::size_t which = 0; which < options.by.count; ++which) {
    const std::string_view field = options.by.items[which];
    const FieldUse use = use_of(checked.main_server, field);
    if (field != kVhostLabel && !check_label(checked, options, which, use)) return false;
    const std::string_view label =
        label_name(field, static_cast<char*>(apr_palloc(checked.pool, field.size())));
    if (label == "le" || label == "metric" || label == "quantile") {
      return refuse_as_whole(checked, field,
                             "is a label that Prometheus has of its own here; name the field "
                             "otherwise");
    }
    for (std::string_view other : elements<std::string_view>(labels)) {
      if (other == label) return refuse_as_whole(checked, field, "is the same label as another");
    }
    push<std::string_view>(labels, label);
    // A table must not go on with labels of another privacy.
    key = mix_key(mix_key(key, field), use.privacies);
  }
  apr_array_header_t* sums = apr_array_make(checked.pool, 4, sizeof(std::string_view));
  for (std::string_view field : options.sums.all()) {
    const FieldUse use = use_of(checked.main_server, field);
    if (!check_field(checked, field, use)) return false;
    if (!use.is_summable) {
      return refuse_as_whole(checked, field,
                             "cannot be added up; declare it with type=integer or type=number, and "
                             "without privacy=");
    }
    push<std::string_view>(
        sums, label_name(field, static_cast<char*>(apr_palloc(checked.pool, field.size()))));
    key = mix_key(key, field);
  }
  for (std::string_view value : options.values.all()) key = mix_key(key, value);
  metric.options = &options;
  metric.given = checked.given;
  metric.has_values = options.values.count != 0;
  metric.shape = {.key = key,
                  .series = series_of(checked.pool, checked.main_server, options),
                  .labels = static_cast<std::uint32_t>(options.by.count),
                  .sums = static_cast<std::uint32_t>(options.sums.count)};
  metric.view = {.name = name,
                 .labels = elements<const std::string_view>(labels),
                 .sums = elements<const std::string_view>(sums),
                 .buckets = options.buckets.all(),
                 .table = {},
                 .windows = {}};
  return true;
}

/// Takes the names of all samples and families of a metric, of which none may be twice: a summary
/// and a histogram write more than their own.
///
/// returns  one that was taken before, or nothing.
inline const char* take_names(apr_hash_t* taken, const MetricView& view) {
  apr_pool_t* const pool = apr_hash_pool_get(taken);
  const char* twice = nullptr;
  const auto take = [&](std::string_view what, std::initializer_list<const char*> ends) {
    for (const char* end : ends) {
      const char* name =
          apr_psprintf(pool, "%.*s_%.*s%s", static_cast<int>(view.name.size()), view.name.data(),
                       static_cast<int>(what.size()), what.data(), end);
      if (!twice && apr_hash_get(taken, name, APR_HASH_KEY_STRING)) twice = name;
      apr_hash_set(taken, name, APR_HASH_KEY_STRING, name);
    }
  };
  take("requests", {"", "_total", "_created"});
  take("duration_seconds", {"", "_bucket", "_count", "_sum", "_created"});
  for (std::string_view sum : view.sums) take(sum, {"", "_count", "_sum", "_created"});
  return twice;
}

/// What every answer has, whatever is counted.
constexpr std::string_view kReservedMetrics[] = {
    "series", "workers", "build", "monitor", "info", "flag", "file", "threshold", "job"};
constexpr const char* kReservedNames[] = {"series_other", "series_other_total",  "workers_busy",
                                          "workers_max",  "monitor_age_seconds", "build_info"};

inline bool check_names(apr_pool_t* pool, const server_rec* main_server,
                        std::span<const Metric> metrics) {
  std::uint32_t series = 0;
  apr_hash_t* const taken = apr_hash_make(pool);
  for (const char* name : kReservedNames) apr_hash_set(taken, name, APR_HASH_KEY_STRING, name);
  for (const Metric& metric : metrics) {
    const Checked checked = {
        .pool = pool,
        .main_server = main_server,
        .what = apr_pstrcat(pool, "ReqNotesMetric ", metric.view.name.data(), nullptr),
        .given = metric.given};
    for (std::string_view reserved : kReservedMetrics) {
      if (metric.view.name == reserved) {
        return refuse_as_whole(checked, reserved, "is the name of other families; choose another");
      }
    }
    for (std::string_view sum : metric.view.sums) {
      for (std::string_view own : {"requests", "duration_seconds"}) {
        if (sum.starts_with(own)) {
          return refuse_as_whole(checked, sum,
                                 "is what a metric has of itself; name the field otherwise");
        }
      }
    }
    if (const char* name = take_names(taken, metric.view)) {
      return refuse_as_whole(checked, name, "would be written for another metric or field too");
    }
    series += metric.shape.series;
    if (series > kAllSeriesMax) {
      return refuse_as_whole(
          checked, "all", "metrics together have more than 20000 series; give less with series=");
    }
  }
  return true;
}

inline bool compile_metrics(apr_pool_t* pool, const server_rec* main_server) {
  const auto declared = elements<const MetricDeclaration>(config_of(main_server).metrics);
  apr_array_header_t* metrics =
      apr_array_make(pool, static_cast<int>(declared.size()) + 1, sizeof(Metric));
  const auto add = [&](const char* name, const MetricOptions& options, const Giving* given) {
    const Checked checked = {.pool = pool,
                             .main_server = main_server,
                             .what = apr_pstrcat(pool, "ReqNotesMetric ", name, nullptr),
                             .given = given};
    return compile_metric(checked, name, options, push<Metric>(metrics, {}));
  };
  const auto is_automatic = [](const MetricDeclaration& declaration) {
    return std::string_view(declaration.name) == kAutomaticMetric;
  };
  if (!std::ranges::any_of(declared, is_automatic)) {
    auto& options = pool_new<MetricOptions>(pool);
    options.by.add(kVhostLabel);
    if (!add(kAutomaticMetric, options, nullptr)) return false;
  }
  for (const MetricDeclaration& declaration : declared) {
    if (!add(declaration.name, declaration.metric.value, declaration.metric.given)) return false;
  }
  counters.metrics = elements<Metric>(metrics);
  return check_names(pool, main_server, counters.metrics);
}

inline bool compile_lists(apr_pool_t* pool, const server_rec* main_server) {
  constexpr std::string_view kPrivacies[] = {"", "hash", "last4"};
  const Setting<BusiestOptions>& setting = config_of(main_server).busiest;
  apr_array_header_t* lists = apr_array_make(pool, 2, sizeof(CountedKeys));
  const Checked checked = {
      .pool = pool, .main_server = main_server, .what = "ReqNotesBusiest", .given = setting.given};
  for (std::string_view name : setting.value.fields) {
    const FieldUse use = use_of(main_server, name);
    if (!check_field(checked, name, use)) return false;
    const std::uint64_t key = mix_key(mix_key(1, name), use.privacies);
    const auto strictest = static_cast<std::size_t>(std::bit_width(use.privacies)) - 1;
    push<CountedKeys>(lists,
                      {.shape = {.key = key, .keys = setting.value.keys},
                       .is_counted = false,
                       .view = {.field = name, .privacy = kPrivacies[strictest], .table = {}}});
  }
  counters.lists = elements<CountedKeys>(lists);
  return true;
}

/// The value of the last label of a metric, which may have a list of those that it can be.
inline std::string_view allowed_label(const Metric& metric, std::string_view value) {
  const auto& values = metric.options->values;
  return values.count == 0 || value.empty() || values.has(value) ? value : kOtherLabel;
}

/// Tells which fields of a server what is counted comes from.
inline const ServerCounters& compile_server(apr_pool_t* pool, const server_rec* server,
                                            const ServerConfig& config) {
  char room[kLabelMax];
  const std::string_view host =
      make_label(server->server_hostname ? server->server_hostname : "", room);
  const std::string_view vhost = {apr_pstrmemdup(pool, host.data(), host.size()), host.size()};
  const std::size_t count = counters.metrics.size();
  auto* const metrics =
      static_cast<CountedMetric*>(apr_pcalloc(pool, count * sizeof(CountedMetric)));
  for (std::size_t at = 0; at < count; ++at) {
    auto& counted = *new (metrics + at) CountedMetric{};
    const Metric& metric = counters.metrics[at];
    counted.metric = &metric;
    counted.is_fixed = true;
    for (std::size_t which = 0; which < metric.shape.labels; ++which) {
      const std::string_view name = metric.options->by.items[which];
      const bool is_host = name == kVhostLabel;
      LabelSource& label = counted.labels[which];
      label = {.field = is_host ? nullptr : find_field(config.fields, name),
               .fixed = is_host ? vhost : std::string_view()};
      if (label.field) counted.is_fixed = false;
      if (which + 1 == metric.shape.labels) label.fixed = allowed_label(metric, label.fixed);
    }
    for (std::size_t which = 0; which < metric.shape.sums; ++which) {
      counted.sums[which] = find_field(config.fields, metric.options->sums.items[which]);
    }
  }
  apr_array_header_t* lists = apr_array_make(pool, 2, sizeof(CountedList));
  for (const CountedKeys& list : counters.lists) {
    const Field* field = find_field(config.fields, list.view.field);
    if (field) push<CountedList>(lists, {.list = &list, .field = field});
  }
  auto& of_server = pool_new<ServerCounters>(pool);
  of_server = {.metrics = {metrics, count}, .lists = elements<const CountedList>(lists)};
  return of_server;
}

/// Whether anything is to be counted.
inline bool is_counting(apr_pool_t* pool, const server_rec* main_server) {
  const ServerConfig& config = config_of(main_server);
  const bool is_asked = config.metrics->nelts != 0 || config.thresholds->nelts != 0 ||
                        config.jobs->nelts != 0 || config.busiest.given ||
                        config.metric_files.given;
  const auto has_flags = [](const server_rec* server) {
    for (; server; server = server->next) {
      if (config_of(server).enabled.value && config_of(server).flags.value.file) return true;
    }
    return false;
  };
  return is_asked || has_flags(main_server) ||
         any_directive(ap_conftree, [pool](const ap_directive_t* line) {
           return is_called(line, "ReqNotesPages") && says_on(pool, line);
         });
}

/// The configuration of one server alone: httpd lets virtual hosts that say nothing have that of
/// the main server, and each counts as itself.
inline ServerConfig& own_config(apr_pool_t* pool, server_rec* server,
                                const server_rec* main_server) {
  ServerConfig& config = config_of(server);
  if (server == main_server || &config != &config_of(main_server)) return config;
  void* const copy = apr_pmemdup(pool, &config, sizeof config);
  ap_set_module_config(server->module_config, &reqnotes_module, copy);
  return config_of(server);
}

/// Makes what is counted of the configuration.
///
/// returns  false where that cannot be; the error is logged.
inline bool compile_counters(apr_pool_t* pool, server_rec* main_server) {
  counters = {};
  if (!is_counting(pool, main_server)) return true;
  if (!compile_metrics(pool, main_server) || !compile_lists(pool, main_server)) return false;
  for (server_rec* server = main_server; server; server = server->next) {
    ServerConfig& config = own_config(pool, server, main_server);
    config.counters = config.enabled.value ? &compile_server(pool, server, config) : nullptr;
  }
  return true;
}

}  // namespace reqnotes
