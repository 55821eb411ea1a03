#pragma once

#include <cstring>
#include <string_view>

#include "reqnotes/facts/field.hpp"
#include "reqnotes/facts/header_note.hpp"
#include "reqnotes/facts/request_text.hpp"
#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/line/built_in.hpp"
#include "reqnotes/masks/names.hpp"
#include "reqnotes/masks/path.hpp"
#include "reqnotes/text/slice.hpp"

namespace reqnotes {

/// "ReqNotesField Bad: a field's name is ...": the directive, the words, and what would be right.
inline const char* refuse(const cmd_parms* cmd, const char* words, const char* why) {
  return apr_pstrcat(cmd->pool, cmd->cmd->name, *words ? " " : "", words, ": ", why, nullptr);
}

/// The file that `name` of a configuration means: what mod_macro reads counts as written where the
/// macro is used, and it calls that `macro 'x' (defined on line 1 of "a") used on line 2 of "b"`.
/// A macro that is used in another one has the name of that one in its own.
constexpr std::string_view file_of(std::string_view name) {
  constexpr std::string_view kUsed = " of \"";
  if (!name.starts_with("macro '") || !name.ends_with('"')) return name;
  name.remove_prefix(name.rfind(kUsed) + kUsed.size());
  while (name.ends_with('"')) name.remove_suffix(1);
  return name;
}
static_assert(file_of("/etc/a \"b\"") == "/etc/a \"b\"");
static_assert(
    file_of("macro 'x' (defined on line 1 of \"/a\") used on line 2 of \"macro 'y' (defined "
            "on line 3 of \"/b\") used on line 4 of \"/c\"\"") == "/c");

/// Notes that a directive was given here. Within one file the same words again are harmless, and
/// others contradict; where several files give it in one place, the last one counts.
template <class T>
const char* give(const cmd_parms* cmd, Setting<T>& setting, const char* words, const T& value) {
  const ap_directive_t& here = *cmd->directive;
  Giving** link = &setting.given;
  const std::string_view file = file_of(here.filename);
  while (*link && (*link)->meant != file) link = &(*link)->before;
  Giving* giving = *link;
  if (giving && std::string_view(giving->words) != words) {
    return refuse(cmd, words,
                  apr_psprintf(cmd->pool, "contradicts \"%s %s\" on line %d of %s; give it once",
                               cmd->cmd->name, giving->words, giving->line, giving->file));
  }
  if (giving && giving == setting.given) return nullptr;

  if (giving) {
    *link = giving->before;
  } else {
    giving = &pool_new<Giving>(cmd->pool);
  }
  *giving = {.words = words,
             .file = here.filename,
             .meant = file,
             .line = here.line_num,
             .before = setting.given};
  setting.value = setting.given ? given_after(cmd->pool, setting.value, value) : value;
  setting.given = giving;
  return nullptr;
}

inline const char* join(apr_pool_t* pool, std::span<char* const> words) {
  apr_array_header_t* all = apr_array_make(pool, static_cast<int>(words.size()), sizeof(char*));
  for (char* word : words) *static_cast<char**>(apr_array_push(all)) = word;
  return apr_array_pstrcat(pool, all, ' ');
}

inline const char* set_enabled(cmd_parms* cmd, void*, int on) noexcept {
  return give(cmd, config_of(cmd->server).enabled, on ? "On" : "Off", on != 0);
}

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
    *static_cast<Source*>(apr_array_push(sources)) = source;
    return nullptr;
  }

  const char* names = "";
  for (const SourceKind& kind : kSources) {
    names = apr_pstrcat(cmd->pool, names, *names ? ", " : "", kind.usage.data(), nullptr);
  }
  return apr_pstrcat(cmd->pool, "the source must be one of ", names, nullptr);
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
  bool given[4] = {};
  while (char* word = next_word(rest)) {
    if (removal) return refuse(cmd, args, "nothing may follow a removal");
    const std::string_view text = word;
    const std::size_t colon = text.find(':');
    const char* error = nullptr;
    if (text.find('=') < colon) {
      error = parse_field_option(text, field.options);
      bool& twice = given[text[0] == 't' ? 0 : text[0] == 'm' ? 1 : text[0] == 'p' ? 2 : 3];
      if (!error && twice) error = "an option is given twice";
      twice = true;
    } else {
      error = add_source(cmd, word, sources);
    }
    if (error) return refuse(cmd, args, error);
  }
  if (!removal && sources->nelts == 0) {
    *static_cast<Source*>(apr_array_push(sources)) = {.kind = &kSources[0], .name = name};
  }
  field.sources = elements<Source>(sources).data();
  field.source_count = static_cast<std::size_t>(sources->nelts);

  apr_array_header_t* declarations = config_of(cmd->server).declarations;
  for (Declaration& other : elements<Declaration>(declarations)) {
    if (std::string_view(other.name) == name) return give(cmd, other.field, args, field);
  }
  auto& declaration = *static_cast<Declaration*>(apr_array_push(declarations));
  declaration = {.name = name, .field = {}, .server = cmd->server};
  return give(cmd, declaration.field, args, field);
}

