#pragma once

#include <optional>
#include <span>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/pool.hpp"
#include "reqnotes/httpd/trace/trace_headers.hpp"
#include "reqnotes/trace/b3.hpp"
#include "reqnotes/trace/trace_context.hpp"

namespace reqnotes {

/// networks  of apr_ipsubnet_t*; null is none
inline bool is_among(const apr_array_header_t* networks, apr_sockaddr_t* address) {
  for (apr_ipsubnet_t* network : elements<apr_ipsubnet_t*>(networks)) {
    if (apr_ipsubnet_test(network, address)) return true;
  }
  return false;
}

/// Whether the peer of the *connection* may hand us a trace: headers cannot change that. The
/// streams of an HTTP/2 connection are connections of their own, with the real one as master.
inline bool is_trusted(const ServerConfig& config, const conn_rec* connection) {
  const TrustedPeers& peers = config.trace_accept.value;
  if (peers.all) return true;
  if (connection->master) connection = connection->master;
  return is_among(peers.networks, connection->client_addr);
}

/// The trace context that a trusted caller sent, in the first configured format that has one.
struct Inbound {
  std::optional<InboundTrace> trace;
  bool keeps_tracestate = false;
};

/// Reads the headers of a trusted caller, which may hold anything; see parse_traceparent and
/// parse_b3.
[[gnu::noinline]] inline Inbound read_inbound(const ServerConfig& config,
                                              const TraceHeaders& headers) {
  Inbound inbound;
  const TraceFormatList& list = config.trace_formats.value;
  for (TraceFormat format : std::span(list.formats, list.count)) {
    if (format == TraceFormat::kTraceContext) {
      if (!headers.traceparent) continue;
      inbound.trace = parse_traceparent(headers.traceparent);
      inbound.keeps_tracestate = inbound.trace && headers.tracestate &&
                                 count_tracestate(headers.tracestate).value_or(0) != 0;
    } else if (headers.any_b3) {
      inbound.trace = parse_b3(headers.b3);
    }
    if (inbound.trace) break;
  }
  return inbound;
}

/// What of the inbound headers counts for `r`: nothing where its caller is not trusted.
inline Inbound inbound_of(const request_rec* r, const ServerConfig& config,
                          const TraceHeaders& headers) {
  return headers.any && is_trusted(config, r->connection) ? read_inbound(config, headers)
                                                          : Inbound{};
}

}  // namespace reqnotes
