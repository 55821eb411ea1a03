#pragma once

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "reqnotes/encode.hpp"
#include "reqnotes/error_text.hpp"
#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/config.hpp"
#include "reqnotes/httpd/error_log.hpp"
#include "reqnotes/httpd/log_files.hpp"
#include "reqnotes/httpd/masking.hpp"
#include "reqnotes/httpd/pool.hpp"
#include "reqnotes/httpd/record.hpp"
#include "reqnotes/httpd/request.hpp"

namespace reqnotes {

/// Bytes of messages that a request may hold, until its facts are complete.
constexpr std::size_t kHeldBytes = 16384;
/// How long a message may be held, counted at the request's next message.
constexpr apr_time_t kHeldTime = apr_time_from_sec(10);
/// Bytes of the first message that the closing line repeats.
constexpr std::size_t kFirstMessage = 256;

/// What httpd tells of one message; its text follows.
struct HeldMessage {
  apr_time_t time;
  const char* file;  ///< of httpd's source, a literal in its module
  int line;
  int level;
  int module_index;
  apr_status_t status;
  std::size_t size;  ///< of the text, as httpd escaped it
};

/// The messages that one client request has logged: made with the first of them, and bounded.
struct ErrorMessages {
  request_rec* original;
  char* masked_path;  ///< the path as the client sent it, with its secrets masked, or null
  // For the closing line.
  unsigned count;  ///< of warnings and worse
  int worst;
  bool summary;         ///< asked for where one of them was logged
  bool facts_differ;    ///< between one of them and another
  std::uint64_t facts;  ///< known to the first one
  std::size_t first_size;
  char first[kFirstMessage];
  // For the JSON error log.
  char* held;              ///< kHeldBytes; null without such a log
  std::size_t held_begin;  ///< what stands before it is written
  std::size_t held_size;
  apr_time_t held_since;
};

constexpr std::string_view kLevels[] = {"emerg",  "alert",  "crit",   "error",  "warn",   "notice",
                                        "info",   "debug",  "trace1", "trace2", "trace3", "trace4",
                                        "trace5", "trace6", "trace7", "trace8"};

inline apr_status_t end_errors(void* data) noexcept;

inline ErrorMessages& ensure_errors(RequestState& state, const request_rec* leg, bool holds) {
  auto* original = const_cast<request_rec*>(original_of(leg));
  if (!state.errors) {
    state.errors = &pool_new<ErrorMessages>(original->pool);
    state.errors->original = original;
    apr_pool_pre_cleanup_register(original->pool, state.errors, end_errors);
  }
  if (holds && !state.errors->held) {
    state.errors->held = static_cast<char*>(apr_palloc(original->pool, kHeldBytes));
  }
  return *state.errors;
}

/// The path as the client sent it, with its secrets masked as the place asks that the request has
/// come to by now; good until the next call.
inline std::string_view masked_path(RequestState* state, const request_rec* last,
                                    std::string_view path) {
  const IsMasked is_masked = {last, last->server};
  if (!has_masked(path, Place::kPath, is_masked)) return path;
  if (!state || (!state->errors && state->end_time != 0)) return kMask;
  ErrorMessages& errors = ensure_errors(*state, last, false);
  const std::size_t room = masked_room(path.size());
  if (!errors.masked_path) {
    errors.masked_path = static_cast<char*>(apr_palloc(errors.original->pool, room));
  }
  Sink out({errors.masked_path, room});
  put_masked(path, Place::kPath, is_masked, out);
  return out.written();
}

/// Writes a record whose last item is a message. A message is cut before the fields are; but where
/// they leave it too little room, it has a quarter of what the ids leave, as a line without its
/// message would say nothing.
inline std::size_t encode_message(const Format& format, Record& record, std::span<char> room) {
  const std::size_t size = encode_whole(format, record.items(), room);
  if (size != 0) return size;
  const auto measure = [&](const Item& item) {
    Sink out(room);
    format.put_value(item, kNoLimit, out);
    return out.overflowed() ? room.size() : out.size();
  };
  Item& message = record.last();
  const Item whole = message;
  std::size_t need[3] = {};
  for (const Item& item : record.items()) {
    if (item.text.empty() || &item == &message) continue;
    need[static_cast<std::size_t>(item.cut)] += (item.key->*format.key).size() + measure(item);
  }
  const std::size_t fixed = need[static_cast<std::size_t>(Cut::kNever)] + format.open.size() +
                            format.truncated.size() + format.close.size();
  const std::size_t left = room.size() > fixed ? room.size() - fixed : 0;
  const std::size_t key = (message.key->*format.key).size();
  if (need[static_cast<std::size_t>(Cut::kLate)] > left / 2 && left / 4 > key) {
    const std::size_t most = left / 4 - key;
    message.cut = Cut::kNever;
    for (std::size_t bytes = most; measure(message) > most; bytes -= bytes / 8 + 1) {
      message.text = cut_utf8(whole.text, bytes);
      message.shortened = true;
      if (bytes == 0) break;
    }
  }
  const std::size_t cut = encode_cut(format, record.items(), room);
  message = whole;
  return cut;
}

/// Writes one message as a line of JSON.
///
/// owner                     has the log, and its limit.
/// server, connection, leg   each may be null.
inline void write_message(const ServerConfig& owner, const HeldMessage& message,
                          std::string_view escaped, const server_rec* server,
                          const conn_rec* connection, const request_rec* leg) {
  const LogFile& log = *owner.error_log_file;
  tell_lost(log);

  char text_buffer[MAX_STRING_LEN];
  Sink text(text_buffer);
  unescape_error_text(prefix(escaped, sizeof text_buffer), text);
  const CodedMessage coded = split_code(text.written());
  char error_buffer[128];
  char source_buffer[128];

  Record record;
  record.add_time(kTime, message.time);
  record.add_plain(kLevel, kLevels[std::clamp(message.level, 0, 15)]);
  const ServerConfig* config = leg ? enabled_config(leg->server) : nullptr;
  RequestState* state = config ? find_state(leg) : nullptr;
  if (state) {
    record.add_plain(kTraceId, state->trace_id);
    record.add_plain(kSpanId, state->span_id);
    if (state->request_id) record.add_plain(kRequestId, state->request_id);
  }
  if (config) record.add_fields(*config, state, leg, kErrorLog);
  const char* module =
      message.module_index >= 0 ? ap_find_module_short_name(message.module_index) : nullptr;
  record.add_text(kModule, text_of(module), Cut::kLate);
  record.add_plain(kCode, coded.code);
  if (server) record.add_text(kVhost, text_of(server->server_hostname), Cut::kLate);
  if (leg) {
    record.add_plain(kClient, text_of(leg->useragent_ip));
  } else if (connection) {
    record.add_plain(kClient, text_of(connection->client_ip));
  }
  if (leg) {
    const RequestLine line = parse_request_line(text_of(original_of(leg)->the_request));
    record.add_text(kMethod, line.method, Cut::kFirst);
    record.add_text(kPath, masked_path(state, leg, line.path), Cut::kFirst);
  }
  record.add_number(kPid, getpid());
  record.add_number(kTid, gettid());
  if (message.level >= APLOG_DEBUG && message.file) {
    const std::string_view file = message.file;
    Sink source(source_buffer);
    source.put(suffix(file, file.rfind('/') + 1));
    source.put(':');
    char digits[32];
    const char* end = std::to_chars(digits, digits + sizeof digits, message.line).ptr;
    source.put({digits, static_cast<std::size_t>(end - digits)});
    record.add_text(kSource, source.written(), Cut::kLate);
  }
  if (message.status != 0) {
    record.add_text(kError,
                    text_of(apr_strerror(message.status, error_buffer, sizeof error_buffer)),
                    Cut::kLate);
  }
  std::string_view said = coded.text;
  const IsMasked is_masked = {leg, server};
  if (has_masked(said, Place::kMessage, is_masked)) {
    const std::size_t room = masked_size(said, Place::kMessage, is_masked);
    Sink masked({static_cast<char*>(__builtin_alloca(room)), room});
    put_masked(said, Place::kMessage, is_masked, masked);
    said = masked.written();
  }
  record.add_text(kMessage, said, Cut::kFirst);

  // On the stack, as there must be no allocation here; what exceeds the usual is the operator's.
  const std::size_t limit = owner.line_limit.value;
  char* const buffer = static_cast<char*>(__builtin_alloca(1 + limit));
  const std::span<char> room(buffer + 1, limit - 1);
  const std::size_t size = encode_message(kJson, record, room);
  buffer[1 + size] = '\n';
  write_line(log, {buffer + 1, size + 1});
}

/// Writes what a request holds, with the facts that are known by now. It may be interrupted by
/// itself: prefork ends a child, and its request, in a signal handler.
inline void write_held(ErrorMessages& errors) {
  if (errors.held_size == 0) return;
  const request_rec* last = last_leg(errors.original);
  const ServerConfig* config = enabled_config(last->server);
  while (errors.held_begin < errors.held_size) {
    const char* const held = errors.held + errors.held_begin;
    HeldMessage message;
    std::memcpy(&message, held, sizeof message);
    if (config && config->error_log_file) {
      write_message(*config, message, {held + sizeof message, message.size}, last->server,
                    last->connection, last);
    }
    errors.held_begin += sizeof message + message.size;
  }
  errors.held_size = errors.held_begin = 0;
}

inline apr_status_t end_errors(void* data) noexcept {
  // A request whose client went away while it was read is never logged.
  write_held(*static_cast<ErrorMessages*>(data));
  return APR_SUCCESS;
}

/// A number that differs where the facts of the error log differ.
inline std::uint64_t fingerprint(const ServerConfig& config, const RequestState& state,
                                 const request_rec* leg) {
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
  for (const Field& field : config.fields) {
    if ((field.options.logs & kErrorLog) == 0) continue;
    char buffer[kPrivateSize];
    for (char c : find_value(field, leg, &state, buffer).text) {
      hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    }
    hash = (hash ^ 0xFF) * 0x100000001b3;
  }
  return hash;
}

/// Notes a warning or worse for the closing line.
inline void count_message(ErrorMessages& errors, const ServerConfig& config,
                          const RequestState& state, const ap_errorlog_info& info,
                          std::string_view text) {
  const std::uint64_t facts = fingerprint(config, state, last_leg(info.r));
  if (errors.count == 0) {
    errors.facts = facts;
    errors.worst = info.level;
    errors.first_size = std::min(text.size(), kFirstMessage);
    std::memcpy(errors.first, text.data(), errors.first_size);
  }
  ++errors.count;
  errors.worst = std::min(errors.worst, info.level);
  errors.facts_differ = errors.facts_differ || facts != errors.facts;
  errors.summary = errors.summary || !info.r->per_dir_config ||
                   !directory_config_of(info.r).no_error_summary.value;
}

/// Runs after httpd has written a message to its own error log, and for what LogLevel lets
/// through only. Must neither log nor allocate, but for one block of a request; see
/// ap_errorlog_info in http_core.h.
inline void error_log(const ap_errorlog_info* info, const char* text) noexcept {
  const server_rec* server = info->s && info->s->module_config ? info->s : nullptr;
  const ServerConfig* owner = server ? &config_of(server) : main_config;
  const request_rec* r = info->r;
  const ServerConfig* config = r ? enabled_config(r->server) : nullptr;
  RequestState* state = config ? find_state(r) : nullptr;
  const bool is_open = state && state->end_time == 0;

  // Now, as the place of a sub-request is forgotten when it ends.
  std::string_view escaped = text;
  const IsMasked is_masked = {r ? last_leg(r) : nullptr, server};
  if (has_masked(escaped, Place::kMessage, is_masked)) {
    const std::size_t room = masked_size(escaped, Place::kMessage, is_masked);
    Sink masked({static_cast<char*>(__builtin_alloca(room)), room});
    put_masked(escaped, Place::kMessage, is_masked, masked);
    escaped = masked.written();
  }

  if (is_open && info->level <= APLOG_WARNING && info->level >= 0) {
    count_message(ensure_errors(*state, r, false), *config, *state, *info, escaped);
  }
  if (!owner || !owner->error_log_file) return;

  const HeldMessage message = {.time = apr_time_now(),
                               .file = info->file,
                               .line = info->line,
                               .level = info->level,
                               .module_index = info->module_index,
                               .status = info->status,
                               .size = escaped.size()};
  if (is_open) {
    ErrorMessages& errors = ensure_errors(*state, r, true);
    const bool is_late = errors.held_size != 0 && message.time - errors.held_since > kHeldTime;
    if (info->level <= APLOG_CRIT || is_late) write_held(errors);
    const std::size_t size = sizeof message + escaped.size();
    if (info->level > APLOG_CRIT && !is_late && size <= kHeldBytes - errors.held_size) {
      if (errors.held_size == 0) errors.held_since = message.time;
      std::memcpy(errors.held + errors.held_size, &message, sizeof message);
      std::memcpy(errors.held + errors.held_size + sizeof message, escaped.data(), escaped.size());
      errors.held_size += size;
      return;
    }
  }
  write_message(*owner, message, escaped, server, info->c, r ? last_leg(r) : nullptr);
}

/// Writes the text of the closing line, which ends with a NUL. By itself, as httpd needs much of a
/// thread's stack to log it.
[[gnu::noinline]] inline void put_closing(const ServerConfig& config, RequestState& state,
                                          const request_rec* last,
                                          std::span<char, kErrorFieldsLimit + 1> buffer) {
  const ErrorMessages& errors = *state.errors;
  char first_buffer[kFirstMessage];
  Sink first(first_buffer);
  unescape_error_text({errors.first, errors.first_size}, first);
  char masked_buffer[masked_room(kFirstMessage)];
  Sink masked(masked_buffer);
  put_masked(first.written(), Place::kMessage, IsMasked{last, last->server}, masked);
  const RequestLine line = parse_request_line(text_of(errors.original->the_request));
  Record record;
  record.add_plain(kTraceId, state.trace_id);
  if (state.request_id) record.add_plain(kRequestId, state.request_id);
  record.add_fields(config, &state, last, kErrorLog);
  record.add_number(kStatus, last->status);
  record.add_text(kMethod, line.method, Cut::kFirst);
  record.add_text(kPath, masked_path(&state, last, line.path), Cut::kFirst);
  record.add_number(kMessages, errors.count);
  const std::size_t most = error_fields_limit(config);
  record.add_text(kFirst, masked.written(), Cut::kFirst);
  // httpd escapes the text once more, which makes it longer.
  char escaped[4 * (kErrorFieldsLimit + 1)];
  constexpr std::size_t kIdsAndNumbers = 256;
  for (std::size_t room = most;; room = std::max(room - room / 8, kIdsAndNumbers)) {
    buffer[encode_message(kLogfmt, record, buffer.first(room))] = '\0';
    if (room == kIdsAndNumbers) break;
    if (ap_escape_errorlog_item(escaped, buffer.data(), sizeof escaped) <= most) break;
  }
}

/// The facts of a request are complete: writes what it held, and the closing line of the ordinary
/// error log, if one of its lines lacked a fact.
inline void finish_errors(const ServerConfig& config, RequestState& state,
                          const request_rec* last) {
  if (!state.errors) return;
  ErrorMessages& errors = *state.errors;
  write_held(errors);
  if (errors.count == 0 || !errors.summary) return;
  if (!errors.facts_differ && fingerprint(config, state, last) == errors.facts) return;
  char buffer[kErrorFieldsLimit + 1];
  put_closing(config, state, last, buffer);
  ap_log_rerror(APLOG_MARK, errors.worst, 0, last, "RN0006: %s", buffer);
}

}  // namespace reqnotes