/// Whether `word`, one of `args`, also stands before itself.
inline bool is_repeated(std::span<char* const> args, const char* word) {
  for (const char* other : args) {
    if (other == word) return false;
    if (!ap_cstr_casecmp(other, word)) return true;
  }
  return false;
}

inline const char* set_trace_accept(cmd_parms* cmd, void*, int argc, char* const argv[]) noexcept {
  constexpr const char* kUsage =
      "give none, private, all, or addresses and networks such as 192.0.2.0/24";
  const std::span<char* const> args{argv, static_cast<std::size_t>(argc)};
  const char* words = join(cmd->pool, args);
  if (args.empty()) return refuse(cmd, words, kUsage);

  TrustedPeers peers = {};
  apr_array_header_t* networks = apr_array_make(cmd->pool, 8, sizeof(apr_ipsubnet_t*));
  for (const char* word : args) {
    const bool none = !ap_cstr_casecmp(word, "none");
    const bool all = !ap_cstr_casecmp(word, "all");
    if ((none || all) && args.size() > 1) {
      return refuse(cmd, words, apr_pstrcat(cmd->pool, word, " must stand alone", nullptr));
    }
    peers.all = all;
    if (none || all) continue;
    if (is_repeated(args, word)) {
      return refuse(cmd, words, apr_psprintf(cmd->pool, "\"%s\" is given twice", word));
    }
    if (!ap_cstr_casecmp(word, "private")) {
      add_private_networks(networks);
      continue;
    }
    apr_ipsubnet_t* network = nullptr;
    if (const char* error = parse_network(cmd->pool, word, network)) {
      return refuse(cmd, words, apr_psprintf(cmd->pool, "\"%s\" %s", word, error));
    }
    *static_cast<apr_ipsubnet_t**>(apr_array_push(networks)) = network;
  }
  peers.networks = networks;
  return give(cmd, config_of(cmd->server).trace_accept, words, peers);
}

inline const char* set_trace_formats(cmd_parms* cmd, void*, int argc, char* const argv[]) noexcept {
  constexpr const char* kUsage =
      "give tracecontext, b3 and b3multi, each at most once, in the "
      "order in which they are tried";
  const std::span<char* const> args{argv, static_cast<std::size_t>(argc)};
  const char* words = join(cmd->pool, args);
  if (args.empty()) return refuse(cmd, words, kUsage);

  TraceFormatList list = {};
  bool given[kTraceFormats] = {};
  for (const char* word : args) {
    std::size_t at = 0;
    while (at < kTraceFormats && kTraceFormatNames[at] != word) ++at;
    if (at == kTraceFormats || given[at]) return refuse(cmd, words, kUsage);
    given[at] = true;
    list.formats[list.count++] = static_cast<TraceFormat>(at);
  }
  return give(cmd, config_of(cmd->server).trace_formats, words, list);
}

inline const char* set_trace_sample(cmd_parms* cmd, void*, const char* text) noexcept {
  const auto ratio = parse_sample_ratio(text);
  if (!ratio) {
    return refuse(cmd, text, "the ratio must be a number from 0 to 1 with at most nine decimals");
  }
  return give(cmd, config_of(cmd->server).trace_sample, text, *ratio);
}

