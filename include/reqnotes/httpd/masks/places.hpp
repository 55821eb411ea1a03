#pragma once

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/request.hpp"

namespace reqnotes {

// A place is what the sections of the configuration say together of a request. httpd keeps it in
// per_dir_config, and replaces that: FallbackResource and DirectoryIndex put another one there
// (ap_internal_fast_redirect in http_request.c), and a request that is refused on the way to a
// file has none yet, or only a part. So places are remembered when they are met.

/// The place of `leg` as far as it was met, or null.
inline const MetPlace* find_place(const request_rec* leg) {
  const LegState* state = find_leg_state(leg);
  return state && state->place.config ? &state->place : nullptr;
}

/// Whether the place of `leg` is known as a whole. Later ones of its request can only add to what
/// is masked then.
inline bool knows_place(const request_rec* leg) {
  const MetPlace* place = find_place(leg);
  return place && place->is_whole;
}

inline void remember_place(const request_rec* r, bool is_whole) {
  if (!enabled_config(r->server) || !find_state(r)) return;
  ensure_leg_state(r).place = {.config = &directory_config_of(r), .is_whole = is_whole};
}

/// The configuration of the place that the client asked for, or that a redirect named, whatever
/// serves it in the end.
inline const DirectoryConfig& asked_place_of(const request_rec* r) {
  const MetPlace* place = enabled_config(r->server) ? find_place(r) : nullptr;
  return place ? *place->config : directory_config_of(r);
}

/// What the place says that the client asked for; where it says nothing, what serves it counts.
template <class T>
T asked_of(const request_rec* r, Setting<T> DirectoryConfig::*member) {
  const Setting<T>& asked = asked_place_of(r).*member;
  return asked.given ? asked.value : (directory_config_of(r).*member).value;
}

}  // namespace reqnotes
