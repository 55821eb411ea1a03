#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "reqnotes/text/slice.hpp"
#include "reqnotes/trace/trace_context.hpp"

namespace reqnotes {

/// The headers of B3, each null where the request has none.
struct B3Headers {
  const char* single = nullptr;    ///< b3
  const char* trace_id = nullptr;  ///< X-B3-TraceId
  const char* span_id = nullptr;   ///< X-B3-SpanId
  const char* sampled = nullptr;   ///< X-B3-Sampled
  const char* flags = nullptr;     ///< X-B3-Flags
};

/// Reads a B3 sampling state: 0 or 1, d for debug (which is sampled), and the words that old
/// tracers send. nullopt: none of these.
constexpr std::optional<bool> parse_b3_sampled(std::string_view text) {
  if (text == "1" || text == "d" || text == "true") return true;
  if (text == "0" || text == "false") return false;
  return std::nullopt;
}

/// Whether both ids are well formed; a trace id may have half the digits.
inline bool has_b3_ids(const InboundTrace& trace) {
  const std::size_t size = trace.trace_id.size();
  return (size == kTraceIdSize / 2 || size == kTraceIdSize) && is_id(trace.trace_id) &&
         trace.parent_id.size() == kParentIdSize && is_id(trace.parent_id);
}

/// Reads the single `b3` header: "<trace id>-<span id>[-<sampled>[-<parent span id>]]", where a
/// trace id has 16 or 32 digits of lower-case hex, or a sampling state alone.
///
/// returns  nullopt when a new trace must be started. A sampling state alone gives a context
///          without ids: start a new trace, with that state.
/// source   openzipkin/b3-propagation, "Single Header".
inline std::optional<InboundTrace> parse_b3_single(std::string_view header) {
  header = trim_ows(header);
  InboundTrace trace;
  if (header.size() == 1) {
    trace.sampled = parse_b3_sampled(header);
    if (!trace.sampled) return std::nullopt;
    return trace;
  }

  const auto next = [&header] {
    const std::size_t dash = header.find('-');
    const std::string_view part = prefix(header, dash);
    header.remove_prefix(dash == kNpos ? header.size() : dash + 1);
    return part;
  };
  if (header.ends_with('-')) return std::nullopt;
  trace.trace_id = next();
  trace.parent_id = next();
  if (!has_b3_ids(trace)) return std::nullopt;
  if (header.empty()) return trace;

  trace.sampled = parse_b3_sampled(next());
  if (!trace.sampled) return std::nullopt;
  // The caller's own parent is of no use here, but junk in its place makes the header void.
  if (!header.empty() && (header.size() != kParentIdSize || !is_hex(header))) return std::nullopt;
  return trace;
}

/// Reads either encoding of B3; the single header goes first.
///
/// returns  as parse_b3_single.
/// source   openzipkin/b3-propagation, "Multiple Headers"; a tracer "must attempt to extract
///          both" (OpenTelemetry, "Propagators API", B3 Extract).
inline std::optional<InboundTrace> parse_b3(const B3Headers& headers) {
  if (headers.single) {
    if (const auto trace = parse_b3_single(headers.single)) return trace;
  }

  InboundTrace trace;
  if (headers.flags && trim_ows(headers.flags) == "1") {
    trace.sampled = true;
  } else if (headers.sampled) {
    trace.sampled = parse_b3_sampled(trim_ows(headers.sampled));
  }
  if (headers.trace_id && headers.span_id) {
    trace.trace_id = trim_ows(headers.trace_id);
    trace.parent_id = trim_ows(headers.span_id);
    return has_b3_ids(trace) ? std::optional(trace) : std::nullopt;
  }
  if (headers.trace_id || headers.span_id || !trace.sampled) return std::nullopt;
  return trace;
}

}  // namespace reqnotes
