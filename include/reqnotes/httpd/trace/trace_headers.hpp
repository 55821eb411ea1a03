#pragma once

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/facts/note_index.hpp"
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
  const auto is = [&entry](const char* name) { return is_same_word(entry.key, name); };
  const char* const value = entry.val;
  switch (*entry.key | 0x20) {
    case 't':
      if (is("traceparent")) {
        found.any = true;
        found.traceparent = found.traceparents++ == 0 ? value : nullptr;
      } else if (value && is("tracestate")) {
        found.any = true;
        found.repeated_tracestate = found.tracestate != nullptr;
        found.tracestate = value;
      }
      break;
    case 'c':
      if (value && is("Connection") && !is_same_word(value, "keep-alive") &&
          !is_same_word(value, "close")) {
        found.connection = value;
      }
      break;
    case 'b':
      if (value && is("b3")) {
        found.any = found.any_b3 = true;
        found.b3.single = value;
      }
      break;
    default:
      if (!value || ap_cstr_casecmpn(entry.key, "x-b3-", 5) != 0) break;
      found.any = found.any_b3 = true;
      if (is("X-B3-TraceId")) found.b3.trace_id = value;
      if (is("X-B3-SpanId")) found.b3.span_id = value;
      if (is("X-B3-Sampled")) found.b3.sampled = value;
      if (is("X-B3-Flags")) found.b3.flags = value;
  }
}

/// Finds them in one walk: most requests have none, and a walk costs less than six look-ups. A
/// table may hold null, as notes of mod_headers do; that is no value.
inline TraceHeaders find_trace_headers(apr_pool_t* pool, const apr_table_t* table) {
  TraceHeaders found;
  for (const apr_table_entry_t& entry : entries_of(table)) {
    const char first = static_cast<char>(*entry.key | 0x20);
    if (first == 't' || first == 'c' || first == 'b' || first == 'x') {
      note_trace_header(entry, found);
    }
  }
  if (found.repeated_tracestate) found.tracestate = apr_table_getm(pool, table, "tracestate");
  return found;
}

}  // namespace reqnotes
