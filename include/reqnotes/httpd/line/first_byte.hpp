#pragma once

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/line/built_in.hpp"
#include "reqnotes/httpd/line/choice.hpp"
#include "reqnotes/httpd/line/duration.hpp"
#include "reqnotes/httpd/request.hpp"

namespace reqnotes {

constexpr const char* kFirstByteFilter = "REQNOTES_FIRST_BYTE";

/// Stands just before the head of the response is written, and goes.
inline apr_status_t first_byte_filter(ap_filter_t* filter, apr_bucket_brigade* brigade) noexcept {
  const request_rec* original = original_of(filter->r);
  ap_remove_output_filter(filter);
  RequestState* state = find_state(original);
  if (state && state->first_byte == kNoNumber) {
    state->first_byte = time_since(original->request_time);
  }
  return ap_pass_brigade(filter->next, brigade);
}

/// Whether any place has chosen ttfb_us; set when the configuration has been read.
constinit static bool times_first_byte;

/// Runs for each leg when its handler is about to write: what an earlier one has chosen counts too.
inline void insert_first_byte(request_rec* r) noexcept {
  if (!times_first_byte || r->main || !Choice(r).has(bit_of("ttfb_us"))) return;
  ap_add_output_filter(kFirstByteFilter, nullptr, r, r->connection);
}

inline void register_first_byte_filter() {
  ap_register_output_filter(kFirstByteFilter, first_byte_filter, nullptr,
                            static_cast<ap_filter_type>(AP_FTYPE_PROTOCOL - 1));
}

}  // namespace reqnotes
