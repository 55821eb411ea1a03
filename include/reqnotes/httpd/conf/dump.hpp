#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <span>
#include <string_view>

#include "reqnotes/facts/field.hpp"
#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/conf/directives.hpp"
#include "reqnotes/httpd/conf/tree.hpp"
#include "reqnotes/httpd/line/built_in.hpp"
#include "reqnotes/httpd/line/choice.hpp"
#include "reqnotes/line/formats.hpp"
#include "reqnotes/masks/mask.hpp"
#include "reqnotes/version.hpp"

namespace reqnotes {

/// What `httpd -t -D DUMP_REQNOTES` prints: the version, and for each server what counts there and
/// which line of the configuration says so. A key is never printed: only the name of its file is
/// known here.

/// Where the dump goes, and what it needs.
struct Dump {
  apr_file_t* out;
  apr_pool_t* pool;
};

inline void dump_origin(const Dump& dump, const Giving* given) {
  if (given) {
    apr_file_printf(dump.out, "  (%s:%d)\n", given->file, given->line);
  } else {
    apr_file_puts("  (default)\n", dump.out);
  }
}

inline void dump_line(const Dump& dump, int indent, const ap_directive_t* line) {
  apr_file_printf(dump.out, "%*s%s %s  (%s:%d)\n", indent, "", line->directive, line->args,
                  line->filename, line->line_num);
}

/// What counts outside of all sections.
inline void dump_directives(const Dump& dump, const ServerConfig& server,
                            const DirectoryConfig& place) {
  each_directive([&](const auto& row) {
    const auto& setting = kept_in(server, place, row.member);
    if constexpr (requires { setting.given; }) {
      if (!row.standard) return;
      const char* words = setting.given ? setting.given->words : row.standard;
      apr_file_printf(dump.out, "  %s %s", row.command.name, words);
      dump_origin(dump, setting.given);
    }
  });
}

inline void dump_fields(const Dump& dump, const ServerConfig& config) {
  constexpr const char* kPrivacies[] = {"plain", "hash", "last4"};
  constexpr const char* kLogs[] = {"", "access", "error", "access,error"};
  for (const Field& field : config.fields) {
    apr_file_printf(dump.out, "  Field %.*s", static_cast<int>(field.name.size()),
                    field.name.data());
    for (const Source& source : std::span(field.sources, field.source_count)) {
      const char* shape = source.expr ? " %s:\"%s\"" : source.kind->is_name ? " %s:%s" : " %s";
      apr_file_printf(dump.out, shape, source.kind->word.data(), source.name);
    }
    const char* type = "";
    for (const TypeName& row : kTypes) {
      if (row.type == field.options.type) type = row.name.data();
    }
    apr_file_printf(dump.out, " type=%s max=%lu privacy=%s logs=%s", type,
                    static_cast<unsigned long>(field.options.max),
                    kPrivacies[static_cast<std::size_t>(field.options.privacy)],
                    kLogs[field.options.logs]);
    if (!field.options.ecs.empty()) {
      apr_file_printf(dump.out, " ecs=%s", field.options.ecs.data());
    }
    if (!field.options.otel.empty()) {
      apr_file_printf(dump.out, " otel=%s", field.options.otel.data());
    }
    dump_origin(dump, field.given);
  }
}

/// What is counted is said in the main server alone.
inline void dump_counted(const Dump& dump, const ServerConfig& config) {
  const auto put = [&dump](const char* what, const Giving* given) {
    apr_file_printf(dump.out, "  %s %s", what, given->words);
    dump_origin(dump, given);
  };
  for (const auto& [name, metric] : elements<MetricDeclaration>(config.metrics)) {
    put("Metric", metric.given);
  }
  for (const auto& [name, threshold] : elements<ThresholdDeclaration>(config.thresholds)) {
    put("Threshold", threshold.given);
  }
  for (const auto& file : elements<Setting<const char*>>(config.threshold_files)) {
    put("Thresholds", file.given);
  }
  for (const auto& [name, job] : elements<JobDeclaration>(config.jobs)) put("Job", job.given);
}

/// The values of an access line that ReqNotesValues decides over.
inline void dump_values(const Dump& dump, const server_rec* server, const DirectoryConfig& place) {
  apr_file_puts("  Values", dump.out);
  const std::uint64_t values = Choice(server).values() & kSelectable;
  for (std::size_t at = 0; at < std::size(kBuiltIns); ++at) {
    if ((values & bit_of(at)) == 0) continue;
    apr_file_printf(dump.out, " %s", kBuiltIns[at].name.data());
  }
  if (values == 0) apr_file_puts(" nothing", dump.out);
  dump_origin(dump, place.values.given);
}

/// As ReqNotesMaskQuery has the names.
inline void dump_masks(const Dump& dump, const Setting<MaskList<NameTable>>& masks) {
  apr_file_puts("  Masked", dump.out);
  if (!masks.value.none) {
    for (std::string_view word : kSecretEndings) apr_file_printf(dump.out, " %s", word.data());
    for (std::string_view word : kSecretWords) apr_file_printf(dump.out, " %s", word.data());
  }
  for (auto* node = masks.value.nodes; node; node = node->outer) {
    const NameTable& table = *node->table;
    for (const NamePattern& name : std::span(table.patterns, table.first.back())) {
      constexpr const char* kStars[] = {"", "*", "*_"};
      apr_file_printf(dump.out, " %s%.*s", kStars[static_cast<std::size_t>(name.kind)],
                      static_cast<int>(name.text.size()), name.text.data());
    }
  }
  if (masks.value.none && !masks.value.nodes) apr_file_puts(" nothing", dump.out);
  dump_origin(dump, masks.given);
}

inline void dump_masked_paths(const Dump& dump, const Setting<MaskList<PathTable>>& masks) {
  apr_file_puts("  Masked paths", dump.out);
  for (auto* node = masks.value.nodes; node; node = node->outer) {
    for (std::string_view path : node->table->patterns) {
      apr_file_printf(dump.out, " %.*s", static_cast<int>(path.size()), path.data());
    }
  }
  if (!masks.value.nodes) apr_file_puts(" nothing", dump.out);
  dump_origin(dump, masks.given);
}

/// The last LogFormat below `first` with this nickname, or the one without any where that is empty.
inline const char* find_format(const Dump& dump, const ap_directive_t* first,
                               std::string_view nickname) {
  const char* found = nullptr;
  for (; first; first = first->next) {
    if (!is_called(first, "LogFormat")) continue;
    const auto words = words_of(dump.pool, first);
    if (!words.empty() && nickname == (words.size() > 1 ? words[1] : "")) found = words[0];
  }
  return found;
}

/// Says where a log or a key is, for programs: below ServerRoot unless it is absolute. A program
/// that reads a log is said as it is.
inline void dump_file(const Dump& dump, const char* what, const char* word) {
  const char* path = *word == '|' ? word : ap_server_root_relative(dump.pool, word);
  if (path) apr_file_printf(dump.out, "  %s file %s\n", what, path);
}

/// The same of the words of a directive of ours. `None` is no file.
inline void dump_files(const Dump& dump, const char* what, const Giving* given, std::size_t most) {
  const char* rest = given ? given->words : "";
  for (; *rest != '\0' && most != 0; --most) {
    const char* word = ap_getword_conf(dump.pool, &rest);
    if (ap_cstr_casecmp(word, "None") != 0) dump_file(dump, what, word);
  }
}

inline bool is_whole_record(const char* format) {
  return std::ranges::any_of(
      kFormats, [format](const FormatTag& row) { return std::strstr(format, row.tag); });
}

/// Prints a log, and the format that its nickname stands for. `own` counts before the main server.
inline void dump_log(const Dump& whole, const ap_directive_t* log, const ap_directive_t* own) {
  // Each log looks through all formats.
  Dump dump = whole;
  apr_pool_create(&dump.pool, whole.pool);
  dump_line(dump, 2, log);
  const auto words = words_of(dump.pool, log);
  const char* nickname = words.size() > 1 ? words[1] : "";
  const char* format = find_format(dump, own, nickname);
  if (!format) format = find_format(dump, ap_conftree, nickname);
  // A LogFormat without a nickname may name one.
  if (format && *nickname == '\0') {
    const char* named = find_format(dump, ap_conftree, format);
    if (named) format = named;
  }
  if (format) apr_file_printf(dump.out, "    %s is %s\n", *nickname ? nickname : "it", format);
  if (!words.empty() && is_whole_record(format ? format : nickname)) {
    dump_file(dump, "Access", words[0]);
  }
  apr_pool_destroy(dump.pool);
}

/// The access logs of a server. `own` is what its section holds, null for the main server.
inline void dump_access_logs(const Dump& dump, const ap_directive_t* own) {
  bool has_own = false;
  for (const ap_directive_t* line = own; line; line = line->next) {
    if (!is_access_log(line)) continue;
    has_own = true;
    dump_log(dump, line, own);
  }
  for (const ap_directive_t* line = ap_conftree; line; line = line->next) {
    if (is_access_log(line) && (!has_own || is_called(line, "GlobalLog"))) {
      dump_log(dump, line, own);
    }
  }
}

/// The last ErrorLogFormat below `first` for all lines, and those for the first line of a request
/// or a connection.
inline bool dump_error_formats(const Dump& dump, const ap_directive_t* first) {
  const ap_directive_t* last = nullptr;
  for (; first; first = first->next) {
    if (!is_called(first, "ErrorLogFormat")) continue;
    if (words_of(dump.pool, first).size() > 1) {
      dump_line(dump, 2, first);
    } else {
      last = first;
    }
  }
  if (last) dump_line(dump, 2, last);
  return last;
}

/// A virtual host without an ErrorLog of its own uses that of the main server.
inline void dump_error_logs(const Dump& dump, const char* name, const ap_directive_t* own) {
  apr_file_printf(dump.out, "  ErrorLog %s\n", name ? name : "");
  if (!dump_error_formats(dump, own) && !dump_error_formats(dump, ap_conftree)) {
    apr_file_puts("  ErrorLogFormat of httpd  (default)\n", dump.out);
  }
  // syslog is no file.
  if (name && ap_cstr_casecmpn(name, "syslog", 6) != 0) dump_file(dump, "Error", name);
}

inline bool is_ours(const ap_directive_t* line) {
  return ap_cstr_casecmpn(line->directive, "ReqNotes", 8) == 0;
}

/// The sections below `line` that hold directives of ours, with these.
inline void dump_sections(const Dump& dump, const ap_directive_t* line, int indent) {
  for (; line; line = line->next) {
    if (is_called(line, "<VirtualHost") || !any_directive(line->first_child, is_ours)) continue;
    dump_line(dump, indent, line);
    for (const ap_directive_t* inside = line->first_child; inside; inside = inside->next) {
      if (is_ours(inside)) dump_line(dump, indent + 2, inside);
    }
    dump_sections(dump, line->first_child, indent + 2);
  }
}

inline void dump_server(const Dump& dump, const server_rec* main_server, const server_rec* server) {
  const char* name = server->server_hostname ? server->server_hostname : "";
  const bool is_main = server == main_server;
  if (is_main) {
    apr_file_printf(dump.out, "\nMain server %s\n", name);
  } else {
    apr_file_printf(dump.out, "\nVirtual host %s  (%s:%u)\n", name, server->defn_name,
                    server->defn_line_number);
  }
  const DirectoryConfig& place = directory_config_of(server->lookup_defaults);
  const ServerConfig& config = config_of(server);
  const ap_directive_t* own = is_main ? nullptr : section_of(server);
  dump_directives(dump, config, place);
  dump_fields(dump, config);
  if (is_main) dump_counted(dump, config);
  dump_values(dump, server, place);
  dump_masks(dump, place.mask_query);
  dump_masked_paths(dump, place.mask_path);
  dump_access_logs(dump, own);
  dump_files(dump, "Error", config.error_log.given, 1);
  dump_files(dump, "Key", config.hash_key.given, 2);
  dump_error_logs(dump, server->error_fname ? server->error_fname : main_server->error_fname, own);
  dump_sections(dump, is_main ? ap_conftree : own, 2);
}

/// The virtual hosts in the order of the configuration: httpd keeps the last one first.
inline void dump_hosts(const Dump& dump, const server_rec* main_server, const server_rec* host) {
  if (!host) return;
  dump_hosts(dump, main_server, host->next);
  dump_server(dump, main_server, host);
}

/// Runs with `httpd -t`, after check_config.
inline void test_config(apr_pool_t* pool, server_rec* main_server) noexcept {
  if (!ap_exists_config_define("DUMP_REQNOTES")) return;
  Dump dump = {.out = nullptr, .pool = pool};
  if (apr_file_open_stdout(&dump.out, pool) != APR_SUCCESS) return;
  apr_file_printf(dump.out, "mod_reqnotes %s\n", kVersion);
  dump_server(dump, main_server, main_server);
  dump_hosts(dump, main_server, main_server->next);
  apr_file_puts("\n.htaccess files, which httpd reads with each request, are not shown.\n",
                dump.out);
}

}  // namespace reqnotes
