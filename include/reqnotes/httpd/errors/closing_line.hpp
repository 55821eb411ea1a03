#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "reqnotes/errors/message.hpp"
#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/errors/fields_item.hpp"
#include "reqnotes/httpd/errors/held.hpp"
#include "reqnotes/httpd/errors/json_log.hpp"
#include "reqnotes/httpd/line/record.hpp"
#include "reqnotes/httpd/masks/masking.hpp"
#include "reqnotes/httpd/request.hpp"
#include "reqnotes/line/encode.hpp"

namespace reqnotes {

/// The message of the closing line. By this pointer our own message is known from every other.
constexpr char kClosingText[] = "RN0006: %s";

inline bool has_timely_source(const Field& field) {
  return std::ranges::any_of(std::span(field.sources, field.source_count),
                             [](const Source& source) { return !source.kind->is_late; });
}

inline std::uint64_t mix(std::uint64_t hash, std::string_view text) {
  constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15;
  for (; text.size() >= 8; text.remove_prefix(8)) {
    std::uint64_t word;
    std::memcpy(&word, text.data(), sizeof word);
    hash = (std::rotl(hash, 23) ^ word) * kOdd;
  }
  for (char c : text) hash = (std::rotl(hash, 23) ^ static_cast<unsigned char>(c)) * kOdd;
  return hash;
}

/// A number that differs where the facts differ that an error line can have; 0 where there is none.
inline std::uint64_t fingerprint(const ServerConfig& config, const RequestState& state,
                                 const request_rec* leg) {
  std::uint64_t hash = 0;
  for (const Field& field : config.fields) {
    if ((field.options.logs & kErrorLog) == 0) continue;
    std::string_view text = find_text(field, leg, Legs::kAll, Sources::kTimely);
    if (text.empty() && state.carried && has_timely_source(field)) {
      const CarriedValue& carried = state.carried[field.index];
      text = {carried.text, carried.size};
    }
    if (text.empty()) continue;
    hash = mix(hash + field.index + text.size(), prefix(text, field.options.max));
  }
  return hash;
}

/// Whether the line that httpd has just written could have the facts that are known: `%N` had
/// room for them, or the operator wants none on a line.
inline bool has_facts(const RequestState& state, const ap_errorlog_info& info) {
  if (state.line_facts != LineFacts::kNotAsked) return state.line_facts == LineFacts::kWhole;
  return !has_fields_item(info.s, info.level);
}

/// Notes a warning or worse for the closing line.
inline void count_message(ErrorMessages& errors, const ServerConfig& config,
                          const RequestState& state, const ap_errorlog_info& info,
                          const request_rec* leg) {
  const std::uint64_t facts =
      has_facts(state, info) ? fingerprint(config, state, last_leg(leg)) : 0;
  if (errors.count == 0) {
    errors.facts = facts;
    errors.worst = info.level;
  }
  ++errors.count;
  errors.worst = std::min(errors.worst, info.level);
  errors.facts_differ = errors.facts_differ || facts != errors.facts;
  errors.lacks_id = errors.lacks_id || state.line_facts == LineFacts::kLineFull;
  errors.summary =
      errors.summary || !leg->per_dir_config || !directory_config_of(leg).no_error_summary.value;
}

/// Writes what follows RN0006, which ends with a NUL: as it is to be read, so that httpd escapes it
/// once. By itself, as httpd needs much of a thread's stack to log it.
///
/// The facts stand in it only where `%N` does not bring them.
[[gnu::noinline]] inline void put_closing(const ServerConfig& config, RequestState& state,
                                          const request_rec* last,
                                          std::span<char, kErrorFieldsLimit + 1> buffer) {
  const ErrorMessages& errors = *state.errors;
  const RequestLine line = parse_request_line(text_of(errors.original->the_request));
  Record record;
  record.add_whole(kTraceId, state.trace_id);
  if (!has_fields_item(last->server, errors.worst)) {
    if (state.request_id) record.add_whole(kRequestId, state.request_id);
    record.add_fields(config, &state, last, kErrorLog);
  }
  record.add_number(kStatus, last->status);
  record.add_text(kMethod, line.method, Cut::kFirst);
  record.add_text(kPath, masked_path(&state, last, line.path), Cut::kFirst);
  record.add_number(kMessages, errors.count);
  record.add_text(kFirst, {errors.first, errors.first_size}, Cut::kMessage);

  char escaped[kErrorFieldsLimit];
  const std::size_t size = encode_line(kMessageText, record.items(),
                                       std::span(escaped).first(error_fields_limit(config)));
  Sink plain(buffer.first<kErrorFieldsLimit>());
  unescape_error_text({escaped, size}, plain);
  buffer[plain.size()] = '\0';
}

}  // namespace reqnotes
