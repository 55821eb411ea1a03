#pragma once

#include <string_view>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/errors/message_owner.hpp"
#include "reqnotes/httpd/request.hpp"

namespace reqnotes {

// What became of a response is known when its request is logged: after the last byte was handed to
// the kernel, or when the rest is thrown away.

constexpr const char* kOutcomeFilter = "REQNOTES_OUTCOME";
constexpr const char* kBodyFilter = "REQNOTES_BODY";
constexpr std::string_view kCompleted = "completed";
constexpr std::string_view kAborted = "aborted";
constexpr std::string_view kCut = "cut";

/// Whether a stream of HTTP/2 was closed before it had all of its response.
inline bool is_aborted_stream(const request_rec* last, const RequestState& state) {
  const conn_rec* stream = last->connection;
  const WireBytes* wire = state.wire;
  if (!wire) {
    const ConnectionState* known = find_connection(stream);
    if (!known) return stream->aborted;
    wire = &known->wire;
  }
  // A client that has all of it may close the connection before mod_http2 knows that the handler is
  // done: it takes that for an abort.
  if (stream->aborted && state.is_watched && !state.is_ended) return true;
  const bool has_body = !last->header_only && !AP_STATUS_IS_HEADER_ONLY(last->status);
  return wire->out < (has_body ? last->bytes_sent : 1);
}

/// What the end of a response says that was never ended: nobody has told httpd's filters that it is
/// whole.
[[gnu::noinline]] inline std::string_view unended_outcome(const request_rec* last) {
  // A tunnel and its like write past the filters of the request.
  if (!last->output_filters || !last->output_filters->r) return kCompleted;
  // There is no answer to a request line that did not come in time.
  return last->handler ? kCut : kAborted;
}

[[gnu::noinline]] inline std::string_view stream_outcome(const request_rec* original,
                                                         const RequestState& state) {
  const request_rec* last = last_leg(original);
  // mod_http2 aborts a stream too whose response was not ended.
  if (!original->eos_sent) return unended_outcome(last);
  return is_aborted_stream(last, state) ? kAborted : kCompleted;
}

[[gnu::noinline]] inline std::string_view other_outcome(const request_rec* original,
                                                        const RequestState& state) {
  const conn_rec* connection = original->connection;
  if (state.is_cut) return kCut;
  if (connection->master) return stream_outcome(original, state);
  const ConnectionState* known = find_connection(connection);
  if (connection->aborted || state.is_unfinished || (known && known->is_ending)) return kAborted;
  return original->eos_sent ? kCompleted : unended_outcome(last_leg(original));
}

inline std::string_view outcome_of(const request_rec* original, const RequestState& state) {
  const conn_rec* connection = original->connection;
  const ConnectionState* known = find_connection(connection);
  const bool is_whole = original->eos_sent && !connection->aborted && !connection->master &&
                        known && !known->is_ending && !state.is_cut && !state.is_unfinished;
  return is_whole ? kCompleted : other_outcome(original, state);
}

/// Stands behind the filter that writes the head of a response. There the error bucket of a backend
/// that broke off means that a part was sent, or that nothing will be: before, it becomes a
/// response of its own.
inline apr_status_t outcome_filter(ap_filter_t* filter, apr_bucket_brigade* brigade) noexcept {
  auto& state = *static_cast<RequestState*>(filter->ctx);
  for (apr_bucket* bucket = APR_BRIGADE_FIRST(brigade); bucket != APR_BRIGADE_SENTINEL(brigade);
       bucket = APR_BUCKET_NEXT(bucket)) {
    if (APR_BUCKET_IS_EOS(bucket)) state.is_ended = !filter->c->aborted;
    if (!AP_BUCKET_IS_ERROR(bucket)) continue;
    if (static_cast<ap_bucket_error*>(bucket->data)->status == HTTP_BAD_GATEWAY) {
      state.is_cut = true;
    }
  }
  return ap_pass_brigade(filter->next, brigade);
}

/// Stands before the filter that knows where the body of a request ends, whoever reads it.
inline apr_status_t body_filter(ap_filter_t* filter, apr_bucket_brigade* brigade,
                                ap_input_mode_t mode, apr_read_type_e block,
                                apr_off_t size) noexcept {
  const apr_status_t status = ap_get_brigade(filter->next, brigade, mode, block, size);
  if (status == APR_INCOMPLETE || APR_STATUS_IS_EOF(status) || APR_STATUS_IS_TIMEUP(status) ||
      APR_STATUS_IS_ECONNRESET(status) || APR_STATUS_IS_ECONNABORTED(status)) {
    static_cast<RequestState*>(filter->ctx)->is_unfinished = true;
  }
  return status;
}

/// Looks at the response from here on, once for a client request.
///
/// leg   the one that the response is of, or a sub-request.
inline void watch_response(request_rec* leg, RequestState& state) {
  if (state.is_watched) return;
  state.is_watched = true;
  while (leg->main) leg = leg->main;
  ap_add_output_filter(kOutcomeFilter, &state, leg, leg->connection);
}

/// Looks at what the log could not tell: a body that the client does not finish, and the response
/// of a stream. A GET that has a body is taken for one that has none.
///
/// r    the first leg.
inline void watch_request(request_rec* r, RequestState& state) {
  if (r->connection->master) {
    watch_response(r, state);
  } else if (r->method_number != M_GET) {
    ap_add_input_filter(kBodyFilter, &state, r, r->connection);
  }
}

/// `r` is about to get its response from a backend.
[[gnu::noinline]] inline void watch_backend(request_rec* r) {
  RequestState* state = find_state(r);
  if (state) watch_response(r, *state);
}

/// Runs when mod_proxy is about to read the answer of a backend over HTTP or uwsgi, whatever led it
/// there.
inline int watch_proxy_request(request_rec* r, request_rec*) noexcept {
  watch_backend(r);
  return DECLINED;
}

inline void register_outcome_filters() {
  ap_register_input_filter(kBodyFilter, body_filter, nullptr,
                           static_cast<ap_filter_type>(AP_FTYPE_PROTOCOL - 1));
  ap_register_output_filter(kOutcomeFilter, outcome_filter, nullptr,
                            static_cast<ap_filter_type>(AP_FTYPE_PROTOCOL + 1));
}

}  // namespace reqnotes
