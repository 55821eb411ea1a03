#pragma once

#include <cstring>
#include <span>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/request.hpp"
#include "reqnotes/httpd/trace/inbound.hpp"
#include "reqnotes/httpd/trace/trace_headers.hpp"
#include "reqnotes/trace/hop_by_hop.hpp"

namespace reqnotes {

/// Puts the ids where the handlers of a leg look: a redirect begins with a fresh notes table, and
/// with every environment variable renamed to REDIRECT_...
inline void publish_ids(request_rec* leg, const RequestState& state) {
  if (!state.trace_id[0]) return;
  apr_table_setn(leg->subprocess_env, "TRACE_ID", state.trace_id);
  apr_table_setn(leg->subprocess_env, "SPAN_ID", state.span_id);
  apr_table_setn(leg->notes, "trace_id", state.trace_id);
}

inline void unset_b3(apr_table_t* headers) {
  for (const char* name :
       {"b3", "X-B3-TraceId", "X-B3-SpanId", "X-B3-ParentSpanId", "X-B3-Sampled", "X-B3-Flags"}) {
    apr_table_unset(headers, name);
  }
}

/// Takes our headers out of `Connection`: mod_proxy sends on no header that a client names there,
/// and a client must not keep the trace from a backend.
inline void unset_hop_by_hop(request_rec* r, const char* connection) {
  if (!names_trace_header(connection)) return;
  char* left = apr_pstrdup(r->pool, connection);
  left[drop_trace_headers({left, std::strlen(left)})] = '\0';
  apr_table_setn(r->headers_in, "Connection", left);
}

/// Replaces the trace headers of the request by ours, for handlers and backends alike. What an
/// untrusted caller sent never travels on, in whatever format.
inline void propagate(request_rec* r, const ServerConfig& config, const TraceHeaders& headers,
                      const Inbound& inbound, RequestState& state) {
  state.is_propagated = true;
  if (headers.connection) unset_hop_by_hop(r, headers.connection);
  bool writes[kTraceFormats] = {};
  const TraceFormatList& list = config.trace_formats.value;
  for (TraceFormat format : std::span(list.formats, list.count)) {
    writes[static_cast<std::size_t>(format)] = true;
  }
  const bool writes_b3 = writes[static_cast<std::size_t>(TraceFormat::kB3)];
  const bool writes_b3_multi = writes[static_cast<std::size_t>(TraceFormat::kB3Multi)];
  if (headers.any_b3 && (writes_b3 || writes_b3_multi || !is_trusted(config, r->connection))) {
    unset_b3(r->headers_in);
  }
  if (headers.tracestate && !inbound.keeps_tracestate) {
    apr_table_unset(r->headers_in, "tracestate");
  } else if (headers.repeated_tracestate) {
    apr_table_setn(r->headers_in, "tracestate", headers.tracestate);
  }
  if (!state.trace_id[0]) {
    if (headers.any) apr_table_unset(r->headers_in, "traceparent");
    return;
  }

  apr_table_setn(r->headers_in, "traceparent", state.traceparent);
  const char* sampled = (state.trace_flags & kFlagSampled) != 0 ? "1" : "0";
  if (writes_b3) {
    apr_table_setn(r->headers_in, "b3",
                   apr_pstrcat(r->pool, state.trace_id, "-", state.span_id, "-", sampled, nullptr));
  }
  if (writes_b3_multi) {
    apr_table_setn(r->headers_in, "X-B3-TraceId", state.trace_id);
    apr_table_setn(r->headers_in, "X-B3-SpanId", state.span_id);
    apr_table_setn(r->headers_in, "X-B3-Sampled", sampled);
  }
}

}  // namespace reqnotes
