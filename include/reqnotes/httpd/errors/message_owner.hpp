#pragma once

#include <string_view>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/pool.hpp"
#include "reqnotes/httpd/request.hpp"

namespace reqnotes {

// What a message of the error log comes with is not always the request that it is about: mod_proxy
// has a request of its own for a backend's answer, and filters of a connection know no request.

struct InterimResponses;

/// What this module knows of a connection.
struct ConnectionState {
  const request_rec* newest;  ///< of its requests, if that one has not ended
  unsigned count;             ///< of those that have not ended; more when they are in a pipeline
  InterimResponses* interim;  ///< null while none were looked at
  WireBytes wire;             ///< since the request before was logged; see httpd/line/wire.hpp
  bool is_ending;             ///< its pool is being destroyed; not of a stream
  const request_rec* asks_switch;  ///< the request whose 101 is waited for, or null
  bool has_switch_filter;          ///< see start_message.hpp
};

inline ConnectionState* find_connection(const conn_rec* connection) {
  if (!connection->conn_config) return nullptr;
  return static_cast<ConnectionState*>(
      ap_get_module_config(connection->conn_config, &reqnotes_module));
}

inline apr_status_t end_connection(void* data) noexcept {
  static_cast<ConnectionState*>(data)->is_ending = true;
  return APR_SUCCESS;
}

inline ConnectionState& ensure_connection(conn_rec* connection) {
  if (ConnectionState* state = find_connection(connection)) return *state;
  ConnectionState& state = pool_new<ConnectionState>(connection->pool);
  ap_set_module_config(connection->conn_config, &reqnotes_module, &state);
  // Its requests end with its pool at the latest, and this runs before. Those of a stream always
  // do.
  if (!connection->master) apr_pool_pre_cleanup_register(connection->pool, &state, end_connection);
  return state;
}

inline apr_status_t leave_connection(void* data) noexcept {
  const auto* r = static_cast<const request_rec*>(data);
  ConnectionState& state = *find_connection(r->connection);
  --state.count;
  if (state.newest == r) state.newest = nullptr;
  return APR_SUCCESS;
}

/// Notes which request a connection is about: `r`, which begins.
inline void enter_connection(request_rec* r) {
  if (!r->connection->conn_config) return;
  ConnectionState& state = ensure_connection(r->connection);
  state.newest = r;
  ++state.count;
  apr_pool_pre_cleanup_register(r->pool, r, leave_connection);
}

/// mod_proxy has made up `made`, to read the answer of a backend for `r`. Nobody uses it once `r`
/// has ended.
inline int create_proxy_request(request_rec* r, request_rec* made) noexcept {
  if (!enabled_config(r->server) || !made->request_config || !find_state(r)) return DECLINED;
  ensure_leg_state(made).reads_for = r;
  return DECLINED;
}

/// The leg that a message is about, or null.
inline const request_rec* leg_of(const ap_errorlog_info& info) {
  if (info.r) return leg_of(info.r);
  const ConnectionState* connection = info.c ? find_connection(info.c) : nullptr;
  if (!connection) return nullptr;
  // A request that has upgraded its connection to HTTP/2 stays with it, beside its streams, which
  // have connections of their own.
  if (!info.c->master &&
      std::string_view(ap_get_protocol(const_cast<conn_rec*>(info.c))).starts_with("h2")) {
    return nullptr;
  }
  // Which one of several a message is about cannot be told.
  return connection->count == 1 ? connection->newest : nullptr;
}

}  // namespace reqnotes
