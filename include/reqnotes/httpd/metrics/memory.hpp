#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/flags/flag_files.hpp"
#include "reqnotes/httpd/line/duration.hpp"
#include "reqnotes/httpd/metrics/counters.hpp"
#include "reqnotes/httpd/metrics/watching.hpp"
#include "reqnotes/httpd/pool.hpp"
#include "reqnotes/httpd/trace/random_ids.hpp"
#include "reqnotes/metrics/busiest.hpp"
#include "reqnotes/metrics/key_hash.hpp"
#include "reqnotes/metrics/published.hpp"
#include "reqnotes/metrics/series.hpp"
#include "reqnotes/metrics/watch.hpp"
#include "reqnotes/metrics/window.hpp"

namespace reqnotes {

// The tables that all processes count in. They outlive a configuration: what the next one defines
// in the same way goes on, and what it does not name any more goes, once no process of the one
// before has it.

/// What all processes know of the monitor.
struct MonitorState {
  std::atomic<std::uint64_t> ticks;     ///< of all monitors together
  std::atomic<std::int64_t> last_tick;  ///< by the steady clock, in microseconds
};
constinit static MonitorState* monitor_state = nullptr;

/// A table's memory, or the monitor's. The list of them is kept with the process.
struct Segment {
  std::uint64_t key;
  std::span<std::byte> memory;
  apr_pool_t* pool;  ///< destroyed with it
  bool is_named;     ///< by the configuration that is being started
};

inline apr_array_header_t* segments_of(apr_pool_t* process_pool) {
  constexpr const char* kName = "reqnotes:counters";
  void* found = nullptr;
  apr_pool_userdata_get(&found, kName, process_pool);
  if (found) return static_cast<apr_array_header_t*>(found);
  apr_array_header_t* segments = apr_array_make(process_pool, 8, sizeof(Segment));
  // A copy of the name: this one goes when the module is loaded anew.
  apr_pool_userdata_set(segments, kName, nullptr, process_pool);
  return segments;
}

/// The memory of a key, as it was left or all zeros; empty where there is none.
inline std::span<std::byte> segment_of(apr_pool_t* process_pool, std::uint64_t key,
                                       std::size_t bytes) {
  apr_array_header_t* segments = segments_of(process_pool);
  for (Segment& segment : elements<Segment>(segments)) {
    if (segment.key != key || segment.memory.size() != bytes) continue;
    segment.is_named = true;
    return segment.memory;
  }
  apr_pool_t* pool = nullptr;
  apr_shm_t* shared = nullptr;
  if (apr_pool_create(&pool, process_pool) != APR_SUCCESS) return {};
  apr_pool_tag(pool, "reqnotes_counters");
  if (apr_shm_create(&shared, bytes, nullptr, pool) != APR_SUCCESS) {
    apr_pool_destroy(pool);
    return {};
  }
  auto* const base = static_cast<std::byte*>(apr_shm_baseaddr_get(shared));
  return push<Segment>(segments,
                       {.key = key, .memory = {base, bytes}, .pool = pool, .is_named = true})
      .memory;
}

/// Gives back what the configuration did not name. Processes that still have it go on with it.
inline void drop_segments(apr_pool_t* process_pool) {
  apr_array_header_t* segments = segments_of(process_pool);
  int kept = 0;
  for (Segment& segment : elements<Segment>(segments)) {
    if (!segment.is_named) {
      apr_pool_destroy(segment.pool);
      continue;
    }
    segment.is_named = false;
    elements<Segment>(segments)[static_cast<std::size_t>(kept++)] = segment;
  }
  segments->nelts = kept;
}

inline bool make_seed(HashSeed& seed) {
  unsigned char bytes[sizeof seed];
  if (!fill_random(bytes)) return false;
  std::memcpy(&seed, bytes, sizeof seed);
  return true;
}

/// The key of a table's memory: another layout is another table.
inline std::uint64_t layout_key(std::uint64_t key) {
  return mix_key(mix_key(mix_key(key, SeriesHeader::kVersion), WindowHeader::kVersion),
                 BusiestHeader::kVersion);
}

inline bool find_metric_table(apr_pool_t* process_pool, Metric& metric, std::uint32_t self) {
  const std::size_t series = series_bytes(metric.shape);
  const std::size_t bytes = series + windows_bytes(metric.shape);
  const std::span<std::byte> memory = segment_of(process_pool, layout_key(metric.shape.key), bytes);
  if (memory.empty()) return false;
  const std::span<std::byte> behind = memory.subspan(series);
  const auto table = find_series_table(memory.first(series), metric.shape, self);
  const auto windows = find_windows(behind, metric.shape);
  HashSeed seed;
  if (table && windows) {
    metric.view.table = *table;
    metric.view.windows = *windows;
  } else if (make_seed(seed)) {
    metric.view.table = create_series(memory.first(series), metric.shape, seed, self);
    // Where two children had to make it at once, one would count in `other`, which without labels
    // looks the same: Prometheus refuses the whole answer.
    if (metric.shape.labels == 0) find_series(metric.view.table, {});
    metric.view.windows = create_windows(behind, metric.shape);
  } else {
    return false;
  }
  return metric.is_counted = true;
}

inline bool find_list_table(apr_pool_t* process_pool, CountedKeys& list, std::uint32_t self) {
  const std::span<std::byte> memory =
      segment_of(process_pool, layout_key(list.shape.key), busiest_bytes(list.shape));
  if (memory.empty()) return false;
  const auto table = find_busiest_table(memory, list.shape, self);
  HashSeed seed;
  if (table) {
    list.view.table = *table;
  } else if (make_seed(seed)) {
    list.view.table = create_busiest(memory, list.shape, seed, self);
  } else {
    return false;
  }
  return list.is_counted = true;
}

inline bool find_monitor_state(apr_pool_t* process_pool) {
  constexpr std::uint64_t kMonitorKey = 0x6D6F6E69746F7231;
  const std::span<std::byte> memory = segment_of(process_pool, kMonitorKey, sizeof(MonitorState));
  monitor_state = memory.empty() ? nullptr : reinterpret_cast<MonitorState*>(memory.data());
  // One that was never seen is as old as the server, and not as the machine.
  std::int64_t never = 0;
  if (monitor_state)
    monitor_state->last_tick.compare_exchange_strong(never, now_by(CLOCK_MONOTONIC));
  return monitor_state;
}

/// Finds or makes the memory of what is watched. A state that has none is unknown.
inline bool find_watch_memory(apr_pool_t* process_pool) {
  bool has_all = true;
  for (Watched& watched : watching.thresholds) {
    const auto memory = segment_of(process_pool, watched.key, sizeof(WatchMemory));
    watched.memory = memory.empty() ? nullptr : reinterpret_cast<WatchMemory*>(memory.data());
    has_all = has_all && watched.memory;
    if (watched.memory) create_watch(*watched.memory);
  }
  if (!watching.files) return has_all;
  constexpr std::uint64_t kDroppedKey = 0x64726F7070656432;
  const std::uint64_t key = mix_key(kDroppedKey, text_of(watching.files->directory));
  const auto memory = segment_of(process_pool, key, sizeof(*watching.dropped));
  watching.dropped =
      memory.empty() ? nullptr : reinterpret_cast<Published<Dropped>*>(memory.data());
  return has_all && watching.dropped;
}

/// Finds or makes the memory of the files of flags. Where there is none, no flag is on.
inline bool find_flag_memory(apr_pool_t* process_pool, std::uint32_t self) {
  bool has_all = true;
  for (FlagFile& file : flag_files) {
    const auto memory = segment_of(process_pool, mix_key(file.key, "memory"), sizeof(FlagMemory));
    has_all = has_all && !memory.empty();
    if (memory.empty()) continue;
    Metric counted = {};
    counted.shape = file.shape;
    if (find_metric_table(process_pool, counted, self)) {
      file.view.table = counted.view.table;
      file.view.windows = counted.view.windows;
      const std::string_view all[] = {"", ""};
      file.all = &find_series(file.view.table, all);
      file.memory = reinterpret_cast<FlagMemory*>(memory.data());
    }
    has_all = has_all && file.memory;
  }
  return has_all;
}

/// Finds or makes the tables, in the parent before it has children. What gets no memory is not
/// counted, and a restart does not fail of it.
inline void find_tables(server_rec* main_server) {
  apr_pool_t* const process_pool = main_server->process->pool;
  const auto self = static_cast<std::uint32_t>(getpid());
  monitor_state = nullptr;
  bool has_all = counters.metrics.empty() || find_monitor_state(process_pool);
  for (Metric& metric : counters.metrics) {
    has_all = find_metric_table(process_pool, metric, self) && has_all;
  }
  for (CountedKeys& list : counters.lists) {
    has_all = find_list_table(process_pool, list, self) && has_all;
  }
  has_all = find_watch_memory(process_pool) && has_all;
  has_all = find_flag_memory(process_pool, self) && has_all;
  std::size_t bytes = 0;
  for (const Segment& segment : elements<Segment>(segments_of(process_pool))) {
    if (segment.is_named) bytes += segment.memory.size();
  }
  drop_segments(process_pool);
  if (!has_all) {
    ap_log_error(APLOG_MARK, APLOG_ERR, 0, main_server,
                 "RN0029: there is no shared memory for all that is to be counted; the rest is not "
                 "counted");
  }
  if (counters.metrics.empty()) return;
  std::uint32_t series = 0;
  for (const Metric& metric : counters.metrics) series += metric.shape.series;
  ap_log_error(APLOG_MARK, APLOG_INFO, 0, main_server,
               "RN0030: counting %lu metrics of up to %u series together and %lu lists, in %lu KB "
               "of shared memory",
               static_cast<unsigned long>(counters.metrics.size()), series,
               static_cast<unsigned long>(counters.lists.size()),
               static_cast<unsigned long>((bytes + 1023) / 1024));
}

/// Says whose process the tables are used by now, after a fork.
inline void own_tables() {
  const auto self = static_cast<std::uint32_t>(getpid());
  for (Metric& metric : counters.metrics) metric.view.table.self = self;
  for (CountedKeys& list : counters.lists) list.view.table.self = self;
  for (FlagFile& file : flag_files) file.view.table.self = self;
}

}  // namespace reqnotes
