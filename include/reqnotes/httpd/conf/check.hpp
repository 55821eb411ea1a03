#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <string_view>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/conf/fields.hpp"
#include "reqnotes/httpd/conf/otlp.hpp"
#include "reqnotes/httpd/conf/tree.hpp"
#include "reqnotes/httpd/errors/fields_item.hpp"
#include "reqnotes/httpd/errors/start_message.hpp"
#include "reqnotes/httpd/flags/flag_files.hpp"
#include "reqnotes/httpd/flags/watch_flags.hpp"
#include "reqnotes/httpd/line/access_log.hpp"
#include "reqnotes/httpd/line/access_variable.hpp"
#include "reqnotes/httpd/line/connection_id.hpp"
#include "reqnotes/httpd/line/first_byte.hpp"
#include "reqnotes/httpd/line/wire.hpp"
#include "reqnotes/httpd/masks/masking.hpp"
#include "reqnotes/httpd/metrics/counters.hpp"
#include "reqnotes/httpd/metrics/pages.hpp"
#include "reqnotes/httpd/metrics/watching.hpp"
#include "reqnotes/httpd/trace/sampled.hpp"
#include "reqnotes/line/encode.hpp"
#include "reqnotes/text/slice.hpp"

namespace reqnotes {

/// Whether `tag` has a value of this name, whatever is declared.
inline bool is_own_name(std::string_view name, std::string_view tag) {
  if (tag != "N") return find_built_in(name, kAccessLine) != nullptr;
  return name == "client" || std::ranges::find(kIds, name, &Id::name) != std::end(kIds);
}

inline bool is_known_name(const server_rec* main_server, std::string_view name,
                          std::string_view tag) {
  if (is_own_name(name, tag)) return true;
  for (const server_rec* server = main_server; server; server = server->next) {
    if (find_field(config_of(server).fields, name)) return true;
  }
  return false;
}

/// Warns about `%{NAME}` before `tag` where no server declares NAME: it could never match.
inline void check_tags(const server_rec* main_server, const ap_directive_t* directive,
                       std::string_view tag) {
  std::string_view format = directive->args;
  for (;;) {
    const std::size_t end = format.find('}');
    if (end == kNpos) return;
    const std::size_t begin = prefix(format, end).rfind('{');
    const std::string_view after = suffix(format, end + 1);
    if (begin != kNpos && after.starts_with(tag)) {
      const std::string_view name = slice(format, begin + 1, end - begin - 1);
      if (!is_known_name(main_server, name, tag)) {
        ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_WARNING, 0, main_server,
                     "RN0003: %s at %s:%d has %%{%.*s}%s, but no ReqNotesField declares it: it "
                     "will always be empty",
                     directive->directive, directive->filename, directive->line_num,
                     static_cast<int>(name.size()), name.data(), tag.data());
      }
    }
    format = after;
  }
}

inline void check_formats(const server_rec* main_server) {
  any_directive(ap_conftree, [main_server](const ap_directive_t* line) {
    if (is_access_log(line) || is_called(line, "LogFormat")) check_tags(main_server, line, "^RF");
    if (is_called(line, "ErrorLogFormat")) check_tags(main_server, line, "N");
    return false;
  });
}

/// Whether there is a key where clients are hashed.
inline bool check_client_key(apr_pool_t* pool, const server_rec* main_server) {
  if (config_of(main_server).hash_key.value) return true;
  return !any_directive(ap_conftree, [pool, main_server](const ap_directive_t* line) {
    if (!is_called(line, "ReqNotesClient")) return false;
    const auto words = words_of(pool, line);
    if (words.empty() || ap_cstr_casecmp(words[0], "hash") != 0) return false;
    ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_EMERG, 0, main_server,
                 "RN0009: ReqNotesClient hash at %s:%d needs a key; give its file with "
                 "ReqNotesHashKey in the main server",
                 line->filename, line->line_num);
    return true;
  });
}

/// Whether any place has chosen this value by name.
inline bool is_chosen_anywhere(apr_pool_t* pool, std::string_view value) {
  return any_directive(ap_conftree, [pool, value](const ap_directive_t* line) {
    if (!is_called(line, "ReqNotesValues")) return false;
    return std::ranges::any_of(words_of(pool, line), [value](std::string_view word) {
      return word == value || (word.starts_with('+') && suffix(word, 1) == value);
    });
  });
}

/// Warns about fields that are declared where no request will ever read them.
inline void check_enabled(server_rec* main_server) {
  const bool any = count_enabled(main_server) != 0;
  for (server_rec* server = main_server; server; server = server->next) {
    if (config_of(server).enabled.value || (any && server == main_server)) continue;
    for (const Declaration& declaration : elements<Declaration>(config_of(server).declarations)) {
      if (declaration.server != server) continue;
      const Giving& given = *declaration.field.given;
      ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_WARNING, 0, server,
                   "RN0004: ReqNotesField %s at %s:%d has no effect: ReqNotes is Off here",
                   declaration.name, given.file, given.line);
    }
  }
}

