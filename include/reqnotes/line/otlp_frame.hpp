#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <span>
#include <string_view>

#include "reqnotes/line/encode.hpp"
#include "reqnotes/line/json.hpp"
#include "reqnotes/line/otlp.hpp"
#include "reqnotes/text/decimal.hpp"
#include "reqnotes/text/sink.hpp"
#include "reqnotes/text/utf8.hpp"

namespace reqnotes {

/// What stands around the attributes of a line in OTLP: each line is one request to export one span
/// or one log record. The attributes come last, so that all that is bounded has its room first.
///
/// source  opentelemetry-proto 1.x: trace.proto, logs.proto, resource.proto; IDs are hex in JSON.

/// Least bytes of such a line, with its newline: what stands around the attributes at its longest,
/// and a few of them.
constexpr std::size_t kOtlpLineLow = 2048;

/// Who speaks, and where; empty is not known.
struct OtlpService {
  std::string_view name;
  std::string_view version;
  std::string_view host;
};
constexpr std::size_t kServiceNameMax = 128;
constexpr std::size_t kServiceVersionMax = 64;
constexpr std::size_t kHostNameMax = 64;

/// What spans and log records of a service begin with: the same for all of them, so it is made
/// once.
constexpr std::size_t kOtlpBeginMax =
    320 + 2 * (kServiceNameMax + kServiceVersionMax) + kEscapeMax * kHostNameMax;

inline void put_otlp_begin(const OtlpService& service, std::string_view version, bool is_log,
                           Sink& out) {
  const Item items[] = {text_item("service.name", service.name),
                        text_item("service.version", service.version),
                        text_item("host.name", service.host)};
  out.put(is_log ? R"({"resourceLogs":[{"resource":{"attributes":[)"
                 : R"({"resourceSpans":[{"resource":{"attributes":[)");
  const std::size_t first = out.size();
  for (const Item& item : items) put_item(kOtlp, item, kNoLimit, out.size() == first, out);
  out.put(is_log ? R"(]},"scopeLogs":[{"scope":{"name":"mod_reqnotes","version":")"
                 : R"(]},"scopeSpans":[{"scope":{"name":"mod_reqnotes","version":")");
  out.put(version);
  out.put(is_log ? R"("},"logRecords":[{"timeUnixNano":")"
                 : R"("},"spans":[{"startTimeUnixNano":")");
}

/// Writes a number where any has room.
inline void put_number(std::int64_t value, Sink& out) {
  if (out.room() < kDecimalMax) return out.overflow();
  out.advance(static_cast<std::size_t>(put_decimal(value, out.next()) - out.next()));
}

/// Writes microseconds since 1970 as nanoseconds; beyond what OTLP can say, the nearest that it
/// can.
inline void put_nanos(std::int64_t micros, Sink& out) {
  constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::max() / 1000;
  put_number(std::clamp<std::int64_t>(micros, 1, kLast), out);
  out.put("000");
}

/// Flags of a span beside those of its trace.
enum SpanFlag : unsigned {
  kFlagKnowsParent = 0x100,  ///< what follows is known
  kFlagRemoteParent = 0x200,
};

struct Span {
  std::string_view begin;  ///< see put_otlp_begin
  std::string_view trace_id;
  std::string_view span_id;
  std::string_view parent_span_id;  ///< empty for a root
  std::string_view trace_state;     ///< printable ASCII, or empty
  unsigned flags = 0;               ///< of the trace
  std::string_view name;            ///< needs no escape
  std::int64_t time = 0;            ///< microseconds since 1970
  std::int64_t duration = 0;        ///< microseconds
  bool failed = false;
};

/// Most bytes that put_span_head writes beside the beginning and the trace state.
constexpr std::size_t kSpanHeadMax = 320;

/// Writes a server span up to its events or attributes.
inline void put_span_head(const Span& span, Sink& out) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() / 4;
  const bool is_root = span.parent_span_id.empty();
  const auto put_text = [&out](std::string_view before, std::string_view text) {
    out.put(before);
    out.put(text);
  };
  out.put(span.begin);
  put_nanos(span.time, out);
  out.put(R"(","endTimeUnixNano":")");
  put_nanos(
      std::clamp(span.time, -kMost, kMost) + std::clamp<std::int64_t>(span.duration, 0, kMost),
      out);
  put_text(R"(","traceId":")", span.trace_id);
  put_text(R"(","spanId":")", span.span_id);
  if (!is_root) put_text(R"(","parentSpanId":")", span.parent_span_id);
  if (!span.trace_state.empty()) {
    out.put(R"(","traceState":")");
    put_json_text(span.trace_state, kNoLimit, out);
  }
  put_text(R"(","name":")", span.name);
  const unsigned flags = span.flags | kFlagKnowsParent | (is_root ? 0U : kFlagRemoteParent);
  out.put(R"(","kind":2,"flags":)");
  put_number(flags, out);
  out.put(span.failed ? R"(,"status":{"code":2})" : "");
}

/// A message that a span has as an event.
struct SpanEvent {
  std::int64_t time;  ///< microseconds since 1970
  std::string_view severity;
  std::string_view code;
  std::string_view module;
  std::string_view message;
  bool shortened = false;  ///< it was cut before
};
constexpr std::size_t kEventsMax = 8;

/// Most bytes of all events of a span, in a line of any size.
constexpr std::size_t kEventBytesMax = 2048;

/// Room that an event has at least, or it is left out.
constexpr std::size_t kEventLeast = 384;

/// Writes one event in at most `room` bytes, which are kEventLeast or more; a message is cut.
inline void put_span_event(const SpanEvent& event, std::size_t room, Sink& out) {
  const std::size_t before = out.size();
  out.put(R"({"timeUnixNano":")");
  put_nanos(event.time, out);
  out.put(R"(","name":"log","attributes":[)");
  constexpr std::string_view kEnd = "]}";
  const Item items[] = {text_item("log.severity", event.severity),
                        text_item("reqnotes.code", event.code),
                        text_item("reqnotes.module", event.module, Cut::kLate),
                        {.name = "log.message",
                         .text = event.message,
                         .cut = Cut::kMessage,
                         .shortened = event.shortened}};
  const std::size_t left = room - (out.size() - before) - kEnd.size();
  out.advance(encode_line(kOtlp, items, {out.next(), left}));
  out.put(kEnd);
}

/// Writes the events of a span; those that have no room are only counted.
///
/// dropped  how many there were beside `events`.
/// room     bytes that they may have in `out`.
inline void put_span_events(std::span<const SpanEvent> events, unsigned dropped, std::size_t room,
                            Sink& out) {
  constexpr std::string_view kBegin = R"(,"events":[)";
  constexpr std::string_view kEnd = R"(],"droppedEventsCount":)";
  const std::size_t frame = kBegin.size() + kEnd.size() + kDecimalMax;
  if (events.empty() || room < frame) return;
  room -= frame;
  out.put(kBegin);
  std::size_t count = 0;
  for (; count < events.size(); ++count) {
    const std::size_t most = std::max(room / (events.size() - count), kEventLeast) - 1;
    if (room < kEventLeast) break;
    const std::size_t before = out.size();
    if (count != 0) out.put(',');
    put_span_event(events[count], most, out);
    room -= out.size() - before;
  }
  out.put(kEnd);
  put_number(static_cast<std::int64_t>(dropped + (events.size() - count)), out);
}

constexpr std::string_view kOtlpAttributes = R"(,"attributes":[)";
constexpr std::string_view kSpanEnd = "]}]}]}]}";

/// A message of the error log.
struct LogRecord {
  std::string_view begin;  ///< see put_otlp_begin
  std::int64_t time = 0;   ///< microseconds since 1970
  int severity = 0;        ///< as OpenTelemetry numbers it
  std::string_view severity_text;
  std::string_view trace_id;  ///< empty where there is none, as span_id
  std::string_view span_id;
  unsigned flags = 0;  ///< of the trace
};

/// Most bytes that put_log_head writes beside the beginning.
constexpr std::size_t kLogHeadMax = 256;

/// Writes a log record up to its attributes.
inline void put_log_head(const LogRecord& record, Sink& out) {
  out.put(record.begin);
  put_nanos(record.time, out);
  out.put(R"(","observedTimeUnixNano":")");
  put_nanos(record.time, out);
  out.put(R"(","severityNumber":)");
  put_number(record.severity, out);
  out.put(R"(,"severityText":")");
  out.put(record.severity_text);
  if (!record.trace_id.empty()) {
    out.put(R"(","traceId":")");
    out.put(record.trace_id);
    out.put(R"(","spanId":")");
    out.put(record.span_id);
    out.put(R"(","flags":)");
    put_number(record.flags, out);
  } else {
    out.put('"');
  }
  out.put(kOtlpAttributes);
}

/// The severity of a level of httpd, as OpenTelemetry maps those of syslog; trace1 to trace4 are
/// its four of TRACE, and what is finer is the last.
constexpr int otlp_severity(int level) {
  constexpr int kSeverities[] = {21, 19, 18, 17, 13, 10, 9, 5, 4, 3, 2, 1};
  return kSeverities[std::clamp<int>(level, 0, static_cast<int>(std::size(kSeverities)) - 1)];
}

constexpr std::string_view kBodyBegin = R"(],"body":{"stringValue":)";
constexpr std::string_view kLogEnd = "}}]}]}]}";

/// Bytes of what put_log_end writes of a message as a whole.
inline std::size_t body_size(std::string_view message) {
  std::size_t size = kBodyBegin.size() + 2 + kLogEnd.size();
  while (!message.empty()) {
    char escape[kEscapeMax];
    const Utf8Step step = utf8_step(message);
    size += json_piece(message, step, escape).size();
    message.remove_prefix(step.length);
  }
  return size;
}

/// Ends a log record with its message, which is cut to the room that is left.
inline void put_log_end(std::string_view message, Sink& out) {
  out.put(kBodyBegin);
  const std::size_t room = out.room() - std::min(out.room(), kLogEnd.size());
  if (put_json_string(message, {}, room, out) == Put::kNone) out.put(R"("")");
  out.put(kLogEnd);
}

/// The methods that a span may be named by: those of RFC 9110 and RFC 5789. A client can send any
/// other word, and names must be few.
constexpr std::string_view kKnownMethods[] = {"GET",     "POST",    "HEAD",  "PUT",  "DELETE",
                                              "OPTIONS", "CONNECT", "PATCH", "TRACE"};
inline bool is_known_method(std::string_view method) {
  return std::ranges::find(kKnownMethods, method) != std::end(kKnownMethods);
}

}  // namespace reqnotes
