#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/masks/masking.hpp"
#include "reqnotes/httpd/pool.hpp"
#include "reqnotes/httpd/request.hpp"
#include "reqnotes/line/otlp_frame.hpp"
#include "reqnotes/text/utf8.hpp"

namespace reqnotes {

/// Bytes of messages that a request may hold, until its facts are complete.
constexpr std::size_t kHeldBytes = 16384;
/// Bytes that are taken from the pool for the first of them, then as many again as there are.
constexpr std::size_t kHeldBlock = 512;
/// Bytes of the first message that the closing line repeats.
constexpr std::size_t kFirstMessage = 256;
/// Most bytes of one that is kept as httpd wrote it, until that line is written.
constexpr std::size_t kFirstKept = 1024;

/// What httpd tells of one message; its text follows.
struct HeldMessage {
  apr_time_t time;
  const char* file;           ///< of httpd's source, a literal in its module
  const ServerConfig* owner;  ///< whose JSON error log gets it: known before the virtual host is
  int line;
  apr_status_t status;
  std::int16_t module_index;
  std::int16_t level;
  std::uint16_t size;  ///< of the text, as it was before httpd escaped it, but masked
  bool is_php;         ///< one of PHP-FPM's, taken out of a message of mod_proxy_fcgi
  bool of_connection;  ///< httpd knew its connection, and no request
};
static_assert(masked_room(MAX_STRING_LEN) <= 0xFFFF, "the text of any message has a size");

/// Memory for messages that are held; it follows.
struct HeldBlock {
  HeldBlock* next;
  std::size_t capacity;
  std::size_t begin;  ///< what stands before it is written
  std::size_t used;

  [[nodiscard]] char* data() { return reinterpret_cast<char*>(this + 1); }
};

/// Most bytes of one message that is kept for a span.
constexpr std::size_t kEventTextMax = 1024;

/// A message that a span will have as an event.
struct KeptEvent {
  HeldMessage message;
  std::size_t begin;  ///< of its text in that of all
  bool shortened;
};

/// The first messages of a request, for its span.
struct KeptEvents {
  std::size_t count;
  std::size_t used;
  unsigned dropped;
  KeptEvent events[kEventsMax];
  char text[kEventBytesMax];
};

/// Whether any log has spans; set when the configuration has been read.
constinit static bool keeps_events;

/// The messages that one client request has logged: made with the first of them, and bounded.
struct ErrorMessages {
  request_rec* original;
  char* masked_path;  ///< room for the path with its secrets masked, or null
  std::size_t masked_path_room;
  // For the closing line.
  unsigned count;  ///< of warnings and worse, where it was asked for
  int worst;
  bool facts_differ;       ///< between one of them and another
  bool lacks_id;           ///< one of them was so long that not even its id had room
  std::uint64_t facts;     ///< of the first one
  std::string_view first;  ///< the first one or its beginning, in the pool
  bool first_is_plain;     ///< unescaped and masked; otherwise as httpd wrote it
  // For the JSON error log.
  HeldBlock* held;     ///< the first block, or null
  HeldBlock* filling;  ///< the one that the next message goes to
  std::size_t held_size;
  std::size_t held_capacity;
  apr_time_t held_since;
  KeptEvents* events;  ///< for a span, or null
};

inline ErrorMessages& ensure_errors(RequestState& state, const request_rec* leg) {
  if (!state.errors) {
    auto* original = const_cast<request_rec*>(original_of(leg));
    state.errors = &pool_new<ErrorMessages>(original->pool);
    state.errors->original = original;
  }
  return *state.errors;
}

/// Whether a span has messages of this level: those for people who look for faults have no place
/// in it.
inline bool is_for_span(int level) {
  return keeps_events && level <= APLOG_INFO;
}

/// Keeps a message for the span of its request, where any log has one.
///
/// text   as it is to be read, with its secrets masked.
inline void keep_event(ErrorMessages& errors, const HeldMessage& message, std::string_view text) {
  if (!is_for_span(message.level)) return;
  if (!errors.events) errors.events = &pool_new<KeptEvents>(errors.original->pool);
  KeptEvents& all = *errors.events;
  const std::string_view kept = cut_utf8(text, std::min(kEventTextMax, sizeof all.text - all.used));
  if (all.count == kEventsMax || kept.empty()) {
    ++all.dropped;
    return;
  }
  KeptEvent& event = all.events[all.count++];
  event = {.message = message, .begin = all.used, .shortened = kept.size() < text.size()};
  event.message.size = static_cast<std::uint16_t>(kept.size());
  std::memcpy(all.text + all.used, kept.data(), kept.size());
  all.used += kept.size();
}

/// Room for `size` bytes more of messages, or null when that would be too many. What was held
/// before and is written by now is used again.
inline char* hold(ErrorMessages& errors, std::size_t size) {
  HeldBlock** link = errors.filling ? &errors.filling : &errors.held;
  while (*link && (*link)->capacity - (*link)->used < size) link = &(*link)->next;
  if (!*link) {
    const std::size_t left = kHeldBytes - errors.held_capacity;
    if (sizeof(HeldBlock) + size > left) return nullptr;
    const std::size_t usual = std::max(kHeldBlock, errors.held_capacity);
    const std::size_t capacity = std::clamp(usual, sizeof(HeldBlock) + size, left);
    errors.held_capacity += capacity;
    *link = static_cast<HeldBlock*>(apr_palloc(errors.original->pool, capacity));
    **link = {.next = nullptr, .capacity = capacity - sizeof(HeldBlock), .begin = 0, .used = 0};
  }
  errors.filling = *link;
  char* const at = errors.filling->data() + errors.filling->used;
  errors.filling->used += size;
  errors.held_size += size;
  return at;
}

/// The path of the request line, with its secrets masked as the place asks that the request has
/// come to by now; good until the next call. A module may have put another line there since the
/// last one, so the room may become too small.
inline std::string_view masked_path(RequestState* state, const request_rec* last,
                                    std::string_view path) {
  const IsMasked is_masked(last);
  return mask(path, Place::kPath, is_masked, [&](std::size_t size) -> std::span<char> {
    if (!state || (!state->errors && state->is_logged)) return {};
    ErrorMessages& errors = ensure_errors(*state, last);
    if (errors.masked_path_room < size) {
      errors.masked_path_room = std::max(2 * errors.masked_path_room, size);
      errors.masked_path =
          static_cast<char*>(apr_palloc(errors.original->pool, errors.masked_path_room));
    }
    return {errors.masked_path, errors.masked_path_room};
  });
}

}  // namespace reqnotes
