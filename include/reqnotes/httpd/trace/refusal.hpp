#pragma once

#include <atomic>
#include <cstring>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/pool.hpp"
#include "reqnotes/httpd/trace/inbound.hpp"
#include "reqnotes/httpd/trace/networks.hpp"
#include "reqnotes/httpd/trace/trace_headers.hpp"

namespace reqnotes {

/// What it takes to tell once that a private peer's trace was refused: after a start or a restart,
/// by one of all processes.
struct Refusal {
  std::atomic<bool>* told;                  ///< in shared memory
  const apr_array_header_t* private_peers;  ///< of apr_ipsubnet_t*
};

/// Null where there is no shared memory: then nothing is told.
constinit static const Refusal* refusal;

inline const Refusal* make_refusal(apr_pool_t* pool) {
  auto* told = shared_new<std::atomic<bool>>(pool);
  if (!told) return nullptr;
  apr_array_header_t* networks = apr_array_make(pool, 8, sizeof(apr_ipsubnet_t*));
  add_private_networks(networks);
  Refusal& made = pool_new<Refusal>(pool);
  made = {.told = told, .private_peers = networks};
  return &made;
}

/// Tells once of a trace that was refused by default, although it may come from a proxy of the
/// operator's own. What ReqNotesTraceAccept says is meant so, and not told.
inline void tell_refusal(const request_rec* r, const ServerConfig& config,
                         const TraceHeaders& headers) {
  if (config.trace_accept.given || !refusal) return;
  if (refusal->told->load(std::memory_order_relaxed)) return;
  const conn_rec* peer = r->connection->master ? r->connection->master : r->connection;
  if (!is_among(refusal->private_peers, peer->client_addr)) return;
  if (!read_inbound(config, headers).trace || refusal->told->exchange(true)) return;
  const char* ip = peer->client_ip;
  const int size = static_cast<int>(std::strcspn(ip, "%"));  // without the zone of an IPv6 address
  ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, r->server,
               "RN0021: the trace that %s sent is not continued; where only callers that you trust "
               "can send one through it, add: ReqNotesTraceAccept %.*s",
               ip, size, ip);
}

}  // namespace reqnotes
