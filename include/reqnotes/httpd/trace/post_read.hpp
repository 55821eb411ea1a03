#pragma once

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/facts/response_headers.hpp"
#include "reqnotes/httpd/line/outcome.hpp"
#include "reqnotes/httpd/request.hpp"
#include "reqnotes/httpd/trace/ensure_state.hpp"
#include "reqnotes/httpd/trace/inbound.hpp"
#include "reqnotes/httpd/trace/propagation.hpp"
#include "reqnotes/httpd/trace/refusal.hpp"
#include "reqnotes/httpd/trace/request_id.hpp"
#include "reqnotes/httpd/trace/trace_headers.hpp"

namespace reqnotes {

/// A leg that an internal redirect begins.
[[gnu::noinline]] inline void begin_leg(request_rec* r, const ServerConfig& config) {
  RequestState* state = find_state(r);
  // The ErrorDocument of a request that was refused while it was read: its first leg was never
  // here.
  if (!state || !state->is_propagated) {
    state = ensure_state(r, config);
    if (!state) return;
    const TraceHeaders headers = find_trace_headers(r->pool, r->headers_in);
    propagate(r, config, headers, inbound_of(r, config, headers), *state);
  }
  publish_ids(r, *state);
}

/// Runs once for a request, and again for each internal redirect of it.
inline int post_read_request(request_rec* r) noexcept {
  if (r->prev) begin_redirect(r);
  const ServerConfig* config = enabled_config(r->server);
  if (!config) return DECLINED;
  if (r->prev || r->main) {
    begin_leg(r, *config);
    return DECLINED;
  }

  const TraceHeaders headers = find_trace_headers(r->pool, r->headers_in);
  const Inbound inbound = inbound_of(r, *config, headers);
  const LegState* met = find_leg_state(r);
  RequestState* state = met ? met->request : nullptr;
  if (!state) {
    state = &make_state(r, *config, inbound.trace);
  } else if (inbound.trace) {
    // At LogLevel trace5 core logs the request line before it reads the headers.
    start_span(*state, *config, inbound.trace);
    if (state->trace_id[0]) r->log_id = state->trace_id;
  }
  read_request_id(r, *config, *state);
  watch_request(r, *state);
  if (headers.any) tell_refusal(r, *config, headers);
  propagate(r, *config, headers, inbound, *state);
  publish_ids(r, *state);
  if (config->request_id.value && !state->request_id) tell_dropped_id(r, *config);
  return DECLINED;
}

/// Answers %L, in both logs. Connections keep the id that httpd gives them.
inline int generate_log_id(const conn_rec*, const request_rec* r, const char** id) noexcept {
  const ServerConfig* config = r ? enabled_config(r->server) : nullptr;
  if (!config) return DECLINED;
  const RequestState* state = ensure_state(r, *config);
  if (!state || !state->trace_id[0]) return DECLINED;
  *id = state->trace_id;
  return OK;
}

}  // namespace reqnotes
