#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/errors/fields_item.hpp"
#include "reqnotes/httpd/errors/held.hpp"
#include "reqnotes/httpd/errors/json_log.hpp"
#include "reqnotes/httpd/facts/found.hpp"
#include "reqnotes/httpd/line/built_in.hpp"
#include "reqnotes/httpd/line/choice.hpp"
#include "reqnotes/httpd/line/put_line.hpp"
#include "reqnotes/httpd/masks/masking.hpp"
#include "reqnotes/httpd/request.hpp"
#include "reqnotes/line/encode.hpp"
#include "reqnotes/line/message.hpp"
#include "reqnotes/text/httpd_text.hpp"

namespace reqnotes {

/// The message of the closing line. By this pointer our own message is known from every other.
constexpr char kClosingText[] = "RN0006: %s";

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
  ErrorFacts facts;
  facts.Facts::find(config, &state, leg, kErrorLog, Sources::kTimely);
  std::uint64_t hash = 0;
  for (const Fact& fact : facts.all()) {
    hash = mix(hash + fact.field->index + fact.text.size(),
               prefix(fact.text, fact.field->options.max));
  }
  return hash;
}

/// Whether the line that httpd has just written could have the facts that are known: `%N` had
/// room for them, or the operator wants none on a line.
inline bool has_facts(const RequestState& state, const ap_errorlog_info& info) {
  if (state.fields_item != FieldsItem::kNotAsked) return state.fields_item == FieldsItem::kWhole;
  return !has_fields_item(info.s, info.level);
}

inline bool wants_summary(const request_rec* leg) {
  return !leg->per_dir_config || !directory_config_of(leg).no_error_summary.value;
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
  errors.lacks_id = errors.lacks_id || state.fields_item == FieldsItem::kLineFull;
}

/// The first message as it is to be read. What httpd wrote is unescaped and masked now, by all that
/// is known of the request's places.
///
/// room     for it.
inline std::string_view first_message(const ErrorMessages& errors, const request_rec* last,
                                      std::span<char, kFirstKept + masked_room(kFirstKept)> room) {
  if (errors.first_is_plain) return errors.first;
  Sink plain(room.first<kFirstKept>());
  unescape_error_text(errors.first, plain);
  const std::string_view masked =
      mask(plain.written(), Place::kMessage, IsMasked(last),
           [room](std::size_t) -> std::span<char> { return room.subspan<kFirstKept>(); });
  return cut_utf8(masked, kFirstMessage);
}

/// Writes what follows RN0006, which ends with a NUL: as it is to be read, so that httpd escapes it
/// once. By itself, as httpd needs much of a thread's stack to log it.
///
/// The facts stand in it only where `%N` does not bring them.
[[gnu::noinline]] inline void put_closing(const ServerConfig& config, RequestState& state,
                                          const request_rec* last,
                                          std::span<char, kErrorFieldsLimit + 1> buffer) {
  const ErrorMessages& errors = *state.errors;
  char first[kFirstKept + masked_room(kFirstKept)];
  Subject subject;
  subject.state = &state;
  subject.last = last;
  subject.asked = parse_request_line(text_of(errors.original->the_request));
  subject.asked.path = masked_path(&state, last, subject.asked.path);
  subject.messages = errors.count;
  subject.text = first_message(errors, last, first);

  ItemList list(Naming::kOwn);
  const Choice choice(last);
  const auto add = [&](std::string_view name) {
    const std::size_t at = index_of(name);
    const BuiltIn& row = kBuiltIns[at];
    if (!choice.has(bit_of(at))) return;
    if (row.text) {
      list.text(name, row.text(subject), row.cut);
    } else {
      list.number(name, row.number(subject));
    }
  };
  add("trace_id");
  ErrorFacts facts;
  if (!has_fields_item(last->server, errors.worst)) {
    subject.request_id = text_of(state.request_id);
    add("request_id");
    facts.find(config, &state, last);
  }
  for (const Fact& fact : facts.all()) list.field(fact);
  for (std::string_view name : {"status", "method", "path", "messages", "first"}) add(name);

  char escaped[kErrorFieldsLimit];
  const std::size_t size =
      encode_line(kMessageText, list.items(), std::span(escaped).first(error_fields_limit(config)));
  Sink plain(buffer.first<kErrorFieldsLimit>());
  unescape_error_text({escaped, size}, plain);
  buffer[plain.size()] = '\0';
}

}  // namespace reqnotes
