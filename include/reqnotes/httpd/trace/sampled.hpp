#pragma once

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/tree.hpp"
#include "reqnotes/httpd/request.hpp"
#include "reqnotes/trace/trace_context.hpp"

namespace reqnotes {

/// The environment variable that says that a trace is sampled, for `env=` of a log: a log tag
/// cannot leave its line out.
constexpr const char* kSampledVariable = "TRACE_SAMPLED";

/// Whether any directive names it; set when the configuration has been read. Nothing is done for it
/// otherwise.
constinit static bool asks_sampled;

/// An .htaccess is read with each request and cannot be looked at here.
inline void check_sampled() {
  asks_sampled = any_directive(ap_conftree, [](const ap_directive_t* line) {
    return ap_strcasestr(line->args, kSampledVariable) != nullptr;
  });
}

/// Sets the variable of a leg, or takes away what others have put there.
///
/// state  null where this module knows nothing of the request.
inline void publish_sampled(request_rec* leg, const RequestState* state) {
  if (!asks_sampled) return;
  if (state && (state->trace_flags & kFlagSampled) != 0) {
    apr_table_setn(leg->subprocess_env, kSampledVariable, "1");
  } else {
    apr_table_unset(leg->subprocess_env, kSampledVariable);
  }
}

}  // namespace reqnotes
