#pragma once

#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/pool.hpp"
#include "reqnotes/httpd/request.hpp"
#include "reqnotes/httpd/trace/inbound.hpp"
#include "reqnotes/httpd/trace/random_ids.hpp"
#include "reqnotes/httpd/trace/trace_headers.hpp"
#include "reqnotes/text/hex.hpp"
#include "reqnotes/trace/trace_context.hpp"

namespace reqnotes {

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

}  // namespace reqnotes
