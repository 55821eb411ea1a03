#pragma once

#include <span>
#include <string_view>

#include "reqnotes/encode.hpp"
#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/config.hpp"
#include "reqnotes/httpd/record.hpp"
#include "reqnotes/httpd/trace.hpp"

namespace reqnotes {

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
  const std::size_t most = config->line_limit.value - 1;
  for (room = std::min(room, most);; room = most) {
    char* line = static_cast<char*>(apr_palloc(r->pool, room + 1));
    std::size_t size = encode_whole(kFormat, record.items(), {line, room});
    if (size == 0) {
      if (room < most) continue;
      size = encode_cut(kFormat, record.items(), {line, room});
    }
    line[size] = '\0';
    return line;
  }
}

/// The value of a declared field or an id, for `%{NAME}^RF` and `%{NAME}N`; empty when absent.
///
/// buffer   may be used to hold it.
inline FieldValue find_named(std::string_view name, const ServerConfig& config,
                             const RequestState* state, const request_rec* leg, Log log,
                             std::span<char, kPrivateSize> buffer) {
  for (const Field& field : config.fields) {
    if (field.key.name() != name) continue;
    return (field.options.logs & log) != 0 ? find_value(field, leg, state, buffer) : FieldValue{};
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
  char buffer[kPrivateSize];
  const FieldValue value =
      find_named(name, *config, find_state(r), last_leg(r), kAccessLog, buffer);
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