inline const char* set_trace_response(cmd_parms* cmd, void* directory, int argc,
                                      char* const argv[]) noexcept {
  const std::span<char* const> args{argv, static_cast<std::size_t>(argc)};
  const char* words = join(cmd->pool, args);
  if (args.empty()) {
    return refuse(cmd, words,
                  "give response headers such as X-Request-Id or Server-Timing, or None");
  }
  apr_array_header_t* headers = apr_array_make(cmd->pool, argc, sizeof(const char*));
  for (const char* word : args) {
    if (!ap_cstr_casecmp(word, "none")) {
      if (args.size() > 1) return refuse(cmd, words, "None must stand alone");
      continue;
    }
    if (!is_free_header(word) && ap_cstr_casecmp(word, "Server-Timing") != 0) {
      return refuse(cmd, words,
                    apr_psprintf(cmd->pool,
                                 "\"%s\" cannot carry an id; give headers of your own with a dash "
                                 "in their name, such as X-Request-Id, or Server-Timing, or None",
                                 word));
    }
    if (is_repeated(args, word)) {
      return refuse(cmd, words, apr_psprintf(cmd->pool, "\"%s\" is given twice", word));
    }
    *static_cast<const char**>(apr_array_push(headers)) = apr_pstrdup(cmd->pool, word);
  }
  const apr_array_header_t* value = headers;
  return give(cmd, static_cast<DirectoryConfig*>(directory)->trace_response, words, value);
}

inline const char* set_response_headers(cmd_parms* cmd, void* directory,
                                        const char* word) noexcept {
  const char* value = ap_cstr_casecmp(word, "none") ? word : nullptr;
  if (value && (!is_token(value) || !std::string_view(value).ends_with('-') || !value[1])) {
    return refuse(cmd, word, "give the beginning of header names, such as X-Note-, or None");
  }
  const std::string_view standard = value ? find_standard_header(value) : std::string_view();
  if (!standard.empty()) {
    return refuse(
        cmd, word,
        apr_psprintf(cmd->pool,
                     "that would take %s%s too; choose another beginning, such as X-Note-",
                     standard.data(), standard.ends_with('-') ? "..." : ""));
  }
  return give(cmd, static_cast<DirectoryConfig*>(directory)->response_headers, word, value);
}

/// Words that ErrorLog or other directives know, and what is meant by them here.
struct NoFile {
  const char* word;
  const char* meant;
};
constexpr NoFile kNoFiles[] = {
    {"on", "give a file, or \"|program\""},
    {"off", "say None"},
    {"no", "say None"},
    {"false", "say None"},
    {"-", "say /dev/stdout"},
    {"stdout", "say /dev/stdout"},
    {"stderr", "say /dev/stderr"},
    {"syslog", "say \"|/usr/bin/logger -t httpd --size 4KiB\""},
    {"journald", "say \"|/usr/bin/systemd-cat -t httpd\""},
};

/// What is wrong with the name of a log, before anything is looked for; or null.
inline const char* check_log_name(apr_pool_t* pool, const char* name) {
  constexpr const char* kUsage = "give a file, \"|program\" or None";
  const std::string_view text = name;
  if (text.empty() || text.front() == ' ') return kUsage;
  if (text.front() == '|') {
    const std::string_view program = piped_program(name).text;
    return program.find_first_not_of(" \t") == kNpos
               ? "no program follows; give one with its full path, such as \"|/usr/bin/rotatelogs "
                 "logs/error.json 86400\""
               : nullptr;
  }
  if (text.back() == '/') return "this is the name of a directory; give a file in it";
  for (const NoFile& other : kNoFiles) {
    // As with "syslog:local1".
    char* const word = apr_pstrmemdup(pool, name, prefix(text, text.find(':')).size());
    if (ap_cstr_casecmp(word, other.word) != 0) continue;
    return apr_psprintf(pool, "this is no file; %s, or ./%s for a file of this name", other.meant,
                        name);
  }
  return nullptr;
}

inline const char* set_error_log(cmd_parms* cmd, void*, const char* name) noexcept {
  if (const char* error = check_log_name(cmd->pool, name)) return refuse(cmd, name, error);
  const char* value = ap_cstr_casecmp(name, "none") ? name : nullptr;
  return give(cmd, config_of(cmd->server).error_log, name, value);
}

inline const char* set_hash_key(cmd_parms* cmd, void*, const char* file,
                                const char* previous) noexcept {
  if (const char* error = ap_check_cmd_context(cmd, GLOBAL_ONLY)) return error;
  const HashKey* keys[2] = {};
  const char* const files[2] = {file, previous};
  const char* words = "";
  for (std::size_t at = 0; at < 2 && files[at]; ++at) {
    words = apr_pstrcat(cmd->pool, words, *words ? " " : "", files[at], nullptr);
    const char* path = ap_server_root_relative(cmd->pool, files[at]);
    HashKey* key = nullptr;
    const char* error = path ? read_hash_key(cmd->pool, path, key) : "the path is invalid";
    if (error) return refuse(cmd, files[at], error);
    keys[at] = key;
  }
  char one[kPrivateSize];
  char other[kPrivateSize];
  if (keys[1] && hash(*keys[0], "", one) && hash(*keys[1], "", other) &&
      std::string_view(one, sizeof one) == std::string_view(other, sizeof other)) {
    return refuse(cmd, words, "both files hold the same key; give the new one, then the old one");
  }
  return give(cmd, config_of(cmd->server).hash_key, words, keys[0]);
}

