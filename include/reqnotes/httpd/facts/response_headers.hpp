#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <string_view>

#include "reqnotes/facts/header_note.hpp"
#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/errors/message_owner.hpp"
#include "reqnotes/httpd/facts/unknown_names.hpp"
#include "reqnotes/httpd/pool.hpp"
#include "reqnotes/httpd/request.hpp"

namespace reqnotes {

constexpr const char* kResponseHeadersFilter = "REQNOTES_RESPONSE_HEADERS";
constexpr const char* kLastResponseHeadersFilter = "REQNOTES_RESPONSE_HEADERS_LAST";
constexpr const char* kInterimFilter = "REQNOTES_INTERIM_RESPONSE";

/// The prefix of the response headers that are notes where `leg` is served, or null.
inline const char* header_prefix(const request_rec* leg) {
  return leg->per_dir_config ? directory_config_of(leg).response_headers.value : nullptr;
}

/// The place in `config.note_keys` of the note that a header names, or nullopt where no field looks
/// for it: a backend must not set notes that modules keep for themselves, nor fill the memory.
///
/// name   what follows the prefix.
inline std::optional<std::size_t> find_note(const ServerConfig& config, std::string_view name) {
  char buffer[kHeaderNoteMax];
  const auto note = note_of_header(name, buffer);
  if (!note) return std::nullopt;
  for (std::size_t at = 0; at < config.note_keys.size(); ++at) {
    if (equals_lower(config.note_keys[at], *note)) return at;
  }
  return std::nullopt;
}

/// The values that headers have for `config.note_keys`; null where there is none. They are put into
/// the notes at the end and once, as that takes the longer the more notes there are.
inline std::span<const char*> make_note_values(apr_pool_t* pool, const ServerConfig& config) {
  const std::size_t count = config.note_keys.size();
  return {static_cast<const char**>(apr_pcalloc(pool, count * sizeof(char*))), count};
}

inline void set_notes(request_rec* leg, const ServerConfig& config,
                      std::span<const char* const> values) {
  for (std::size_t at = 0; at < values.size(); ++at) {
    if (values[at]) apr_table_setn(leg->notes, config.note_keys[at], values[at]);
  }
}

/// Takes the prefixed headers out of one table, in one pass whatever their number. The last one of
/// a name becomes the note; an empty value says nothing.
///
/// config   null where the headers name no facts.
inline void take_table(request_rec* leg, const ServerConfig* config, std::string_view prefix_text,
                       apr_table_t* table) {
  if (!table) return;
  const std::span<apr_table_entry_t> entries = entries_of(table);
  const auto is_ours = [prefix_text](const apr_table_entry_t& entry) {
    return has_prefix(entry.key, prefix_text);
  };
  const auto count = static_cast<std::size_t>(std::ranges::count_if(entries, is_ours));
  if (count == 0) return;

  if (config) {
    const std::span<const char*> values = make_note_values(leg->pool, *config);
    for (const apr_table_entry_t& entry : entries) {
      if (!is_ours(entry) || !entry.val || !*entry.val) continue;
      const std::string_view name = suffix(entry.key, prefix_text.size());
      const auto note = find_note(*config, name);
      if (note) {
        values[*note] = entry.val;
      } else if (tells_unknown_names(leg)) {
        char buffer[kHeaderNoteMax];
        tell_unknown_name(leg, note_of_header(name, buffer).value_or(std::string_view()));
      }
    }
    set_notes(leg, *config, values);
  }

  // apr_table_unset would move all entries behind each one that it takes out.
  const int left = static_cast<int>(entries.size() - count);
  apr_table_t* rest = apr_table_make(leg->pool, left + 4);
  for (const apr_table_entry_t& entry : entries) {
    if (!is_ours(entry)) apr_table_addn(rest, entry.key, entry.val);
  }
  apr_table_clear(table);
  for (const apr_table_entry_t& entry : entries_of(rest)) {
    apr_table_addn(table, entry.key, entry.val);
  }
}

/// Drops what legs before `leg` have left in err_headers_out, which all legs of a request share: it
/// is nothing that the place of this one has said. Once for a prefix, before the leg's handler
/// runs; DirectoryIndex and its like give a leg another place, with another prefix.
[[gnu::noinline]] inline void drop_inherited_headers(request_rec* leg) {
  const char* prefix_text = header_prefix(leg);
  if (!prefix_text || !leg->prev || !leg->request_config) return;
  LegState& state = ensure_leg_state(leg);
  if (state.dropped_prefix == prefix_text) return;
  state.dropped_prefix = prefix_text;
  take_table(leg, nullptr, prefix_text, leg->err_headers_out);
}

/// Takes the prefixed response headers of a leg away; where the module is On, they become its
/// notes. It may be called any number of times: handlers write headers late, and CGI and FastCGI
/// ones stand in err_headers_out.
///
/// prefix_text  the leg's header_prefix, not null.
[[gnu::noinline]] inline void take_headers(request_rec* leg, const ServerConfig* config,
                                           std::string_view prefix_text) {
  drop_inherited_headers(leg);
  take_table(leg, config, prefix_text, leg->headers_out);
  take_table(leg, config, prefix_text, leg->err_headers_out);
}

/// The same for a leg that may be closed: what err_headers_out has when a redirect has left it is
/// not of that leg, and becomes no fact.
inline void take_response_headers(request_rec* leg) {
  const char* prefix_text = header_prefix(leg);
  if (prefix_text)
    take_headers(leg, leg->next ? nullptr : enabled_config(leg->server), prefix_text);
}

/// Runs when an internal redirect begins: what the leg before has said is taken now, where its own
/// configuration counts, and for the last time.
inline void begin_redirect(const request_rec* leg) {
  const char* prefix_text = header_prefix(leg->prev);
  if (prefix_text) take_headers(leg->prev, enabled_config(leg->prev->server), prefix_text);
}

inline apr_status_t response_headers_filter(ap_filter_t* filter,
                                            apr_bucket_brigade* brigade) noexcept {
  take_response_headers(filter->r);
  ap_remove_output_filter(filter);
  return ap_pass_brigade(filter->next, brigade);
}

/// Just before httpd writes the headers, for what was set in between; and again at the end, for
/// the trailers of a backend, which HTTP/2 passes on. They name no facts.
inline apr_status_t last_response_headers_filter(ap_filter_t* filter,
                                                 apr_bucket_brigade* brigade) noexcept {
  request_rec* r = filter->r;
  if (!filter->ctx) {
    filter->ctx = filter;
    take_response_headers(r);
  }
  if (!APR_BRIGADE_EMPTY(brigade) && APR_BUCKET_IS_EOS(APR_BRIGADE_LAST(brigade))) {
    if (const char* prefix_text = header_prefix(r)) {
      take_table(r, nullptr, prefix_text, r->trailers_out);
    }
    ap_remove_output_filter(filter);
  }
  return ap_pass_brigade(filter->next, brigade);
}

/// A response of one line and headers that goes before the final one, such as 103 Early Hints or
/// 101 Switching Protocols. httpd writes its headers past all filters of the request, so they are
/// taken out of the bytes, on the connection. One object and one filter serve a connection:
/// httpd allocates a filter of a connection from its pool.
struct InterimResponses {
  request_rec* r;  ///< the request whose responses are looked at, or null
  apr_bucket_brigade* held;
};

inline InterimResponses* find_interim(const conn_rec* connection) {
  const ConnectionState* state = find_connection(connection);
  return state ? state->interim : nullptr;
}

inline apr_status_t end_interim(void* data) noexcept {
  const auto* r = static_cast<const request_rec*>(data);
  InterimResponses* interim = find_interim(r->connection);
  // The next request of a pipeline may have begun: a request ends when it has been sent.
  if (interim && interim->r == r) *interim = {};
  return APR_SUCCESS;
}

/// Writes `text`, the head of an interim response, to `out` without its prefixed headers.
inline void put_interim_head(InterimResponses& interim, std::string_view text,
                             std::string_view prefix_text, apr_bucket_brigade* out) {
  request_rec* r = interim.r;
  const ServerConfig* config = enabled_config(r->server);
  std::span<const char*> values;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = prefix(text, end == kNpos ? end : end + 1);
    text.remove_prefix(line.size());
    const std::size_t colon = line.find(':');
    if (colon == kNpos || !has_prefix(line, prefix_text)) {
      apr_brigade_write(out, nullptr, nullptr, line.data(), line.size());
      continue;
    }
    if (!config || colon < prefix_text.size()) continue;
    const auto note =
        find_note(*config, slice(line, prefix_text.size(), colon - prefix_text.size()));
    std::string_view value = trim_ows(suffix(line, colon + 1));
    value = prefix(value, value.find_first_of("\r\n"));
    if (!note || value.empty()) continue;
    if (values.empty()) values = make_note_values(r->pool, *config);
    values[*note] = apr_pstrmemdup(r->pool, value.data(), value.size());
  }
  if (config) set_notes(r, *config, values);
}

