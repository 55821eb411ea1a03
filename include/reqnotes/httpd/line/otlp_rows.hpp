#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/line/built_in.hpp"
#include "reqnotes/httpd/line/ecs_rows.hpp"
#include "reqnotes/httpd/line/outcome.hpp"
#include "reqnotes/line/otlp_frame.hpp"
#include "reqnotes/text/parse.hpp"

namespace reqnotes {

/// The port of what the client asked for, where it said whom. Of a number that is no port, httpd
/// has the last 16 bits.
inline std::int64_t asked_port(const Subject& s) {
  if (!s.first->hostname) return kNoNumber;
  const char* const given = s.first->parsed_uri.port_str;
  if (!given || !*given) return ap_default_port(s.first);
  const auto port = parse_integer(given);
  return port && *port > 0 && *port <= 0xFFFF ? *port : kNoNumber;
}

/// The statuses that are errors of a server, as texts.
constexpr auto kErrorStatuses = [] {
  std::array<char, 300> texts{};
  for (std::size_t at = 0; at < 100; ++at) {
    texts[3 * at] = '5';
    texts[3 * at + 1] = static_cast<char>('0' + at / 10);
    texts[3 * at + 2] = static_cast<char>('0' + at % 10);
  }
  return texts;
}();

/// What kind of error a request ended with; empty where it is none.
inline std::string_view error_type(const Subject& s) {
  const int status = s.last->status;
  if (status > 599) return "_OTHER";  // whatever a script says becomes a status
  if (status >= 500) return {&kErrorStatuses[3 * static_cast<std::size_t>(status - 500)], 3};
  const std::string_view outcome = outcome_of(s.first, *s.state);
  return outcome == kCompleted ? std::string_view() : outcome;
}

/// Absent where a message knows of no request.
inline std::string_view known_method(const Subject& s) {
  if (is_known_method(s.asked.method)) return s.asked.method;
  return s.first || !s.asked.method.empty() ? "_OTHER" : std::string_view();
}

inline std::string_view http_version(std::string_view protocol) {
  const std::string_view version = behind(protocol, "HTTP/");
  return version == "2.0" ? prefix(version, 1) : version;
}

/// A value that is there without ReqNotesValues, as the conventions require it.
constexpr BuiltIn required(BuiltIn row) {
  row.stand = Stand::kUsual;
  return row;
}

/// Every attribute of a span and of a log record, in their order: OpenTelemetry's semantic
/// conventions for HTTP servers, and names of our own for what these have none for. What stands
/// outside of the attributes has no row.
constexpr BuiltIn kOtlpRows[] = {
    renamed("request_id", "reqnotes.request_id"),
    renamed("module", "reqnotes.module"),
    renamed("code", "reqnotes.code"),
    renamed("vhost", "reqnotes.vhost"),
    renamed("client", "client.address"),
    made_of("peer", "network.peer.address",
            [](const Subject& s) { return split_peer(s.peer).text; }),
    made_of("peer", "network.peer.port",
            [](const Subject& s) { return split_peer(s.peer).number; }),
    renamed("connection_id", "reqnotes.connection_id"),
    renamed("keepalive", "reqnotes.keepalive"),
    required(renamed("scheme", "url.scheme")),
    made_of("tls_protocol", "tls.protocol.version",
            [](const Subject& s) { return behind(s.tls_protocol, "TLSv"); }),
    required(renamed("host", "server.address")),
    required(made_of("host", "server.port", asked_port)),
    made_of("method", "http.request.method", known_method),
    made_of("method", "http.request.method_original",
            [](const Subject& s) {
              return is_known_method(s.asked.method) ? std::string_view() : s.asked.method;
            }),
    renamed("path", "url.path"),
    renamed("query", "url.query"),
    made_of("protocol", "network.protocol.version",
            [](const Subject& s) { return http_version(s.protocol); }),
    renamed("request_line", "reqnotes.request_line"),
    renamed("handler", "reqnotes.handler"),
    renamed("status", "http.response.status_code"),
    made_of("status", "error.type", error_type),
    renamed("bytes", "http.response.body.size"),
    renamed("bytes_in", "http.request.size"),
    renamed("bytes_out", "http.response.size"),
    renamed("outcome", "reqnotes.outcome"),
    renamed("ttfb_us", "reqnotes.ttfb_us"),
    renamed("referer", "reqnotes.referer"),
    renamed("user_agent", "user_agent.original"),
    renamed("pid", "process.pid"),
    renamed("tid", "thread.id"),
    made_of("source", "code.file.path",
            [](const Subject& s) { return split_number(s.source).text; }),
    made_of("source", "code.line.number",
            [](const Subject& s) { return split_number(s.source).number; }),
    renamed("error", "error.message"),
    renamed("parsed", "reqnotes.parsed"),
    renamed("messages", "reqnotes.messages"),
};
constexpr std::size_t kOtlpFieldsAt = static_cast<std::size_t>(
    std::ranges::find(kOtlpRows, "reqnotes.module", &BuiltIn::name) - std::begin(kOtlpRows));

/// What a line has beside what is usual in other formats.
constexpr std::uint64_t kOtlpUsual = bit_of("scheme") | bit_of("host");

}  // namespace reqnotes
