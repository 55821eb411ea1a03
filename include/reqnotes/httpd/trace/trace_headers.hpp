#pragma once

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/pool.hpp"
#include "reqnotes/trace/b3.hpp"

namespace reqnotes {

/// The trace headers of a request. httpd has joined repeated headers with commas by the time
/// that a module sees them; a module that adds one more leaves two entries.
struct TraceHeaders {
  bool any = false;  ///< but for `connection`
  bool any_b3 = false;
  bool repeated_tracestate = false;
  unsigned traceparents = 0;
  const char* traceparent = nullptr;  ///< null where there is more than one
  const char* tracestate = nullptr;
  const char* connection = nullptr;  ///< where it says more than one usual word
  B3Headers b3;
};

/// Looks at one header whose name begins as one of those does.
[[gnu::noinline]] inline void note_trace_header(const apr_table_entry_t& entry,
                                                TraceHeaders& found) {
  const auto is = [&entry](const char* name) { return !ap_cstr_casecmp(entry.key, name); };
  if (is("traceparent")) {
    found.traceparent = found.traceparents++ == 0 ? entry.val : nullptr;
    found.any = true;
  } else if (!entry.val) {
    return;  // a table may hold null, as notes of mod_headers do
  } else if (is("tracestate")) {
    found.repeated_tracestate = found.tracestate != nullptr;
    found.tracestate = entry.val;
    found.any = true;
  } else if (is("b3")) {
    found.b3.single = entry.val;
    found.any = found.any_b3 = true;
  } else if (!ap_cstr_casecmpn(entry.key, "x-b3-", 5)) {
    if (is("x-b3-traceid")) found.b3.trace_id = entry.val;
    if (is("x-b3-spanid")) found.b3.span_id = entry.val;
    if (is("x-b3-sampled")) found.b3.sampled = entry.val;
    if (is("x-b3-flags")) found.b3.flags = entry.val;
    found.any = found.any_b3 = true;
  } else if (is("connection") && ap_cstr_casecmp(entry.val, "keep-alive") != 0 &&
             ap_cstr_casecmp(entry.val, "close") != 0) {
    found.connection = entry.val;
  }
}

/// Finds them in one walk: most requests have none, and a walk costs less than six look-ups.
inline TraceHeaders find_trace_headers(apr_pool_t* pool, const apr_table_t* table) {
  TraceHeaders found;
  for (const apr_table_entry_t& entry : elements<apr_table_entry_t>(apr_table_elts(table))) {
    const char first = static_cast<char>(*entry.key | 0x20);
    if (first == 't' || first == 'c' || first == 'b' || first == 'x') {
      note_trace_header(entry, found);
    }
  }
  if (found.repeated_tracestate) found.tracestate = apr_table_getm(pool, table, "tracestate");
  return found;
}

}  // namespace reqnotes
