#pragma once

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <span>
#include <string_view>

#include "reqnotes/errors/message.hpp"
#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/errors/held.hpp"
#include "reqnotes/httpd/line/record.hpp"
#include "reqnotes/httpd/masks/masking.hpp"
#include "reqnotes/httpd/output/open_logs.hpp"
#include "reqnotes/httpd/request.hpp"
#include "reqnotes/line/encode.hpp"
#include "reqnotes/trace/trace_context.hpp"

namespace reqnotes {

constexpr std::string_view kLevels[] = {"emerg",  "alert",  "crit",   "error",  "warn",   "notice",
                                        "info",   "debug",  "trace1", "trace2", "trace3", "trace4",
                                        "trace5", "trace6", "trace7", "trace8"};

/// The trace ID that `%L` has where this module knows nothing of the request: a copy of it, as in
/// mod_wsgi's daemons. Other modules set ids of their own, which are none.
inline std::string_view trace_id_of(const request_rec* leg) {
  const std::string_view id = text_of((leg->main ? leg->main : leg)->log_id);
  return id.size() == kTraceIdSize && is_id(id) ? id : std::string_view();
}

/// Writes one message as a line of JSON.
///
/// message                   its owner has the log, and the limit.
/// text                      as it is to be read, with its secrets masked.
/// server, connection, leg   each may be null.
inline void write_message(const HeldMessage& message, std::string_view text,
                          const server_rec* server, const conn_rec* connection,
                          const request_rec* leg) {
  const ServerConfig& owner = *message.owner;
  const LogFile& log = *owner.error_log_file;
  tell_lost(log);

  const CodedMessage coded = split_code(text);
  char error_buffer[128];
  char source_buffer[128];

  Record record;
  record.add_time(kTime, message.time);
  record.add_whole(kLevel, kLevels[std::clamp<int>(message.level, 0, 15)]);
  const ServerConfig* config = leg ? enabled_config(leg->server) : nullptr;
  RequestState* state = leg ? find_state(leg) : nullptr;
  if (state) {
    record.add_whole(kTraceId, state->trace_id);
    record.add_whole(kSpanId, state->span_id);
    if (state->request_id) record.add_whole(kRequestId, state->request_id);
  } else if (leg) {
    record.add_whole(kTraceId, trace_id_of(leg));
  }
  if (config) record.add_fields(*config, state, leg, kErrorLog);
  const char* module =
      message.module_index >= 0 ? ap_find_module_short_name(message.module_index) : nullptr;
  record.add_text(kModule, text_of(module), Cut::kLate);
  record.add_whole(kCode, coded.code);
  if (server) record.add_text(kVhost, text_of(server->server_hostname), Cut::kLate);
  if (leg) {
    record.add_whole(kClient, text_of(leg->useragent_ip));
  } else if (connection) {
    record.add_whole(kClient, text_of(connection->client_ip));
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
  record.add_text(kMessage, coded.text, Cut::kMessage);

  // On the stack, as there must be no allocation here; what exceeds the usual is the operator's.
  const std::size_t limit = owner.line_limit.value;
  char* const buffer = static_cast<char*>(__builtin_alloca(1 + limit));
  const std::span<char> room(buffer + 1, limit - 1);
  const std::size_t size = encode_line(kJson, record.items(), room);
  buffer[1 + size] = '\n';
  write_line(log, {buffer + 1, size + 1});
}

}  // namespace reqnotes
