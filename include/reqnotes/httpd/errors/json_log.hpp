#pragma once

#include <unistd.h>

#include <span>
#include <string_view>

#include "reqnotes/errors/coded_message.hpp"
#include "reqnotes/facts/request_text.hpp"
#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/errors/held.hpp"
#include "reqnotes/httpd/facts/found.hpp"
#include "reqnotes/httpd/line/built_in.hpp"
#include "reqnotes/httpd/line/connection_id.hpp"
#include "reqnotes/httpd/masks/masking.hpp"
#include "reqnotes/httpd/output/open_logs.hpp"
#include "reqnotes/httpd/request.hpp"
#include "reqnotes/line/json.hpp"

namespace reqnotes {

/// What a message is about.
///
/// message                   what httpd tells of it.
/// text                      as it is to be read, with its secrets masked.
/// server, connection, leg   each may be null.
inline Subject subject_of(const HeldMessage& message, std::string_view text,
                          const server_rec* server, const conn_rec* connection,
                          const request_rec* leg) {
  const CodedMessage coded = split_code(text);
  Subject subject;
  subject.time = message.time;
  subject.level = message.level;
  if (server) subject.vhost = text_of(server->server_hostname);
  if (leg || connection) subject.client = text_of(leg ? leg->useragent_ip : connection->client_ip);
  if (message.of_connection) subject.connection_id = connection_id_of(connection);
  subject.last = leg;
  subject.code = coded.code;
  subject.text = coded.text;
  subject.thread = gettid();
  if (message.module_index >= 0) {
    subject.module = text_of(ap_find_module_short_name(message.module_index));
  }
  if (!leg) return subject;
  RequestState* state = find_state(leg);
  subject.state = state;
  if (state) subject.request_id = text_of(state->request_id);
  subject.asked = parse_request_line(text_of(original_of(leg)->the_request));
  subject.asked.path = masked_path(state, leg, subject.asked.path);
  return subject;
}

/// Where in httpd's source a message was logged, as `core.c:123`.
inline std::string_view source_of(const HeldMessage& message, std::span<char> buffer) {
  if (message.level < APLOG_DEBUG || !message.file) return {};
  const std::string_view file = message.file;
  Sink source(buffer.first(buffer.size() - kDecimalMax));
  source.put(suffix(file, file.rfind('/') + 1));
  source.put(':');
  const std::size_t size = source.size();
  const char* end = put_decimal(message.line, buffer.data() + size);
  return {buffer.data(), static_cast<std::size_t>(end - buffer.data())};
}

/// Writes one message as a line of JSON to its owner's log.
///
/// facts    those that `leg` has now.
inline void write_message(const HeldMessage& message, std::string_view text,
                          const server_rec* server, const conn_rec* connection,
                          const request_rec* leg, std::span<const Fact> facts) {
  const ServerConfig& owner = *message.owner;
  const LogFile& log = *owner.error_log_file;
  tell_lost(log);

  Subject subject = subject_of(message, text, server, connection, leg);
  char source[128];
  char error[128];
  subject.source = source_of(message, source);
  if (message.status != 0) subject.error = apr_strerror(message.status, error, sizeof error);

  // On the stack, as there must be no allocation here; what exceeds the usual is the operator's.
  const std::size_t limit = owner.line_limit.value;
  char* const buffer = static_cast<char*>(__builtin_alloca(1 + limit));
  const std::size_t size =
      put_line<kMessageLine, kJson>(subject, facts, std::span(buffer + 1, limit - 1));
  buffer[1 + size] = '\n';
  write_line(log, {buffer + 1, size + 1});
}

}  // namespace reqnotes