inline const char* set_line_limit(cmd_parms* cmd, void*, const char* text) noexcept {
  const std::size_t limit = parse_size(text).value_or(0);
  if (limit < kLineLimitLow || limit > kLineLimitHigh) {
    return refuse(cmd, text, "give a number of bytes from 512 to 65536");
  }
  return give(cmd, config_of(cmd->server).line_limit, text, limit);
}

/// Puts what a line names into the list of its place and, unless an .htaccess has it, into that of
/// all places.
template <class Table>
void add_mask(const cmd_parms* cmd, MaskList<Table>& list, const Table& table,
              const MaskNode<Table>*& all) {
  auto& node = pool_new<MaskNode<Table>>(cmd->pool);
  node = {.table = &table, .outer = nullptr};
  list.nodes = &node;
  if (ap_check_cmd_context(const_cast<cmd_parms*>(cmd), NOT_IN_HTACCESS)) return;
  auto& any = pool_new<MaskNode<Table>>(cmd->pool);
  any = {.table = &table, .outer = all};
  all = &any;
}

inline const char* set_mask_query(cmd_parms* cmd, void* directory, int argc,
                                  char* const argv[]) noexcept {
  const std::span<char* const> args{argv, static_cast<std::size_t>(argc)};
  const char* words = join(cmd->pool, args);
  if (args.empty()) return refuse(cmd, words, "give names of parameters, or None");

  MaskList<NameTable> list = {};
  apr_array_header_t* names = apr_array_make(cmd->pool, argc, sizeof(NamePattern));
  for (const char* word : args) {
    if (!ap_cstr_casecmp(word, "none")) {
      if (args.size() > 1) return refuse(cmd, words, "None must stand alone");
      list.none = true;
      continue;
    }
    if (const char* error = check_masked_name(word)) {
      return refuse(cmd, words, apr_psprintf(cmd->pool, "\"%s\": %s", word, error));
    }
    char* folded = apr_pstrdup(cmd->pool, word);
    for (char* at = folded; *at != '\0'; ++at) *at = fold_name_char(*at);
    *static_cast<NamePattern*>(apr_array_push(names)) = parse_name(folded);
  }
  if (!list.none) {
    auto& table = pool_new<NameTable>(cmd->pool);
    table = index_names(elements<NamePattern>(names));
    add_mask(cmd, list, table, config_of(cmd->server).masked_names);
  }
  return give(cmd, static_cast<DirectoryConfig*>(directory)->mask_query, words, list);
}

inline const char* set_mask_path(cmd_parms* cmd, void* directory, int argc,
                                 char* const argv[]) noexcept {
  const std::span<char* const> args{argv, static_cast<std::size_t>(argc)};
  const char* words = join(cmd->pool, args);
  if (args.empty()) return refuse(cmd, words, "give paths such as /reset/*, or None");

  MaskList<PathTable> list = {};
  apr_array_header_t* paths = apr_array_make(cmd->pool, argc, sizeof(std::string_view));
  for (const char* word : args) {
    if (!ap_cstr_casecmp(word, "none")) {
      if (args.size() > 1) return refuse(cmd, words, "None must stand alone");
      list.none = true;
      continue;
    }
    if (const char* error = check_masked_path(word)) {
      return refuse(cmd, words, apr_psprintf(cmd->pool, "\"%s\": %s", word, error));
    }
    *static_cast<std::string_view*>(apr_array_push(paths)) = apr_pstrdup(cmd->pool, word);
  }
  if (!list.none) {
    auto& table = pool_new<PathTable>(cmd->pool);
    table = {elements<std::string_view>(paths)};
    add_mask(cmd, list, table, config_of(cmd->server).masked_paths);
  }
  return give(cmd, static_cast<DirectoryConfig*>(directory)->mask_path, words, list);
}

inline const char* set_error_summary(cmd_parms* cmd, void* directory, int on) noexcept {
  return give(cmd, static_cast<DirectoryConfig*>(directory)->no_error_summary, on ? "On" : "Off",
              on == 0);
}

