#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string_view>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/line/built_in.hpp"
#include "reqnotes/httpd/line/outcome.hpp"
#include "reqnotes/line/ecs.hpp"
#include "reqnotes/line/item.hpp"

namespace reqnotes {

/// The value of kBuiltIns that is called `own`, by another name.
constexpr BuiltIn renamed(std::string_view own, std::string_view name) {
  BuiltIn row = kBuiltIns[index_of(own)];
  row.name = name;
  row.decider = own;
  return row;
}

/// The same of a number that is a text there.
constexpr BuiltIn as_digits(BuiltIn row) {
  row.form = Form::kDigits;
  return row;
}

/// Another value made of it: there where it is there.
constexpr BuiltIn made_of(std::string_view own, std::string_view name,
                          std::string_view (*find)(const Subject&)) {
  BuiltIn row = renamed(own, name);
  if (!row.text) row.form = Form::kText;
  row.text = find;
  row.number = nullptr;
  return row;
}
constexpr BuiltIn made_of(std::string_view own, std::string_view name,
                          std::int64_t (*find)(const Subject&)) {
  BuiltIn row = renamed(own, name);
  row.form = Form::kNumber;
  row.text = nullptr;
  row.number = find;
  return row;
}

/// A list of words of this module, as JSON.
constexpr BuiltIn literal_row(std::string_view name, unsigned lines,
                              std::string_view (*find)(const Subject&)) {
  return {name, "", lines, Cut::kNever, Form::kLiteral, Stand::kFixed, find, nullptr};
}

/// Whether the response was what was asked for, as Elastic's own module for this server has it.
inline std::string_view ecs_outcome(const Subject& s) {
  const std::string_view outcome = outcome_of(s.first, *s.state);
  if (outcome == kAborted) return "unknown";
  return outcome == kCompleted && s.last->status < 400 ? "success" : "failure";
}

constexpr std::string_view kEcsVersion = "9.4.0";
constexpr unsigned kAnyLine = kAccessLine | kMessageLine | kLossLine;

/// Every value in the Elastic Common Schema, in the order of a line. What it has no name for is a
/// label, which is a text there.
constexpr BuiltIn kEcsRows[] = {
    renamed("time", "@timestamp"),
    renamed("level", "log.level"),
    renamed("message", "message"),
    id_row("ecs.version", kAnyLine, [](const Subject&) { return kEcsVersion; }),
    id_row("event.kind", kAnyLine, [](const Subject&) { return std::string_view("event"); }),
    literal_row("event.category", kAnyLine,
                [](const Subject&) { return std::string_view(R"(["web"])"); }),
    literal_row("event.type", kAccessLine,
                [](const Subject&) { return std::string_view(R"(["access"])"); }),
    literal_row("event.type", kMessageLine | kLossLine,
                [](const Subject& s) -> std::string_view {
                  return s.level <= APLOG_ERR ? R"(["error"])" : R"(["info"])";
                }),
    id_row("event.module", kAnyLine, [](const Subject&) { return std::string_view("apache"); }),
    id_row("event.dataset", kAccessLine,
           [](const Subject&) { return std::string_view("apache.access"); }),
    id_row("event.dataset", kMessageLine | kLossLine,
           [](const Subject&) { return std::string_view("apache.error"); }),
    text_row("service.name", kAnyLine, Cut::kLate,
             [](const Subject& s) { return text_of(s.service->name); }),
    text_row("service.version", kAnyLine, Cut::kLate,
             [](const Subject& s) { return text_of(s.service->version); }),
    text_row("host.name", kAnyLine, Cut::kLate,
             [](const Subject& s) { return text_of(s.service->host); }),
    made_of("outcome", "event.outcome", ecs_outcome),
    made_of(
        "duration_us", "event.duration",
        [](const Subject& s) { return s.duration == kNoNumber ? kNoNumber : s.duration * 1000; }),
    renamed("trace_id", "trace.id"),
    renamed("span_id", "span.id"),
    renamed("trace_flags", "labels.trace_flags"),
    renamed("request_id", "http.request.id"),
    renamed("parent_span_id", "labels.parent_span_id"),
    renamed("module", "log.logger"),
    renamed("code", "error.code"),
    renamed("vhost", "server.address"),
    renamed("client", "client.address"),
    made_of("client", "client.ip", [](const Subject& s) { return address_in(s.client); }),
    made_of("peer", "source.address", [](const Subject& s) { return split_peer(s.peer).text; }),
    made_of("peer", "source.ip",
            [](const Subject& s) { return address_in(split_peer(s.peer).text); }),
    made_of("peer", "source.port", [](const Subject& s) { return split_peer(s.peer).number; }),
    renamed("connection_id", "labels.connection_id"),
    as_digits(renamed("keepalive", "labels.keepalive")),
    made_of("tls_protocol", "tls.version",
            [](const Subject& s) { return behind(s.tls_protocol, "TLSv"); }),
    made_of(
        "tls_protocol", "tls.version_protocol",
        [](const Subject& s) -> std::string_view { return s.tls_protocol.empty() ? "" : "tls"; }),
    renamed("method", "http.request.method"),
    renamed("path", "url.path"),
    renamed("query", "url.query"),
    renamed("host", "url.domain"),
    renamed("scheme", "url.scheme"),
    made_of("protocol", "http.version",
            [](const Subject& s) { return behind(s.protocol, "HTTP/"); }),
    renamed("request_line", "labels.request_line"),
    renamed("handler", "labels.handler"),
    renamed("status", "http.response.status_code"),
    renamed("bytes", "http.response.body.bytes"),
    renamed("bytes_in", "http.request.bytes"),
    renamed("bytes_out", "http.response.bytes"),
    renamed("outcome", "labels.outcome"),
    as_digits(renamed("ttfb_us", "labels.ttfb_us")),
    renamed("referer", "http.request.referrer"),
    renamed("user_agent", "user_agent.original"),
    renamed("pid", "process.pid"),
    renamed("tid", "process.thread.id"),
    made_of("source", "log.origin.file.name",
            [](const Subject& s) { return split_number(s.source).text; }),
    made_of("source", "log.origin.file.line",
            [](const Subject& s) { return split_number(s.source).number; }),
    renamed("error", "error.message"),
    renamed("parsed", "labels.parsed"),
    as_digits(renamed("messages", "labels.messages")),
};
/// The names that no field can have there.
constexpr auto kEcsNames = [] {
  std::array<std::string_view, std::size(kEcsRows) + 1> names;
  std::ranges::transform(kEcsRows, names.begin(), &BuiltIn::name);
  names.back() = kEcs.truncated.name;
  return names;
}();
constexpr std::size_t kEcsFieldsAt = static_cast<std::size_t>(
    std::ranges::find(kEcsRows, "log.logger", &BuiltIn::name) - std::begin(kEcsRows));

}  // namespace reqnotes
