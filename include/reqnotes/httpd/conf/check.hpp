#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <span>
#include <string_view>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/conf/directives.hpp"
#include "reqnotes/httpd/conf/tree.hpp"
#include "reqnotes/httpd/errors/fields_item.hpp"
#include "reqnotes/httpd/line/access_variable.hpp"
#include "reqnotes/httpd/masks/masking.hpp"
#include "reqnotes/line/encode.hpp"
#include "reqnotes/text/slice.hpp"

namespace reqnotes {

/// Fields that every server starts with, from the notes of the same names.
constexpr const char* kDefaultFields[] = {"user_id", "api_key", "api_method"};

inline Field* find_field(std::span<Field> fields, std::string_view name) {
  for (Field& field : fields) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

/// Adds a key of a table, whose case does not matter.
inline void add_once(apr_array_header_t* keys, const char* key) {
  for (const char* other : elements<const char*>(keys)) {
    if (!ap_cstr_casecmp(other, key)) return;
  }
  *static_cast<const char**>(apr_array_push(keys)) = key;
}

/// Whether a reader that splits names at their dots can keep every field of `server`.
inline bool check_clashes(const server_rec* server, std::span<const Field> fields,
                          std::span<const Declaration> declarations) {
  for (std::size_t at = declarations.size(); at-- > 0;) {
    const Declaration& declaration = declarations[at];
    const auto is_name = [&](const Field& field) { return field.name == declaration.name; };
    if (std::ranges::none_of(fields, is_name)) continue;  // removed
    for (const Field& other : fields) {
      const std::string_view name = other.name;
      if (!clash(name, declaration.name)) continue;
      ap_log_error(
          APLOG_MARK, APLOG_STARTUP | APLOG_EMERG, 0, server,
          "RN0015: ReqNotesField %s at %s:%d: a reader that splits names at dots could not "
          "keep it beside %.*s; choose another name, or remove that one with "
          "\"ReqNotesField !%.*s\"",
          declaration.name, declaration.field.given->file, declaration.field.given->line,
          static_cast<int>(name.size()), name.data(), static_cast<int>(name.size()), name.data());
      return false;
    }
  }
  return true;
}

/// Turns the declarations of `server`, inherited ones first, into its fields.
///
/// returns  false when they are too many, or need a key that there is none of; the error is logged.
inline bool compile_fields(apr_pool_t* pool, server_rec* server, const HashKey* hash_key) {
  ServerConfig& config = config_of(server);
  apr_array_header_t* fields = apr_array_make(pool, 8, sizeof(Field));
  for (const char* name : kDefaultFields) {
    Source& source = pool_new<Source>(pool);
    source = {.kind = &kSources[0], .name = name};
    *static_cast<Field*>(apr_array_push(fields)) = {
        .name = name, .sources = &source, .source_count = 1};
  }

  for (const Declaration& declaration : elements<Declaration>(config.declarations)) {
    const std::span<Field> known = elements<Field>(fields);
    Field* field = find_field(known, declaration.name);
    const Field& declared = declaration.field.value;
    const Giving& given = *declaration.field.given;
    if (declared.source_count != 0) {
      if (!field) field = static_cast<Field*>(apr_array_push(fields));
      *field = declared;
      field->given = &given;
    } else if (field) {
      std::move(field + 1, known.data() + known.size(), field);
      apr_array_pop(fields);
    } else if (declaration.server == server && !was_declared(given)) {
      ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_WARNING, 0, server,
                   "RN0001: ReqNotesField !%s at %s:%d removes nothing: no such field is known "
                   "here",
                   declaration.name, given.file, given.line);
    }
    if (declared.options.privacy == Privacy::kHash && !hash_key) {
      ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_EMERG, 0, server,
                   "RN0009: ReqNotesField %s privacy=hash at %s:%d needs a key; give its file with "
                   "ReqNotesHashKey in the main server",
                   declaration.name, given.file, given.line);
      return false;
    }
    if (fields->nelts > static_cast<int>(kMaxFields)) {
      ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_EMERG, 0, server,
                   "RN0002: ReqNotesField %s at %s:%d: a server can have at most %d fields",
                   declaration.name, given.file, given.line, static_cast<int>(kMaxFields));
      return false;
    }
  }

  if (!check_clashes(server, elements<Field>(fields), elements<Declaration>(config.declarations))) {
    return false;
  }
  apr_array_header_t* expressions = apr_array_make(pool, 1, sizeof(const ap_expr_info_t*));
  apr_array_header_t* note_keys = apr_array_make(pool, 8, sizeof(const char*));
  for (Field& field : elements<Field>(fields)) {
    // The sources were allocated by this module and are shared with vhosts that inherit them.
    auto* own =
        static_cast<Source*>(apr_pmemdup(pool, field.sources, field.source_count * sizeof(Source)));
    for (Source& source : std::span(own, field.source_count)) {
      if (source.kind == &kSources[0]) add_once(note_keys, source.name);
      if (!source.expr) continue;
      source.expression = static_cast<std::size_t>(expressions->nelts);
      *static_cast<const ap_expr_info_t**>(apr_array_push(expressions)) = source.expr;
    }
    field.sources = own;
    field.hash_key = hash_key;
    field.index = static_cast<std::size_t>(&field - elements<Field>(fields).data());
  }
  config.fields = elements<Field>(fields);
  config.expressions = elements<const ap_expr_info_t* const>(expressions);
  config.note_keys = elements<const char* const>(note_keys);
  config.notes = index_keys(pool, config.note_keys);
  for (Field& field : elements<Field>(fields)) {
    const Source& source = field.sources[0];
    const bool is_note = field.source_count == 1 && source.kind == &kSources[0];
    if (!is_note || field.options.type == Type::kList || config.notes.places.empty()) continue;
    field.note = 0;
    while (ap_cstr_casecmp(config.note_keys[field.note], source.name) != 0) ++field.note;
  }
  return true;
}