/// Whether `line`, of ours, stands in a section that has a LogLevel of its own.
inline bool has_own_level(const ap_directive_t* line) {
  const ap_directive_t* section = line->parent;
  if (!section || is_called(section, "<VirtualHost")) return false;
  for (line = section->first_child; line; line = line->next) {
    if (is_called(line, "LogLevel")) return true;
  }
  return false;
}

/// Warns about start messages that LogLevel does not let through.
///
/// line   the first of those that are read for `server`.
inline void check_start_messages(apr_pool_t* pool, const server_rec* server,
                                 const ap_directive_t* line) {
  for (; line; line = line->next) {
    if (is_called(line, "<VirtualHost")) continue;
    check_start_messages(pool, server, line->first_child);
    if (!is_called(line, "ReqNotesStartMessage") || !says_on(pool, line) || has_own_level(line)) {
      continue;
    }
    ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_WARNING, 0, server,
                 "RN0027: ReqNotesStartMessage On at %s:%d has no effect: LogLevel leaves its "
                 "messages out here; say LogLevel reqnotes:info",
                 line->filename, line->line_num);
  }
}

inline void check_start_messages(apr_pool_t* pool, const server_rec* main_server) {
  tells_starts = any_directive(ap_conftree, [pool](const ap_directive_t* line) {
    return is_called(line, "ReqNotesStartMessage") && says_on(pool, line);
  });
  for (const server_rec* server = main_server; server; server = server->next) {
    if (APLOG_IS_LEVEL(server, APLOG_INFO)) continue;
    check_start_messages(pool, server, server == main_server ? ap_conftree : section_of(server));
  }
}

/// Why httpd could not start the program of "|...", or null. It looks for no program along PATH.
inline const char* check_program(apr_pool_t* pool, const char* name) {
  const PipedProgram program = piped_program(name);
  char** words = nullptr;
  if (program.is_shell) return nullptr;  // a command for the shell
  struct stat info = {};
  if (apr_tokenize_to_argv(program.text, &words, pool) != APR_SUCCESS || !words[0] || !*words[0]) {
    return "no program can be read from it; give one with its full path";
  }
  if (*words[0] != '/') return "give the program with its full path";
  if (stat(words[0], &info) != 0 || !S_ISREG(info.st_mode) || access(words[0], X_OK) != 0) {
    return "there is no such program to run; give one with its full path";
  }
  return nullptr;
}

/// Why a file of this name could not be a log, or null.
inline const char* check_path(apr_pool_t* pool, const char* name) {
  const char* path = ap_server_root_relative(pool, name);
  const char* directory = path ? ap_make_dirstr_parent(pool, path) : nullptr;
  struct stat info = {};
  if (!directory || stat(directory, &info) != 0 || !S_ISDIR(info.st_mode)) {
    return "its directory does not exist; give a file in one that does";
  }
  const bool exists = stat(path, &info) == 0;
  const char* why = exists ? check_kind(info) : nullptr;
  if (why) return why;
  return access(exists ? path : directory, W_OK) == 0
             ? nullptr
             : "it cannot be written; give a file that can be, or \"|program\"";
}

/// Whether the log of `server` can be opened, as far as that can be told without opening it.
inline bool check_error_log(apr_pool_t* pool, const server_rec* server) {
  const ServerConfig& config = config_of(server);
  const char* name = config.error_log.value.name;
  if (!name || !config.enabled.value) return true;
  const char* why = *name == '|' ? check_program(pool, name) : check_path(pool, name);
  if (!why) return true;
  ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_EMERG, 0, server,
               "RN0007: ReqNotesErrorLog %s: %s", name, why);
  return false;
}

/// Whether each file has one format. Names that are the same file in other words are not known to
/// be; open_logs does not either.
///
/// logs   the formats of the servers before, by the name of the log.
inline bool check_log_format(const server_rec* server, apr_hash_t* logs) {
  const ServerConfig& config = config_of(server);
  const auto& [name, format] = config.error_log.value;
  if (!name || !config.enabled.value) return true;
  const auto* other =
      static_cast<const MessageFormat*>(apr_hash_get(logs, name, APR_HASH_KEY_STRING));
  if (!other) apr_hash_set(logs, name, APR_HASH_KEY_STRING, format);
  if (!other || other == format) return true;
  ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_EMERG, 0, server,
               "RN0007: ReqNotesErrorLog %s: this log is %s for one server and %s for another; "
               "give it one format, or another file",
               name, other->word, format->word);
  return false;
}

/// Whether any log is written by the names of ECS.
inline bool writes_ecs(apr_pool_t* pool, const server_rec* main_server) {
  for (const server_rec* server = main_server; server; server = server->next) {
    const MessageFormat* format = config_of(server).error_log.value.format;
    if (format && format->naming == Naming::kEcs) return true;
  }
  return any_directive(ap_conftree, [pool](const ap_directive_t* line) {
    if (!is_access_log(line) && !is_called(line, "LogFormat")) return false;
    return std::ranges::any_of(words_of(pool, line), [](const char* word) {
      return std::string_view(word).find("^RE") != kNpos;
    });
  });
}

