#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "reqnotes/encode.hpp"
#include "reqnotes/error_text.hpp"
#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/config.hpp"
#include "reqnotes/httpd/error_json.hpp"
#include "reqnotes/httpd/error_log.hpp"
#include "reqnotes/httpd/error_state.hpp"
#include "reqnotes/httpd/masking.hpp"
#include "reqnotes/httpd/record.hpp"
#include "reqnotes/httpd/request.hpp"

namespace reqnotes {

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

}  // namespace reqnotes
