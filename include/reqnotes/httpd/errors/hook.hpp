#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "reqnotes/errors/php_messages.hpp"
#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/errors/closing_line.hpp"
#include "reqnotes/httpd/errors/held.hpp"
#include "reqnotes/httpd/errors/json_log.hpp"
#include "reqnotes/httpd/errors/message_owner.hpp"
#include "reqnotes/httpd/masks/masking.hpp"
#include "reqnotes/httpd/output/open_logs.hpp"
#include "reqnotes/httpd/request.hpp"
#include "reqnotes/httpd/trace/ensure_state.hpp"
#include "reqnotes/text/httpd_text.hpp"
#include "reqnotes/text/utf8.hpp"

namespace reqnotes {

/// How long a message may be held, counted at the request's next message.
constexpr apr_time_t kHeldTime = apr_time_from_sec(10);

/// The message that a long request begins with. By this pointer it is known, as it must not be
/// held; see start_message.hpp.
constexpr char kStartText[] = "RN0026: %.*s %.*s %s%.*s";

/// The facts that messages about a request have now.
inline void find_error_facts(const request_rec* last, ErrorFacts& facts) {
  const ServerConfig* config = enabled_config(last->server);
  if (config) facts.find(*config, find_state(last), last);
}

/// Writes what a request holds, with the facts that are known by now, to the logs that it is held
/// for. It may be interrupted by itself: prefork ends a child, and its request, in a signal
/// handler.
inline void write_held(ErrorMessages& errors) {
  if (errors.held_size == 0) return;
  const request_rec* last = last_leg(errors.original);
  ErrorFacts facts;
  find_error_facts(last, facts);
  for (HeldBlock* block = errors.held; block; block = block->next) {
    while (block->begin < block->used) {
      const char* const held = block->data() + block->begin;
      HeldMessage message;
      std::memcpy(&message, held, sizeof message);
      write_message(message, {held + sizeof message, message.size}, last->server, last->connection,
                    last, facts.all());
      block->begin += sizeof message + message.size;
    }
    block->used = block->begin = 0;
  }
  errors.filling = errors.held;
  errors.held_size = 0;
}

inline apr_status_t end_errors(void* data) noexcept {
  // A request whose client went away while it was read is never logged.
  write_held(*static_cast<ErrorMessages*>(data));
  return APR_SUCCESS;
}

/// Room to hold a message, or null where it must be written at once: then what is held goes before
/// it.
///
/// size      of what is put there by put_held, which may be several at once.
/// may_wait  whether it can be held at all.
inline char* room_to_hold(ErrorMessages& errors, const HeldMessage& message, std::size_t size,
                          bool may_wait) {
  const bool is_late = errors.held_size != 0 && message.time - errors.held_since > kHeldTime;
  if (!may_wait || is_late) {
    write_held(errors);
    return nullptr;
  }
  const bool is_first = errors.held_size == 0;
  const bool held_before = errors.held != nullptr;
  char* const at = hold(errors, size);
  if (!at) return nullptr;
  if (!held_before) apr_pool_pre_cleanup_register(errors.original->pool, &errors, end_errors);
  if (is_first) errors.held_since = message.time;
  return at;
}

/// returns  what stands behind it.
inline char* put_held(const HeldMessage& message, std::string_view text, char* at) {
  std::memcpy(at, &message, sizeof message);
  std::memcpy(at + sizeof message, text.data(), text.size());
  return at + sizeof message + text.size();
}

/// Writes a message with the facts that are known now. By itself, as they take much of a stack.
///
/// last     may be null.
[[gnu::noinline]] inline void write_now(const HeldMessage& message, std::string_view text,
                                        const server_rec* server, const conn_rec* connection,
                                        const request_rec* last) {
  ErrorFacts facts;
  if (last) find_error_facts(last, facts);
  write_message(message, text, server, connection, last, facts.all());
}

/// Keeps the first message for the closing line: its beginning.
///
/// text   as it is to be read where `is_plain`, otherwise as httpd wrote it, and all of it: at most
///        kFirstKept bytes.
inline void keep_first(ErrorMessages& errors, std::string_view text, bool is_plain) {
  const std::string_view first = is_plain ? cut_utf8(text, kFirstMessage) : text;
  errors.first = {
      static_cast<char*>(apr_pmemdup(errors.original->pool, first.data(), first.size())),
      first.size()};
  errors.first_is_plain = is_plain;
}

static_assert(static_cast<int>(PhpLevel::kError) == APLOG_ERR &&
              static_cast<int>(PhpLevel::kWarning) == APLOG_WARNING &&
              static_cast<int>(PhpLevel::kNotice) == APLOG_NOTICE);

/// Holds or writes each message of PHP in one of mod_proxy_fcgi. By itself, as it takes much of a
/// stack.
///
/// message  of mod_proxy_fcgi; without an owner, its parts are kept for a span alone.
/// whole    its text, and `masked` the same, masked by `is_masked`.
/// errors   may be null.
/// returns  whether there are any.
[[gnu::noinline]] inline bool take_php(HeldMessage message, std::string_view whole,
                                       std::string_view masked, const MaskRules& is_masked,
                                       const server_rec* server, const conn_rec* connection,
                                       const request_rec* last, ErrorMessages* errors) {
  PhpMessages php(whole);
  if (php.size() == 0) return false;
  if (masked.data() != whole.data()) php.move_to_masked(whole, is_masked);
  std::size_t size = 0;
  for (std::size_t at = 0; at < php.size(); ++at) {
    size += sizeof message + php.text(at, masked).size();
  }
  // All of them are held or none, as their order is known from the log alone.
  char* room = errors && message.owner
                   ? room_to_hold(*errors, message, size, message.level > APLOG_CRIT)
                   : nullptr;
  const std::int16_t level = message.level;
  message.is_php = true;
  for (std::size_t at = 0; at < php.size(); ++at) {
    const std::string_view part = php.text(at, masked);
    const bool is_known = php.level(at) != PhpLevel::kUnknown;
    message.level = is_known ? static_cast<std::int16_t>(php.level(at)) : level;
    message.size = static_cast<std::uint16_t>(part.size());
    if (errors) keep_event(*errors, message, part);
    if (room) {
      room = put_held(message, part, room);
    } else if (message.owner) {
      write_now(message, part, server, connection, last);
    }
  }
  return true;
}

inline bool is_of_proxy_fcgi(const ap_errorlog_info& info) {
  return info.module_index >= 0 &&
         text_of(ap_find_module_short_name(info.module_index)) == "proxy_fcgi";
}

/// What becomes of a message whose text is needed now: undoes httpd's escapes, then masks it. By
/// itself, as it takes much of a stack.
///
/// owner    whose JSON error log gets it, or null.
/// leg      may be null.
/// errors   of the request, or null where it has ended or is unknown.
/// is_first the message is the first one of the closing line.
[[gnu::noinline]] inline void take_message(const ap_errorlog_info& info, std::string_view escaped,
                                           const ServerConfig* owner, const server_rec* server,
                                           const request_rec* leg, ErrorMessages* errors,
                                           bool is_first) {
  char plain_buffer[MAX_STRING_LEN];
  Sink plain(plain_buffer);
  unescape_error_text(prefix(escaped, sizeof plain_buffer), plain);
  const std::string_view whole = plain.written();
  std::string_view text = whole;
  const request_rec* last = leg ? last_leg(leg) : nullptr;
  const IsMasked is_masked(last);
  if (!is_plain(text, Place::kMessage, is_masked)) {
    auto* const room = static_cast<char*>(__builtin_alloca(masked_room(text.size())));
    text = put_masked(text, Place::kMessage, is_masked,
                      [room](std::size_t size) { return std::span(room, size); });
  }
  if (is_first) keep_first(*errors, text, true);
  if (!owner && !keeps_events) return;

  const HeldMessage message = {.time = apr_time_now(),
                               .file = info.file,
                               .owner = owner,
                               .line = info.line,
                               .status = info.status,
                               .module_index = static_cast<std::int16_t>(info.module_index),
                               .level = static_cast<std::int16_t>(info.level),
                               .size = static_cast<std::uint16_t>(text.size()),
                               .is_php = false,
                               .of_connection = info.c && !info.r};
  if (whole.starts_with(PhpMessages::kBefore) && is_of_proxy_fcgi(info) &&
      take_php(message, whole, text, is_masked, server, info.c, last, errors)) {
    return;
  }
  if (errors) keep_event(*errors, message, text);
  if (!owner) return;
  const bool may_wait = info.level > APLOG_CRIT && info.format != kStartText;
  char* const room =
      errors ? room_to_hold(*errors, message, sizeof message + text.size(), may_wait) : nullptr;
  if (room) {
    put_held(message, text, room);
  } else {
    write_now(message, text, server, info.c, last);
  }
}

/// Runs after httpd has written a message to its own error log, and for what LogLevel lets
/// through only. Must neither log nor allocate, but for a bounded part of a request's pool; see
/// ap_errorlog_info in http_core.h.
inline void error_log(const ap_errorlog_info* info, const char* text) noexcept {
  if (info->format == kClosingText) return;  // this log has every fact already
  const server_rec* server = info->s && info->s->module_config ? info->s : nullptr;
  const ServerConfig* owner = server ? &config_of(server) : main_config;
  if (owner && !owner->error_log_file) owner = nullptr;

  const request_rec* leg = leg_of(*info);
  const ServerConfig* config = leg ? enabled_config(leg->server) : nullptr;
  RequestState* state = config ? find_state(leg) : nullptr;
  const bool counts =
      config && info->level >= 0 && info->level <= APLOG_WARNING && wants_summary(leg);
  const bool keeps = config && info->level >= 0 && is_for_span(info->level);
  // httpd asks for the id of a request, but not where it knows the connection alone.
  if (config && !state && !info->r && (owner || counts || keeps))
    state = ensure_state(leg, *config);
  ErrorMessages* errors = nullptr;
  if (state && !state->is_logged && (owner || counts || keeps))
    errors = &ensure_errors(*state, leg);

  bool is_first = false;
  if (errors && counts) {
    count_message(*errors, *config, *state, *info, leg);
    is_first = errors->count == 1;
  }
  if (state) state->fields_item = FieldsItem::kNotAsked;
  // It is masked now where later too little would be: the place of a sub-request is forgotten when
  // it ends; before the place is known, any place counts; and what stands behind the part that
  // would be kept may tell that it is a secret.
  const bool is_masked_now =
      is_first && (leg->main || !knows_place(last_leg(leg)) || std::strlen(text) > kFirstKept);
  if (owner || is_masked_now || (errors && keeps)) {
    take_message(*info, text, owner, server, leg, errors, is_first);
  } else if (is_first) {
    keep_first(*errors, text, false);
  }
}

/// The facts of a request are complete: writes what it held, and the closing line of the ordinary
/// error log, if one of its lines lacked a fact.
inline void finish_errors(const ServerConfig& config, RequestState& state,
                          const request_rec* last) {
  if (!state.errors) return;
  ErrorMessages& errors = *state.errors;
  write_held(errors);
  if (errors.count == 0) return;
  if (!errors.facts_differ && !errors.lacks_id &&
      fingerprint(config, state, last) == errors.facts) {
    return;
  }
  char buffer[kErrorFieldsLimit + 1];
  put_closing(config, state, last, buffer);
  ap_log_rerror(APLOG_MARK, errors.worst, 0, last, kClosingText, buffer);
}

}  // namespace reqnotes
