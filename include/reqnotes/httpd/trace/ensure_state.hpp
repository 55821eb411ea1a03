#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/pool.hpp"
#include "reqnotes/httpd/request.hpp"
#include "reqnotes/httpd/trace/inbound.hpp"
#include "reqnotes/httpd/trace/random_ids.hpp"
#include "reqnotes/httpd/trace/request_id.hpp"
#include "reqnotes/httpd/trace/trace_headers.hpp"
#include "reqnotes/text/hex.hpp"
#include "reqnotes/text/sink.hpp"
#include "reqnotes/trace/trace_context.hpp"

namespace reqnotes {

/// Sets the ids and the traceparent but for its flags: the caller's trace-id, or that of
/// `random`.
inline void set_ids(RequestState& state, const std::optional<InboundTrace>& inbound,
                    std::span<const unsigned char, kIdBytes> random) {
  char* const trace_id = state.traceparent + 3;
  char* const span_id = state.traceparent + 36;
  std::memcpy(state.traceparent, "00-", 3);
  if (inbound && !inbound->trace_id.empty()) {
    std::memset(trace_id, '0', kTraceIdSize);
    copy(inbound->trace_id, trace_id + kTraceIdSize - inbound->trace_id.size());
    copy_text(inbound->parent_id, state.parent_span_id);
  } else {
    put_hex(random.first<kTraceIdBytes>(), trace_id);
  }
  trace_id[kTraceIdSize] = '-';
  put_hex(random.last<kParentIdBytes>(), span_id);
  copy_text({trace_id, kTraceIdSize}, state.trace_id);
  copy_text({span_id, kParentIdSize}, state.span_id);
}

/// Continues `inbound`, or starts a new trace, with a span of our own in either case. Leaves the
/// ids as they are when the kernel gives no random bytes.
inline void start_span(RequestState& state, const ServerConfig& config,
                       const std::optional<InboundTrace>& inbound) {
  unsigned char random[kIdBytes];
  std::uint64_t span = 0;
  // Not more than once in 2^64 requests is the second half zero, which is no id.
  do {
    if (!ids.take(random, fill_random)) {
      return;  // the ids stay empty, and the line goes without them
    }
    std::memcpy(&span, random + kTraceIdBytes, sizeof span);
  } while (span == 0);
  set_ids(state, inbound, random);

  const bool sampled = inbound && inbound->sampled
                           ? *inbound->sampled
                           : config.trace_sample.value.samples({state.trace_id, kTraceIdSize});
  const bool is_random = !inbound || inbound->trace_id.empty() || inbound->random;
  state.trace_flags = (sampled ? kFlagSampled : 0U) | (is_random ? kFlagRandom : 0U);
  char* const flags = state.traceparent + 52;
  copy_text("-00", flags);
  flags[2] = static_cast<char>('0' + state.trace_flags);
}

/// original  the first leg, which has no state yet.
inline RequestState& make_state(const request_rec* original, const ServerConfig& config,
                                const std::optional<InboundTrace>& inbound) {
  RequestState& state = pool_new<RequestState>(original->pool);
  state.first.request = &state;
  ap_set_module_config(original->request_config, &reqnotes_module, &state.first);
  start_span(state, config, inbound);
  return state;
}

/// What ensure_state does for a request that has no state yet.
[[gnu::noinline]] inline RequestState* make_late_state(const request_rec* leg,
                                                       const ServerConfig& config) {
  const request_rec* original = original_of(leg);
  if (!original->request_config || !original->per_dir_config) return nullptr;
  const TraceHeaders headers = find_trace_headers(original->pool, original->headers_in);
  RequestState& state = make_state(original, config, inbound_of(original, config, headers).trace);
  read_request_id(original, config, state);
  return &state;
}

/// The state of a client request, made on first need: a request that is refused while it is
/// read never reaches post_read_request, but is logged. Null for a request that some module made
/// up to speak to a backend.
inline RequestState* ensure_state(const request_rec* leg, const ServerConfig& config) {
  RequestState* state = find_state(leg);
  return state ? state : make_late_state(leg, config);
}

}  // namespace reqnotes
