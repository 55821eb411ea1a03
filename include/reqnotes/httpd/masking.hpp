#pragma once

#include <algorithm>
#include <string_view>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/config.hpp"
#include "reqnotes/httpd/pool.hpp"
#include "reqnotes/httpd/request.hpp"
#include "reqnotes/mask.hpp"

namespace reqnotes {

inline bool masks(const ap_conf_vector_t* directory, std::string_view name) {
  const MaskList* list = nullptr;
  if (directory) {
    list = &static_cast<const DirectoryConfig*>(ap_get_module_config(directory, &reqnotes_module))
                ->mask_query.value;
  }
  if ((!list || !list->none) && std::ranges::find(kMaskedNames, name) != std::end(kMaskedNames)) {
    return true;
  }
  return list && list->names && std::ranges::count(elements<std::string_view>(list->names), name);
}

/// Tells which parameters are masked. For a request, those of any place that one of its legs
/// has come to; without one, those of its server.
struct IsMasked {
  const request_rec* last;
  const server_rec* server;

  bool operator()(std::string_view name) const {
    if (!last) return masks(server ? server->lookup_defaults : nullptr, name);
    for (const request_rec* leg = last; leg; leg = leg_before(leg)) {
      if (masks(leg->per_dir_config, name)) return true;
    }
    return false;
  }
};

/// `text` with its secrets masked: in `pool`, if there are any.
inline std::string_view mask(apr_pool_t* pool, std::string_view text, Place place,
                             const IsMasked& is_masked) {
  if (!has_masked(text, place, is_masked)) return text;
  const std::size_t room = masked_size(text, place, is_masked);
  Sink out({static_cast<char*>(apr_palloc(pool, room)), room});
  put_masked(text, place, is_masked, out);
  return out.written();
}

}  // namespace reqnotes
