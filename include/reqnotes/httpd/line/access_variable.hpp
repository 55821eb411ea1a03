#pragma once

#include <algorithm>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/conf/tree.hpp"

namespace reqnotes {

/// The environment variable that ReqNotesAccessLog decides, for `env=` of a log. A GlobalLog holds
/// for every virtual host and cannot be taken back; this is how it can be left out.
constexpr const char* kAccessVariable = "REQNOTES_ACCESS";

/// Whether the access log that a directive is about depends on the variable, in whatever way. Names
/// of variables have no case.
inline bool asks_access(apr_pool_t* pool, const ap_directive_t* directive) {
  if (!is_access_log(directive) && !is_called(directive, "LogFormat")) return false;
  return std::ranges::any_of(words_of(pool, directive), [](const char* word) {
    return ap_strcasestr(word, kAccessVariable) != nullptr;
  });
}

/// Looks once whether any log depends on the variable, and warns about ReqNotesAccessLog On where
/// none does.
inline void check_access_log(apr_pool_t* pool, server_rec* main_server) {
  const bool asks = any_directive(
      ap_conftree, [pool](const ap_directive_t* line) { return asks_access(pool, line); });
  for (server_rec* server = main_server; server; server = server->next) {
    ServerConfig& config = config_of(server);
    config.asks_access = asks;
    const Giving* given = config.no_access_log.given;
    const bool inherits =
        server != main_server && given == config_of(main_server).no_access_log.given;
    if (asks || !given || inherits || config.no_access_log.value) continue;
    ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_WARNING, 0, server,
                 "RN0022: ReqNotesAccessLog On at %s:%d has no effect: no log has env=%s",
                 given->file, given->line, kAccessVariable);
  }
}

/// Sets the variable, or takes away what others have put there. mod_log_config tests `env=` on the
/// first leg of a request, which `r` is.
inline void publish_access(request_rec* r) {
  const ServerConfig& config = config_of(r->server);
  if (!config.asks_access) return;
  if (config.enabled.value && !config.no_access_log.value) {
    apr_table_setn(r->subprocess_env, kAccessVariable, "1");
  } else {
    apr_table_unset(r->subprocess_env, kAccessVariable);
  }
}

}  // namespace reqnotes
