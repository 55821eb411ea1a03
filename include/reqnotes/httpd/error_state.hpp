#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/masking.hpp"
#include "reqnotes/httpd/pool.hpp"
#include "reqnotes/httpd/request.hpp"

namespace reqnotes {

/// Bytes of messages that a request may hold, until its facts are complete.
constexpr std::size_t kHeldBytes = 16384;
/// Bytes of the first message that the closing line repeats.
constexpr std::size_t kFirstMessage = 256;

/// What httpd tells of one message; its text follows.
struct HeldMessage {
  apr_time_t time;
  const char* file;  ///< of httpd's source, a literal in its module
  int line;
  int level;
  int module_index;
  apr_status_t status;
  std::size_t size;  ///< of the text, as httpd escaped it
};

/// The messages that one client request has logged: made with the first of them, and bounded.
struct ErrorMessages {
  request_rec* original;
  char* masked_path;  ///< the path as the client sent it, with its secrets masked, or null
  // For the closing line.
  unsigned count;  ///< of warnings and worse
  int worst;
  bool summary;         ///< asked for where one of them was logged
  bool facts_differ;    ///< between one of them and another
  std::uint64_t facts;  ///< known to the first one
  std::size_t first_size;
  char first[kFirstMessage];
  // For the JSON error log.
  char* held;  ///< kHeldBytes; null without such a log
  std::size_t held_size;
  apr_time_t held_since;
};

inline apr_status_t end_errors(void* data) noexcept;

inline ErrorMessages& ensure_errors(RequestState& state, const request_rec* leg, bool holds) {
  auto* original = const_cast<request_rec*>(original_of(leg));
  if (!state.errors) {
    state.errors = &pool_new<ErrorMessages>(original->pool);
    state.errors->original = original;
    apr_pool_pre_cleanup_register(original->pool, state.errors, end_errors);
  }
  if (holds && !state.errors->held) {
    state.errors->held = static_cast<char*>(apr_palloc(original->pool, kHeldBytes));
  }
  return *state.errors;
}

/// The path as the client sent it, with its secrets masked as the place asks that the request has
/// come to by now; good until the next call.
inline std::string_view masked_path(RequestState* state, const request_rec* last,
                                    std::string_view path) {
  const IsMasked is_masked = {last, last->server};
  if (!has_masked(path, Place::kPath, is_masked)) return path;
  if (!state || (!state->errors && state->end_time != 0)) return kMask;
  ErrorMessages& errors = ensure_errors(*state, last, false);
  const std::size_t room = masked_room(path.size());
  if (!errors.masked_path) {
    errors.masked_path = static_cast<char*>(apr_palloc(errors.original->pool, room));
  }
  Sink out({errors.masked_path, room});
  put_masked(path, Place::kPath, is_masked, out);
  return out.written();
}

}  // namespace reqnotes
