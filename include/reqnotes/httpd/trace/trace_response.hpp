#pragma once

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/masks/places.hpp"
#include "reqnotes/httpd/pool.hpp"
#include "reqnotes/httpd/trace/ensure_state.hpp"

namespace reqnotes {

constexpr const char* kTraceResponseFilter = "REQNOTES_TRACE_RESPONSE";

inline const apr_array_header_t* trace_response_of(const request_rec* r) {
  return asked_of(r, &DirectoryConfig::trace_response);
}

/// Sets the headers of ReqNotesTraceResponse, once, just before the response's headers are
/// written. After mod_cache has stored the response: the next client has an id of its own.
inline apr_status_t trace_response_filter(ap_filter_t* filter,
                                          apr_bucket_brigade* brigade) noexcept {
  request_rec* r = filter->r;
  ap_remove_output_filter(filter);
  const ServerConfig* config = enabled_config(r->server);
  const RequestState* state = config ? ensure_state(r, *config) : nullptr;
  if (state && state->trace_id[0]) {
    for (const char* name : elements<const char*>(trace_response_of(r))) {
      if (!ap_cstr_casecmp(name, "Server-Timing")) {
        apr_table_addn(r->headers_out, name,
                       apr_pstrcat(r->pool, "trace;desc=", state->traceparent, nullptr));
      } else {
        apr_table_unset(r->err_headers_out, name);
        apr_table_setn(r->headers_out, name, state->trace_id);
      }
    }
  }
  return ap_pass_brigade(filter->next, brigade);
}

inline void insert_trace_response(request_rec* r) noexcept {
  const auto* headers = trace_response_of(r);
  if (r->main || !headers || headers->nelts == 0) return;
  ap_add_output_filter(kTraceResponseFilter, nullptr, r, r->connection);
}

inline void register_trace_response_filter() {
  ap_register_output_filter(kTraceResponseFilter, trace_response_filter, nullptr,
                            static_cast<ap_filter_type>(AP_FTYPE_PROTOCOL - 1));
}

}  // namespace reqnotes
