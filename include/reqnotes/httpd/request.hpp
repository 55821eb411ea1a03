#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/pool.hpp"
#include "reqnotes/line/item.hpp"
#include "reqnotes/trace/trace_context.hpp"

namespace reqnotes {

struct ErrorMessages;
struct DirectoryConfig;
struct Fact;
struct RequestState;

/// What a place said when a leg came to it.
struct MetPlace {
  const DirectoryConfig* config;  ///< null where none was met yet
  bool is_whole;                  ///< all sections were read, and not only the <Location>
};

/// A sub-request that has not ended, in the list of its client request. Its notes end with its
/// pool, so what it made known is carried to the client request before.
struct Subrequest {
  request_rec* r;
  RequestState* state;
  Subrequest* next;
  Subrequest** link;  ///< what points to this one
};

/// A text that a sub-request made known before it ended, in memory of the client request. That of
/// the one before is reused: a page of any number of includes needs no more than its longest texts.
struct CarriedText {
  char* text;
  std::size_t size;
  std::size_t capacity;
  bool shortened;  ///< of a field: it was cut to its maximum

  void keep(apr_pool_t* pool, std::string_view kept) {
    if (capacity < kept.size()) {
      capacity = std::max(2 * capacity, kept.size());
      text = static_cast<char*>(apr_palloc(pool, capacity));
    }
    std::memcpy(text, kept.data(), kept.size());
    size = kept.size();
  }
};

/// What the last line of the ordinary error log got from %N.
enum class FieldsItem : std::uint8_t {
  kNotAsked,
  kWhole,
  kNoRoom,    ///< none of them: the message had left too little
  kLineFull,  ///< nor would an id have had room
};

/// Bytes that were read and written, where they are counted.
struct WireBytes {
  apr_off_t in = 0;
  apr_off_t out = 0;
};

/// Of a request whose first access line is not written.
constexpr std::int64_t kUnmeasured = -1;

/// What this module keeps with any request_rec, whatever leg it is or stands for.
struct LegState {
  RequestState* request;  ///< with the first leg of a client request; null elsewhere
  /// With a request that mod_proxy made up, to read the answer of a backend with: the leg that it
  /// is read for.
  const request_rec* reads_for;
  /// With a later leg: the prefix of the headers that were dropped last; see response_headers.hpp.
  const char* dropped_prefix;
  MetPlace place;
};

/// What this module knows of one client request, over all its legs. Kept with the first leg.
struct RequestState {
  // The texts are written before they are read, and need no zeros behind them.
  RequestState() { traceparent[0] = trace_id[0] = span_id[0] = parent_span_id[0] = '\0'; }

  LegState first = {};
  unsigned trace_flags = 0;
  bool is_propagated = false;   ///< the request's headers are ours
  FieldsItem fields_item = {};  ///< of the line that is being written
  /// The leg that got the ids last, but no sub-request: only to be compared.
  const request_rec* published = nullptr;
  const char* flags = nullptr;       ///< that are on, or empty; null before it was looked
  const char* request_id = nullptr;  ///< the caller's own, or null
  /// The values of expr: sources, or null before the fixups phase.
  const char** expressions = nullptr;
  CarriedText* carried = nullptr;  ///< by Field::index, or null
  const char* user = nullptr;      ///< who was authenticated, or null; see httpd/facts/user.hpp
  CarriedText subrequest_user = {};
  const request_rec* access_of = nullptr;  ///< the leg whose access_checker phase began last
  const char* access_user = nullptr;       ///< and its user then, or null
  Subrequest* subrequests = nullptr;       ///< those that have not ended, the oldest first
  Subrequest** last_link = &subrequests;   ///< where the next one of them is put
  ErrorMessages* errors = nullptr;         ///< null while none was logged
  bool is_logged = false;                  ///< log_transaction has run
  // See httpd/line/outcome.hpp.
  bool is_unfinished = false;           ///< the client has not sent all of the body
  bool is_watched = false;              ///< what follows is known of the response
  bool is_ended = false;                ///< all of it was handed over while the connection was open
  bool is_cut = false;                  ///< a backend broke off
  bool is_own_page = false;             ///< answered by SetHandler reqnotes
  const Fact* final_facts = nullptr;    ///< null before the first access line
  std::size_t final_fact_count = 0;     ///< see httpd/facts/found.hpp
  std::int64_t duration = kUnmeasured;  ///< see httpd/line/duration.hpp
  std::int64_t first_byte = kNoNumber;  ///< see httpd/line/first_byte.hpp
  const WireBytes* wire = nullptr;      ///< null where nothing was counted for the line
  // Texts end with a NUL; empty where the request has none, all of them when the kernel gave no
  // random bytes.
  char traceparent[kTraceparentSize + 1];
  char trace_id[kTraceIdSize + 1];
  char span_id[kParentIdSize + 1];
  char parent_span_id[kParentIdSize + 1];
};

/// A client request is a chain of legs: an internal redirect links a new request_rec by
/// prev/next, a sub-request points to its parent by main. Every leg is of the same request.
inline const request_rec* original_of(const request_rec* leg) {
  for (;;) {
    if (leg->prev) {
      leg = leg->prev;
    } else if (leg->main) {
      leg = leg->main;
    } else {
      return leg;
    }
  }
}

template <class Leg>
Leg* last_leg(Leg* leg) {
  while (leg->next) leg = leg->next;
  return leg;
}

/// The leg to look at after `leg`, on the way back from the last one: null at the end. A
/// sub-request's legs come before those of the request that made it.
inline const request_rec* leg_before(const request_rec* leg) {
  if (leg->prev) return leg->prev;
  return leg->main ? last_leg(leg->main) : nullptr;
}

inline LegState* find_leg_state(const request_rec* leg) {
  if (!leg->request_config) return nullptr;
  return static_cast<LegState*>(ap_get_module_config(leg->request_config, &reqnotes_module));
}

[[gnu::noinline]] inline LegState* make_leg_state(const request_rec* leg) {
  LegState* state = &pool_new<LegState>(leg->pool);
  ap_set_module_config(leg->request_config, &reqnotes_module, state);
  return state;
}

inline LegState& ensure_leg_state(const request_rec* leg) {
  LegState* state = find_leg_state(leg);
  return state ? *state : *make_leg_state(leg);
}

/// The leg of a client request that `r` is, or stands for.
inline const request_rec* leg_of(const request_rec* r) {
  const LegState* state = find_leg_state(r);
  return state && state->reads_for ? state->reads_for : r;
}

/// What find_state does for a leg that is not the first one, or has no state.
[[gnu::noinline]] inline RequestState* find_state_of_original(const request_rec* leg) {
  const LegState* first = find_leg_state(original_of(leg_of(leg)));
  return first ? first->request : nullptr;
}

/// The state of the client request that `leg` belongs to, or null.
inline RequestState* find_state(const request_rec* leg) {
  const LegState* state = find_leg_state(leg);
  return state && state->request ? state->request : find_state_of_original(leg);
}

}  // namespace reqnotes
