#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "reqnotes/facts/request_text.hpp"
#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/facts/hash_key.hpp"
#include "reqnotes/httpd/facts/sources.hpp"
#include "reqnotes/httpd/masks/masking.hpp"
#include "reqnotes/httpd/request.hpp"
#include "reqnotes/line/encode.hpp"
#include "reqnotes/text/parse.hpp"
#include "reqnotes/text/utf8.hpp"
#include "reqnotes/trace/trace_context.hpp"

namespace reqnotes {

/// The value of a field, and whether it was cut to its maximum.
struct FieldValue {
  std::string_view text;
  bool shortened = false;
};

/// Most bytes that are written of a field's value; 0 is any, as a private one is short.
inline std::uint16_t written_max(const Field& field) {
  const bool is_plain = field.options.privacy == Privacy::kPlain;
  return static_cast<std::uint16_t>(is_plain ? field.options.max : 0);
}

/// What may be shown of a value that is present. A private one is looked at as a whole, and
/// written to `buffer`; where that fails, nothing of it is shown. What is cut here needs no escape
/// to be too long; the rest is cut where it is written, as each format has its own escapes.
inline FieldValue shown(const Field& field, std::string_view text,
                        std::span<char, kPrivateSize> buffer) {
  if (field.options.privacy == Privacy::kLast4) return {last_four(text, buffer), false};
  if (field.options.privacy == Privacy::kHash) {
    if (!hash(*field.hash_key, text, buffer)) return {kCutMark, false};
    return {{buffer.data(), buffer.size()}, false};
  }
  const std::size_t max = field.options.max;
  if (text.size() <= max) return {text, false};
  const std::string_view cut = cut_utf8(text, max - kCutMark.size());
  // No character of it has room, but that there was one must be seen.
  return cut.empty() ? FieldValue{kCutMark, false} : FieldValue{cut, true};
}

/// Which legs are looked at.
enum class Legs : std::uint8_t {
  kAll,         ///< those of the client request, and what its sub-requests left
  kSubrequest,  ///< only those of one sub-request, and only what can differ there
};

/// Which sources are looked at.
enum class Sources : std::uint8_t {
  kAll,
  kTimely,  ///< only those that an error line can have
};

/// Finds a field's text as its source has it: the first source that is present, each looked for on
/// `leg` and then on the legs before it.
inline std::string_view find_text(const Field& field, const request_rec* leg, Legs legs,
                                  Sources sources = Sources::kAll) {
  const bool all = legs == Legs::kAll;
  for (const Source& source : std::span(field.sources, field.source_count)) {
    if (!all && !source.kind->differs_by_leg) continue;
    if (sources == Sources::kTimely && source.kind->is_late) continue;
    for (const request_rec* at = leg; at; at = all ? leg_before(at) : at->prev) {
      std::string_view text = source.kind->read(at, source);
      if (!text.empty()) {
        if (field.options.type == Type::kList) {
          std::string_view list = text;
          if (next_element(list).empty()) text = {};
        }
        if (!text.empty()) return text;
      }
      if (!source.kind->differs_by_leg) break;
    }
  }
  return {};
}

/// Finds a field's value as it may be shown, or what a sub-request has left.
///
/// buffer   may be used to hold the value.
inline FieldValue find_value(const Field& field, const request_rec* leg, const RequestState* state,
                             std::span<char, kPrivateSize> buffer, Legs legs = Legs::kAll) {
  const std::string_view text = find_text(field, leg, legs);
  if (!text.empty()) return shown(field, text, buffer);
  if (legs == Legs::kAll && state && state->carried) {
    const CarriedValue& carried = state->carried[field.index];
    return {{carried.text, carried.size}, carried.shortened};
  }
  return {};
}

/// One name that every line has of itself.
constexpr Key built_in(std::string_view json, std::string_view logfmt) {
  return {json, logfmt};
}
constexpr Key kTime = built_in(",\"time\":", " time=");
constexpr Key kTraceId = built_in(",\"trace_id\":", " trace_id=");
constexpr Key kSpanId = built_in(",\"span_id\":", " span_id=");
constexpr Key kRequestId = built_in(",\"request_id\":", " request_id=");
constexpr Key kParentSpanId = built_in(",\"parent_span_id\":", " parent_span_id=");
constexpr Key kVhost = built_in(",\"vhost\":", " vhost=");
constexpr Key kClient = built_in(",\"client\":", " client=");
constexpr Key kMethod = built_in(",\"method\":", " method=");
constexpr Key kPath = built_in(",\"path\":", " path=");
constexpr Key kQuery = built_in(",\"query\":", " query=");
constexpr Key kProtocol = built_in(",\"protocol\":", " protocol=");
constexpr Key kStatus = built_in(",\"status\":", " status=");
constexpr Key kBytes = built_in(",\"bytes\":", " bytes=");
constexpr Key kDuration = built_in(",\"duration_us\":", " duration_us=");
constexpr Key kReferer = built_in(",\"referer\":", " referer=");
constexpr Key kUserAgent = built_in(",\"user_agent\":", " user_agent=");
constexpr Key kLevel = built_in(",\"level\":", " level=");
constexpr Key kModule = built_in(",\"module\":", " module=");
constexpr Key kCode = built_in(",\"code\":", " code=");
constexpr Key kMessage = built_in(",\"message\":", " message=");
constexpr Key kError = built_in(",\"error\":", " error=");
constexpr Key kPid = built_in(",\"pid\":", " pid=");
constexpr Key kTid = built_in(",\"tid\":", " tid=");
constexpr Key kSource = built_in(",\"source\":", " source=");
constexpr Key kMessages = built_in(",\"messages\":", " messages=");
constexpr Key kFirst = built_in(",\"first\":", " first=");

static_assert(kRequestIdMax + 2 <= kWholeMax);

/// Most numbers of one record.
constexpr std::size_t kMaxNumbers = 4;

/// The values of one client request in the order of a line, on the caller's stack.
class Record {
 public:
  // NOLINTNEXTLINE(modernize-use-equals-default): a default one would fill the items
  Record() {}