inline apr_status_t interim_filter(ap_filter_t* filter, apr_bucket_brigade* brigade) noexcept {
  auto& interim = *static_cast<InterimResponses*>(filter->ctx);
  request_rec* r = interim.r;
  const char* prefix_text = r && !r->next ? header_prefix(r) : nullptr;
  if (!prefix_text || !ap_is_HTTP_INFO(r->status)) return ap_pass_brigade(filter->next, brigade);

  // ap_send_interim_response flushes after each head, and may pass a long one on in parts.
  bool flush = false;
  bool ends = false;
  for (apr_bucket* bucket = APR_BRIGADE_FIRST(brigade); bucket != APR_BRIGADE_SENTINEL(brigade);
       bucket = APR_BUCKET_NEXT(bucket)) {
    flush = flush || APR_BUCKET_IS_FLUSH(bucket);
    ends = ends || AP_BUCKET_IS_EOR(bucket);
  }
  // Whoever destroys that bucket destroys the request's pool: nothing of it may be around.
  if (ends) {
    if (interim.held) APR_BRIGADE_PREPEND(brigade, interim.held);
    interim = {};
    return ap_pass_brigade(filter->next, brigade);
  }
  if (!interim.held) interim.held = apr_brigade_create(r->pool, filter->c->bucket_alloc);
  if (!flush) return ap_save_brigade(filter, &interim.held, &brigade, r->pool);

  APR_BRIGADE_PREPEND(brigade, interim.held);
  char* text = nullptr;
  apr_size_t size = 0;
  const apr_status_t status = apr_brigade_pflatten(brigade, &text, &size, r->pool);
  if (status != APR_SUCCESS) return status;
  apr_bucket_brigade* out = apr_brigade_create(r->pool, filter->c->bucket_alloc);
  put_interim_head(interim, {text, size}, prefix_text, out);
  // What is no data, the flush itself above all, follows as it came.
  for (apr_bucket* bucket = APR_BRIGADE_FIRST(brigade); bucket != APR_BRIGADE_SENTINEL(brigade);) {
    apr_bucket* const after = APR_BUCKET_NEXT(bucket);
    if (APR_BUCKET_IS_METADATA(bucket)) {
      APR_BUCKET_REMOVE(bucket);
      APR_BRIGADE_INSERT_TAIL(out, bucket);
    }
    bucket = after;
  }
  apr_brigade_cleanup(brigade);
  // Behind a 101 the connection speaks another protocol.
  if (r->status == HTTP_SWITCHING_PROTOCOLS) interim.r = nullptr;
  return ap_pass_brigade(filter->next, out);
}

