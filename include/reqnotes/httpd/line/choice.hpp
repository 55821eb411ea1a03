#pragma once

#include <algorithm>
#include <cstdint>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/line/built_in.hpp"
#include "reqnotes/httpd/masks/places.hpp"
#include "reqnotes/httpd/request.hpp"

namespace reqnotes {

/// What the places that a request has come to say of its lines: a value is there if one of them has
/// chosen it, and none has taken it away; of the client, that shows least which shows least
/// anywhere.
struct Choice {
  std::uint64_t on = 0;
  std::uint64_t off = 0;
  ClientForm client = ClientForm::kFull;

  /// last     the leg that the request has come to.
  explicit Choice(const request_rec* last) {
    for (const request_rec* leg = last; leg; leg = leg_before(leg)) {
      // What serves a leg may stand elsewhere than what was asked for.
      const MetPlace* asked = find_place(leg);
      const DirectoryConfig* now =
          leg->per_dir_config ? &directory_config_of(leg->per_dir_config) : nullptr;
      if (asked) add(*asked->config);
      if (now && !(asked && asked->config == now)) add(*now);
      // The copy of a request in a daemon of mod_wsgi has the place of another server.
      if (!asked) add_outermost(leg->server);
    }
  }

  /// Where there is no request: what `server` has outside of all sections; null is none.
  explicit Choice(const server_rec* server) { add_outermost(server); }

  [[nodiscard]] bool is_usual() const { return (on | off) == 0 && client == ClientForm::kFull; }
  [[nodiscard]] std::uint64_t values() const { return (kUsualValues | on) & ~off; }
  [[nodiscard]] bool has(std::uint64_t value) const { return (values() & value) != 0; }

 private:
  /// mod_cgid has a server_rec without any configuration.
  void add_outermost(const server_rec* server) {
    if (server && server->lookup_defaults) add(directory_config_of(server->lookup_defaults));
  }

  void add(const DirectoryConfig& place) {
    on |= place.values.value.on;
    off |= place.values.value.off;
    client = std::max(client, place.client.value);
  }
};

}  // namespace reqnotes
