#pragma once

#include <span>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/config.hpp"
#include "reqnotes/httpd/request.hpp"

namespace reqnotes {

// A place is what the sections of the configuration say together of a request. httpd keeps it in
// per_dir_config, and replaces that: FallbackResource and DirectoryIndex put another one there
// (ap_internal_fast_redirect in http_request.c), and a request that is refused on the way to a
// file has none yet, or only a part. So places are remembered when they are met.

/// The place of `leg` as far as it was met, or null.
inline const MetPlace* find_place(const RequestState& state, const request_rec* leg) {
  if (leg->main) {
    for (const Subrequest* at = state.subrequests; at; at = at->next) {
      if (at->r == leg) return at->place.leg ? &at->place : nullptr;
    }
    return nullptr;
  }
  for (const MetPlace& place : std::span(state.places, state.place_count)) {
    if (place.leg == leg) return &place;
  }
  return nullptr;
}

/// Remembers the place of `r`, without an allocation. Where there is no room, none is known: of
/// many redirects of one request, and of redirects inside of a sub-request, whose memory ends
/// before that of the request.
inline void remember_place(const request_rec* r, bool is_whole) {
  RequestState* state = enabled_config(r->server) ? find_state(r) : nullptr;
  if (!state) return;
  auto* place = const_cast<MetPlace*>(find_place(*state, r));
  if (!place && r->main) {
    for (Subrequest* at = state->subrequests; at; at = at->next) {
      if (at->r == r) place = &at->place;
    }
  } else if (!place && state->place_count < RequestState::kPlaces) {
    place = &state->places[state->place_count++];
  }
  if (place) *place = {.leg = r, .config = &directory_config_of(r), .is_whole = is_whole};
}

/// Runs when the <Location> of the URL is known, before anything can refuse it.
inline int pre_translate_name(request_rec* r) noexcept {
  remember_place(r, false);
  return DECLINED;
}

/// The configuration of the place that the client asked for, or that a redirect named, whatever
/// serves it in the end.
inline const DirectoryConfig& asked_place_of(const request_rec* r) {
  const RequestState* state = enabled_config(r->server) ? find_state(r) : nullptr;
  const MetPlace* place = state ? find_place(*state, r) : nullptr;
  return place ? *place->config : directory_config_of(r);
}

}  // namespace reqnotes
