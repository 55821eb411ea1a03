#pragma once

#include <unistd.h>

#include <cstdint>
#include <span>
#include <string_view>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/line/built_in.hpp"
#include "reqnotes/httpd/output/log_file.hpp"
#include "reqnotes/httpd/output/message_format.hpp"
#include "reqnotes/line/encode.hpp"
#include "reqnotes/line/otlp_frame.hpp"

namespace reqnotes {

/// How long a process that ends waits for the readers of its logs. httpd kills a child nine seconds
/// after it has told it to end.
constexpr int kChildWaitMs = 2000;
/// The same for the parent, which serves nobody until it has restarted.
constexpr int kParentWaitMs = 100;

/// Whose JSON error log has the messages that belong to no server: that of the main one.
constinit static const ServerConfig* main_config = nullptr;

/// Tells that lines were lost, as soon as one can be written again. The parent leaves it to
/// children where there is a reader, as it is the one that outlives it; see close_logs.
inline void tell_lost(const LogFile& log) {
  if (log.queue && (!log.queue->has_thread || log.queue->waiting.load() != 0)) return;
  const unsigned lost = take_lost(log);
  if (lost == 0) return;
  Subject subject;
  subject.time = apr_time_now();
  subject.level = APLOG_WARNING;
  subject.module = "reqnotes";
  subject.code = "RN0008";
  subject.text = "lines of this log were lost";
  subject.messages = lost;
  subject.log_begin = config_of(log.server).log_begin;
  subject.service = &config_of(log.server).service.value;
  char buffer[kOtlpLineLow];
  const std::size_t size = log.format->put_loss(subject, {}, kUsualValues,
                                                std::span(buffer).subspan(1, sizeof buffer - 2));
  buffer[1 + size] = '\n';
  if (!try_line(log, {buffer + 1, size + 1})) {
    log.state->lost.fetch_add(lost, std::memory_order_relaxed);
  }
}

inline void tell_lost_of(LineQueue& queue) noexcept {
  for (const LogFile* log = log_files; log; log = log->next) {
    if (log->queue == &queue) tell_lost(*log);
  }
}

/// Closes the logs of a configuration that ends, before a descriptor can be another file's. What
/// they have lost is told by the next configuration, and where there is none, here.
inline apr_status_t close_logs(void*) noexcept {
  const std::int64_t deadline = now_ms() + kParentWaitMs;
  const bool is_last = ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_EXITING;
  main_config = nullptr;
  for (LogFile* log = log_files; log; log = log->next) {
    if (log->queue) close_queue(*log->queue, deadline);
    const unsigned lost = is_last ? take_lost(*log) : 0;
    if (*log->name != '|') close(log->fd);
    log->fd = -1;
    if (lost == 0) continue;
    ap_log_error(APLOG_MARK, APLOG_WARNING, 0, log->server,
                 "RN0008: ReqNotesErrorLog %s: %u lines of this log were lost", log->name, lost);
  }
  log_files = nullptr;
  return APR_SUCCESS;
}

/// Opens the JSON error logs, as root, before there are children. Servers with the same log, by
/// inheritance or by name, share it.
inline int open_logs(apr_pool_t* pool, apr_pool_t*, apr_pool_t*, server_rec* main_server) noexcept {
  apr_pool_pre_cleanup_register(pool, nullptr, close_logs);
  for (server_rec* server = main_server; server; server = server->next) {
    ServerConfig& config = config_of(server);
    const char* name = config.error_log.value.name;
    if (!name || !config.enabled.value) continue;
    LogFile* log = log_files;
    while (log && std::string_view(log->name) != name) log = log->next;
    if (!log) {
      log = open_log_file(pool, server, name);
      if (!log) return HTTP_INTERNAL_SERVER_ERROR;
      log->format = config.error_log.value.format;
      if (log->queue) open_queue(*log->queue, *log, false, nullptr);
      log->next = log_files;
      log_files = log;
    }
    config.error_log_file = log;
  }
  main_config = &config_of(main_server);
  return OK;
}

inline apr_status_t end_child_logs(void*) noexcept {
  const std::int64_t deadline = now_ms() + kChildWaitMs;
  for (LogFile* log = log_files; log; log = log->next) {
    if (log->queue) close_queue(*log->queue, deadline);
  }
  return APR_SUCCESS;
}

/// Gives a child queues of its own, which end after its last request.
inline void begin_child_logs(apr_pool_t* child_pool, server_rec*) noexcept {
  for (LogFile* log = log_files; log; log = log->next) {
    if (log->queue) open_queue(*log->queue, *log, true, tell_lost_of);
  }
  apr_pool_cleanup_register(child_pool, nullptr, end_child_logs, apr_pool_cleanup_null);
}

/// Every few seconds in the parent, which has no thread for what a full pipe did not take.
inline int pump_logs(apr_pool_t*, server_rec*) noexcept {
  for (LogFile* log = log_files; log; log = log->next) {
    if (log->queue) pump_queue(*log->queue);
  }
  return DECLINED;
}

}  // namespace reqnotes
