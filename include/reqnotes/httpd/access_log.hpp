#pragma once

#include <span>
#include <string_view>

#include "reqnotes/encode.hpp"
#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/config.hpp"
#include "reqnotes/httpd/record.hpp"
#include "reqnotes/httpd/response_headers.hpp"
#include "reqnotes/httpd/subrequests.hpp"
#include "reqnotes/httpd/trace.hpp"

namespace reqnotes {

/// Most bytes of a line, its newline included: Linux's PIPE_BUF, up to which a write to a pipe is
/// never mixed with another one.
constexpr std::size_t kLineLimit = 4096;

/// Looks up the values of the expr: sources, where evaluating is allowed: the error log reads
/// them while it writes a line, and must neither allocate nor log.
inline void evaluate_expressions(request_rec* r, const ServerConfig& config, RequestState& state) {
  const std::size_t count = config.expressions.size();
  if (count == 0) return;
  if (!state.expressions) {
    state.expressions =
        static_cast<const char**>(apr_pcalloc(original_of(r)->pool, count * sizeof(char*)));
  }
  for (std::size_t at = 0; at < count; ++at) {
    const char* error = nullptr;
    const char* value = ap_expr_str_exec(r, config.expressions[at], &error);
    state.expressions[at] = error ? nullptr : apr_pstrdup(original_of(r)->pool, value);
  }
}

/// The last phase before the handler: from here on error lines have the expr: fields.
inline int fixups(request_rec* r) noexcept {
  const ServerConfig* config = enabled_config(r->server);
  if (!config || config->expressions.empty() || r->main) return DECLINED;
  if (RequestState* state = ensure_state(r, *config)) evaluate_expressions(r, *config, *state);
  return DECLINED;
}

/// Runs before mod_log_config, once for a client request; `r` is its first leg.
inline int log_transaction(request_rec* r) noexcept {
  const ServerConfig* config = enabled_config(r->server);
  if (!config) return DECLINED;
  const bool is_late = !find_state(r);
  RequestState* state = ensure_state(r, *config);
  if (!state) return DECLINED;
  request_rec* last = r;
  while (last->next) last = last->next;

  for (request_rec* leg = r; leg; leg = leg->next) take_response_headers(leg);
  carry_all(*config, *state);

  // A request that was refused while it was read has not seen post_read_request.
  if (is_late || !apr_table_get(last->notes, "trace_id")) publish_ids(last, *state);
  if (!r->log_id && state->trace_id[0]) r->log_id = state->trace_id;
  state->end_time = apr_time_now();
  evaluate_expressions(last, *config, *state);
  return DECLINED;
}

/// A line in one of our formats, for mod_log_config, which adds the newline.
template <const Format& kFormat>
const char* log_record(request_rec* r, char*) noexcept {
  const ServerConfig* config = enabled_config(r->server);
  const RequestState* state = config ? find_state(r) : nullptr;
  if (!state) return nullptr;
  Record record;
  fill_record(record, *config, *state, r);

  // Most lines need no escapes, and then fit what their plain text needs.
  std::size_t room = kFormat.open.size() + kFormat.close.size() + 32;
  for (const Item& item : record.items()) {
    room += (item.key->*kFormat.key).size() + item.text.size() + 2;
  }
  constexpr std::size_t kMost = kLineLimit - 1;
  for (room = std::min(room, kMost);; room = kMost) {
    char* line = static_cast<char*>(apr_palloc(r->pool, room + 1));
    std::size_t size = encode_whole(kFormat, record.items(), {line, room});
    if (size == 0) {
      if (room < kMost) continue;
      size = encode_cut(kFormat, record.items(), {line, room});
    }
    line[size] = '\0';
    return line;
  }
}

/// The value of a declared field or an id, for `%{NAME}^RF` and `%{NAME}N`; empty when absent.
inline FieldValue find_named(std::string_view name, const ServerConfig& config,
                             const RequestState* state, const request_rec* leg, Log log) {
  for (const Field& field : config.fields) {
    if (field.key.name() != name) continue;
    return (field.options.logs & log) != 0 ? find_value(field, leg, state) : FieldValue{};
  }
  if (!state) return {};
  if (name == kTraceId.name()) return {state->trace_id, false};
  if (name == kSpanId.name()) return {state->span_id, false};
  if (name == kParentSpanId.name()) return {state->parent_span_id, false};
  if (name == kRequestId.name()) return {text_of(state->request_id), false};
  return {};
}

/// One value for a LogFormat of the operator's own, escaped as httpd escapes its items.
inline const char* log_field(request_rec* r, char* name) noexcept {
  const ServerConfig* config = enabled_config(r->server);
  if (!config) return nullptr;
  const FieldValue value = find_named(name, *config, find_state(r), last_leg(r), kAccessLog);
  if (value.text.empty()) return nullptr;
  const char* text = apr_pstrmemdup(r->pool, value.text.data(), value.text.size());
  if (value.shortened) text = apr_pstrcat(r->pool, text, kCutMark.data(), nullptr);
  return ap_escape_logitem(r->pool, text);
}

struct AccessLogTag {
  const char* tag;
  ap_log_handler_fn_t* handler;
};

/// One tag for each format: httpd refuses an unknown tag at start, but checks no tag's argument.
constexpr AccessLogTag kAccessLogTags[] = {
    {"^RJ", log_record<kJson>},
    {"^RL", log_record<kLogfmt>},
    {"^RF", log_field},
};

inline void register_access_log_tags(apr_pool_t* pool) {
  const auto register_handler = APR_RETRIEVE_OPTIONAL_FN(ap_register_log_handler);
  if (!register_handler) return;
  for (const AccessLogTag& row : kAccessLogTags) {
    // The last argument asks for the first leg, whatever redirects followed.
    register_handler(pool, apr_pstrdup(pool, row.tag), row.handler, 1);
  }
}

}  // namespace reqnotes
