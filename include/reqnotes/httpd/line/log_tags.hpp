#pragma once

#include <cstddef>
#include <iterator>
#include <utility>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/line/access_log.hpp"
#include "reqnotes/httpd/line/span.hpp"
#include "reqnotes/line/formats.hpp"

namespace reqnotes {

/// What writes a line of a format.
template <const Format& kFormat>
constexpr ap_log_handler_fn_t* line_writer() {
  return kFormat.naming == Naming::kOtlp ? log_span : log_line<kFormat>;
}

inline void register_access_log_tags(apr_pool_t* pool) {
  const auto register_handler = APR_RETRIEVE_OPTIONAL_FN(ap_register_log_handler);
  if (!register_handler) return;
  // The last argument asks for the first leg, whatever redirects followed.
  const auto add = [&](const char* tag, ap_log_handler_fn_t* handler) {
    register_handler(pool, apr_pstrdup(pool, tag), handler, 1);
  };
  [&]<std::size_t... kAt>(std::index_sequence<kAt...>) {
    (add(kFormats[kAt].tag, line_writer<kFormats[kAt].format>()), ...);
  }
  (std::make_index_sequence<std::size(kFormats)>());
  add("^RF", log_value);
}

}  // namespace reqnotes