inline const char* set_access_log(cmd_parms* cmd, void*, int on) noexcept {
  return give(cmd, config_of(cmd->server).no_access_log, on ? "On" : "Off", on == 0);
}

inline const char* set_request_id(cmd_parms* cmd, void*, const char* header) noexcept {
  const char* value = ap_cstr_casecmp(header, "none") ? header : nullptr;
  if (value && !is_free_header(value)) {
    return refuse(
        cmd, header,
        "that cannot carry an id; give the name of one request header of the callers' own "
        "with a dash in it, such as X-Request-Id, or None");
  }
  return give(cmd, config_of(cmd->server).request_id, header, value);
}

constexpr command_rec kDirectives[] = {
    AP_INIT_FLAG("ReqNotes", set_enabled, nullptr, RSRC_CONF,
                 "On or Off (default): trace IDs, and the declared fields in both logs"),
    AP_INIT_RAW_ARGS("ReqNotesField", set_field, nullptr, RSRC_CONF,
                     "NAME [note:KEY|env:NAME|request:HEADER|response:HEADER|cookie:NAME|user|"
                     "expr:\"...\" ...] [type=string|integer|number|boolean|list] [max=BYTES] "
                     "[privacy=plain|hash|last4] [logs=access,error], or !NAME to remove a field"),
    AP_INIT_FLAG("ReqNotesAccessLog", set_access_log, nullptr, RSRC_CONF,
                 "On (default) or Off: whether the requests are in the logs that have "
                 "env=REQNOTES_ACCESS"),
    AP_INIT_TAKE1("ReqNotesResponseHeaders", set_response_headers, nullptr, OR_FILEINFO,
                  "the beginning of response header names, such as X-Note-, that are taken as "
                  "notes and never reach the client, or None (default)"),
    AP_INIT_TAKE_ARGV("ReqNotesTraceAccept", set_trace_accept, nullptr, RSRC_CONF,
                      "none (default), private, all, or networks: the connection peers whose "
                      "trace context is continued"),
    AP_INIT_TAKE_ARGV("ReqNotesTraceFormats", set_trace_formats, nullptr, RSRC_CONF,
                      "tracecontext (default), b3, b3multi: read in this order, and sent to "
                      "backends"),
    AP_INIT_TAKE1("ReqNotesTraceSample", set_trace_sample, nullptr, RSRC_CONF,
                  "0 to 1 (default): which part of the traces that start here is flagged sampled"),
    AP_INIT_TAKE_ARGV("ReqNotesTraceResponse", set_trace_response, nullptr, OR_FILEINFO,
                      "response headers that tell the client the trace ID, such as X-Request-Id "
                      "or Server-Timing, or None (default)"),
    AP_INIT_TAKE1(
        "ReqNotesErrorLog", set_error_log, nullptr, RSRC_CONF,
        "a file, \"|program\" or None (default): every message of the error log as a JSON line, "
        "with the facts that its request made known later"),
    AP_INIT_FLAG("ReqNotesErrorSummary", set_error_summary, nullptr, OR_FILEINFO,
                 "On (default) or Off: a closing line in the error log for a request whose facts "
                 "came too late for its error lines"),
    AP_INIT_TAKE12("ReqNotesHashKey", set_hash_key, nullptr, RSRC_CONF,
                   "a file with the key of privacy=hash, that only its owner can read; and, while "
                   "the key changes, the file with the one before"),
    AP_INIT_TAKE1("ReqNotesLineLimit", set_line_limit, nullptr, RSRC_CONF,
                  "512 to 65536 bytes (default 4096): the longest line of any of our formats, its "
                  "newline included"),
    AP_INIT_TAKE_ARGV("ReqNotesMaskQuery", set_mask_query, nullptr, OR_FILEINFO,
                      "parameters whose values are written as ***, beside the usual ones: NAME, "
                      "*NAME for all that end with it, *_NAME for all with that last word; or None "
                      "to mask none"),
    AP_INIT_TAKE_ARGV("ReqNotesMaskPath", set_mask_path, nullptr, OR_FILEINFO,
                      "paths such as /reset/* and /bot*/: what a * stands for is written as ***; "
                      "or None (default)"),
    AP_INIT_TAKE1("ReqNotesRequestId", set_request_id, nullptr, RSRC_CONF,
                  "a request header with the caller's own id, kept as field request_id, or None "
                  "(default)"),
    {},
};

}  // namespace reqnotes
