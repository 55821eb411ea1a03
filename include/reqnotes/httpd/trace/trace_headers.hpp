#pragma once

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/pool.hpp"
#include "reqnotes/trace/b3.hpp"

namespace reqnotes {

/// The trace headers of a request. httpd has joined repeated headers with commas by the time
/// that a module sees them; a module that adds one more leaves two entries.
struct TraceHeaders {
  const char* traceparent = nullptr;
  const char* tracestate = nullptr;
  bool repeated_tracestate = false;
  B3Headers b3;
  bool any_b3 = false;
  const char* connection = nullptr;  ///< where it says more than one usual word
  bool any = false;
};

/// Finds them in one walk: most requests have none, and a walk costs less than six look-ups.
inline TraceHeaders find_trace_headers(apr_pool_t* pool, const apr_table_t* table) {
  TraceHeaders found;
  unsigned traceparents = 0;
  for (const apr_table_entry_t& entry : elements<apr_table_entry_t>(apr_table_elts(table))) {
    const char* name = entry.key;
    if (!entry.val) continue;  // a table may hold null, as notes of mod_headers do
    switch (*name) {
      case 't':
      case 'T':
        if (!ap_cstr_casecmp(name, "traceparent")) {
          found.any = true;
          found.traceparent = ++traceparents == 1 ? entry.val : nullptr;
        } else if (!ap_cstr_casecmp(name, "tracestate")) {
          found.any = true;
          found.repeated_tracestate = found.tracestate != nullptr;
          found.tracestate = entry.val;
        }
        break;
      case 'c':
      case 'C':
        if (!ap_cstr_casecmp(name, "Connection") && ap_cstr_casecmp(entry.val, "keep-alive") != 0 &&
            ap_cstr_casecmp(entry.val, "close") != 0) {
          found.connection = entry.val;
        }
        break;
      case 'b':
      case 'B':
        if (name[1] == '3' && name[2] == '\0') {
          found.any = found.any_b3 = true;
          found.b3.single = entry.val;
        }
        break;
      case 'x':
      case 'X':
        if (!ap_cstr_casecmpn(name, "x-b3-", 5)) {
          const char* which = name + 5;
          found.any = found.any_b3 = true;
          if (!ap_cstr_casecmp(which, "traceid")) found.b3.trace_id = entry.val;
          if (!ap_cstr_casecmp(which, "spanid")) found.b3.span_id = entry.val;
          if (!ap_cstr_casecmp(which, "sampled")) found.b3.sampled = entry.val;
          if (!ap_cstr_casecmp(which, "flags")) found.b3.flags = entry.val;
        }
        break;
      default:
        break;
    }
  }
  if (found.repeated_tracestate) found.tracestate = apr_table_getm(pool, table, "tracestate");
  return found;
}

}  // namespace reqnotes
