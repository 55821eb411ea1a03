#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string_view>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/metrics/report.hpp"

namespace reqnotes {

/// What httpd's workers do, as mod_status has it.
struct Workers {
  static constexpr std::array<std::string_view, SERVER_NUM_STATUS> kStates = [] {
    std::array<std::string_view, SERVER_NUM_STATUS> names{};
    names[SERVER_DEAD] = "open";
    names[SERVER_STARTING] = "starting";
    names[SERVER_READY] = "waiting";
    names[SERVER_BUSY_READ] = "reading";
    names[SERVER_BUSY_WRITE] = "sending";
    names[SERVER_BUSY_KEEPALIVE] = "keepalive";
    names[SERVER_BUSY_LOG] = "logging";
    names[SERVER_BUSY_DNS] = "dns";
    names[SERVER_CLOSING] = "closing";
    names[SERVER_GRACEFUL] = "graceful";
    names[SERVER_IDLE_KILL] = "idle_cleanup";
    return names;
  }();

  std::array<WorkerCount, SERVER_NUM_STATUS> counts;
  std::uint32_t busy = 0;  ///< all but those that wait, are no more or not yet
  std::uint32_t most = 0;  ///< MaxRequestWorkers

  Workers() {
    for (std::size_t state = 0; state < counts.size(); ++state) counts[state] = {kStates[state], 0};
  }
};

inline int ask_mpm(int what) {
  int answer = 0;
  return ap_mpm_query(what, &answer) == APR_SUCCESS ? std::max(answer, 0) : 0;
}

/// Looks at the scoreboard.
inline Workers count_workers() {
  Workers workers;
  const int processes = ask_mpm(AP_MPMQ_MAX_DAEMONS);
  const int threads = std::max(ask_mpm(AP_MPMQ_MAX_THREADS), 1);
  workers.most = static_cast<std::uint32_t>(processes) * static_cast<std::uint32_t>(threads);
  if (!ap_exists_scoreboard_image()) return workers;
  // Processes of the configuration before may still be there, behind those that can be now.
  const int all = std::max(ask_mpm(AP_MPMQ_HARD_LIMIT_DAEMONS), processes);
  std::uint32_t seen = 0;
  for (int process = 0; process < all; ++process) {
    const process_score* score = ap_get_scoreboard_process(process);
    if (!score || score->pid == 0) continue;
    for (int thread = 0; thread < threads; ++thread) {
      const worker_score* worker = ap_get_scoreboard_worker_from_indexes(process, thread);
      const std::size_t state = worker ? worker->status : SERVER_DEAD;
      if (state >= workers.counts.size() || state == SERVER_DEAD) continue;
      ++workers.counts[state].count;
      ++seen;
      const bool is_idle = state == SERVER_READY || state == SERVER_STARTING ||
                           state == SERVER_IDLE_KILL || state == SERVER_GRACEFUL;
      if (!is_idle && !score->quiescing) ++workers.busy;
    }
  }
  workers.counts[SERVER_DEAD].count = workers.most > seen ? workers.most - seen : 0;
  return workers;
}

}  // namespace reqnotes
