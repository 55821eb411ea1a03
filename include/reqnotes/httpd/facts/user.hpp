#pragma once

#include <string_view>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/request.hpp"

namespace reqnotes {

// Who a request is. `r->user` of the moment does not tell: mod_auth_basic sets it before it looks
// at the password, mod_php sets it to what the client claims, and both stay after a refusal. So
// the name is remembered when httpd has authenticated it.

/// Keeps the name that `r` has now. One of a sub-request ends with its pool, so that it is copied.
inline void remember_user(const request_rec* r, RequestState& state) {
  if (r->main) {
    state.subrequest_user.keep(original_of(r)->pool, r->user);
  } else {
    state.user = r->user;
  }
}

inline RequestState* state_of_user(const request_rec* r) {
  return r->user && *r->user && enabled_config(r->server) ? find_state(r) : nullptr;
}

/// httpd asks who may see a place when it knows who it is: this phase runs after a
/// check_user_id that has succeeded, and nowhere else; see ap_process_request_internal in httpd's
/// server/request.c.
inline int auth_checker(request_rec* r) noexcept {
  if (RequestState* state = state_of_user(r)) remember_user(r, *state);
  return DECLINED;
}

/// Whether mod_ssl is loaded; core answers ssl_var_lookup without it, too.
constinit static bool has_mod_ssl;

/// Once for a configuration, when all modules are there.
inline void find_mod_ssl() {
  has_mod_ssl = ap_find_linked_module("mod_ssl.c") != nullptr;
}

/// Notes the name that mod_ssl's SSLUserName may replace in its own access_checker.
inline int first_access_checker(request_rec* r) noexcept {
  if (!has_mod_ssl) return DECLINED;
  RequestState* state = enabled_config(r->server) ? find_state(r) : nullptr;
  if (!state) return DECLINED;
  state->access_of = r;
  state->access_user = r->user;
  return DECLINED;
}

/// Takes a name that was set in between, if a certificate stands for it that mod_ssl has verified.
/// Where a sub-request of the same phase has come in between, nothing is known, and none is taken.
inline int last_access_checker(request_rec* r) noexcept {
  RequestState* state = state_of_user(r);
  if (!state || state->access_of != r || state->access_user == r->user) return DECLINED;
  const auto lookup = APR_RETRIEVE_OPTIONAL_FN(ssl_var_lookup);
  if (!lookup) return DECLINED;
  char name[] = "SSL_CLIENT_VERIFY";
  const char* verified = lookup(r->pool, r->server, r->connection, r, name);
  if (verified && std::string_view(verified) == "SUCCESS") remember_user(r, *state);
  return DECLINED;
}

}  // namespace reqnotes
