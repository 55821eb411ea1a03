#pragma once

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/errors/hook.hpp"
#include "reqnotes/httpd/errors/start_message.hpp"
#include "reqnotes/httpd/facts/response_headers.hpp"
#include "reqnotes/httpd/facts/subrequests.hpp"
#include "reqnotes/httpd/facts/unknown_names.hpp"
#include "reqnotes/httpd/flags/request_flags.hpp"
#include "reqnotes/httpd/line/access_variable.hpp"
#include "reqnotes/httpd/line/duration.hpp"
#include "reqnotes/httpd/line/first_byte.hpp"
#include "reqnotes/httpd/line/outcome.hpp"
#include "reqnotes/httpd/line/wire.hpp"
#include "reqnotes/httpd/masks/places.hpp"
#include "reqnotes/httpd/metrics/counting.hpp"
#include "reqnotes/httpd/metrics/memory.hpp"
#include "reqnotes/httpd/metrics/pages.hpp"
#include "reqnotes/httpd/request.hpp"
#include "reqnotes/httpd/trace/ensure_state.hpp"
#include "reqnotes/httpd/trace/propagation.hpp"
#include "reqnotes/httpd/trace/random_ids.hpp"
#include "reqnotes/httpd/trace/sampled.hpp"
#include "reqnotes/httpd/trace/trace_response.hpp"

namespace reqnotes {

/// What a child must not share with its parent.
inline void child_init(apr_pool_t*, server_rec*) noexcept {
  ids.reset();
  begin_clock();
  own_tables();
}

/// Runs once for each leg, behind the hooks that say who the client is.
inline int pre_translate_name(request_rec* r) noexcept {
  remember_place(r, false);
  const ServerConfig* config = enabled_config(r->server);
  if (config && config->flag_file) publish_flags_to(r, *config);
  return DECLINED;
}

/// Runs when all sections and each .htaccess have been read, before the hooks of other modules see
/// what they say together.
inline int post_perdir_config(request_rec* r) noexcept {
  remember_place(r, true);
  if (header_prefix(r)) drop_inherited_headers(r);
  return DECLINED;
}

/// Looks up the values of the expr: sources, where evaluating is allowed: the error log reads
/// them while it writes a line, and must neither allocate nor log.
[[gnu::noinline]] inline void evaluate_expressions(request_rec* r, const ServerConfig& config,
                                                   RequestState& state) {
  const std::size_t count = config.expressions.size();
  if (!state.expressions) {
    state.expressions =
        static_cast<const char**>(apr_pcalloc(original_of(r)->pool, count * sizeof(char*)));
  }
  for (std::size_t at = 0; at < count; ++at) {
    const char* error = nullptr;
    const char* value = ap_expr_str_exec(r, config.expressions[at], &error);
    state.expressions[at] = error ? nullptr : apr_pstrdup(original_of(r)->pool, value);
  }
}

/// Names the prefix of the response headers that are taken from this leg to an application that
/// must not send one elsewhere. A fast redirect may have brought the variable from another place.
inline void publish_prefix(request_rec* r) {
  const char* prefix_text = header_prefix(r);
  if (prefix_text) {
    apr_table_setn(r->subprocess_env, "REQNOTES_PREFIX", prefix_text);
  } else {
    apr_table_unset(r->subprocess_env, "REQNOTES_PREFIX");
  }
}

/// The last phase before the handler: from here on error lines have the expr: fields.
inline int fixups(request_rec* r) noexcept {
  if (refuse_pages(r)) return HTTP_FORBIDDEN;
  const ServerConfig* config = enabled_config(r->server);
  if (!config) return DECLINED;
  publish_prefix(r);
  if (r->proxyreq != PROXYREQ_NONE) watch_backend(r);
  if (config->expressions.empty() || r->main) return DECLINED;
  if (RequestState* state = ensure_state(r, *config)) evaluate_expressions(r, *config, *state);
  return DECLINED;
}

/// Filters that look at a response. Also for httpd's own error responses, which begin with those of
/// before taken away.
inline void insert_filters(request_rec* r) noexcept {
  insert_trace_response(r);
  insert_first_byte(r);
  insert_start_message(r);
}

/// Runs before mod_log_config, once for a client request; `r` is its first leg.
inline int log_transaction(request_rec* r) noexcept {
  publish_access(r);
  const ServerConfig* config = enabled_config(r->server);
  RequestState* state = config ? ensure_state(r, *config) : nullptr;
  take_wire(r, state);
  // Again, as others may have changed it: mod_log_config looks for it on the first leg.
  publish_sampled(r, state);
  if (!state) return DECLINED;
  request_rec* last = last_leg(r);

  take_response_headers(last);
  carry_all(*config, *state);

  // A request that was refused while it was read has not seen post_read_request.
  if (state->published != last) publish_ids(last, *state);
  if (!r->log_id && state->trace_id[0]) r->log_id = state->trace_id;
  if (!state->trace_id[0]) tell_no_randomness(r->server);
  tell_unknown_notes(last, *config);
  state->is_logged = true;
  if (!config->expressions.empty()) evaluate_expressions(last, *config, *state);
  if (state->errors) finish_errors(*config, *state, last);
  if (config->counters) count_transaction(r, last, *config, *state);
  return DECLINED;
}

}  // namespace reqnotes
