#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <span>
#include <string_view>
#include <tuple>
#include <type_traits>

#include "reqnotes/facts/field.hpp"
#include "reqnotes/facts/header_note.hpp"
#include "reqnotes/facts/request_text.hpp"
#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/conf/fields.hpp"
#include "reqnotes/httpd/conf/flags.hpp"
#include "reqnotes/httpd/conf/giving.hpp"
#include "reqnotes/httpd/conf/metrics.hpp"
#include "reqnotes/httpd/conf/thresholds.hpp"
#include "reqnotes/httpd/line/built_in.hpp"
#include "reqnotes/httpd/metrics/pages.hpp"
#include "reqnotes/httpd/output/message_format.hpp"
#include "reqnotes/line/otlp_frame.hpp"
#include "reqnotes/masks/names.hpp"
#include "reqnotes/masks/path.hpp"
#include "reqnotes/text/slice.hpp"

namespace reqnotes {

/// The readers of values, for set_word and set_words, and below them kDirectives.

inline bool is_none(const char* word) {
  return ap_cstr_casecmp(word, "none") == 0;
}

/// Whether `word`, one of `words`, also stands before itself.
inline bool is_repeated(Words words, const char* word) {
  for (const char* other : words) {
    if (other == word) return false;
    if (!ap_cstr_casecmp(other, word)) return true;
  }
  return false;
}

inline const char* given_twice(apr_pool_t* pool, const char* word) {
  return apr_psprintf(pool, "\"%s\" is given twice", word);
}

inline const char* read_trace_accept(const cmd_parms* cmd, Words words, TrustedPeers& peers) {
  if (words.empty()) {
    return "give none, private, all, or addresses and networks such as 192.0.2.0/24";
  }
  apr_array_header_t* networks = apr_array_make(cmd->pool, 8, sizeof(apr_ipsubnet_t*));
  for (const char* word : words) {
    const bool all = !ap_cstr_casecmp(word, "all");
    if ((is_none(word) || all) && words.size() > 1) {
      return apr_pstrcat(cmd->pool, word, " must stand alone", nullptr);
    }
    peers.all = all;
    if (is_none(word) || all) continue;
    if (is_repeated(words, word)) return given_twice(cmd->pool, word);
    if (!ap_cstr_casecmp(word, "private")) {
      add_private_networks(networks);
      continue;
    }
    apr_ipsubnet_t* network = nullptr;
    if (const char* error = parse_network(cmd->pool, word, network)) {
      return apr_psprintf(cmd->pool, "\"%s\" %s", word, error);
    }
    push<apr_ipsubnet_t*>(networks, network);
  }
  peers.networks = networks;
  return nullptr;
}

inline const char* read_trace_formats(const cmd_parms*, Words words, TraceFormatList& list) {
  constexpr const char* kUsage =
      "give tracecontext, b3 and b3multi, each at most once, in the order in which they are tried";
  if (words.empty()) return kUsage;
  bool given[kTraceFormats] = {};
  for (const char* word : words) {
    std::size_t at = 0;
    while (at < kTraceFormats && kTraceFormatNames[at] != word) ++at;
    if (at == kTraceFormats || given[at]) return kUsage;
    given[at] = true;
    list.formats[list.count++] = static_cast<TraceFormat>(at);
  }
  return nullptr;
}

inline const char* read_trace_sample(const cmd_parms*, const char* word, SampleRatio& value) {
  const auto ratio = parse_sample_ratio(word);
  if (!ratio) return "the ratio must be a number from 0 to 1 with at most nine decimals";
  value = *ratio;
  return nullptr;
}

inline const char* read_trace_response(const cmd_parms* cmd, Words words,
                                       const apr_array_header_t*& value) {
  if (words.empty()) return "give response headers such as X-Request-Id or Server-Timing, or None";
  const int count = static_cast<int>(words.size());
  apr_array_header_t* headers = apr_array_make(cmd->pool, count, sizeof(const char*));
  for (const char* word : words) {
    if (is_none(word)) {
      if (words.size() > 1) return "None must stand alone";
      continue;
    }
    if (!is_free_header(word) && ap_cstr_casecmp(word, "Server-Timing") != 0) {
      return apr_psprintf(cmd->pool,
                          "\"%s\" cannot carry an id; give headers of your own with a dash "
                          "in their name, such as X-Request-Id, or Server-Timing, or None",
                          word);
    }
    if (is_repeated(words, word)) return given_twice(cmd->pool, word);
    push<const char*>(headers, word);
  }
  value = headers;
  return nullptr;
}

/// Reads what `kCheck` finds nothing wrong with, or None.
template <auto kCheck>
const char* read_unless_none(const cmd_parms* cmd, const char* word, const char*& value) {
  if (is_none(word)) return nullptr;
  value = word;
  return kCheck(cmd->pool, word);
}

inline const char* check_header_prefix(apr_pool_t* pool, const char* word) {
  if (!is_token(word) || !std::string_view(word).ends_with('-') || !word[1]) {
    return "give the beginning of header names, such as X-Note-, or None";
  }
  const std::string_view standard = find_standard_header(word);
  if (standard.empty()) return nullptr;
  return apr_psprintf(pool, "that would take %s%s too; choose another beginning, such as X-Note-",
                      standard.data(), standard.ends_with('-') ? "..." : "");
}

inline const char* check_id_header(apr_pool_t*, const char* word) {
  return is_free_header(word)
             ? nullptr
             : "that cannot carry an id; give the name of one request header of the callers' own "
               "with a dash in it, such as X-Request-Id, or None";
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

inline const char* read_error_log(const cmd_parms* cmd, Words words, ErrorLog& log) {
  if (words.empty() || words.size() > 2) {
    return "give a file, \"|program\" or None, then json, ecs or otlp";
  }
  log.format = kMessageFormats;
  if (words.size() == 2) {
    log.format = std::ranges::find_if(kMessageFormats, [&](const MessageFormat& format) {
      return ap_cstr_casecmp(words[1], format.word) == 0;
    });
    if (log.format == std::end(kMessageFormats)) {
      return apr_psprintf(cmd->pool, "\"%s\" is no format; give json, ecs or otlp", words[1]);
    }
    if (is_none(words[0])) return "None must stand alone";
  }
  return read_unless_none<check_log_name>(cmd, words[0], log.name);
}

inline const char* set_hash_key(cmd_parms* cmd, void*, const char* file,
                                const char* previous) noexcept {
  if (const char* error = ap_check_cmd_context(cmd, GLOBAL_ONLY)) return error;
  HashKey* keys[2] = {};
  const char* const files[2] = {file, previous};
  for (std::size_t at = 0; at < 2 && files[at]; ++at) {
    const char* path = ap_server_root_relative(cmd->pool, files[at]);
    const char* error = path ? read_hash_key(cmd->pool, path, keys[at]) : "the path is invalid";
    if (error) return refuse(cmd, files[at], error);
  }
  const char* words = join(cmd->pool, Words(files, previous ? 2 : 1));
  char one[kPrivateSize];
  char other[kPrivateSize];
  if (keys[1] && hash(*keys[0], "", one) && hash(*keys[1], "", other) &&
      std::string_view(one, sizeof one) == std::string_view(other, sizeof other)) {
    return refuse(cmd, words, "both files hold the same key; give the new one, then the old one");
  }
  return give(cmd, config_of(cmd->server).hash_key, words, keys[0]);
}

inline const char* read_line_limit(const cmd_parms*, const char* word, std::size_t& value) {
  value = parse_size(word).value_or(0);
  const bool good = value >= kLineLimitLow && value <= kLineLimitHigh;
  return good ? nullptr : "give a number of bytes from 512 to 65536";
}

/// Whether `text` can name something: not too long, valid UTF-8, and no control character.
inline bool is_plain_name(std::string_view text, std::size_t most) {
  if (text.empty() || text.size() > most) return false;
  while (!text.empty()) {
    const Utf8Step step = utf8_step(text);
    const bool is_control = step.length > 1
                                ? is_c1(text)
                                : (static_cast<unsigned char>(text[0]) < 0x20 || text[0] == 0x7F);
    if (!step.valid || is_control) return false;
    text.remove_prefix(step.length);
  }
  return true;
}

inline const char* read_service(const cmd_parms*, Words words, Service& service) {
  if (words.empty() || words.size() > 2)
    return "give the service's name and, if it has one, its version";
  if (!is_plain_name(words[0], kServiceNameMax)) {
    return "the name must be 1 to 128 bytes of UTF-8 without control characters";
  }
  if (words.size() > 1 && !is_plain_name(words[1], kServiceVersionMax)) {
    return "the version must be 1 to 64 bytes of UTF-8 without control characters";
  }
  service = {.name = words[0], .version = words.size() > 1 ? words[1] : nullptr};
  return nullptr;
}

/// Reads what a line masks. It goes into the list of its place and, unless an .htaccess has it,
/// into that of all places.
///
/// check   what is wrong with a word, or null
/// parse   the pattern that a word is, which it may change
/// index   the table of all patterns
template <class Pattern, class Table, class Parse, class Index>
const char* read_mask(const cmd_parms* cmd, Words words, MaskList<Table>& list,
                      const MaskNode<Table>*& all, const char* (*check)(std::string_view),
                      const Parse& parse, const Index& index) {
  const int count = static_cast<int>(words.size());
  apr_array_header_t* patterns = apr_array_make(cmd->pool, count, sizeof(Pattern));
  for (const char* word : words) {
    list.none = is_none(word);
    if (list.none) return words.size() > 1 ? "None must stand alone" : nullptr;
    if (const char* error = check(word)) {
      return apr_psprintf(cmd->pool, "\"%s\": %s", word, error);
    }
    push<Pattern>(patterns, parse(apr_pstrdup(cmd->pool, word)));
  }
  auto& table = pool_new<Table>(cmd->pool);
  table = index(elements<Pattern>(patterns));
  auto& node = pool_new<MaskNode<Table>>(cmd->pool);
  node = {.table = &table, .outer = nullptr};
  list.nodes = &node;
  if (ap_check_cmd_context(const_cast<cmd_parms*>(cmd), NOT_IN_HTACCESS)) return nullptr;
  auto& any = pool_new<MaskNode<Table>>(cmd->pool);
  any = {.table = &table, .outer = all};
  all = &any;
  return nullptr;
}

inline const char* read_mask_query(const cmd_parms* cmd, Words words, MaskList<NameTable>& list) {
  if (words.empty()) return "give names of parameters, or None";
  const auto parse = [](char* word) {
    for (char* at = word; *at != '\0'; ++at) *at = fold_name_char(*at);
    return parse_name(word);
  };
  return read_mask<NamePattern>(cmd, words, list, config_of(cmd->server).masked_names,
                                check_masked_name, parse, index_names);
}

inline const char* read_mask_path(const cmd_parms* cmd, Words words, MaskList<PathTable>& list) {
  if (words.empty()) return "give paths such as /reset/*, or None";
  const auto parse = [](const char* word) { return std::string_view(word); };
  const auto index = [](std::span<const std::string_view> paths) { return PathTable{paths}; };
  return read_mask<std::string_view>(cmd, words, list, config_of(cmd->server).masked_paths,
                                     check_masked_path, parse, index);
}

/// What is said of a word that is no value over which ReqNotesValues decides.
inline const char* refuse_value(apr_pool_t* pool, const char* name) {
  if (std::string_view(name) == "client") return "\"client\": say ReqNotesClient none";
  const char* names = "";
  for (std::size_t at = 0; at < std::size(kBuiltIns); ++at) {
    if ((bit_of(at) & kSelectable) == 0) continue;
    names = apr_pstrcat(pool, names, *names ? ", " : "", kBuiltIns[at].name.data(), nullptr);
  }
  return apr_psprintf(pool, "\"%s\" is none of %s", name, names);
}

/// Reads which values a line has, in the manner of Options.
inline const char* read_values(const cmd_parms* cmd, Words words, ValueChoice& choice) {
  constexpr const char* kUsage =
      "give names of values, which are then all; or +NAME and -NAME for more and fewer than there "
      "are outside of this place";
  if (words.empty()) return kUsage;
  const auto is_change = [](const char* word) { return *word == '+' || *word == '-'; };
  const bool changes = is_change(words[0]);
  if (!changes) choice.off = kSelectable;
  for (const char* word : words) {
    if (is_change(word) != changes) return "either all names have a + or a -, or none has";
    const char* const name = word + (changes ? 1 : 0);
    const std::size_t at = index_of(name);
    if (at == std::size(kBuiltIns) || (bit_of(at) & kSelectable) == 0) {
      return refuse_value(cmd->pool, name);
    }
    const bool adds = *word != '-';
    (adds ? choice.on : choice.off) |= bit_of(at);
    (adds ? choice.off : choice.on) &= ~bit_of(at);
  }
  return nullptr;
}

inline const char* read_client(const cmd_parms*, const char* word, ClientForm& form) {
  const auto* const at = std::ranges::find_if(kClientForms, [word](std::string_view name) {
    return ap_cstr_casecmp(word, name.data()) == 0;
  });
  if (at == std::end(kClientForms)) return "give full, network, hash or none";
  form = static_cast<ClientForm>(at - kClientForms);
  return nullptr;
}

/// All there is to say of a directive, but for the declaration of what it is kept in.
template <class Config, class Kept>
struct Directive {
  Kept Config::*member;
  /// What counts where it is not given, as words; null where the dump has lines of its own.
  const char* standard;
  command_rec command;
};
template <class Config, class Kept>
Directive(Kept Config::*, const char*, command_rec) -> Directive<Config, Kept>;

/// Where a directive may stand follows from what keeps it: an .htaccess cannot change a server.
template <class Config, class Kept>
constexpr int allowed_in(Kept Config::*) {
  return std::is_same_v<Config, ServerConfig> ? RSRC_CONF : OR_FILEINFO;
}

/// In sections, but in no .htaccess: who writes one must not decide what others may read or keep.
constexpr int kInSections = RSRC_CONF | ACCESS_CONF;

/// The kinds of rows. How an inner place is merged with an outer one follows from the type of the
/// value; see given_after.
template <auto kMember, bool kOn = true>
constexpr auto flag(const char* name, const char* help) {
  return Directive{
      kMember, kOn ? "Off" : "On",
      AP_INIT_FLAG(name, (set_flag<kMember, kOn>), nullptr, allowed_in(kMember), help)};
}
template <auto kMember, auto kRead>
constexpr auto one_word(const char* name, const char* standard, const char* help) {
  return Directive{
      kMember, standard,
      AP_INIT_TAKE1(name, (set_word<kMember, kRead>), nullptr, allowed_in(kMember), help)};
}
template <auto kMember, auto kRead>
constexpr auto all_words(const char* name, const char* standard, const char* help) {
  return Directive{
      kMember, standard,
      AP_INIT_RAW_ARGS(name, (set_words<kMember, kRead>), nullptr, allowed_in(kMember), help)};
}

constexpr std::tuple kDirectives = {
    flag<&ServerConfig::enabled>(
        "ReqNotes", "On or Off (default): trace IDs, and the declared fields in both logs"),
    Directive{&ServerConfig::declarations, nullptr,
              AP_INIT_RAW_ARGS(
                  "ReqNotesField", set_field, nullptr, RSRC_CONF,
                  "NAME [note:KEY|env:NAME|request:HEADER|response:HEADER|cookie:NAME|user|"
                  "expr:\"...\" ...] [type=string|integer|number|boolean|list] [max=BYTES] "
                  "[privacy=plain|hash|last4] [logs=access,error] [ecs=NAME], or !NAME to remove a "
                  "field")},
    flag<&ServerConfig::no_access_log, false>(
        "ReqNotesAccessLog",
        "On (default) or Off: whether the requests are in the logs that have env=REQNOTES_ACCESS"),
    one_word<&DirectoryConfig::response_headers, read_unless_none<check_header_prefix>>(
        "ReqNotesResponseHeaders", "None",
        "the beginning of response header names, such as X-Note-, that are taken as notes and "
        "never reach the client, or None (default)"),
    all_words<&ServerConfig::trace_accept, read_trace_accept>(
        "ReqNotesTraceAccept", "none",
        "none (default), private, all, or networks: the connection peers whose trace context is "
        "continued"),
    all_words<&ServerConfig::trace_formats, read_trace_formats>(
        "ReqNotesTraceFormats", "tracecontext",
        "tracecontext (default), b3, b3multi: read in this order, and sent to backends"),
    one_word<&ServerConfig::trace_sample, read_trace_sample>(
        "ReqNotesTraceSample", "1",
        "0 to 1 (default): which part of the traces that start here is flagged sampled"),
    all_words<&DirectoryConfig::trace_response, read_trace_response>(
        "ReqNotesTraceResponse", "None",
        "response headers that tell the client the trace ID, such as X-Request-Id or "
        "Server-Timing, or None (default)"),
    all_words<&ServerConfig::error_log, read_error_log>(
        "ReqNotesErrorLog", "None",
        "a file, \"|program\" or None (default), then json (default), ecs or otlp: every message "
        "of the error log as a line, with the facts that its request made known later"),
    all_words<&ServerConfig::service, read_service>(
        "ReqNotesService", "none",
        "NAME [VERSION]: what OpenTelemetry and ECS call service.name and service.version"),
    flag<&DirectoryConfig::no_error_summary, false>(
        "ReqNotesErrorSummary",
        "On (default) or Off: a closing line in the error log for a request whose facts came too "
        "late for its error lines"),
    Directive{&DirectoryConfig::start_message, "Off",
              AP_INIT_FLAG("ReqNotesStartMessage",
                           (set_flag<&DirectoryConfig::start_message, true>), nullptr, kInSections,
                           "On or Off (default): a message at level info when an event stream or "
                           "another protocol, "
                           "such as a WebSocket, begins")},
    Directive{&ServerConfig::hash_key, "none",
              AP_INIT_TAKE12(
                  "ReqNotesHashKey", set_hash_key, nullptr, RSRC_CONF,
                  "a file with the key of privacy=hash, that only its owner can read; and, while "
                  "the key changes, the file with the one before")},
    one_word<&ServerConfig::line_limit, read_line_limit>(
        "ReqNotesLineLimit", "4096",
        "512 to 65536 bytes (default 4096): the longest line of any of our formats, its newline "
        "included"),
    all_words<&DirectoryConfig::mask_query, read_mask_query>(
        "ReqNotesMaskQuery", nullptr,
        "parameters whose values are written as ***, beside the usual ones: NAME, *NAME for all "
        "that end with it, *_NAME for all with that last word; or None to mask none"),
    all_words<&DirectoryConfig::mask_path, read_mask_path>(
        "ReqNotesMaskPath", nullptr,
        "paths such as /reset/* and /bot*/: what a * stands for is written as ***; or None "
        "(default)"),
    Directive{&DirectoryConfig::values, nullptr,
              AP_INIT_RAW_ARGS("ReqNotesValues", (set_words<&DirectoryConfig::values, read_values>),
                               nullptr, kInSections,
                               "the values of their own that lines have, such as status and path; "
                               "or +NAME and -NAME, such as +host -query")},
    Directive{&DirectoryConfig::client, "full",
              AP_INIT_TAKE1("ReqNotesClient", (set_word<&DirectoryConfig::client, read_client>),
                            nullptr, kInSections,
                            "full (default), network, hash or none: what is written of the "
                            "client's address")},
    one_word<&ServerConfig::request_id, read_unless_none<check_id_header>>(
        "ReqNotesRequestId", "None",
        "a request header with the caller's own id, kept as field request_id, or None (default)"),
    Directive{&ServerConfig::metrics, nullptr,
              AP_INIT_RAW_ARGS("ReqNotesMetric", set_metric, nullptr, RSRC_CONF,
                               "NAME [by=FIELD[,FIELD[,FIELD]]] [values=VALUE,...] "
                               "[sum=FIELD[,...]] [buckets=SECONDS,...] [series=N]")},
    Directive{&ServerConfig::busiest, "none",
              AP_INIT_RAW_ARGS("ReqNotesBusiest",
                               (set_global<&ServerConfig::busiest, read_busiest_fields>), nullptr,
                               RSRC_CONF, "FIELD ... [keys=N]: whose busiest values are known")},
    Directive{
        &ServerConfig::metric_files, "none",
        AP_INIT_RAW_ARGS("ReqNotesMetricFiles",
                         (set_global<&ServerConfig::metric_files, read_metric_files>), nullptr,
                         RSRC_CONF, "DIRECTORY [stale=SECONDS]: where applications drop numbers")},
    Directive{&ServerConfig::thresholds, nullptr,
              AP_INIT_RAW_ARGS(kThresholdDirective, set_threshold, nullptr, RSRC_CONF,
                               "NAME SIGNAL above=N|below=N [clear=N] [over=SECONDS] [least=N] "
                               "[level=warning|critical]")},
    Directive{&ServerConfig::threshold_files, nullptr,
              AP_INIT_TAKE1("ReqNotesThresholds", set_thresholds, nullptr, RSRC_CONF,
                            "a file with lines of ReqNotesThreshold and comments, nothing else")},
    Directive{&ServerConfig::jobs, nullptr,
              AP_INIT_RAW_ARGS("ReqNotesJob", set_job, nullptr, RSRC_CONF,
                               "NAME THRESHOLD ... [retry=SECONDS]: a job that waits while one of "
                               "them is exceeded or unknown")},
    all_words<&ServerConfig::flags, read_flags_directive>(
        "ReqNotesFlags", "None",
        "FILE [by=cookie:NAME|request:HEADER|client] [header=NAME] [trips=FILE], or None "
        "(default): "
        "feature flags"),
    Directive{&DirectoryConfig::pages, "Off",
              AP_INIT_FLAG("ReqNotesPages", set_pages, nullptr, kInSections,
                           "On or Off (default): whether SetHandler reqnotes answers here")},
};

/// The table that httpd reads.
constexpr auto kCommands = std::apply(
    [](const auto&... row) {
      return std::array{row.command..., command_rec{}};
    },
    kDirectives);

template <class Act>
void each_directive(const Act& act) {
  std::apply([&act](const auto&... row) { (act(row), ...); }, kDirectives);
}

/// Calls `act` with each member of a Config that keeps a directive.
template <class Config, class Act>
void each_member(const Act& act) {
  each_directive([&act](const auto& row) {
    if constexpr (requires(Config config) { config.*row.member; }) act(row.member);
  });
}

/// A copy of `add` with what `base` says beside it.
template <class Config>
Config* merge(apr_pool_t* pool, const Config& base, const Config& add) {
  auto* both = static_cast<Config*>(apr_pmemdup(pool, &add, sizeof add));
  each_member<Config>([&](auto member) { merge_into(pool, base.*member, both->*member); });
  return both;
}

inline void* merge_server_config(apr_pool_t* pool, void* base, void* add) noexcept {
  return merge(pool, *static_cast<ServerConfig*>(base), *static_cast<ServerConfig*>(add));
}

/// Runs for requests too. Most servers say nothing of places; and one configuration can stand for
/// two, as nothing changes it when it was read.
inline void* merge_directory_config(apr_pool_t* pool, void* base_data, void* add_data) noexcept {
  const auto& base = *static_cast<const DirectoryConfig*>(base_data);
  bool says = false;
  each_member<DirectoryConfig>([&](auto member) { says = says || (base.*member).given; });
  return says ? merge(pool, base, *static_cast<DirectoryConfig*>(add_data)) : add_data;
}

}  // namespace reqnotes
