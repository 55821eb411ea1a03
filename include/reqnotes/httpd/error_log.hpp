#pragma once

#include <cstring>
#include <span>
#include <string_view>

#include "reqnotes/encode.hpp"
#include "reqnotes/httpd/access_log.hpp"
#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/config.hpp"
#include "reqnotes/httpd/record.hpp"

namespace reqnotes {

/// Most bytes of `%N`: httpd's line has 8,191, and the message must still find room.
constexpr std::size_t kErrorFieldsLimit = 2048;

inline std::size_t error_fields_limit(const ServerConfig& config) {
  return std::min(config.line_limit.value - 1, kErrorFieldsLimit);
}

/// The item of ErrorLogFormat: every field as logfmt, or the value of one. Runs while httpd
/// writes the line, so it neither logs nor allocates; see ap_errorlog_info in http_core.h.
///
/// returns  the bytes written, 0 when nothing is known: httpd then leaves out what stands
///          around the item.
inline int log_fields(const ap_errorlog_info* info, const char* name, char* buffer,
                      int size) noexcept {
  const ServerConfig* config = info->r ? enabled_config(info->r->server) : nullptr;
  if (!config || size <= 0) return 0;
  const request_rec* last = last_leg(info->r);
  const RequestState* state = find_state(info->r);
  const std::span<char> room(buffer,
                             std::min(static_cast<std::size_t>(size), error_fields_limit(*config)));

  if (name && *name) {
    char private_buffer[kPrivateSize];
    const MarkedText value =
        find_named(name, *config, state, last, kErrorLog, room.size() - 1, private_buffer);
    if (value.text.empty() && value.mark.empty()) return 0;
    char text[kErrorFieldsLimit];
    copy_text(value.text, text);
    copy_text(value.mark, text + value.text.size());
    return static_cast<int>(ap_escape_errorlog_item(buffer, text, room.size()));
  }

  Record record;
  if (state && state->request_id) record.add_whole(kRequestId, state->request_id);
  record.add_fields(*config, state, last, kErrorLog);
  std::size_t written = encode_whole(kLogfmt, record.items(), room);
  if (written == 0 && !record.items().empty() && room.size() >= kLineLimitLow - 1) {
    written = encode_cut(kLogfmt, record.items(), room);
  }
  return static_cast<int>(written);
}

inline void register_error_log_tags(apr_pool_t* pool) {
  ap_register_errorlog_handler(pool, apr_pstrdup(pool, "N"), log_fields, 0);
}

}  // namespace reqnotes
