#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/pool.hpp"
#include "reqnotes/output/line_file.hpp"
#include "reqnotes/output/line_queue.hpp"

namespace reqnotes {

struct MessageFormat;

/// A log of our own: a file, or a pipe to a program that httpd starts and restarts. Opened by the
/// parent as root; the children inherit it.
struct LogFile : LineFile {
  const char* name;  ///< as the operator gave it
  const MessageFormat* format;
  const server_rec* server;
  LineQueue* queue;  ///< null for a regular file, which takes every line at once
  LogFile* next;
};

/// All logs that are open.
constinit static LogFile* log_files = nullptr;

inline bool write_line(const LogFile& log, std::string_view line) {
  if (log.fd < 0) return false;
  return log.queue ? write_line(*log.queue, line) : write_line<>(static_cast<LineFile>(log), line);
}

inline bool try_line(const LogFile& log, std::string_view line) {
  if (log.fd < 0) return false;
  return log.queue ? try_line(*log.queue, line) : try_line<>(static_cast<LineFile>(log), line);
}

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
  auto* state = shared_new<LineState>(pool);
  if (!state) return nullptr;
  apr_pool_userdata_set(state, key, nullptr, pool);
  return state;
}

/// The program that httpd starts for "|PROGRAM", "||PROGRAM" or "|$COMMAND".
struct PipedProgram {
  const char* text;
  bool is_shell;
};

/// As ap_open_piped_log reads it; `name` begins with "|".
inline PipedProgram piped_program(const char* name) {
  ++name;
  if (*name == '|') ++name;
  const bool is_shell = *name == '$';
  return {.text = is_shell ? name + 1 : name, .is_shell = is_shell};
}

/// Why what has this name cannot be a log, or null.
inline const char* check_kind(const struct stat& info) {
  if (S_ISDIR(info.st_mode)) return "it is a directory; give a file in it";
  if (S_ISSOCK(info.st_mode)) return "it is a socket; give \"|program\" with one that writes to it";
  if (S_ISBLK(info.st_mode)) return "it is a disk; give a file";
  return nullptr;
}

/// Opens a file, a FIFO or a terminal, so that no write waits for whoever reads it.
///
/// returns  the descriptor, or -1 with errno.
inline int open_path(const char* path) {
  constexpr int kFlags = O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  constexpr mode_t kMode = 0666;
  const int fd = open(path, O_WRONLY | kFlags, kMode);
  // A FIFO that nobody reads yet. Linux opens it for both, and lets a reader come later.
  struct stat info = {};
  if (fd >= 0 || errno != ENXIO || stat(path, &info) != 0 || !S_ISFIFO(info.st_mode)) return fd;
  return open(path, O_RDWR | kFlags, kMode);
}

inline bool is_regular(int fd) {
  struct stat info = {};
  return fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
}

/// Opens `name`, which is a file or "|program". Whoever calls it closes the log in a cleanup.
///
/// returns  null when that fails; the error is logged.
inline LogFile* open_log_file(apr_pool_t* pool, const server_rec* server, const char* name) {
  apr_status_t status = APR_SUCCESS;
  const char* path = nullptr;
  LogFile& log = pool_new<LogFile>(pool);
  log.name = name;
  log.server = server;
  if (*name == '|') {
    piped_log* pipe = ap_open_piped_log(pool, name + 1);
    apr_file_t* file = pipe ? ap_piped_log_write_fd(pipe) : nullptr;
    status = file ? apr_os_file_get(&log.fd, file) : APR_EGENERAL;
    if (file) fcntl(log.fd, F_SETFL, fcntl(log.fd, F_GETFL) | O_NONBLOCK);
  } else {
    path = ap_server_root_relative(pool, name);
    log.fd = path ? open_path(path) : -1;
    if (log.fd < 0) status = path ? errno : APR_EBADPATH;
  }
  log.state = shared_state(pool, server, name);
  if (status == APR_SUCCESS && !log.state) status = APR_ENOMEM;
  if (status != APR_SUCCESS) {
    ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_EMERG, status, server,
                 "RN0007: ReqNotesErrorLog %s: cannot be opened", name);
    return nullptr;
  }
  log.state->torn = path && ends_torn(log.fd, path) ? 1 : 0;
  if (!is_regular(log.fd)) log.queue = &pool_new<LineQueue>(pool);
  return &log;
}

}  // namespace reqnotes