  [[nodiscard]] std::span<const Item> items() const { return {items_, count_}; }

  /// A text that is not cut while it is short: an id, an address, a word of this module.
  void add_whole(const Key& key, std::string_view text) { add_text(key, text, Cut::kNever); }

  void add_number(const Key& key, std::int64_t value) {
    const std::span<char, 20> digits(numbers_[number_count_++]);
    items_[count_++] = number_item(key, value, digits);
  }

  void add_text(const Key& key, std::string_view text, Cut cut) {
    items_[count_++] = {.key = &key, .text = text, .cut = cut};
  }

  /// RFC 3339 in UTC with microseconds: 27 bytes.
  void add_time(const Key& key, apr_time_t time) {
    apr_time_exp_t parts;
    ap_explode_recent_gmt(&parts, time);
    char* at = time_;
    const auto put = [&at](int value) {
      *at++ = static_cast<char>('0' + value / 10);
      *at++ = static_cast<char>('0' + value % 10);
    };
    const int year = parts.tm_year + 1900;
    put(year / 100);
    put(year % 100);
    *at++ = '-';
    put(parts.tm_mon + 1);
    *at++ = '-';
    put(parts.tm_mday);
    *at++ = 'T';
    put(parts.tm_hour);
    *at++ = ':';
    put(parts.tm_min);
    *at++ = ':';
    put(parts.tm_sec);
    *at++ = '.';
    put(parts.tm_usec / 10000);
    put(parts.tm_usec / 100 % 100);
    put(parts.tm_usec % 100);
    *at++ = 'Z';
    add_whole(key, {time_, sizeof time_});
  }

  /// The declared fields that `log` gets, read from `leg` and the legs before it.
  void add_fields(const ServerConfig& config, const RequestState* state, const request_rec* leg,
                  Log log) {
    // Nearly all fields are notes, and nearly all requests have one leg: one walk finds them all.
    const bool walks = !leg->prev && !leg->main && !(state && state->carried) && leg->notes &&
                       !config.notes.places.empty();
    const char* notes[kIndexedKeys];
    if (walks) find_keys(config.notes, leg->notes, std::span(notes).first(config.note_keys.size()));
    for (const Field& field : config.fields) {
      if ((field.options.logs & log) == 0) continue;
      if (!walks || field.note == kNoNote) {
        add_field(field, find_value(field, leg, state, private_[count_]));
      } else if (*notes[field.note] != '\0') {
        add_field(field, shown(field, notes[field.note], private_[count_]));
      }
    }
  }

 private:
  void add_field(const Field& field, const FieldValue& value) {
    if (value.text.empty()) return;
    const bool is_plain = field.options.privacy == Privacy::kPlain;
    items_[count_++] = {.key = &field.key,
                        .text = value.text,
                        .type = is_plain ? field.options.type : Type::kString,
                        .cut = Cut::kLate,
                        .shortened = value.shortened,
                        .max = written_max(field)};
  }

  // Left as they are: only what was added is read. The union keeps them from being filled.
  union {
    Item items_[kMaxItems];
  };
  std::size_t count_ = 0;
  char private_[kMaxItems][kPrivateSize];
  char time_[27];  // one in a record
  char numbers_[kMaxNumbers][20];
  std::size_t number_count_ = 0;
};

inline std::string_view text_of(const char* text) {
  return text ? std::string_view(text) : std::string_view();
}

/// The record of a request that has ended, for the access log. `original` is its first leg.
///
/// What the client asked for is read from the request line: redirects, rewriting and
/// ErrorDocument change everything else.
inline void fill_record(Record& record, const ServerConfig& config, const RequestState& state,
                        const request_rec* original) {
  const request_rec* last = last_leg(original);
  record.add_time(kTime, original->request_time);
  record.add_whole(kTraceId, state.trace_id);
  record.add_whole(kSpanId, state.span_id);
  if (state.request_id) record.add_whole(kRequestId, state.request_id);
  if (state.parent_span_id[0]) record.add_whole(kParentSpanId, state.parent_span_id);
  record.add_fields(config, &state, last, kAccessLog);

  const RequestLine line = parse_request_line(text_of(original->the_request));
  const IsMasked is_masked(last, &state);
  const auto masked = [original, &is_masked](std::string_view text, Place place) {
    return mask(original->pool, text, place, is_masked);
  };
  record.add_text(kVhost, text_of(original->server->server_hostname), Cut::kLate);
  record.add_whole(kClient, text_of(original->useragent_ip));
  record.add_text(kMethod, line.method, Cut::kFirst);
  record.add_text(kPath, masked(line.path, Place::kPath), Cut::kFirst);
  record.add_text(kQuery, masked(line.query, Place::kQuery), Cut::kFirst);
  record.add_text(kProtocol, text_of(original->protocol), Cut::kFirst);
  record.add_number(kStatus, last->status);
  record.add_number(kBytes, last->sent_bodyct ? last->bytes_sent : 0);
  record.add_number(kDuration, state.end_time - original->request_time);
  record.add_text(kReferer, masked(table_text(original->headers_in, "Referer"), Place::kPath),
                  Cut::kFirst);
  record.add_text(kUserAgent, table_text(original->headers_in, "User-Agent"), Cut::kFirst);
}

}  // namespace reqnotes
