#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "reqnotes/flags/flag_state.hpp"
#include "reqnotes/flags/flags_file.hpp"
#include "reqnotes/flags/published_flags.hpp"
#include "reqnotes/flags/trip.hpp"
#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/conf/fields.hpp"
#include "reqnotes/httpd/metrics/counters.hpp"
#include "reqnotes/httpd/pool.hpp"
#include "reqnotes/metrics/published.hpp"
#include "reqnotes/metrics/report.hpp"
#include "reqnotes/metrics/series.hpp"
#include "reqnotes/metrics/window.hpp"

namespace reqnotes {

// The files of flags that the servers name, each once. Their memory comes later, with that of what
// is counted.

constexpr std::size_t kFlagFilesMax = 16;

/// What all processes have of a file of flags.
struct FlagMemory {
  static constexpr std::uint64_t kVersion = 1;

  PublishedFlags view;
  Published<FlagState> state;
};

/// What the monitor keeps of a file between its looks.
struct FlagWatch;

struct FlagFile {
  const char* path;
  const char* trips;  ///< null where none is given
  std::uint64_t key;
  SeriesShape shape;
  FlagMemory* memory;  ///< null where there is none; then no flag is on
  MetricView view;     ///< counts what was asked
  Series* all;         ///< counts what could have asked
  FlagWatch* watch;    ///< null but in the monitor
};

/// Those of this process.
constinit static std::span<FlagFile> flag_files;

/// Finds the file of a server's flags among those that are known, or adds it.
///
/// returns  false where it cannot be; the error is logged.
inline bool add_flag_file(apr_pool_t* pool, const server_rec* main_server, ServerConfig& config,
                          apr_array_header_t* files) {
  constexpr static std::string_view kLabels[] = {"flag", "state"};
  const Setting<FlagsOptions>& setting = config.flags;
  const Checked checked = {
      .pool = pool, .main_server = main_server, .what = "ReqNotesFlags", .given = setting.given};
  const std::string_view path = setting.value.file;
  const char* const trips = setting.value.trips;
  for (FlagFile& file : elements<FlagFile>(files)) {
    if (file.path != path) continue;
    config.flag_file = &file;
    const bool is_same = text_of(trips) == text_of(file.trips);
    return is_same || refuse_as_whole(checked, path, "has another trips= elsewhere; give the same");
  }
  if (static_cast<std::size_t>(files->nelts) == kFlagFilesMax) {
    return refuse_as_whole(checked, path, "is one file more than 16");
  }
  // With another trips= too, what is off stays off.
  const std::uint64_t key = mix_key(mix_key(3, path), FlagMemory::kVersion * sizeof(FlagMemory));
  const SeriesShape shape = flag_shape(key);
  config.flag_file = &push<FlagFile>(files, {.path = setting.value.file,
                                             .trips = trips,
                                             .key = key,
                                             .shape = shape,
                                             .memory = nullptr,
                                             .view = {.name = "flag",
                                                      .labels = kLabels,
                                                      .sums = {},
                                                      .buckets = {},
                                                      .table = {},
                                                      .windows = {}},
                                             .all = nullptr,
                                             .watch = nullptr});
  return true;
}

/// Collects the files of flags of all servers where ReqNotes is On.
///
/// returns  false where that cannot be; the error is logged.
inline bool compile_flags(apr_pool_t* pool, server_rec* main_server) {
  // Its elements stay where they are.
  apr_array_header_t* files = apr_array_make(pool, kFlagFilesMax, sizeof(FlagFile));
  for (server_rec* server = main_server; server; server = server->next) {
    ServerConfig& config = config_of(server);
    config.flag_file = nullptr;
    if (!config.enabled.value || !config.flags.value.file) continue;
    if (!add_flag_file(pool, main_server, config, files)) return false;
    config.flags_field = find_field(config.fields, kFlagsField);
  }
  flag_files = elements<FlagFile>(files);
  return true;
}

/// The files of flags, for an answer.
inline std::span<const FlagsFileView> view_flags(apr_pool_t* pool) {
  apr_array_header_t* views = apr_array_make(pool, 2, sizeof(FlagsFileView));
  for (const FlagFile& file : flag_files) {
    if (!file.memory) continue;
    auto* const state = static_cast<FlagState*>(apr_pcalloc(pool, sizeof(FlagState)));
    if (!take(file.memory->state, *state)) *state = {};
    push<FlagsFileView>(views, {.path = file.path,
                                .state = state,
                                .table = file.view.table,
                                .windows = file.view.windows});
  }
  return elements<const FlagsFileView>(views);
}

}  // namespace reqnotes
