#pragma once

#include <algorithm>
#include <cstring>
#include <span>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/request.hpp"
#include "reqnotes/httpd/trace/inbound.hpp"
#include "reqnotes/httpd/trace/sampled.hpp"
#include "reqnotes/httpd/trace/trace_headers.hpp"
#include "reqnotes/trace/hop_by_hop.hpp"

namespace reqnotes {

/// Puts the ids where the handlers of a leg look: a redirect begins with a fresh notes table, and
/// with every environment variable renamed to REDIRECT_...
inline void publish_ids(request_rec* leg, RequestState& state) {
  if (!leg->main) state.published = leg;
  publish_sampled(leg, &state);
  if (!state.trace_id[0]) return;
  // The environment is nearly always empty here, and adding to a table costs less.
  apr_table_t* variables = leg->subprocess_env;
  const auto set = apr_is_empty_table(variables) ? apr_table_addn : apr_table_setn;
  set(variables, "TRACE_ID", state.trace_id);
  set(variables, "SPAN_ID", state.span_id);
  apr_table_setn(leg->notes, "trace_id", state.trace_id);
}

/// The headers of both encodings.
inline void unset_b3(apr_table_t* headers) {
  for (const char* name :
       {"b3", "X-B3-TraceId", "X-B3-SpanId", "X-B3-ParentSpanId", "X-B3-Sampled", "X-B3-Flags"}) {
    apr_table_unset(headers, name);
  }
}

/// Takes our headers out of `Connection`: mod_proxy sends on no header that a client names there,
/// and a client must not keep the trace or the flags from a backend.
template <class IsOurs>
[[gnu::noinline]] void unset_hop_by_hop(request_rec* r, const char* connection,
                                        const IsOurs& is_ours) {
  if (!names_header(connection, is_ours)) return;
  char* left = apr_pstrdup(r->pool, connection);
  left[drop_headers({left, std::strlen(left)}, is_ours)] = '\0';
  apr_table_setn(r->headers_in, "Connection", left);
}

/// Takes away what the caller sent and does not travel on: in formats that are written anew, and
/// all of it where the caller is not trusted.
[[gnu::noinline]] inline void drop_inbound(request_rec* r, const ServerConfig& config,
                                           const TraceHeaders& headers, const Inbound& inbound,
                                           const RequestState& state) {
  const TraceFormatList& list = config.trace_formats.value;
  const bool writes_b3 =
      std::ranges::any_of(std::span(list.formats, list.count),
                          [](TraceFormat format) { return format != TraceFormat::kTraceContext; });
  if (headers.any_b3 && (writes_b3 || !is_trusted(config, r->connection))) unset_b3(r->headers_in);
  if (headers.tracestate && !inbound.keeps_tracestate) {
    apr_table_unset(r->headers_in, "tracestate");
  } else if (headers.repeated_tracestate) {
    apr_table_setn(r->headers_in, "tracestate", headers.tracestate);
  }
  if (!state.trace_id[0]) apr_table_unset(r->headers_in, "traceparent");
}

/// format  kB3 or kB3Multi.
/// source  openzipkin/b3-propagation.
[[gnu::noinline]] inline void set_b3(request_rec* r, TraceFormat format,
                                     const RequestState& state) {
  const char* sampled = (state.trace_flags & kFlagSampled) != 0 ? "1" : "0";
  if (format == TraceFormat::kB3) {
    apr_table_setn(r->headers_in, "b3",
                   apr_pstrcat(r->pool, state.trace_id, "-", state.span_id, "-", sampled, nullptr));
    return;
  }
  apr_table_setn(r->headers_in, "X-B3-TraceId", state.trace_id);
  apr_table_setn(r->headers_in, "X-B3-SpanId", state.span_id);
  apr_table_setn(r->headers_in, "X-B3-Sampled", sampled);
}

/// Replaces the trace headers of the request by ours, for handlers and backends alike. What an
/// untrusted caller sent never travels on, in whatever format.
inline void propagate(request_rec* r, const ServerConfig& config, const TraceHeaders& headers,
                      const Inbound& inbound, RequestState& state) {
  state.is_propagated = true;
  if (headers.connection) unset_hop_by_hop(r, headers.connection, is_trace_header);
  if (headers.any) drop_inbound(r, config, headers, inbound, state);
  if (!state.trace_id[0]) return;

  const auto set_header = headers.traceparents == 0 ? apr_table_addn : apr_table_setn;
  set_header(r->headers_in, "traceparent", state.traceparent);
  const TraceFormatList& list = config.trace_formats.value;
  for (TraceFormat format : std::span(list.formats, list.count)) {
    if (format != TraceFormat::kTraceContext) set_b3(r, format, state);
  }
}

}  // namespace reqnotes
