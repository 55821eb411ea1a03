#pragma once

#include <atomic>
#include <span>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/trace/id_batch.hpp"
#include "reqnotes/trace/trace_context.hpp"

namespace reqnotes {

using Ids = IdBatch<kIdBytes>;

/// One for the process; child_init empties it, because a fork copies it.
constinit static Ids ids;

/// Whether a message has said that there is no randomness, since there was some.
constinit static std::atomic<bool> told_no_randomness;

/// Fills all of `out` from the kernel; false when it gives nothing.
inline bool fill_random(std::span<unsigned char> out) noexcept {
  if (apr_generate_random_bytes(out.data(), out.size()) != APR_SUCCESS) return false;
  told_no_randomness.store(false, std::memory_order_relaxed);
  return true;
}

/// Says once in a process that requests have no ids, until there are random bytes again.
inline void tell_no_randomness(const server_rec* server) {
  if (told_no_randomness.exchange(true, std::memory_order_relaxed)) return;
  ap_log_error(APLOG_MARK, APLOG_ERR, 0, server,
               "RN0010: the kernel gives no random bytes; requests have no trace until it does");
}

/// httpd starts only where ids can be random: a predictable one would let a client forge traces.
inline int post_config(apr_pool_t*, apr_pool_t*, apr_pool_t*, server_rec* server) noexcept {
  unsigned char probe[kIdBytes];
  if (count_enabled(server) == 0 || fill_random(probe)) return OK;
  ap_log_error(APLOG_MARK, APLOG_EMERG, 0, server,
               "RN0005: the kernel gives no random bytes; trace IDs need them");
  return HTTP_INTERNAL_SERVER_ERROR;
}

}  // namespace reqnotes
