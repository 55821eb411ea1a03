#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string_view>

#include "reqnotes/facts/request_text.hpp"
#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/facts/found.hpp"
#include "reqnotes/httpd/facts/sources.hpp"
#include "reqnotes/httpd/line/outcome.hpp"
#include "reqnotes/httpd/line/wire.hpp"
#include "reqnotes/httpd/request.hpp"
#include "reqnotes/line/encode.hpp"
#include "reqnotes/line/item.hpp"
#include "reqnotes/trace/trace_context.hpp"

namespace reqnotes {

/// What a line is about. Whoever writes one gives what the values of that line are found in; what
/// is not known is null or empty.
struct Subject {
  const RequestState* state = nullptr;  ///< of the client request
  const request_rec* first = nullptr;   ///< its first leg
  const request_rec* last = nullptr;    ///< and the one that it has come to
  std::string_view request_id;
  RequestLine asked;         ///< as the client sent it, with its secrets masked
  std::string_view referer;  ///< the same
  std::string_view user_agent;
  std::string_view protocol;
  std::string_view vhost;
  std::string_view client;  ///< as ReqNotesClient has it
  std::string_view peer;    ///< the same; this and what follows it, where it is chosen
  std::string_view tls_protocol;
  std::string_view request_line;
  std::string_view connection_id;
  apr_time_t time = 0;
  std::int64_t duration = kNoNumber;
  // Of a message.
  int level = 0;
  std::string_view module;
  std::string_view code;
  std::string_view source;
  std::string_view error;
  std::string_view parsed;  ///< what has joined it with others, and was taken apart
  std::string_view text;
  std::int64_t messages = 0;
  std::int64_t thread = 0;
  std::string_view log_begin;  ///< see put_otlp_begin
  const Service* service = nullptr;
};

/// The lines that a value stands in, as bits. RN0006, which is a text, has an order of its own; see
/// httpd/errors/closing_line.hpp.
enum LineKind : unsigned {
  kAccessLine = 1,
  kMessageLine = 2,  ///< of the JSON error log
  kFactsLine = 4,    ///< `%N` on a line of httpd's own error log
  kLossLine = 8,     ///< RN0008
};

/// Whether ReqNotesValues decides over a value.
enum class Stand : std::uint8_t {
  kFixed,   ///< no: every line has it
  kUsual,   ///< it is there unless a place takes it away
  kChosen,  ///< it is there where a place asks for it
};

/// A value that lines have of themselves.
struct BuiltIn {
  std::string_view name;
  std::string_view unit;  ///< empty for texts
  unsigned lines;
  Cut cut;
  Form form;
  Stand stand;
  std::string_view (*text)(const Subject&);  ///< null where `number` has it
  std::int64_t (*number)(const Subject&);
  std::string_view decider = {};  ///< the row of kBuiltIns that `stand` is of, if it is another
};

constexpr BuiltIn text_row(std::string_view name, unsigned lines, Cut cut,
                           std::string_view (*find)(const Subject&)) {
  return {name, "", lines, cut, Form::kText, Stand::kFixed, find, nullptr};
}

/// An id, or a word of this module: plain characters that it has made or looked at, and nothing
/// else.
constexpr BuiltIn id_row(std::string_view name, unsigned lines,
                         std::string_view (*find)(const Subject&)) {
  return {name, "", lines, Cut::kNever, Form::kHex, Stand::kFixed, find, nullptr};
}

constexpr BuiltIn number_row(std::string_view name, std::string_view unit, unsigned lines,
                             std::int64_t (*find)(const Subject&), Form form = Form::kNumber) {
  return {name, unit, lines, Cut::kNever, form, Stand::kFixed, nullptr, find};
}

constexpr BuiltIn usual(BuiltIn row) {
  row.stand = Stand::kUsual;
  return row;
}
constexpr BuiltIn chosen(BuiltIn row) {
  row.stand = Stand::kChosen;
  return row;
}

inline std::string_view text_of(const char* text) {
  return text ? std::string_view(text) : std::string_view();
}

/// An id, which has all its characters or none.
template <std::size_t Size>
std::string_view id_of(const char (&id)[Size]) {
  return {id, id[0] != '\0' ? Size - 1 : 0};
}

/// The flags of a request's own span, as W3C Trace Context writes them.
inline std::string_view flags_of(const RequestState& state) {
  return {state.traceparent + kTraceparentSize - 2, state.traceparent[0] != '\0' ? 2U : 0U};
}

/// How many requests a connection had before this one. httpd counts a request when it answers it,
/// unless it closes the connection behind the answer. Absent for HTTP/2, whose streams are side by
/// side.
inline std::int64_t requests_before(const conn_rec& connection) {
  if (connection.master) return kNoNumber;
  return connection.keepalives - (connection.keepalive == AP_CONN_KEEPALIVE ? 1 : 0);
}

constexpr std::string_view kLevels[] = {"emerg",  "alert",  "crit",   "error",  "warn",   "notice",
                                        "info",   "debug",  "trace1", "trace2", "trace3", "trace4",
                                        "trace5", "trace6", "trace7", "trace8"};

constexpr std::string_view level_word(int level) {
  return kLevels[std::clamp<int>(level, 0, 15)];
}

/// The trace ID that `%L` has where this module knows nothing of the request: a copy of it, as in
/// mod_wsgi's daemons. Other modules set ids of their own, which are none.
inline std::string_view copied_trace_id(const request_rec* leg) {
  const std::string_view id = text_of((leg->main ? leg->main : leg)->log_id);
  return id.size() == kTraceIdSize && is_id(id) ? id : std::string_view();
}

/// The span ID of the same copy, which has it as a variable.
inline std::string_view copied_span_id(const request_rec* leg) {
  const std::string_view id = table_text(leg->subprocess_env, "SPAN_ID");
  return id.size() == kParentIdSize && is_id(id) ? id : std::string_view();
}

/// Every value, in the order of a line; the declared fields stand before `module`. Of what the
/// client asked for the request line tells: redirects, rewriting and ErrorDocument change
/// everything else.
constexpr BuiltIn kBuiltIns[] = {
    number_row(
        "time", "RFC 3339, UTC", kAccessLine | kMessageLine | kLossLine,
        [](const Subject& s) -> std::int64_t { return s.time; }, Form::kTime),
    text_row("level", kMessageLine | kLossLine, Cut::kNever,
             [](const Subject& s) { return level_word(s.level); }),
    id_row("trace_id", kAccessLine | kMessageLine,
           [](const Subject& s) {
             if (s.state) return id_of(s.state->trace_id);
             return s.last ? copied_trace_id(s.last) : std::string_view();
           }),
    id_row("span_id", kAccessLine | kMessageLine,
           [](const Subject& s) {
             if (s.state) return id_of(s.state->span_id);
             return s.last ? copied_span_id(s.last) : std::string_view();
           }),
    chosen(id_row("trace_flags", kAccessLine, [](const Subject& s) { return flags_of(*s.state); })),
    text_row("request_id", kAccessLine | kMessageLine | kFactsLine, Cut::kNever,
             [](const Subject& s) { return s.request_id; }),
    id_row("parent_span_id", kAccessLine,
           [](const Subject& s) { return id_of(s.state->parent_span_id); }),
    text_row("module", kMessageLine | kLossLine, Cut::kLate,
             [](const Subject& s) { return s.module; }),
    text_row("code", kMessageLine | kLossLine, Cut::kNever,
             [](const Subject& s) { return s.code; }),
    usual(text_row("vhost", kAccessLine | kMessageLine, Cut::kLate,
                   [](const Subject& s) { return s.vhost; })),
    text_row("client", kAccessLine | kMessageLine, Cut::kNever,
             [](const Subject& s) { return s.client; }),
    chosen(text_row("peer", kAccessLine, Cut::kNever, [](const Subject& s) { return s.peer; })),
    chosen(text_row("connection_id", kAccessLine | kMessageLine, Cut::kNever,
                    [](const Subject& s) { return s.connection_id; })),
    chosen(number_row("keepalive", "requests", kAccessLine,
                      [](const Subject& s) { return requests_before(*s.first->connection); })),
    chosen(text_row("scheme", kAccessLine, Cut::kNever,
                    [](const Subject& s) { return text_of(ap_http_scheme(s.first)); })),
    chosen(text_row("tls_protocol", kAccessLine, Cut::kNever,
                    [](const Subject& s) { return s.tls_protocol; })),
    chosen(text_row("host", kAccessLine, Cut::kFirst,
                    [](const Subject& s) { return text_of(s.first->hostname); })),
    usual(text_row("method", kAccessLine | kMessageLine, Cut::kFirst,
                   [](const Subject& s) { return s.asked.method; })),
    usual(text_row("path", kAccessLine | kMessageLine, Cut::kFirst,
                   [](const Subject& s) { return s.asked.path; })),
    usual(text_row("query", kAccessLine, Cut::kFirst,
                   [](const Subject& s) { return s.asked.query; })),
    usual(text_row("protocol", kAccessLine, Cut::kFirst,
                   [](const Subject& s) { return s.protocol; })),
    chosen(text_row("request_line", kAccessLine, Cut::kFirst,
                    [](const Subject& s) { return s.request_line; })),
    chosen(text_row("handler", kAccessLine, Cut::kLate,
                    [](const Subject& s) { return text_of(s.last->handler); })),
    usual(number_row("status", "", kAccessLine,
                     [](const Subject& s) -> std::int64_t { return s.last->status; })),
    usual(number_row("bytes", "bytes", kAccessLine,
                     [](const Subject& s) -> std::int64_t {
                       return s.last->sent_bodyct ? s.last->bytes_sent : 0;
                     })),
    chosen(number_row("bytes_in", "bytes", kAccessLine,
                      [](const Subject& s) { return bytes_in_of(*s.state); })),
    chosen(number_row("bytes_out", "bytes", kAccessLine,
                      [](const Subject& s) { return bytes_out_of(*s.state); })),
    usual(id_row("outcome", kAccessLine,
                 [](const Subject& s) { return outcome_of(s.first, *s.state); })),
    chosen(number_row("ttfb_us", "microseconds", kAccessLine,
                      [](const Subject& s) { return s.state->first_byte; })),
    usual(number_row("duration_us", "microseconds", kAccessLine,
                     [](const Subject& s) { return s.duration; })),
    usual(
        text_row("referer", kAccessLine, Cut::kFirst, [](const Subject& s) { return s.referer; })),
    usual(text_row("user_agent", kAccessLine, Cut::kFirst,
                   [](const Subject& s) { return s.user_agent; })),
    number_row("pid", "", kMessageLine | kLossLine,
               [](const Subject&) -> std::int64_t { return getpid(); }),
    number_row("tid", "", kMessageLine, [](const Subject& s) { return s.thread; }),
    text_row("source", kMessageLine, Cut::kLate, [](const Subject& s) { return s.source; }),
    text_row("error", kMessageLine, Cut::kLate, [](const Subject& s) { return s.error; }),
    text_row("parsed", kMessageLine, Cut::kNever, [](const Subject& s) { return s.parsed; }),
    text_row("message", kMessageLine | kLossLine, Cut::kMessage,
             [](const Subject& s) { return s.text; }),
    number_row("messages", "", kLossLine, [](const Subject& s) { return s.messages; }),
    text_row("first", 0, Cut::kMessage, [](const Subject& s) { return s.text; }),
};
constexpr std::size_t index_of(std::string_view name) {
  return static_cast<std::size_t>(std::ranges::find(kBuiltIns, name, &BuiltIn::name) -
                                  std::begin(kBuiltIns));
}
/// The value of this name that such a line may have, or null.
constexpr const BuiltIn* find_built_in(std::string_view name, LineKind line) {
  const std::size_t at = index_of(name);
  return at < std::size(kBuiltIns) && (kBuiltIns[at].lines & line) != 0 ? &kBuiltIns[at] : nullptr;
}
static_assert(kRequestIdMax <= kWholeMax);

/// The values that ReqNotesValues decides over, and those that are there without it.
constexpr std::uint64_t bit_of(std::size_t at) {
  return std::uint64_t{1} << at;
}
consteval std::uint64_t bit_of(std::string_view name) {
  return bit_of(index_of(name));
}
constexpr std::uint64_t values_that(bool (*are)(Stand)) {
  static_assert(std::size(kBuiltIns) <= 64);
  std::uint64_t bits = 0;
  for (std::size_t at = 0; at < std::size(kBuiltIns); ++at) {
    if (are(kBuiltIns[at].stand)) bits |= bit_of(at);
  }
  return bits;
}
constexpr std::uint64_t kSelectable = values_that([](Stand s) { return s != Stand::kFixed; });
constexpr std::uint64_t kAllValues = ~std::uint64_t{0};
constexpr std::uint64_t kUsualValues = values_that([](Stand s) { return s != Stand::kChosen; });

/// The bits that a row of any table needs one of; all where it is always there.
constexpr std::uint64_t deciding(const BuiltIn& row) {
  if (row.stand == Stand::kFixed) return kAllValues;
  return bit_of(index_of(row.decider.empty() ? row.name : row.decider));
}

/// The names that no field can have.
constexpr auto kBuiltInNames = [] {
  std::array<std::string_view, std::size(kBuiltIns) + 1> names;
  std::ranges::transform(kBuiltIns, names.begin(), &BuiltIn::name);
  names.back() = kTruncated.name;
  return names;
}();

static_assert(kRequestIdMax <= kWholeMax);
}  // namespace reqnotes