/// Whether the fields of a server have names in ECS that can stand beside each other. Where no log
/// has them, only names that the operator has given can be wrong.
inline bool check_ecs_names(const server_rec* server, bool is_written) {
  const std::span<const Field> fields = config_of(server).fields;
  const auto name_of = [](const Field& field) {
    return field.called[static_cast<std::size_t>(Naming::kEcs)].name;
  };
  for (const Field& field : fields) {
    if (is_written && std::ranges::find(kEcsNames, name_of(field)) != std::end(kEcsNames)) {
      ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_EMERG, 0, server,
                   "RN0015: ReqNotesField %s at %s:%d: in ECS it is %s, which the line has of "
                   "itself; give it another name with ecs=",
                   field.name.data(), field.given->file, field.given->line, name_of(field).data());
      return false;
    }
    for (const Field& other : fields.first(field.index)) {
      const bool counts = is_written || !field.options.ecs.empty() || !other.options.ecs.empty();
      const bool differs =
          name_of(field) != name_of(other) && !clash(name_of(field), name_of(other));
      if (!counts || differs) continue;
      const Field& later = field.given ? field : other;
      const Field& first = field.given ? other : field;
      ap_log_error(
          APLOG_MARK, APLOG_STARTUP | APLOG_EMERG, 0, server,
          "RN0015: ReqNotesField %s at %s:%d: in ECS it is %s, which cannot be kept beside "
          "the %s of %s; give one of them another name with ecs=",
          later.name.data(), later.given->file, later.given->line, name_of(later).data(),
          name_of(first).data(), first.name.data());
      return false;
    }
  }
  return true;
}

/// Least bytes of a line where any log is in ECS, so that no id is cut.
constexpr std::size_t kEcsLineLow = 1024;

inline bool check_ecs_room(const server_rec* server, bool is_written) {
  const ServerConfig& config = config_of(server);
  if (!is_written || !config.enabled.value || config.line_limit.value >= kEcsLineLow) return true;
  ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_EMERG, 0, server,
               "RN0046: ReqNotesLineLimit %lu is too little for %%^RE and for ReqNotesErrorLog "
               "with ecs; give at least %lu",
               static_cast<unsigned long>(config.line_limit.value),
               static_cast<unsigned long>(kEcsLineLow));
  return false;
}

/// Whether threads have stack enough to make a line of the JSON error log, where the operator has
/// chosen its size. httpd's own logging takes a part of it.
inline bool check_stack(const server_rec* server) {
  const ServerConfig& config = config_of(server);
  constexpr std::size_t kRest = std::size_t{80} * 1024;
  const std::size_t least = config.line_limit.value + kRest;
  const bool needs = config.enabled.value && config.error_log.value.name;
  if (!needs || ap_thread_stacksize == 0 || ap_thread_stacksize >= least) return true;
  ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_EMERG, 0, server,
               "RN0011: ThreadStackSize %lu is too little for ReqNotesErrorLog with a "
               "ReqNotesLineLimit of %lu; give at least %lu, or leave it out",
               static_cast<unsigned long>(ap_thread_stacksize),
               static_cast<unsigned long>(config.line_limit.value),
               static_cast<unsigned long>(least));
  return false;
}

/// Looks at the configuration as a whole, and compiles it. Here and not in post_config, because
/// `apachectl configtest` stops before that.
inline int check_config(apr_pool_t* pool, apr_pool_t*, apr_pool_t*,
                        server_rec* main_server) noexcept {
  apr_hash_t* logs = apr_hash_make(pool);
  const bool has_ecs = writes_ecs(pool, main_server);
  for (server_rec* server = main_server; server; server = server->next) {
    if (!compile_fields(pool, server) || !check_ecs_names(server, has_ecs) ||
        !check_ecs_room(server, has_ecs) || !check_error_log(pool, server) ||
        !check_log_format(server, logs) || !check_stack(server))
      return !OK;
  }
  if (!check_client_key(pool, main_server) || !compile_otlp(pool, main_server)) return !OK;
  if (!compile_counters(pool, main_server) || !compile_flags(pool, main_server) ||
      !compile_watching(pool, main_server) || !check_page_names(pool, main_server)) {
    return !OK;
  }
  test_flag_files(main_server);
  times_first_byte = is_chosen_anywhere(pool, "ttfb_us");
  names_connections = is_chosen_anywhere(pool, "connection_id");
  count_wire(count_enabled(main_server) != 0,
             is_chosen_anywhere(pool, "bytes_in") || is_chosen_anywhere(pool, "bytes_out"));
  compile_any_place(pool, main_server);
  check_enabled(main_server);
  check_formats(main_server);
  check_start_messages(pool, main_server);
  check_access_log(pool, main_server);
  check_sampled();
  compile_fields_items(main_server);
  return OK;
}

}  // namespace reqnotes