/// Looks at the interim responses of `r` from here on.
inline void watch_interim_responses(request_rec* r) {
  conn_rec* connection = r->connection;
  InterimResponses* interim = find_interim(connection);
  if (!interim) {
    interim = &pool_new<InterimResponses>(connection->pool);
    ensure_connection(connection).interim = interim;
    ap_add_output_filter(kInterimFilter, interim, nullptr, connection);
  }
  *interim = {.r = r, .held = nullptr};
  apr_pool_pre_cleanup_register(r->pool, r, end_interim);
}

/// Runs for each leg, sub-requests too, when its handler is about to write. The headers are taken
/// away where the directive stands, even where the module is Off: they may be secrets.
inline void insert_response_headers(request_rec* r) noexcept {
  if (!header_prefix(r)) return;
  drop_inherited_headers(r);
  ap_add_output_filter(kResponseHeadersFilter, nullptr, r, r->connection);
  if (r->main) return;
  ap_add_output_filter(kLastResponseHeadersFilter, nullptr, r, r->connection);
  const std::string_view handler = r->handler ? r->handler : "";
  if (r->proxyreq != PROXYREQ_NONE || handler.starts_with("proxy")) watch_interim_responses(r);
}

/// Runs when httpd is about to write an error response of its own. That begins by throwing away
/// what the handler had in headers_out, so it is read here and now. Where an ErrorDocument failed
/// too, `r` is the leg that the first error was of.
inline void insert_error_response_headers(request_rec* r) noexcept {
  request_rec* last = last_leg(r);
  take_response_headers(last);
  if (!header_prefix(r)) return;
  if (last != r) take_response_headers(r);
  if (!r->main) ap_add_output_filter(kLastResponseHeadersFilter, nullptr, r, r->connection);
}

/// The first filter runs before any cache stores the response; the last one just before httpd
/// writes the headers, for what was set in between.
inline void register_response_headers_filters() {
  ap_register_output_filter(kResponseHeadersFilter, response_headers_filter, nullptr,
                            static_cast<ap_filter_type>(AP_FTYPE_CONTENT_SET - 2));
  ap_register_output_filter(kLastResponseHeadersFilter, last_response_headers_filter, nullptr,
                            static_cast<ap_filter_type>(AP_FTYPE_PROTOCOL - 1));
  ap_register_output_filter(kInterimFilter, interim_filter, nullptr, AP_FTYPE_CONNECTION);
}

}  // namespace reqnotes
