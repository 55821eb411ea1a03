#pragma once

#include <atomic>
#include <cstring>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/pool.hpp"
#include "reqnotes/httpd/request.hpp"
#include "reqnotes/trace/trace_context.hpp"

namespace reqnotes {

/// What all processes know of the request ids that were not kept since a start or a restart.
struct DroppedIds {
  std::atomic<unsigned> count;
  std::atomic<bool> told;
};

/// Null where there is no shared memory: then nothing is counted.
constinit static DroppedIds* dropped_ids = nullptr;

inline apr_status_t tell_dropped_ids(void* data) noexcept {
  const unsigned count = dropped_ids->count.load();
  dropped_ids = nullptr;
  if (count <= 1) return APR_SUCCESS;
  ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, static_cast<const server_rec*>(data),
               "RN0025: %u request ids were not kept, see RN0024", count);
  return APR_SUCCESS;
}

inline void make_dropped_ids(apr_pool_t* pool, const server_rec* main_server) {
  dropped_ids = shared_new<DroppedIds>(pool);
  if (dropped_ids) apr_pool_pre_cleanup_register(pool, main_server, tell_dropped_ids);
}

/// Keeps the id that the caller gave the request, if it is_request_id. Any other is counted.
inline void read_request_id(const request_rec* r, const ServerConfig& config, RequestState& state) {
  if (!config.request_id.value) return;
  const char* id = apr_table_get(r->headers_in, config.request_id.value);
  if (!id || !*id) return;
  if (is_request_id(id)) {
    state.request_id = id;
  } else if (dropped_ids) {
    dropped_ids->count.fetch_add(1, std::memory_order_relaxed);
  }
}

/// Tells once why an id is not kept. Not where it is read, as a message may be under way there.
inline void tell_dropped_id(const request_rec* r, const ServerConfig& config) {
  if (!dropped_ids || dropped_ids->told.load(std::memory_order_relaxed)) return;
  const char* id = apr_table_get(r->headers_in, config.request_id.value);
  if (!id || !*id || dropped_ids->told.exchange(true)) return;
  const char* why = std::strlen(id) > kRequestIdMax
                        ? "it is longer than 256 bytes"
                        : "it has a blank or another byte that is no printable ASCII";
  ap_log_rerror(APLOG_MARK, APLOG_NOTICE, 0, r,
                "RN0024: the id in the header %s is not kept as request_id: %s",
                config.request_id.value, why);
}

}  // namespace reqnotes
