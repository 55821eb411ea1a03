#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "reqnotes/facts/field.hpp"
#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/facts/hash_key.hpp"
#include "reqnotes/httpd/facts/note_index.hpp"
#include "reqnotes/httpd/facts/sources.hpp"
#include "reqnotes/httpd/output/log_file.hpp"
#include "reqnotes/httpd/pool.hpp"
#include "reqnotes/httpd/trace/networks.hpp"
#include "reqnotes/line/encode.hpp"
#include "reqnotes/masks/names.hpp"
#include "reqnotes/masks/path.hpp"
#include "reqnotes/metrics/metric.hpp"
#include "reqnotes/metrics/threshold.hpp"
#include "reqnotes/trace/trace_context.hpp"

namespace reqnotes {

/// Where a directive was given, and as which words.
struct Giving {
  const char* words;
  const char* file;
  std::string_view meant;  ///< the file, as file_of has it
  int line;
  Giving* before;  ///< by another file, for the same place; null is none
};

/// Most fields of one server.
constexpr std::size_t kMaxFields = 64;

/// A declared field, ready for the request path.
struct Field {
  std::string_view name;
  FieldOptions options = {};
  const Source* sources = nullptr;
  std::size_t source_count = 0;
  std::size_t index = 0;              ///< its place among the fields of a server
  const HashKey* hash_key = nullptr;  ///< of privacy=hash
  const Giving* given = nullptr;      ///< null for a default field
  /// In the place of a list among the fields that are notes: that list. It is in no log itself, so
  /// that it is looked at only where a field would be passed over.
  const Field* list = nullptr;
  // Of what is shown: a private value is a string, and short.
  Called called[kNamings] = {};
  std::uint16_t shown_max = 0;  ///< most bytes that are written of it; 0 is any
};

/// What one directive was given, the last time first; null is "not given here, inherit".
template <class T>
struct Setting {
  T value = {};
  Giving* given = nullptr;
};

/// What ReqNotesField says of one name: a declaration, or a removal where `field` has no sources.
struct Declaration {
  const char* name;
  Setting<Field> field;
  const server_rec* server;  ///< where it was written, which merging does not change
};

/// Whether a removal takes back what a file before it has declared.
inline bool was_declared(const Giving& removal) {
  const Giving* given = removal.before;
  while (given && *given->words == '!') given = given->before;
  return given != nullptr;
}

/// The formats of a trace context, by their names in OpenTelemetry's OTEL_PROPAGATORS.
enum class TraceFormat : std::uint8_t { kTraceContext, kB3, kB3Multi };
constexpr std::string_view kTraceFormatNames[] = {"tracecontext", "b3", "b3multi"};
constexpr std::size_t kTraceFormats = std::size(kTraceFormatNames);

struct TraceFormatList {
  TraceFormat formats[kTraceFormats];
  std::size_t count;
};

/// The peers whose trace context is continued.
struct TrustedPeers {
  bool all;
  const apr_array_header_t* networks;  ///< of apr_ipsubnet_t*; null is none
};

/// What one line of ReqNotesMaskQuery or ReqNotesMaskPath names, in a list with those of outer
/// places.
template <class Table>
struct MaskNode {
  const Table* table;
  const MaskNode* outer;  ///< null at the end
};

template <class Table>
struct MaskList {
  bool none;  ///< not what is masked by default, nor what stands in outer places
  const MaskNode<Table>* nodes;
};

/// Which values of its own a line has, beside the usual ones and without some of these: bits by
/// their places in kBuiltIns, none of them in both; see httpd/line/built_in.hpp.
struct ValueChoice {
  std::uint64_t on;
  std::uint64_t off;
};

/// What is written of a client's address, the most first.
enum class ClientForm : std::uint8_t { kFull, kNetwork, kHash, kNone };
constexpr std::string_view kClientForms[] = {"full", "network", "hash", "none"};

/// What ReqNotesMetric says of one name.
struct MetricDeclaration {
  const char* name;
  Setting<MetricOptions> metric;
};

/// Most fields that have a list of their busiest values.
constexpr std::size_t kListsMax = 8;
constexpr std::uint32_t kBusiestKeysDefault = 4096;

struct BusiestOptions {
  std::span<const std::string_view> fields;
  std::uint32_t keys = kBusiestKeysDefault;  ///< of each list
};

/// What ReqNotesThreshold says of one name.
struct ThresholdDeclaration {
  const char* name;
  Setting<Threshold> threshold;
};

/// What ReqNotesJob says of one name.
struct JobOptions {
  std::span<const std::string_view> thresholds;
  std::uint32_t retry_s = 30;  ///< after which it may ask again
};
struct JobDeclaration {
  const char* name;
  Setting<JobOptions> job;
};

/// Where applications drop numbers.
struct MetricFiles {
  const char* directory;
  std::uint32_t stale_s = 300;  ///< from when on a number does not count any more
};

/// What a percentage of a flag is decided by.
enum class FlagsBy : std::uint8_t { kEach, kCookie, kRequest, kClient };

/// What ReqNotesFlags says.
struct FlagsOptions {
  const char* file;  ///< null for None
  FlagsBy by;
  const char* by_name;  ///< of the cookie or the header
  const char* header;   ///< that backends get; null for none
  const char* trips;    ///< a file; null for none
};

/// What ReqNotesService says; null is not given.
struct Service {
  const char* name;
  const char* version;
  const char* host = nullptr;  ///< of this machine, where a name is given
};

/// The field that says what a request asked of the flags.
constexpr const char* kFlagsField = "flags";

struct FlagFile;
struct ServerCounters;

/// More than any level of a message.
constexpr int kNoLevel = APLOG_LEVELMASK + 1;

struct MessageFormat;

/// Where messages go, and as what; see httpd/output/message_format.hpp.
struct ErrorLog {
  const char* name;  ///< a file, or "|program"; null for None
  const MessageFormat* format;
};

struct ServerConfig {
  Setting<bool> enabled;
  Setting<TrustedPeers> trace_accept;
  Setting<TraceFormatList> trace_formats = {
      .value = {.formats = {TraceFormat::kTraceContext}, .count = 1}};
  Setting<SampleRatio> trace_sample;
  Setting<const HashKey*> hash_key;
  Setting<const char*> request_id;  ///< the header's name; null for None
  Setting<ErrorLog> error_log;
  Setting<std::size_t> line_limit = {.value = kLineLimit};  ///< bytes, with the newline
  Setting<FlagsOptions> flags;
  Setting<Service> service;
  Setting<bool> no_access_log;      ///< Off is true, as On is the default
  Setting<BusiestOptions> busiest;  ///< of the main server
  apr_array_header_t* declarations;
  // Of the main server.
  apr_array_header_t* metrics;
  apr_array_header_t* thresholds;
  apr_array_header_t* threshold_files;  ///< of Setting<const char*>
  apr_array_header_t* jobs;
  Setting<MetricFiles> metric_files;
  /// Of any place of this server, but not of an .htaccess.
  const MaskNode<NameTable>* masked_names;
  const MaskNode<PathTable>* masked_paths;

