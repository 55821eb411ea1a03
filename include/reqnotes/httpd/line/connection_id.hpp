#pragma once

#include <string_view>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/line/built_in.hpp"

namespace reqnotes {

/// The id of the client's connection, as `%{c}L` has it; empty where nobody has asked for one.
/// httpd makes it before it writes a message of that connection.
inline std::string_view connection_id_of(const conn_rec* connection) {
  // Each stream of HTTP/2 has a connection of its own, beside that of the client.
  const conn_rec* client = connection->master;
  return text_of(client && client->log_id ? client->log_id : connection->log_id);
}

/// Whether some place has chosen connection_id; set when the configuration has been read.
constinit static bool names_connections;

/// Gives a connection its id before it has streams, as these copy it: later, they run in threads
/// that must not touch its pool. Not where httpd writes lines of ErrorLogFormat for a connection:
/// it does that when it makes the id.
inline int identify_connection(conn_rec* connection, void*) noexcept {
  const server_rec* server = connection->base_server;
  if (connection->log_id || !(names_connections || config_of(server).error_log_file)) {
    return DECLINED;
  }
  const auto* core =
      static_cast<const core_server_config*>(ap_get_core_module_config(server->module_config));
  if (elements<void*>(core->error_log_conn).empty()) {
    ap_run_generate_log_id(connection, nullptr, &connection->log_id);
  }
  return DECLINED;
}

}  // namespace reqnotes