/// Ids that `%{NAME}^RF` and `%{NAME}N` know beside the declared fields.
constexpr std::string_view kIdNames[] = {"trace_id", "span_id", "request_id", "parent_span_id"};

inline bool is_known_name(const server_rec* main_server, std::string_view name) {
  for (std::string_view id : kIdNames) {
    if (name == id) return true;
  }
  for (const server_rec* server = main_server; server; server = server->next) {
    for (const Field& field : config_of(server).fields) {
      if (field.name == name) return true;
    }
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
      if (!is_known_name(main_server, name)) {
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

/// Warns about fields that are declared where no request will ever read them.
inline void check_enabled(server_rec* main_server) {
  bool any = false;
  for (const server_rec* server = main_server; server; server = server->next) {
    any = any || config_of(server).enabled.value;
  }
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
  const char* name = config.error_log.value;
  if (!name || !config.enabled.value) return true;
  const char* why = *name == '|' ? check_program(pool, name) : check_path(pool, name);
  if (!why) return true;
  ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_EMERG, 0, server,
               "RN0007: ReqNotesErrorLog %s: %s", name, why);
  return false;
}

/// Whether threads have stack enough to make a line of the JSON error log, where the operator has
/// chosen its size. httpd's own logging takes a part of it.
inline bool check_stack(const server_rec* server) {
  const ServerConfig& config = config_of(server);
  constexpr std::size_t kRest = std::size_t{80} * 1024;
  const std::size_t least = config.line_limit.value + kRest;
  const bool needs = config.enabled.value && config.error_log.value;
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
  for (server_rec* server = main_server; server; server = server->next) {
    if (!compile_fields(pool, server, config_of(main_server).hash_key.value) ||
        !check_error_log(pool, server) || !check_stack(server))
      return !OK;
  }
  compile_any_place(pool, main_server);
  check_enabled(main_server);
  check_formats(main_server);
  check_access_log(pool, main_server);
  compile_fields_items(main_server);
  return OK;
}

}  // namespace reqnotes
