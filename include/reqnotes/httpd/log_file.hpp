#pragma once

#include <fcntl.h>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/pool.hpp"
#include "reqnotes/line_file.hpp"

namespace reqnotes {

/// A log of our own: a file, or a pipe to a program that httpd starts and restarts. Opened by the
/// parent as root; the children inherit it.
struct LogFile : LineFile {
  const char* name;  ///< as the operator gave it
};

/// What all processes know of the log `name`, before a restart and after it: a child that ends
/// takes no count with it.
///
/// returns  null when there is no shared memory.
inline LineState* shared_state(apr_pool_t* conf_pool, const server_rec* server, const char* name) {
  apr_pool_t* pool = server->process->pool;
  const char* key = apr_pstrcat(conf_pool, "reqnotes:", name, nullptr);
  void* found = nullptr;
  apr_pool_userdata_get(&found, key, pool);
  if (found) return static_cast<LineState*>(found);
  apr_shm_t* shared = nullptr;
  if (apr_shm_create(&shared, sizeof(LineState), nullptr, pool) != APR_SUCCESS) return nullptr;
  auto* state = new (apr_shm_baseaddr_get(shared)) LineState{};
  apr_pool_userdata_set(state, key, nullptr, pool);
  return state;
}

/// Opens `name`, which is a file or "|program".
///
/// returns  null when that fails; the error is logged.
inline LogFile* open_log_file(apr_pool_t* pool, server_rec* server, const char* name) {
  apr_file_t* file = nullptr;
  apr_status_t status = APR_SUCCESS;
  const char* path = nullptr;
  if (*name == '|') {
    piped_log* pipe = ap_open_piped_log(pool, name + 1);
    if (pipe) file = ap_piped_log_write_fd(pipe);
    if (!file) status = APR_EGENERAL;
  } else {
    path = ap_server_root_relative(pool, name);
    status = path ? apr_file_open(&file, path, APR_WRITE | APR_APPEND | APR_CREATE | APR_LARGEFILE,
                                  APR_OS_DEFAULT, pool)
                  : APR_EBADPATH;
  }
  LogFile& log = pool_new<LogFile>(pool);
  log.name = name;
  if (status == APR_SUCCESS) status = apr_os_file_get(&log.fd, file);
  log.state = shared_state(pool, server, name);
  if (status == APR_SUCCESS && !log.state) status = APR_ENOMEM;
  if (status != APR_SUCCESS) {
    ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_EMERG, status, server,
                 "RN0007: ReqNotesErrorLog %s: cannot be opened", name);
    return nullptr;
  }
  log.state->torn = path && ends_torn(log.fd, path) ? 1 : 0;
  // A reader that has stopped must not stop the server too: a line that a full pipe does not take
  // is lost and counted.
  if (*name == '|') fcntl(log.fd, F_SETFL, fcntl(log.fd, F_GETFL) | O_NONBLOCK);
  // Runs before the file is closed. What is logged after that must not reach a descriptor that by
  // then may be another file's.
  apr_pool_cleanup_register(
      pool, &log,
      [](void* data) {
        static_cast<LogFile*>(data)->fd = -1;
        return static_cast<apr_status_t>(APR_SUCCESS);
      },
      apr_pool_cleanup_null);
  return &log;
}

}  // namespace reqnotes
