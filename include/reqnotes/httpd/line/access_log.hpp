#pragma once

#include <span>
#include <string_view>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/line/record.hpp"
#include "reqnotes/line/encode.hpp"
#include "reqnotes/text/httpd_text.hpp"
#include "reqnotes/text/slice.hpp"

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

/// The value of a declared field or an id, for `%{NAME}^RF` and `%{NAME}N`; both parts are empty
/// when it is absent.
///
/// most     bytes that httpd may write of a field.
/// buffer   may be used to hold it.
inline MarkedText find_named(std::string_view name, const ServerConfig& config,
                             const RequestState* state, const request_rec* leg, Log log,
                             std::size_t most, std::span<char, kPrivateSize> buffer) {
  for (const Field& field : config.fields) {
    if (field.key.name() != name) continue;
    if ((field.options.logs & log) == 0) return {};
    const FieldValue value = find_value(field, leg, state, buffer);
    const std::size_t max = written_max(field);
    return bounded_for_httpd(value.text, value.shortened, max == 0 ? most : std::min(max, most));
  }
  if (!state) return {};
  if (name == kTraceId.name()) return {state->trace_id, {}};
  if (name == kSpanId.name()) return {state->span_id, {}};
  if (name == kParentSpanId.name()) return {state->parent_span_id, {}};
  if (name == kRequestId.name()) return {text_of(state->request_id), {}};
  return {};
}

/// One value for a LogFormat of the operator's own, escaped as httpd escapes its items.
inline const char* log_field(request_rec* r, char* name) noexcept {
  const ServerConfig* config = enabled_config(r->server);
  if (!config) return nullptr;
  char buffer[kPrivateSize];
  const MarkedText value =
      find_named(name, *config, find_state(r), last_leg(r), kAccessLog, kNoLimit, buffer);
  if (value.text.empty() && value.mark.empty()) return nullptr;
  char* text = static_cast<char*>(apr_palloc(r->pool, value.text.size() + value.mark.size() + 1));
  copy_text(value.text, text);
  copy_text(value.mark, text + value.text.size());
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
