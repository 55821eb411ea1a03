#pragma once

#include <cstring>
#include <string_view>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/closing_line.hpp"
#include "reqnotes/httpd/config.hpp"
#include "reqnotes/httpd/error_json.hpp"
#include "reqnotes/httpd/error_state.hpp"
#include "reqnotes/httpd/log_file.hpp"
#include "reqnotes/httpd/masking.hpp"
#include "reqnotes/httpd/request.hpp"

namespace reqnotes {

/// How long a message may be held, counted at the request's next message.
constexpr apr_time_t kHeldTime = apr_time_from_sec(10);
/// Whose JSON error log has the messages that belong to no server: that of the main one.
constinit static const ServerConfig* main_config = nullptr;

/// Writes what a request holds, with the facts that are known by now.
inline void write_held(ErrorMessages& errors) {
  if (errors.held_size == 0) return;
  const request_rec* last = last_leg(errors.original);
  const ServerConfig* config = enabled_config(last->server);
  for (std::size_t at = 0; at < errors.held_size;) {
    HeldMessage message;
    std::memcpy(&message, errors.held + at, sizeof message);
    at += sizeof message;
    if (config && config->error_log_file) {
      write_message(*config, message, {errors.held + at, message.size}, last->server,
                    last->connection, last);
    }
    at += message.size;
  }
  errors.held_size = 0;
}

inline apr_status_t end_errors(void* data) noexcept {
  // A request whose client went away while it was read is never logged.
  write_held(*static_cast<ErrorMessages*>(data));
  return APR_SUCCESS;
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

inline apr_status_t forget_main_config(void*) noexcept {
  main_config = nullptr;
  return APR_SUCCESS;
}

/// Opens the JSON error logs, as root, before there are children. Servers with the same log, by
/// inheritance or by name, share it.
inline int open_logs(apr_pool_t* pool, apr_pool_t*, apr_pool_t*, server_rec* main_server) noexcept {
  for (server_rec* server = main_server; server; server = server->next) {
    ServerConfig& config = config_of(server);
    const char* name = config.error_log.value;
    if (!name || !config.enabled.value) continue;
    for (server_rec* other = main_server; other != server; other = other->next) {
      LogFile* file = config_of(other).error_log_file;
      if (file && std::string_view(file->name) == name) config.error_log_file = file;
    }
    if (!config.error_log_file) config.error_log_file = open_log_file(pool, server, name);
    if (!config.error_log_file) return HTTP_INTERNAL_SERVER_ERROR;
  }
  main_config = &config_of(main_server);
  apr_pool_cleanup_register(pool, nullptr, forget_main_config, apr_pool_cleanup_null);
  return OK;
}

}  // namespace reqnotes
