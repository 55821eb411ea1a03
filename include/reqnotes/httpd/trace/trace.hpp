#pragma once

#include <atomic>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/facts/response_headers.hpp"
#include "reqnotes/httpd/pool.hpp"
#include "reqnotes/httpd/request.hpp"
#include "reqnotes/text/slice.hpp"
#include "reqnotes/trace/b3.hpp"
#include "reqnotes/trace/hop_by_hop.hpp"
#include "reqnotes/trace/id_batch.hpp"
#include "reqnotes/trace/trace_context.hpp"

namespace reqnotes {

using Ids = IdBatch<kIdBytes>;

/// One for the process; child_init empties it, because a fork copies it.
constinit static Ids ids;

/// Whether a message has said that there is no randomness, since there was some.
constinit static std::atomic<bool> told_no_randomness;

inline bool fill_random(std::span<unsigned char> out) noexcept {
  if (apr_generate_random_bytes(out.data(), out.size()) != APR_SUCCESS) return false;
  told_no_randomness.store(false, std::memory_order_relaxed);
  return true;
}

/// Says once in a process that requests have no ids, until there are random bytes again.
inline void tell_no_randomness(const server_rec* server) {
  if (told_no_randomness.exchange(true, std::memory_order_relaxed)) return;
  ap_log_error(APLOG_MARK, APLOG_ERR, 0, server,
               "RN0010: the kernel gives no random bytes; requests have no trace until it does");
}

/// The trace headers of a request. httpd has joined repeated headers with commas by the time
/// that a module sees them; a module that adds one more leaves two entries.
struct TraceHeaders {
  const char* traceparent = nullptr;
  const char* tracestate = nullptr;
  bool repeated_tracestate = false;
  B3Headers b3;
  bool any_b3 = false;
  const char* connection = nullptr;  ///< where it says more than one usual word
  bool any = false;
};

/// Finds them in one walk: most requests have none, and a walk costs less than six look-ups.
inline TraceHeaders find_trace_headers(apr_pool_t* pool, const apr_table_t* table) {
  TraceHeaders found;
  unsigned traceparents = 0;
  for (const apr_table_entry_t& entry : elements<apr_table_entry_t>(apr_table_elts(table))) {
    const char* name = entry.key;
    if (!entry.val) continue;  // a table may hold null, as notes of mod_headers do
    switch (*name) {
      case 't':
      case 'T':
        if (!ap_cstr_casecmp(name, "traceparent")) {
          found.any = true;
          found.traceparent = ++traceparents == 1 ? entry.val : nullptr;
        } else if (!ap_cstr_casecmp(name, "tracestate")) {
          found.any = true;
          found.repeated_tracestate = found.tracestate != nullptr;
          found.tracestate = entry.val;
        }
        break;
      case 'c':
      case 'C':
        if (!ap_cstr_casecmp(name, "Connection") && ap_cstr_casecmp(entry.val, "keep-alive") != 0 &&
            ap_cstr_casecmp(entry.val, "close") != 0) {
          found.connection = entry.val;
        }
        break;
      case 'b':
      case 'B':
        if (name[1] == '3' && name[2] == '\0') {
          found.any = found.any_b3 = true;
          found.b3.single = entry.val;
        }
        break;
      case 'x':
      case 'X':
        if (!ap_cstr_casecmpn(name, "x-b3-", 5)) {
          const char* which = name + 5;
          found.any = found.any_b3 = true;
          if (!ap_cstr_casecmp(which, "traceid")) found.b3.trace_id = entry.val;
          if (!ap_cstr_casecmp(which, "spanid")) found.b3.span_id = entry.val;
          if (!ap_cstr_casecmp(which, "sampled")) found.b3.sampled = entry.val;
          if (!ap_cstr_casecmp(which, "flags")) found.b3.flags = entry.val;
        }
        break;
      default:
        break;
    }
  }
  if (found.repeated_tracestate) found.tracestate = apr_table_getm(pool, table, "tracestate");
  return found;
}

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

inline Inbound read_inbound(const ServerConfig& config, const TraceHeaders& headers) {
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

inline void copy_text(std::string_view text, char* out) {
  if (!text.empty()) std::memcpy(out, text.data(), text.size());  // its data may be null
  out[text.size()] = '\0';
}

/// Continues `inbound`, or starts a new trace, with a span of our own in either case.
inline void start_span(RequestState& state, const ServerConfig& config,
                       const std::optional<InboundTrace>& inbound) {
  unsigned char random[kIdBytes];
  // Not more than once in 2^64 requests is the second half zero, which is no id.
  do {
    if (!ids.take(random, fill_random)) {
      return;  // the ids stay empty, and the line goes without them
    }
  } while (std::string_view(reinterpret_cast<char*>(random) + kTraceIdBytes, kParentIdBytes)
               .find_first_not_of('\0') == kNpos);
  const std::span<unsigned char, kTraceIdBytes> trace_bytes(random, kTraceIdBytes);
  bool is_random = true;
  if (inbound && !inbound->trace_id.empty()) {
    std::memset(state.trace_id, '0', kTraceIdSize);
    copy_text(inbound->trace_id, state.trace_id + kTraceIdSize - inbound->trace_id.size());
    copy_text(inbound->parent_id, state.parent_span_id);
    is_random = inbound->random;
    get_hex({state.trace_id, kTraceIdSize}, trace_bytes);
  } else {
    put_hex(trace_bytes, state.trace_id);
    state.trace_id[kTraceIdSize] = '\0';
    state.parent_span_id[0] = '\0';
  }
  put_hex({random + kTraceIdBytes, kParentIdBytes}, state.span_id);
  state.span_id[kParentIdSize] = '\0';
  const bool sampled = inbound && inbound->sampled ? *inbound->sampled
                                                   : config.trace_sample.value.samples(trace_bytes);
  state.trace_flags = (sampled ? kFlagSampled : 0U) | (is_random ? kFlagRandom : 0U);

  char* out = state.traceparent;
  copy_text("00-", out);
  copy_text({state.trace_id, kTraceIdSize}, out + 3);
  out[35] = '-';
  copy_text({state.span_id, kParentIdSize}, out + 36);
  copy_text("-0", out + 52);
  out[54] = static_cast<char>('0' + state.trace_flags);
  out[kTraceparentSize] = '\0';
}

/// What of the inbound headers matters to `r`, which is the first leg of its request.
inline Inbound inbound_of(const request_rec* r, const ServerConfig& config,
                          const TraceHeaders& headers) {
  return headers.any && is_trusted(config, r->connection) ? read_inbound(config, headers)
                                                          : Inbound{};
}

inline RequestState& make_state(const request_rec* original, const ServerConfig& config,
                                const std::optional<InboundTrace>& inbound) {
  RequestState& state = pool_new<RequestState>(original->pool);
  state.last_link = &state.subrequests;
  state.first.request = &state;
  ap_set_module_config(original->request_config, &reqnotes_module, &state.first);
  start_span(state, config, inbound);
  return state;
}

inline void read_request_id(const request_rec* r, const ServerConfig& config, RequestState& state) {
  if (!config.request_id.value) return;
  const char* id = apr_table_get(r->headers_in, config.request_id.value);
  if (id && is_request_id(id)) state.request_id = id;
}

/// The state of a client request, made on first need: a request that is refused while it is
/// read never reaches post_read_request, but is logged. Null for a request that some module made
/// up to speak to a backend.
inline RequestState* ensure_state(const request_rec* leg, const ServerConfig& config) {
  if (RequestState* state = find_state(leg)) return state;
  const request_rec* original = original_of(leg);
  if (!original->request_config || !original->per_dir_config) return nullptr;
  const TraceHeaders headers = find_trace_headers(original->pool, original->headers_in);
  RequestState& state = make_state(original, config, inbound_of(original, config, headers).trace);
  read_request_id(original, config, state);
  return &state;
}

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
  if (!headers.any || config.trace_accept.given || !refusal) return;
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

/// Runs once for a request, and again for each internal redirect of it.
inline int post_read_request(request_rec* r) noexcept {
  if (r->prev) begin_redirect(r);
  const ServerConfig* config = enabled_config(r->server);
  if (!config) return DECLINED;
  RequestState* state = find_state(r);
  if (r->prev || r->main) {
    // The ErrorDocument of a request that was refused while it was read: its first leg was never
    // here.
    if (!state || !state->is_propagated) {
      state = ensure_state(r, *config);
      if (!state) return DECLINED;
      const TraceHeaders headers = find_trace_headers(r->pool, r->headers_in);
      propagate(r, *config, headers, inbound_of(r, *config, headers), *state);
    }
    publish_ids(r, *state);
    return DECLINED;
  }

  const TraceHeaders headers = find_trace_headers(r->pool, r->headers_in);
  const Inbound inbound = inbound_of(r, *config, headers);
  if (!state) {
    state = &make_state(r, *config, inbound.trace);
  } else if (inbound.trace) {
    // At LogLevel trace5 core logs the request line before it reads the headers.
    start_span(*state, *config, inbound.trace);
    if (state->trace_id[0]) r->log_id = state->trace_id;
  }
  read_request_id(r, *config, *state);
  tell_refusal(r, *config, headers);
  propagate(r, *config, headers, inbound, *state);
  publish_ids(r, *state);
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

/// httpd starts only where ids can be random: a predictable one would let a client forge traces.
inline int post_config(apr_pool_t*, apr_pool_t*, apr_pool_t*, server_rec* server) noexcept {
  bool is_on = false;
  for (const server_rec* each = server; each; each = each->next) {
    is_on = is_on || enabled_config(each);
  }
  unsigned char probe[kIdBytes];
  if (!is_on || fill_random(probe)) return OK;
  ap_log_error(APLOG_MARK, APLOG_EMERG, 0, server,
               "RN0005: the kernel gives no random bytes; trace IDs need them");
  return HTTP_INTERNAL_SERVER_ERROR;
}

inline void child_init(apr_pool_t*, server_rec*) noexcept {
  ids.reset();
}

}  // namespace reqnotes
