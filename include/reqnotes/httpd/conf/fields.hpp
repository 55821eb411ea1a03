#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include "reqnotes/facts/field.hpp"
#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/conf/giving.hpp"
#include "reqnotes/httpd/line/built_in.hpp"
#include "reqnotes/httpd/line/ecs_rows.hpp"
#include "reqnotes/httpd/line/otlp_rows.hpp"
#include "reqnotes/httpd/pool.hpp"
#include "reqnotes/line/ecs.hpp"
#include "reqnotes/text/slice.hpp"

namespace reqnotes {

/// What is wrong with a source of ReqNotesField, or null.
inline const char* add_source(cmd_parms* cmd, char* word, apr_array_header_t* sources) {
  const std::string_view text = word;
  const std::size_t colon = text.find(':');
  for (const SourceKind& kind : kSources) {
    if (prefix(text, colon) != kind.word) continue;
    const char* name = colon == kNpos ? "" : word + colon + 1;
    if (kind.is_name ? !kind.is_name(name) : colon != kNpos) {
      return apr_psprintf(cmd->pool, "the source must look like %s", kind.usage.data());
    }
    Source source = {.kind = &kind, .name = apr_pstrdup(cmd->pool, name)};
    if (kind.word == "expr") {
      const char* error = nullptr;
      // Without DONT_VARY an expression that reads a request header changes the response's Vary.
      source.expr = ap_expr_parse_cmd(
          cmd, name, AP_EXPR_FLAG_STRING_RESULT | AP_EXPR_FLAG_DONT_VARY, &error, nullptr);
      if (error) return apr_pstrcat(cmd->pool, "the expression cannot be read: ", error, nullptr);
    }
    for (const Source& other : elements<Source>(sources)) {
      const bool keeps_case = kind.word == "cookie" || kind.word == "expr";
      if (other.kind == &kind &&
          (keeps_case ? std::strcmp(other.name, name) : ap_cstr_casecmp(other.name, name)) == 0) {
        return apr_psprintf(cmd->pool, "%s is given twice; give each source once", word);
      }
    }
    push<Source>(sources, source);
    return nullptr;
  }

  const char* names = "";
  for (const SourceKind& kind : kSources) {
    names = apr_pstrcat(cmd->pool, names, *names ? ", " : "", kind.usage.data(), nullptr);
  }
  return apr_pstrcat(cmd->pool, "the source must be one of ", names, nullptr);
}

/// Whether spans or log records have an attribute of this name of themselves.
inline bool is_otlp_name(std::string_view name) {
  return name == kOtlp.truncated.name ||
         std::ranges::find(kOtlpRows, name, &BuiltIn::name) != std::end(kOtlpRows);
}

inline const char* set_field(cmd_parms* cmd, void*, const char* args) noexcept {
  char* rest = apr_pstrdup(cmd->pool, args);
  if (!closes_quotes(args)) return refuse(cmd, args, "a quote is never closed");
  const char* name = next_word(rest);
  if (!name) return refuse(cmd, args, "give a field's name, then its sources and options");

  const bool removal = *name == '!';
  if (removal) ++name;
  if (const char* error = check_field_name(name, kBuiltInNames)) return refuse(cmd, args, error);

  Field field = {.name = name};
  apr_array_header_t* sources = apr_array_make(cmd->pool, 2, sizeof(Source));
  constexpr std::string_view kOptions = "tmpleo";  // their first letters
  bool given[kOptions.size()] = {};
  while (char* word = next_word(rest)) {
    if (removal) return refuse(cmd, args, "nothing may follow a removal");
    const std::string_view text = word;
    const std::size_t colon = text.find(':');
    const char* error = nullptr;
    if (text.find('=') < colon) {
      error = parse_field_option(text, field.options);
      if (!error && text[0] == 'e') error = check_ecs_name(field.options.ecs, kEcsNames);
      if (!error && std::exchange(given[kOptions.find(text[0])], true)) {
        error = "an option is given twice";
      }
    } else {
      error = add_source(cmd, word, sources);
    }
    if (error) return refuse(cmd, args, error);
  }
  if (is_otlp_name(field.options.otel)) {
    return refuse(cmd, args,
                  "a span has an attribute of this name by itself; give otel= another one");
  }
  if (!removal && sources->nelts == 0) {
    push<Source>(sources, {.kind = &kSources[0], .name = name});
  }
  field.sources = elements<Source>(sources).data();
  field.source_count = static_cast<std::size_t>(sources->nelts);

  apr_array_header_t* declarations = config_of(cmd->server).declarations;
  for (Declaration& other : elements<Declaration>(declarations)) {
    if (std::string_view(other.name) == name) return give(cmd, other.field, args, field);
  }
  auto& made = push<Declaration>(declarations, {.name = name, .field = {}, .server = cmd->server});
  return give(cmd, made.field, args, field);
}

/// Fields that every server starts with, from the notes of the same names.
constexpr const char* kDefaultFields[] = {"user_id", "api_key", "api_method"};

/// The field of a name, or null.
template <class T>
T* find_field(std::span<T> fields, std::string_view name) {
  for (T& field : fields) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

/// The place of a key among others, or behind them. As in the table of notes, case does not matter.
inline std::size_t find_key(std::span<const char* const> keys, const char* key) {
  std::size_t at = 0;
  while (at < keys.size() && ap_cstr_casecmp(keys[at], key) != 0) ++at;
  return at;
}

/// Whether a reader that splits names at their dots can keep every field of `server`.
inline bool check_clashes(const server_rec* server, std::span<const Field> fields,
                          std::span<const Declaration> declarations) {
  for (std::size_t at = declarations.size(); at-- > 0;) {
    const Declaration& declaration = declarations[at];
    if (!find_field(fields, declaration.name)) continue;  // removed
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

/// Adds, replaces or removes a field.
///
/// returns  false when there are too many, or a key is needed and not given; the error is logged.
inline bool declare(const server_rec* server, const Declaration& declaration,
                    apr_array_header_t* fields) {
  const std::span<Field> known = elements<Field>(fields);
  Field* field = find_field(known, declaration.name);
  const Field& declared = declaration.field.value;
  const Giving& given = *declaration.field.given;
  if (declared.source_count != 0) {
    if (!field) field = &push<Field>(fields, {});
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
  if (declared.options.privacy == Privacy::kHash && !config_of(server).hash_key.value) {
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
  return true;
}

/// Tells the fields that one walk over the notes finds from all others: those that are one note,
/// and share it with no field before.
inline void index_fields(apr_pool_t* pool, ServerConfig& config) {
  config.notes = index_keys(pool, config.note_keys);
  const std::size_t keys = config.note_keys.size();
  auto* of_note = static_cast<const Field**>(apr_palloc(pool, (keys + 1) * sizeof(void*)));
  Field& none = pool_new<Field>(pool);
  none.options.logs = 0;
  std::fill_n(of_note, keys + 1, &none);
  apr_array_header_t* others = apr_array_make(pool, 8, sizeof(void*));
  for (const Field& field : config.fields) {
    const Source& source = field.sources[0];
    const bool is_note =
        field.source_count == 1 && source.kind == &kSources[0] && !config.notes.keys.empty();
    const Field*& place = of_note[is_note ? find_key(config.note_keys, source.name) : keys];
    if (is_note && place == &none) {
      place = &field;
      if (field.options.type == Type::kList) {
        Field& list = pool_new<Field>(pool);
        list.options.logs = 0;
        list.list = &field;
        place = &list;
      }
    } else {
      push<const Field*>(others, &field);
    }
  }
  config.note_fields = {of_note, keys};
  config.other_fields = elements<const Field* const>(others);
}

/// What a field is in ECS: what the operator says, or a label, which is a string there or a list of
/// strings, and has no dot in its name.
inline Called ecs_called(apr_pool_t* pool, const Field& field, Type type) {
  if (!field.options.ecs.empty()) return {.name = field.options.ecs, .type = type};
  if (field.name == "user_id") return {.name = "user.id", .type = type};
  char* const name = apr_pstrcat(pool, "labels.", field.name.data(), nullptr);
  std::replace(name + sizeof "labels." - 1, name + std::strlen(name), '.', '_');
  return {.name = name, .type = type == Type::kList ? type : Type::kString};
}

/// What a field is called in OTLP: what the operator says, or as everywhere, but for the one that
/// its conventions have a name for.
inline std::string_view otlp_name(const Field& field) {
  if (!field.options.otel.empty()) return field.options.otel;
  return field.name == "user_id" ? "user.id" : field.name;
}

/// Numbers the fields of a server, the notes and the expressions that they are read from.
inline void number_sources(apr_pool_t* pool, ServerConfig& config, std::span<Field> fields) {
  apr_array_header_t* expressions = apr_array_make(pool, 1, sizeof(const ap_expr_info_t*));
  apr_array_header_t* note_keys = apr_array_make(pool, 8, sizeof(const char*));
  for (Field& field : fields) {
    // The sources were allocated by this module and are shared with vhosts that inherit them.
    auto* own =
        static_cast<Source*>(apr_pmemdup(pool, field.sources, field.source_count * sizeof(Source)));
    for (Source& source : std::span(own, field.source_count)) {
      const auto keys = elements<const char* const>(note_keys);
      if (source.kind == &kSources[0] && find_key(keys, source.name) == keys.size()) {
        push<const char*>(note_keys, source.name);
      }
      if (!source.expr) continue;
      source.expression = static_cast<std::size_t>(expressions->nelts);
      push<const ap_expr_info_t*>(expressions, source.expr);
    }
    field.sources = own;
    field.hash_key = config.hash_key.value;
    const bool is_plain = field.options.privacy == Privacy::kPlain;
    if (is_plain) field.shown_max = static_cast<std::uint16_t>(field.options.max);
    const Type type = is_plain ? field.options.type : Type::kString;
    field.called[static_cast<std::size_t>(Naming::kOwn)] = {.name = field.name, .type = type};
    field.called[static_cast<std::size_t>(Naming::kOtlp)] = {.name = otlp_name(field),
                                                             .type = type};
    field.called[static_cast<std::size_t>(Naming::kEcs)] = ecs_called(pool, field, type);
    field.index = static_cast<std::size_t>(&field - fields.data());
  }
  config.fields = fields;
  config.expressions = elements<const ap_expr_info_t* const>(expressions);
  config.note_keys = elements<const char* const>(note_keys);
  index_fields(pool, config);
}

/// Turns the declarations of `server`, inherited ones first, into its fields.
///
/// returns  false when they cannot be; the error is logged.
inline bool compile_fields(apr_pool_t* pool, const server_rec* server) {
  apr_array_header_t* fields = apr_array_make(pool, 8, sizeof(Field));
  for (const char* name : kDefaultFields) {
    Source& source = pool_new<Source>(pool);
    source = {.kind = &kSources[0], .name = name};
    push<Field>(fields, {.name = name, .sources = &source, .source_count = 1});
  }
  ServerConfig& config = config_of(server);
  if (config.flags.value.file) {
    constexpr std::size_t kMost = 2688;  // 64 names, each with a - and a comma
    Source& source = pool_new<Source>(pool);
    source = {.kind = &kSources[0], .name = kFlagsField};
    push<Field>(fields, {.name = kFlagsField,
                         .options = {.type = Type::kList, .max = kMost},
                         .sources = &source,
                         .source_count = 1});
  }
  const auto declarations = elements<const Declaration>(config.declarations);
  for (const Declaration& declaration : declarations) {
    if (!declare(server, declaration, fields)) return false;
  }
  if (!check_clashes(server, elements<const Field>(fields), declarations)) return false;
  number_sources(pool, config, elements<Field>(fields));
  return true;
}

}  // namespace reqnotes
