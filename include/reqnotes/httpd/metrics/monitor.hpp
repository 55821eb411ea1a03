#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <ctime>
#include <optional>

#include "reqnotes/facts/field.hpp"
#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/flags/flag_files.hpp"
#include "reqnotes/httpd/flags/watch_flags.hpp"
#include "reqnotes/httpd/line/duration.hpp"
#include "reqnotes/httpd/metrics/counters.hpp"
#include "reqnotes/httpd/metrics/memory.hpp"
#include "reqnotes/httpd/metrics/watching.hpp"
#include "reqnotes/httpd/output/open_logs.hpp"
#include "reqnotes/metrics/busiest.hpp"
#include "reqnotes/metrics/dropped.hpp"
#include "reqnotes/metrics/series.hpp"
#include "reqnotes/metrics/window.hpp"

namespace reqnotes {

// The monitor: a process of the parent's that does once a second what no request must do. Whatever
// becomes of it, requests go on as before, and are counted.

/// As `ps` shows it; more than 15 characters would be cut.
constexpr const char* kMonitorName = "reqnotesmonitor";
constexpr std::int64_t kSecond = 1'000'000;
/// Longest pause before one that ended again and again is started once more, in seconds.
constexpr unsigned kLongestPause = 64;

/// What the parent knows of its monitor.
struct Monitor {
  apr_proc_t process;
  apr_pool_t* pool;  ///< of the configuration
  server_rec* server;
  pid_t parent;
  std::uint64_t ticks;       ///< before it was started
  unsigned pause;            ///< in seconds, before it begins; 0 as long as all goes well
  std::uint64_t seen_ticks;  ///< when the parent looked last
  std::int64_t seen_at;      ///< and when that was; by the steady clock
  bool is_hanging;           ///< it had no tick between the last two looks
};
constinit static Monitor monitor = {};

// --- In the monitor ---

inline void set_monitor_signals() {
  // The parent ends it, and none else: a terminal or a service manager may signal all processes.
  for (int ignored : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGWINCH, SIGQUIT, SIGPIPE, SIGTSTP}) {
    apr_signal(ignored, SIG_IGN);
  }
  apr_signal(SIGCHLD, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
}

/// Closes what the parent has open, but what messages are written to: listening sockets, and the
/// pipes of logs, whose programs end when nobody can write to them.
inline void close_inherited(int first, int second) {
  const auto close_one = [=](int fd) {
    if (fd > STDERR_FILENO && fd != first && fd != second) close(fd);
  };
  DIR* const all = opendir("/proc/self/fd");
  if (!all) {
    const long most = sysconf(_SC_OPEN_MAX);
    for (int fd = 0; fd < std::clamp(most, 256L, 65'536L); ++fd) close_one(fd);
    return;
  }
  const int own = dirfd(all);
  // No other thread is in this process. NOLINTNEXTLINE(concurrency-mt-unsafe)
  while (const dirent* entry = readdir(all)) {
    const std::optional<std::size_t> fd = parse_size(entry->d_name);
    if (fd && static_cast<int>(*fd) != own) close_one(static_cast<int>(*fd));
  }
  closedir(all);
}

inline int error_log_fd(const server_rec* server) {
  int fd = -1;
  if (server->error_log) apr_os_file_get(&fd, server->error_log);
  return fd;
}

/// Leaves the process the logs of the main server alone.
inline void keep_own_logs(const server_rec* server) {
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int standard : {STDIN_FILENO, STDOUT_FILENO}) {
    if (null >= 0) dup2(null, standard);
  }
  LogFile* const own = config_of(server).error_log_file;
  for (LogFile* log = log_files; log; log = log->next) {
    if (log != own) log->fd = -1;
  }
  if (own && own->queue) open_queue(*own->queue, *own, false, nullptr);
  close_inherited(error_log_fd(server), own ? own->fd : -1);
}

inline bool is_process_alive(std::uint32_t process) {
  return kill(static_cast<pid_t>(process), 0) == 0 || errno != ESRCH;
}

/// Tells once that a metric has no more room.
inline void tell_full(const server_rec* server, Metric& metric) {
  SeriesTable& table = metric.view.table;
  const std::uint32_t most = metric.shape.series;
  if (metric.is_told_full || most == 1 ||
      table.header->first_free.load(std::memory_order_relaxed) < most) {
    return;
  }
  const SeriesCounts other = read_series(table, table.other());
  if (std::ranges::all_of(other.classes, [](std::uint64_t count) { return count == 0; })) return;
  metric.is_told_full = true;
  ap_log_error(
      APLOG_MARK, APLOG_WARNING, 0, server,
      "RN0031: ReqNotesMetric %s has its %u series; whatever is new is counted as \"other\"; "
      "give series=, or values= for what its last label may be",
      metric.view.name.data(), most);
}

/// What is done once a second.
inline void tick(const server_rec* server, std::int64_t& last_snapshot, Dropped& dropped) {
  const std::int64_t now = now_by(CLOCK_MONOTONIC);
  const bool is_due = now - last_snapshot >= kSnapshotEvery;
  if (is_due) last_snapshot = now;
  for (Metric& metric : counters.metrics) {
    if (!metric.is_counted) continue;
    maintain_series(metric.view.table, is_process_alive);
    if (is_due) take_snapshot(metric.view.table, metric.view.windows, now);
    tell_full(server, metric);
  }
  for (CountedKeys& list : counters.lists) {
    if (list.is_counted) maintain_busiest(list.view.table, is_process_alive);
  }
  for (FlagFile& file : flag_files) {
    if (!file.watch) continue;
    maintain_series(file.view.table, is_process_alive);
    if (is_due) take_snapshot(file.view.table, file.view.windows, now);
    watch_flags(server, file, now);
  }
  read_numbers(server, dropped);
  watch_thresholds(server, dropped, now);
  const LogFile* log = config_of(server).error_log_file;
  if (log && log->queue) pump_queue(*log->queue);
}

[[noreturn]] inline void run_monitor(const Monitor& own) {
  const server_rec* server = own.server;
  prctl(PR_SET_NAME, kMonitorName);
  set_monitor_signals();
  keep_own_logs(server);
  const auto sleep_until = [](std::int64_t time) {
    const timespec at = {.tv_sec = time / kSecond, .tv_nsec = time % kSecond * 1000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr) == EINTR) {
    }
  };
  apr_pool_t* pool = nullptr;
  if (apr_pool_create(&pool, nullptr) == APR_SUCCESS) begin_flags(pool);
  if (!pool || ap_run_drop_privileges(pool, const_cast<server_rec*>(server)) != OK) {
    sleep_until(now_by(CLOCK_MONOTONIC) + kSecond);
    _exit(1);
  }
  own_tables();
  auto* const dropped = static_cast<Dropped*>(apr_pcalloc(pool, sizeof(Dropped)));
  // Which file has which number outlives a monitor.
  if (watching.dropped && !take(*watching.dropped, *dropped)) *dropped = {};
  std::int64_t next = now_by(CLOCK_MONOTONIC) + own.pause * kSecond;
  std::int64_t last_snapshot = next - kSnapshotEvery;
  // Nobody tells this process that the parent was killed.
  for (; getppid() == own.parent; next = std::max(next + kSecond, now_by(CLOCK_MONOTONIC))) {
    sleep_until(next);
    if (getppid() != own.parent) break;
    tick(server, last_snapshot, *dropped);
    monitor_state->last_tick.store(now_by(CLOCK_MONOTONIC), std::memory_order_relaxed);
    monitor_state->ticks.fetch_add(1, std::memory_order_release);
  }
  _exit(0);
}

// --- In the parent ---

inline void monitor_ended(int reason, void* data, int status) noexcept;

inline void start_monitor() {
  monitor.ticks = monitor_state->ticks.load(std::memory_order_relaxed);
  const pid_t process = fork();
  if (process == 0) run_monitor(monitor);
  if (process < 0) {
    ap_log_error(APLOG_MARK, APLOG_ERR, errno, monitor.server,
                 "RN0032: the monitor cannot be started; requests are counted, and numbers of the "
                 "last minute are missing until the next restart");
    return;
  }
  monitor.process = {.pid = process, .in = nullptr, .out = nullptr, .err = nullptr};
  monitor.is_hanging = false;
  apr_proc_other_child_register(&monitor.process, monitor_ended, &monitor, nullptr, monitor.pool);
}

inline bool is_stopping() {
  int state = 0;
  return ap_mpm_query(AP_MPMQ_MPM_STATE, &state) == APR_SUCCESS && state == AP_MPMQ_STOPPING;
}

/// httpd calls this for what becomes of the process.
inline void monitor_ended(int reason, void* data, int) noexcept {
  if (reason != APR_OC_REASON_DEATH && reason != APR_OC_REASON_LOST) return;
  apr_proc_other_child_unregister(data);
  const pid_t process = monitor.process.pid;
  monitor.process.pid = 0;
  if (is_stopping()) return;
  const bool has_ticked = monitor_state->ticks.load(std::memory_order_relaxed) != monitor.ticks;
  const unsigned longer = monitor.pause == 0 ? 1 : std::min(2 * monitor.pause, kLongestPause);
  monitor.pause = has_ticked ? 0 : longer;
  ap_log_error(APLOG_MARK, APLOG_ERR, 0, monitor.server,
               "RN0033: the monitor (process %ld) %s; another one is started",
               static_cast<long>(process),
               monitor.is_hanging ? "hung, and was ended" : "has ended");
  start_monitor();
}

/// Ends the monitor of a configuration that ends. By SIGKILL, as it has nothing to bring to an end,
/// and may be stopped.
inline apr_status_t end_monitor(void*) noexcept {
  if (monitor.process.pid == 0 || monitor.parent != getpid()) return APR_SUCCESS;
  const pid_t process = monitor.process.pid;
  monitor.process.pid = 0;
  apr_proc_other_child_unregister(&monitor);
  kill(process, SIGKILL);
  while (waitpid(process, nullptr, 0) < 0 && errno == EINTR) {
  }
  return APR_SUCCESS;
}

/// Every ten seconds or so in the parent: ends a monitor that hangs. It is told twice apart, as all
/// processes of a machine may have been stopped for a while.
inline int watch_monitor(apr_pool_t*, server_rec*) noexcept {
  if (monitor.process.pid == 0) return DECLINED;
  const std::int64_t now = now_by(CLOCK_MONOTONIC);
  const std::uint64_t ticks = monitor_state->ticks.load(std::memory_order_relaxed);
  if (ticks != monitor.seen_ticks) {
    monitor.is_hanging = false;
    monitor.seen_ticks = ticks;
    monitor.seen_at = now;
  } else if (now - monitor.seen_at > kSnapshotEvery / 2 + monitor.pause * kSecond) {
    if (monitor.is_hanging) kill(monitor.process.pid, SIGKILL);
    monitor.is_hanging = true;
    monitor.seen_at = now;
  }
  return DECLINED;
}

/// Starts the monitor of a configuration.
inline void begin_watching() {
  if (!monitor.server || monitor.process.pid != 0) return;
  monitor.seen_at = now_by(CLOCK_MONOTONIC);
  start_monitor();
}

/// Makes the tables and starts the monitor, where anything is counted. httpd runs this once more
/// before it really starts, for a configuration that it then reads again.
inline int start_counting(apr_pool_t* pool, apr_pool_t*, apr_pool_t*,
                          server_rec* main_server) noexcept {
  if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) return OK;
  find_tables(main_server);
  if (counters.metrics.empty() || !monitor_state) return OK;
  monitor = {};
  monitor.pool = pool;
  monitor.server = main_server;
  monitor.parent = getpid();
  apr_pool_pre_cleanup_register(pool, nullptr, end_monitor);
  if (ap_exists_scoreboard_image()) begin_watching();
  return OK;
}

/// httpd has a scoreboard from here on; a restart keeps it, and does not always come here.
inline int start_first_monitor(apr_pool_t*, ap_scoreboard_e) noexcept {
  begin_watching();
  return OK;
}

}  // namespace reqnotes
