#pragma once

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/facts/user.hpp"
#include "reqnotes/httpd/line/outcome.hpp"
#include "reqnotes/httpd/trace/refusal.hpp"
#include "reqnotes/httpd/trace/request_id.hpp"
#include "reqnotes/version.hpp"

namespace reqnotes {

/// Says which version runs, and makes what the children share. httpd runs this once more before it
/// really starts, for a configuration that it then reads again.
inline int announce(apr_pool_t* pool, apr_pool_t*, apr_pool_t*, server_rec* main_server) noexcept {
  if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) return OK;
  const int on = count_enabled(main_server);
  int servers = 0;
  for (const server_rec* server = main_server; server; server = server->next) ++servers;
  ap_log_error(APLOG_MARK, APLOG_INFO, 0, main_server,
               "RN0020: ReqNotes/%s, On in %d of %d servers", kVersion, on, servers);
  find_mod_ssl();
  find_sent_count(pool);
  if (on == 0) return OK;
  refusal = make_refusal(pool);
  make_dropped_ids(pool, main_server);
  return OK;
}

}  // namespace reqnotes
