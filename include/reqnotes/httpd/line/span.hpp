#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string_view>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/errors/held.hpp"
#include "reqnotes/httpd/errors/json_log.hpp"
#include "reqnotes/httpd/facts/found.hpp"
#include "reqnotes/httpd/line/access_log.hpp"
#include "reqnotes/httpd/line/choice.hpp"
#include "reqnotes/httpd/line/otlp_rows.hpp"
#include "reqnotes/httpd/line/put_line.hpp"
#include "reqnotes/line/otlp_frame.hpp"
#include "reqnotes/text/sink.hpp"

namespace reqnotes {

/// Part of a line that its events may have.
constexpr std::size_t kEventsPart = 3;
/// And what a caller's tracestate may have: it is dropped as a whole.
constexpr std::size_t kTraceStatePart = 8;

/// Writes the messages that a request has logged as events of its span.
[[gnu::noinline]] inline void put_kept_events(const KeptEvents& kept, std::size_t room, Sink& out) {
  SpanEvent events[kEventsMax];
  for (std::size_t at = 0; at < kept.count; ++at) {
    const auto& [message, begin, shortened] = kept.events[at];
    const CodedMessage coded = coded_of(message, {kept.text + begin, message.size});
    events[at] = {.time = message.time,
                  .severity = level_word(message.level),
                  .code = coded.code,
                  .module = module_of(message),
                  .message = coded.text,
                  .shortened = shortened};
  }
  put_span_events(std::span(events).first(kept.count), kept.dropped, std::min(room, kEventBytesMax),
                  out);
}

/// The caller's tracestate, which is there as long as it was accepted.
inline std::string_view trace_state_of(const request_rec* original, const RequestState& state,
                                       std::size_t limit) {
  if (!state.is_propagated || state.parent_span_id[0] == '\0') return {};
  const std::string_view text = table_text(original->headers_in, "tracestate");
  return text.size() <= limit / kTraceStatePart ? text : std::string_view();
}

/// Writes a span into `room`.
///
/// returns  its size, or 0 where not all of it has room.
template <bool kMayCut>
std::size_t put_span(const Subject& subject, const ServerConfig& config,
                     std::span<const Fact> facts, std::uint64_t values, std::span<char> room) {
  const RequestState& state = *subject.state;
  Sink out(room.first(room.size() - kSpanEnd.size()));
  const bool is_known = is_known_method(subject.asked.method);
  put_span_head({.begin = config.span_begin,
                 .trace_id = id_of(state.trace_id),
                 .span_id = id_of(state.span_id),
                 .parent_span_id = id_of(state.parent_span_id),
                 .trace_state = trace_state_of(subject.first, state, config.line_limit.value),
                 .flags = state.trace_flags,
                 .name = is_known ? subject.asked.method : "HTTP",
                 .time = subject.time,
                 .duration = subject.duration,
                 .failed = !error_type(subject).empty()},
                out);
  if (state.errors && state.errors->events) {
    put_kept_events(*state.errors->events,
                    std::min(config.line_limit.value, out.room()) / kEventsPart, out);
  }
  out.put(kOtlpAttributes);
  const std::span<char> left(out.next(), out.room());
  std::size_t size = 0;
  if constexpr (kMayCut) {
    size = put_line<kAccessLine, kOtlp>(subject, facts, values, left);
  } else {
    LineWriter<kOtlp> line(left);
    put_values<kAccessLine, Naming::kOtlp>(subject, facts, values, line);
    size = line.end();
  }
  if (size == 0) return 0;
  char* const end = copy(kSpanEnd, out.next() + size);
  return static_cast<std::size_t>(end - room.data());
}

/// The line of `%^RO`, for mod_log_config. A tag cannot leave its line out, so one without a span
/// asks to export nothing.
inline const char* log_span(request_rec* r, char*) noexcept {
  const ServerConfig* config = enabled_config(r->server);
  RequestState* state = config ? find_state(r) : nullptr;
  if (!state || !state->trace_id[0]) return "{}";
  if (state->duration == kUnmeasured) state->duration = time_since(r->request_time);
  const request_rec* last = last_leg(r);
  const std::span<const Fact> facts = final_facts(*config, *state, last);
  const Choice choice(last);
  const Subject subject = subject_of(r, *state, find_sent(r, *state), choice);
  const std::uint64_t values = choice.values() | (kOtlpUsual & ~choice.off);

  const std::size_t limit = config->line_limit.value;
  const std::size_t usual = usual_room<kOtlp, kAllValues>(subject, facts.size()) +
                            config->span_begin.size() + kSpanHeadMax;
  std::size_t room = state->errors ? limit : std::min(limit, usual);
  char* text = static_cast<char*>(apr_palloc(r->pool, room));
  std::size_t size = put_span<false>(subject, *config, facts, values, {text, room - 1});
  if (size == 0) {
    if (room != limit) text = static_cast<char*>(apr_palloc(r->pool, limit));
    size = put_span<true>(subject, *config, facts, values, {text, limit - 1});
  }
  text[size] = '\0';
  return text;
}

}  // namespace reqnotes