  /// Compiled from the declarations when the configuration has been read.
  std::span<const Field> fields;
  std::span<const ap_expr_info_t* const> expressions;
  std::span<const char* const> note_keys;  ///< of the note: sources, each once
  KeyIndex notes;                          ///< of note_keys
  /// The field that is that note and no list, by note_keys, or one that no log gets.
  std::span<const Field* const> note_fields;
  std::span<const Field* const> other_fields;
  const ServerCounters* counters;  ///< null where nothing is counted
  const FlagFile* flag_file;       ///< null where there are no flags
  const Field* flags_field;        ///< null where it was removed
  LogFile* error_log_file;         ///< null where there is none
  std::string_view span_begin;     ///< see put_otlp_begin
  std::string_view log_begin;      ///< the same for log records
  int fields_item_level;           ///< least level of messages that have `%N`, or kNoLevel
  bool asks_access;                ///< whether any log depends on kAccessVariable
};

struct DirectoryConfig {
  Setting<bool> no_error_summary;                     ///< Off is true, as On is the default
  Setting<const char*> response_headers;              ///< the prefix; null for None
  Setting<const apr_array_header_t*> trace_response;  ///< of const char*, header names
  Setting<bool> start_message;
  Setting<MaskList<NameTable>> mask_query;
  Setting<MaskList<PathTable>> mask_path;
  Setting<ValueChoice> values;
  Setting<ClientForm> client;
  Setting<const char*> pages;  ///< of which place, such as "/reqnotes"; null is Off
};

/// What a directive means that was given before, by another file or an outer place: the last one
/// counts.
template <class T>
const T& given_after(apr_pool_t*, const T&, const T& last) {
  return last;
}

/// What a mask names adds to what was named before it.
template <class Table>
MaskList<Table> given_after(apr_pool_t* pool, const MaskList<Table>& first,
                            const MaskList<Table>& last) {
  if (last.none || !first.nodes) return {.none = first.none || last.none, .nodes = last.nodes};
  MaskList<Table> both = first;
  const MaskNode<Table>** end = &both.nodes;
  for (const MaskNode<Table>* node = last.nodes; node; node = node->outer) {
    auto& copy = pool_new<MaskNode<Table>>(pool);
    copy = {.table = node->table, .outer = first.nodes};
    *end = &copy;
    end = &copy.outer;
  }
  return both;
}

/// Choosing a value again undoes that it was taken away, and the other way round.
inline ValueChoice given_after(apr_pool_t*, const ValueChoice& first, const ValueChoice& last) {
  return {.on = (first.on & ~last.off) | last.on, .off = (first.off & ~last.on) | last.off};
}

/// Puts what an outer place says beside what `inner` says. httpd also merges sections among
/// themselves.
template <class T>
void merge_into(apr_pool_t* pool, const Setting<T>& outer, Setting<T>& inner) {
  if (!inner.given) {
    inner = outer;
  } else if (outer.given) {
    inner.value = given_after(pool, outer.value, inner.value);
  }
}
inline void merge_into(apr_pool_t* pool, const apr_array_header_t* outer,
                       apr_array_header_t*& inner) {
  inner = apr_array_append(pool, outer, inner);
}

inline ServerConfig& config_of(const server_rec* server) {
  return *static_cast<ServerConfig*>(ap_get_module_config(server->module_config, &reqnotes_module));
}

inline const DirectoryConfig& directory_config_of(const ap_conf_vector_t* place) {
  return *static_cast<DirectoryConfig*>(ap_get_module_config(place, &reqnotes_module));
}
inline const DirectoryConfig& directory_config_of(const request_rec* r) {
  return directory_config_of(r->per_dir_config);
}

/// The configuration of a server where ReqNotes is On, otherwise null. mod_cgid logs with a
/// server_rec that has no configuration at all.
inline const ServerConfig* enabled_config(const server_rec* server) {
  if (!server || !server->module_config) return nullptr;
  const ServerConfig& config = config_of(server);
  return config.enabled.value ? &config : nullptr;
}

/// How many of `servers`, a list, have ReqNotes On.
inline int count_enabled(const server_rec* servers) {
  int count = 0;
  for (; servers; servers = servers->next) count += enabled_config(servers) ? 1 : 0;
  return count;
}

inline void* create_server_config(apr_pool_t* pool, server_rec*) noexcept {
  ServerConfig& config = pool_new<ServerConfig>(pool);
  config.declarations = apr_array_make(pool, 4, sizeof(Declaration));
  config.metrics = apr_array_make(pool, 1, sizeof(MetricDeclaration));
  config.thresholds = apr_array_make(pool, 1, sizeof(ThresholdDeclaration));
  config.threshold_files = apr_array_make(pool, 1, sizeof(Setting<const char*>));
  config.jobs = apr_array_make(pool, 1, sizeof(JobDeclaration));
  return &config;
}

inline void* create_directory_config(apr_pool_t* pool, char*) noexcept {
  return &pool_new<DirectoryConfig>(pool);
}

}  // namespace reqnotes
