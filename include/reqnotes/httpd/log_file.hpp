#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <string_view>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/pool.hpp"

namespace reqnotes {

/// What all processes know of a log together, before a restart and after it: a child that ends
/// takes no count with it, and none writes behind what another one tore.
struct LogLoss {
  /// Lines that could not be written, and were not told of yet.
  std::atomic<unsigned> lost;
  /// Not 0 when only the beginning of the last line was written, as when a disk is full.
  std::atomic<unsigned> torn;
};
static_assert(std::atomic<unsigned>::is_always_lock_free);

/// A log of our own: a file, or a pipe to a program that httpd starts and restarts. Opened by the
/// parent as root; the children inherit it.
struct LogFile {
  const char* name;  ///< as the operator gave it
  int fd;            ///< -1 when it is closed
  LogLoss* loss;     ///< in shared memory
};

/// The losses of the log `name`: memory that outlives restarts.
///
/// returns  null when there is none.
inline LogLoss* shared_loss(apr_pool_t* conf_pool, const server_rec* server, const char* name) {
  apr_pool_t* pool = server->process->pool;
  const char* key = apr_pstrcat(conf_pool, "reqnotes-loss:", name, nullptr);
  void* found = nullptr;
  apr_pool_userdata_get(&found, key, pool);
  if (found) return static_cast<LogLoss*>(found);
  apr_shm_t* shared = nullptr;
  if (apr_shm_create(&shared, sizeof(LogLoss), nullptr, pool) != APR_SUCCESS) return nullptr;
  auto* loss = new (apr_shm_baseaddr_get(shared)) LogLoss{};
  apr_pool_userdata_set(loss, key, nullptr, pool);
  return loss;
}

/// Opens `name`, which is a file or "|program".
///
/// returns  null when that fails; the error is logged.
inline LogFile* open_log_file(apr_pool_t* pool, server_rec* server, const char* name) {
  apr_file_t* file = nullptr;
  apr_status_t status = APR_SUCCESS;
  if (*name == '|') {
    piped_log* pipe = ap_open_piped_log(pool, name + 1);
    if (pipe) file = ap_piped_log_write_fd(pipe);
    if (!file) status = APR_EGENERAL;
  } else {
    const char* path = ap_server_root_relative(pool, name);
    status = path ? apr_file_open(&file, path, APR_WRITE | APR_APPEND | APR_CREATE | APR_LARGEFILE,
                                  APR_OS_DEFAULT, pool)
                  : APR_EBADPATH;
  }
  LogFile& log = *new (apr_pcalloc(pool, sizeof(LogFile))) LogFile{};
  log.name = name;
  if (status == APR_SUCCESS) status = apr_os_file_get(&log.fd, file);
  log.loss = shared_loss(pool, server, name);
  if (status == APR_SUCCESS && !log.loss) status = APR_ENOMEM;
  if (status != APR_SUCCESS) {
    ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_EMERG, status, server,
                 "RN0007: ReqNotesErrorLog %s: cannot be opened", name);
    return nullptr;
  }
  // Nothing is torn in a file that a rotation has begun anew.
  apr_finfo_t info;
  if (apr_file_info_get(&info, APR_FINFO_SIZE, file) == APR_SUCCESS && info.size == 0) {
    log.loss->torn.store(0, std::memory_order_relaxed);
  }
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

/// Writes one line, its newline included, with one call. Never waits and never logs.
///
/// line     at least one byte stands before it that may be overwritten.
/// returns  false when it was not written as a whole; it is then counted as lost.
inline bool write_line(LogFile& log, std::string_view line) {
  if (log.fd < 0) return false;
  const char* begin = line.data();
  std::size_t size = line.size();
  char* const before = const_cast<char*>(begin) - 1;
  // What was torn ends here, so that it spoils no other line.
  unsigned torn = log.loss->torn.load(std::memory_order_relaxed);
  if (torn != 0) {
    *before = '\n';
    begin = before;
    ++size;
  }
  ssize_t written = 0;
  do {
    written = ::write(log.fd, begin, size);
  } while (written < 0 && errno == EINTR);
  if (written > 0 && begin[written - 1] != '\n') {
    log.loss->torn.fetch_add(1, std::memory_order_relaxed);
  } else if (written > 0 && torn != 0) {
    // Not what another process has torn meanwhile.
    log.loss->torn.compare_exchange_strong(torn, 0, std::memory_order_relaxed);
  }
  if (written == static_cast<ssize_t>(size)) return true;
  log.loss->lost.fetch_add(1, std::memory_order_relaxed);
  return false;
}

}  // namespace reqnotes
