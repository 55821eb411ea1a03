#pragma once

#include <span>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/errors/message_owner.hpp"
#include "reqnotes/httpd/facts/found.hpp"
#include "reqnotes/httpd/facts/response_headers.hpp"
#include "reqnotes/httpd/pool.hpp"
#include "reqnotes/httpd/request.hpp"

namespace reqnotes {

/// Keeps the fields that a sub-request made known. They count for less than those of the client
/// request itself; of several sub-requests the last one counts.
inline void carry(const ServerConfig& config, Subrequest& subrequest) {
  RequestState& state = *subrequest.state;
  apr_pool_t* pool = original_of(subrequest.r)->pool;
  request_rec* last = last_leg(subrequest.r);
  take_response_headers(last);
  for (const Field& field : config.fields) {
    Fact fact = {&field, read_sources(field, last, Legs::kSubrequest), false, false};
    if (fact.text.empty()) continue;
    char hidden[kPrivateSize];
    show(fact, [&] { return std::span<char, kPrivateSize>(hidden); });
    if (!state.carried) {
      state.carried =
          static_cast<CarriedText*>(apr_pcalloc(pool, config.fields.size() * sizeof(CarriedText)));
    }
    CarriedText& carried = state.carried[field.index];
    carried.keep(pool, fact.text);
    carried.shortened = fact.shortened;
  }
}

inline void carry_all(const ServerConfig& config, RequestState& state) {
  for (Subrequest* at = state.subrequests; at; at = at->next) carry(config, *at);
}

inline apr_status_t end_subrequest(void* data) noexcept {
  auto& subrequest = *static_cast<Subrequest*>(data);
  const ServerConfig* config = enabled_config(subrequest.r->server);
  const bool is_logged = subrequest.state->is_logged;
  if (config && !is_logged) carry(*config, subrequest);
  *subrequest.link = subrequest.next;
  (subrequest.next ? subrequest.next->link : subrequest.state->last_link) = subrequest.link;
  return APR_SUCCESS;
}

/// A request begins, or a leg of one.
///
/// Sub-requests copy headers and environment from their parent, but not the notes, and they
/// never see post_read_request.
inline int create_request(request_rec* r) noexcept {
  if (!enabled_config(r->server)) return OK;
  if (!r->main) {
    if (!r->prev) enter_connection(r);
    return OK;
  }
  RequestState* state = find_state(r);
  if (!state) return OK;
  if (state->trace_id[0]) apr_table_setn(r->notes, "trace_id", state->trace_id);

  Subrequest& subrequest = pool_new<Subrequest>(r->pool);
  subrequest = {.r = r, .state = state, .next = nullptr, .link = state->last_link};
  *subrequest.link = &subrequest;
  state->last_link = &subrequest.next;
  apr_pool_pre_cleanup_register(r->pool, &subrequest, end_subrequest);
  return OK;
}

}  // namespace reqnotes
