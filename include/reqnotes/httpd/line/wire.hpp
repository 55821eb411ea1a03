#pragma once

#include <cstdint>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/errors/message_owner.hpp"
#include "reqnotes/httpd/pool.hpp"
#include "reqnotes/httpd/request.hpp"

namespace reqnotes {

// The bytes of a request on the wire, as mod_logio counts them for %I and %O: whatever was read
// from and written to the client's connection since the request before was logged. mod_logio keeps
// its numbers to itself. But httpd's core and mod_http2 tell of what they write through two
// optional functions, which they look up when the configuration has been read: ours stand before
// mod_logio's.

constexpr const char* kBytesInFilter = "REQNOTES_BYTES_IN";
constexpr const char* kAddBytesOut = "ap_logio_add_bytes_out";
constexpr const char* kAddBytesIn = "ap_logio_add_bytes_in";

using AddBytes = void(conn_rec* connection, apr_off_t bytes);

struct WireCounting {
  bool is_on = false;            ///< some server is
  bool is_chosen = false;        ///< some place has chosen bytes_in or bytes_out
  AddBytes* next_out = nullptr;  ///< mod_logio's, or null
  AddBytes* next_in = nullptr;
};
constinit static WireCounting wire_counting;

inline void add_bytes_out(conn_rec* connection, apr_off_t bytes) noexcept {
  if (ConnectionState* state = find_connection(connection)) state->wire.out += bytes;
  if (wire_counting.next_out) wire_counting.next_out(connection, bytes);
}

inline void add_bytes_in(conn_rec* connection, apr_off_t bytes) noexcept {
  if (ConnectionState* state = find_connection(connection)) state->wire.in += bytes;
  if (wire_counting.next_in) wire_counting.next_in(connection, bytes);
}

/// Puts `ours` where modules will look for the function of this name.
///
/// returns  what was there before, or null.
inline AddBytes* stand_before(const char* name, AddBytes* ours) {
  auto* const before = reinterpret_cast<AddBytes*>(apr_dynamic_fn_retrieve(name));
  apr_dynamic_fn_register(name, reinterpret_cast<apr_opt_fn_t*>(ours));
  return before == ours ? nullptr : before;
}

/// Runs when the configuration has been read, before anybody looks for the functions. For a stream
/// of HTTP/2 the bytes tell its outcome, too.
inline void count_wire(bool is_on, bool is_chosen) {
  wire_counting = {.is_on = is_on, .is_chosen = is_on && is_chosen};
  if (!is_on || (!is_chosen && !ap_find_linked_module("mod_http2.c"))) return;
  wire_counting.next_out = stand_before(kAddBytesOut, add_bytes_out);
  wire_counting.next_in = stand_before(kAddBytesIn, add_bytes_in);
}

/// Stands where mod_logio's filter does: between TLS and the network.
inline apr_status_t bytes_in_filter(ap_filter_t* filter, apr_bucket_brigade* brigade,
                                    ap_input_mode_t mode, apr_read_type_e block,
                                    apr_off_t size) noexcept {
  const apr_status_t status = ap_get_brigade(filter->next, brigade, mode, block, size);
  apr_off_t bytes = 0;
  apr_brigade_length(brigade, 0, &bytes);
  if (bytes > 0) static_cast<ConnectionState*>(filter->ctx)->wire.in += bytes;
  return status;
}

/// Runs for each connection, those to backends included.
inline int pre_connection(conn_rec* connection, void*) noexcept {
  if (!wire_counting.is_on || !connection->conn_config) return DECLINED;
  ConnectionState& state = ensure_connection(connection);
  if (wire_counting.is_chosen) ap_add_input_filter(kBytesInFilter, &state, nullptr, connection);
  return DECLINED;
}

/// Runs when a request is logged: what was counted is its own, and the next one begins with
/// nothing.
///
/// state  null where it is not ours.
inline void take_wire(const request_rec* original, RequestState* state) {
  if (!wire_counting.is_chosen) return;
  ConnectionState* connection = find_connection(original->connection);
  if (!connection) return;
  if (state) state->wire = &(pool_new<WireBytes>(original->pool) = connection->wire);
  connection->wire = {};
}

inline std::int64_t bytes_out_of(const RequestState& state) {
  return state.wire ? std::int64_t{state.wire->out} : kNoNumber;
}

inline std::int64_t bytes_in_of(const RequestState& state) {
  return state.wire ? std::int64_t{state.wire->in} : kNoNumber;
}

inline void register_bytes_in_filter() {
  ap_register_input_filter(kBytesInFilter, bytes_in_filter, nullptr,
                           static_cast<ap_filter_type>(AP_FTYPE_NETWORK - 1));
}

}  // namespace reqnotes
