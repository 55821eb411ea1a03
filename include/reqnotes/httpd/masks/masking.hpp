#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/masks/places.hpp"
#include "reqnotes/httpd/pool.hpp"
#include "reqnotes/httpd/request.hpp"
#include "reqnotes/masks/mask.hpp"

namespace reqnotes {

/// What any place of the configuration files masks.
struct AnyPlace {
  bool defaults;
  NameTable names;
  PathTable paths;
};

/// Null before there is a configuration; then the defaults count.
constinit static const AnyPlace* any_place = nullptr;

inline apr_status_t forget_any_place(void*) noexcept {
  any_place = nullptr;
  return APR_SUCCESS;
}

/// Puts together what masks a request whose place is not known. The names of an .htaccess cannot
/// be among them: it has not been read.
inline void compile_any_place(apr_pool_t* pool, const server_rec* main_server) {
  AnyPlace& any = pool_new<AnyPlace>(pool);
  apr_array_header_t* names = apr_array_make(pool, 16, sizeof(NamePattern));
  apr_array_header_t* paths = apr_array_make(pool, 16, sizeof(std::string_view));
  for (const server_rec* server = main_server; server; server = server->next) {
    const ap_conf_vector_t* outermost = server->lookup_defaults;
    any.defaults = any.defaults || !directory_config_of(outermost).mask_query.value.none;
    for (auto* node = config_of(server).masked_names; node; node = node->outer) {
      const NameTable& table = *node->table;
      for (const NamePattern& name : std::span(table.patterns, table.first.back())) {
        push<NamePattern>(names, name);
      }
    }
    for (auto* node = config_of(server).masked_paths; node; node = node->outer) {
      for (std::string_view path : node->table->patterns) {
        push<std::string_view>(paths, path);
      }
    }
  }
  any.names = index_names(elements<NamePattern>(names));
  any.paths = {elements<std::string_view>(paths)};
  any_place = &any;
  apr_pool_cleanup_register(pool, nullptr, forget_any_place, apr_pool_cleanup_null);
}

/// What is masked in a text of a request: what any place says that one of its legs has come to,
/// and where a leg's place is not known, or there is no request, what any place says at all.
struct IsMasked : MaskRules {
  /// state    of the request of `last`, or null where it has none or is not known.
  IsMasked(const request_rec* last, const RequestState* state) {
    defaults = false;
    if (!state) add_any();
    for (const request_rec* leg = last; leg; leg = leg_before(leg)) {
      const MetPlace* place = state ? find_place(leg) : nullptr;
      const DirectoryConfig* now =
          leg->per_dir_config ? &directory_config_of(leg->per_dir_config) : nullptr;
      if (place && place->is_whole) {
        add_place(*place->config);
        if (now && now != place->config) add_place(*now);
        continue;
      }
      add_any();
      // What adds a name counts in any case; but that nothing is masked must be known for sure.
      if (now) add_tables(*now);
      if (place) add_tables(*place->config);
    }
  }
  explicit IsMasked(const request_rec* last)
      : IsMasked(last, last && enabled_config(last->server) ? find_state(last) : nullptr) {}

 private:
  void add_tables(const DirectoryConfig& place) {
    for (auto* node = place.mask_query.value.nodes; node; node = node->outer) add(node->table);
    for (auto* node = place.mask_path.value.nodes; node; node = node->outer) add(node->table);
  }

  void add_place(const DirectoryConfig& place) {
    defaults = defaults || !place.mask_query.value.none;
    add_tables(place);
  }

  void add_any() {
    defaults = defaults || !any_place || any_place->defaults;
    if (!any_place) return;
    if (any_place->names.first.back() != 0) add(&any_place->names);
    if (!any_place->paths.patterns.empty()) add(&any_place->paths);
  }
};

/// `text` with its secrets masked: in `pool`, if there are any.
inline std::string_view mask(apr_pool_t* pool, std::string_view text, Place place,
                             const MaskRules& rules) {
  return mask(text, place, rules, [pool](std::size_t size) {
    return std::span(static_cast<char*>(apr_palloc(pool, size)), size);
  });
}

}  // namespace reqnotes
