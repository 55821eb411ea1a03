#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string_view>
#include <utility>

#include "reqnotes/facts/request_text.hpp"
#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/facts/found.hpp"
#include "reqnotes/httpd/facts/note_index.hpp"
#include "reqnotes/httpd/facts/user.hpp"
#include "reqnotes/httpd/line/built_in.hpp"
#include "reqnotes/httpd/line/choice.hpp"
#include "reqnotes/httpd/line/client.hpp"
#include "reqnotes/httpd/line/connection_id.hpp"
#include "reqnotes/httpd/line/duration.hpp"
#include "reqnotes/httpd/line/put_line.hpp"
#include "reqnotes/httpd/masks/masking.hpp"
#include "reqnotes/httpd/pool.hpp"
#include "reqnotes/httpd/request.hpp"
#include "reqnotes/line/formats.hpp"
#include "reqnotes/text/httpd_text.hpp"
#include "reqnotes/text/sink.hpp"
#include "reqnotes/text/time.hpp"

namespace reqnotes {

/// The headers that an access line has, found in one walk, as there are few: what table_text would
/// find of each.
inline void find_headers(const apr_table_t* table, std::string_view& referer,
                         std::string_view& user_agent) {
  bool found[2] = {};
  for (const apr_table_entry_t& entry : entries_of(table)) {
    const char first = static_cast<char>(*entry.key | 0x20);
    if (first != 'r' && first != 'u') continue;
    const bool is_referer = first == 'r';
    if (found[is_referer] || !is_same_word(entry.key, is_referer ? "Referer" : "User-Agent"))
      continue;
    found[is_referer] = true;
    (is_referer ? referer : user_agent) = text_of(entry.val);
  }
}

/// What the client sent, with its secrets masked: looked at once for a line.
struct Sent {
  RequestLine asked;
  std::string_view referer;
  std::string_view user_agent;
};

[[gnu::always_inline]] inline Sent find_sent(const request_rec* original,
                                             const RequestState& state) {
  const IsMasked is_masked(last_leg(original), &state);
  const auto masked = [original, &is_masked](std::string_view text, Place place) {
    return mask(original->pool, text, place, is_masked);
  };
  const RequestLine line = parse_request_line(text_of(original->the_request));
  Sent sent;
  sent.asked = {.method = line.method,
                .path = masked(line.path, Place::kPath),
                .query = masked(line.query, Place::kQuery)};
  find_headers(original->headers_in, sent.referer, sent.user_agent);
  sent.referer = masked(sent.referer, Place::kPath);
  return sent;
}

/// What an access line is about, but for what a place may choose. `original` is the first leg of a
/// request that has ended.
[[gnu::always_inline]] inline Subject subject_of(const request_rec* original,
                                                 const RequestState& state, const Sent& sent) {
  const request_rec* last = last_leg(original);
  Subject subject;
  subject.state = &state;
  subject.first = original;
  subject.last = last;
  subject.time = original->request_time;
  subject.duration = state.duration;
  subject.request_id = text_of(state.request_id);
  subject.vhost = text_of(original->server->server_hostname);
  subject.service = &config_of(original->server).service.value;
  subject.client = text_of(last->useragent_ip);
  subject.protocol = text_of(original->protocol);
  subject.asked = sent.asked;
  subject.referer = sent.referer;
  subject.user_agent = sent.user_agent;
  return subject;
}

/// The request line of a request that was refused while httpd read it: its place is not known.
inline std::string_view refused_line(const request_rec* original) {
  if (find_place(original)) return {};
  std::string_view line = text_of(original->the_request);
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  return mask(original->pool, line, Place::kMessage, IsMasked(original));
}

inline std::string_view tls_protocol_of(const request_rec* original) {
  const auto lookup = has_mod_ssl ? APR_RETRIEVE_OPTIONAL_FN(ssl_var_lookup) : nullptr;
  if (!lookup) return {};
  char name[] = "SSL_PROTOCOL";
  return text_of(lookup(original->pool, original->server, original->connection,
                        const_cast<request_rec*>(original), name));
}

/// The same, with what the places of the request have chosen.
inline Subject subject_of(const request_rec* original, const RequestState& state, const Sent& sent,
                          const Choice& choice) {
  Subject subject = subject_of(original, state, sent);
  const auto room = [pool = original->pool] {
    return std::span<char, kClientSize>(static_cast<char*>(apr_palloc(pool, kClientSize)),
                                        kClientSize);
  };
  subject.client = show_client(subject.client, choice.client, original->server, room);
  if (choice.has(bit_of("peer"))) {
    subject.peer = show_peer(*original->connection, choice.client, original->server, room);
  }
  subject.connection_id = connection_id_of(original->connection);
  if (choice.has(bit_of("tls_protocol"))) subject.tls_protocol = tls_protocol_of(original);
  if (choice.has(bit_of("request_line"))) subject.request_line = refused_line(original);
  return subject;
}

/// Room that nearly all lines have enough of: what is usually long is counted, and the rest is
/// guessed.
template <const Format& kFormat, std::uint64_t kValues>
std::size_t usual_room(const Subject& subject, std::size_t facts) {
  constexpr std::size_t kShortTexts = 192;
  constexpr std::size_t kFact = 64;
  return frame_size<kAccessLine, kFormat, kValues>() + kShortTexts + facts * kFact +
         subject.asked.path.size() + subject.asked.query.size() + subject.referer.size() +
         subject.user_agent.size();
}

/// Writes a line that has room in what is usual; null for any other one.
///
/// kMost    all values that it may have.
/// values   those that it has.
template <const Format& kFormat, std::uint64_t kMost>
[[gnu::always_inline]] inline const char* usual_line(apr_pool_t* pool, const Subject& subject,
                                                     std::span<const Fact> facts,
                                                     std::uint64_t values, std::size_t limit) {
  const std::size_t room = std::min(limit, usual_room<kFormat, kMost>(subject, facts.size()));
  char* const text = static_cast<char*>(apr_palloc(pool, room));
  LineWriter<kFormat> line({text, room - 1});
  put_values<kAccessLine, kFormat.naming>(subject, facts, values, line);
  const std::size_t size = line.end();
  if (size == 0) return nullptr;
  text[size] = '\0';
  return text;
}

/// A line that is longer than usual, or whose place has chosen its values.
template <const Format& kFormat>
[[gnu::noinline]] const char* other_line(const request_rec* r, const RequestState& state, Sent sent,
                                         std::span<const Fact> facts, std::size_t limit,
                                         Choice choice) {
  const Subject subject = subject_of(r, state, sent, choice);
  const std::uint64_t values = choice.values();
  if (!choice.is_usual()) {
    const char* line = usual_line<kFormat, kAllValues>(r->pool, subject, facts, values, limit);
    if (line) return line;
  }
  char* line = static_cast<char*>(apr_palloc(r->pool, limit));
  const std::span<char> room(line, limit - 1);
  line[put_line<kAccessLine, kFormat>(subject, facts, values, room)] = '\0';
  return line;
}

/// A line in one of our formats, for mod_log_config, which adds the newline.
template <const Format& kFormat>
const char* log_line(request_rec* r, char*) noexcept {
  const ServerConfig* config = enabled_config(r->server);
  RequestState* state = config ? find_state(r) : nullptr;
  if (!state) return nullptr;
  // All access lines of a request have the same.
  if (state->duration == kUnmeasured) state->duration = time_since(r->request_time);
  const request_rec* last = last_leg(r);
  const std::span<const Fact> facts = final_facts(*config, *state, last);
  const std::size_t limit = config->line_limit.value;
  const Choice choice(last);
  const Sent sent = find_sent(r, *state);
  if (choice.is_usual()) {
    const char* line = usual_line<kFormat, kUsualValues>(r->pool, subject_of(r, *state, sent),
                                                         facts, kUsualValues, limit);
    if (line) return line;
  }
  return other_line<kFormat>(r, *state, sent, facts, limit, choice);
}

/// Cuts a fact for httpd, which escapes it.
///
/// most     bytes that httpd may write of it.
inline MarkedText for_httpd(const Fact& fact, std::size_t most) {
  const std::size_t max = fact.field->shown_max;
  return bounded_for_httpd(fact.text, fact.shortened, max == 0 ? most : std::min(max, most));
}

/// A value of the line's own for a LogFormat of the operator's, unless its place has taken it away.
inline std::string_view text_of(const BuiltIn& row, const request_rec* r, const RequestState& state,
                                std::span<char, kTimeSize> digits) {
  static_assert(kDecimalMax <= kTimeSize);
  const std::uint64_t bit = bit_of(static_cast<std::size_t>(&row - kBuiltIns));
  Choice choice(last_leg(r));
  if ((choice.off & bit) != 0) return {};
  choice.on |= bit;
  const Subject subject = subject_of(r, state, find_sent(r, state), choice);
  if (row.text) return row.text(subject);
  const std::int64_t number = row.number(subject);
  if (number == kNoNumber) return {};
  if (row.form == Form::kTime) {
    put_time(number, digits.data());
    return {digits.data(), digits.size()};
  }
  return digits_of(number, digits.first<kDecimalMax>());
}

/// One value for a LogFormat of the operator's own, escaped as httpd escapes its items.
inline const char* log_value(request_rec* r, char* name) noexcept {
  const ServerConfig* config = enabled_config(r->server);
  RequestState* state = config ? find_state(r) : nullptr;
  if (!state) return nullptr;
  MarkedText value = {};
  char digits[kTimeSize];
  if (const BuiltIn* row = find_built_in(name, kAccessLine)) {
    if (state->duration == kUnmeasured) state->duration = time_since(r->request_time);
    value.text = text_of(*row, r, *state, digits);
  }
  for (const Fact& fact : final_facts(*config, *state, last_leg(r))) {
    if (fact.field->name == name) value = for_httpd(fact, kNoLimit);
  }
  const std::size_t size = value.text.size() + value.mark.size();
  if (size == 0) return nullptr;
  char* text = static_cast<char*>(apr_palloc(r->pool, size + 1));
  Sink out({text, size});
  out.put(value.text);
  out.put(value.mark);
  text[size] = '\0';
  return ap_escape_logitem(r->pool, text);
}

}  // namespace reqnotes
