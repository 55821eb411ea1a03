#pragma once

#include <unistd.h>

#include <cstdint>
#include <span>
#include <string_view>

#include "reqnotes/errors/coded_message.hpp"
#include "reqnotes/errors/php_messages.hpp"
#include "reqnotes/facts/request_text.hpp"
#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/errors/held.hpp"
#include "reqnotes/httpd/facts/found.hpp"
#include "reqnotes/httpd/facts/sources.hpp"
#include "reqnotes/httpd/line/built_in.hpp"
#include "reqnotes/httpd/line/choice.hpp"
#include "reqnotes/httpd/line/client.hpp"
#include "reqnotes/httpd/line/connection_id.hpp"
#include "reqnotes/httpd/masks/masking.hpp"
#include "reqnotes/httpd/output/message_format.hpp"
#include "reqnotes/httpd/output/open_logs.hpp"
#include "reqnotes/httpd/request.hpp"

namespace reqnotes {

/// What the client asked for. A daemon of mod_wsgi has a copy of the request without its line, but
/// with the variables that a script has.
inline RequestLine asked_of(const request_rec* original) {
  if (original->the_request) return parse_request_line(original->the_request);
  RequestLine asked;
  const std::string_view method = table_text(original->subprocess_env, "REQUEST_METHOD");
  if (!is_token(method)) return asked;
  asked.method = method;
  put_target(table_text(original->subprocess_env, "REQUEST_URI"), asked);
  return asked;
}

/// What PHP says is never taken for a code.
inline CodedMessage coded_of(const HeldMessage& message, std::string_view text) {
  if (message.is_php) return {split_code(PhpMessages::kBefore).code, text};
  return split_code(text);
}

inline std::string_view module_of(const HeldMessage& message) {
  if (message.module_index < 0) return {};
  return text_of(ap_find_module_short_name(message.module_index));
}

/// What a message is about.
///
/// message                   what httpd tells of it.
/// text                      as it is to be read, with its secrets masked.
/// server, leg               each may be null.
inline Subject subject_of(const HeldMessage& message, std::string_view text,
                          const server_rec* server, const request_rec* leg) {
  const CodedMessage coded = coded_of(message, text);
  Subject subject;
  subject.time = message.time;
  subject.level = message.level;
  if (server) subject.vhost = text_of(server->server_hostname);
  subject.last = leg;
  subject.code = coded.code;
  subject.text = coded.text;
  if (message.is_php) subject.parsed = "php-fpm";
  subject.thread = gettid();
  subject.module = module_of(message);
  if (!leg) return subject;
  RequestState* state = find_state(leg);
  subject.state = state;
  if (state) subject.request_id = text_of(state->request_id);
  subject.asked = asked_of(original_of(leg));
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

/// Writes one message as a line to its owner's log.
///
/// facts    those that `leg` has now.
inline void write_message(const HeldMessage& message, std::string_view text,
                          const server_rec* server, const conn_rec* connection,
                          const request_rec* leg, std::span<const Fact> facts) {
  const ServerConfig& owner = *message.owner;
  const LogFile& log = *owner.error_log_file;
  tell_lost(log);

  Subject subject = subject_of(message, text, server, leg);
  const ServerConfig& whose = server ? config_of(server) : owner;
  subject.log_begin = whose.log_begin;
  subject.service = &whose.service.value;
  char source[128];
  char error[128];
  char client[kClientSize];
  const Choice choice = choice_of(server, leg);
  std::uint64_t values = choice.values();
  if (message.of_connection) values |= bit_of("connection_id");
  if (connection) subject.connection_id = connection_id_of(connection);
  subject.client = shown_client(choice, server, connection, leg, client);
  subject.source = source_of(message, source);
  if (message.status != 0) subject.error = apr_strerror(message.status, error, sizeof error);

  // On the stack, as there must be no allocation here; what exceeds the usual is the operator's.
  const std::size_t limit = owner.line_limit.value;
  char* const buffer = static_cast<char*>(__builtin_alloca(1 + limit));
  const std::size_t size =
      log.format->put_message(subject, facts, values, std::span(buffer + 1, limit - 1));
  buffer[1 + size] = '\n';
  write_line(log, {buffer + 1, size + 1});
}

}  // namespace reqnotes
