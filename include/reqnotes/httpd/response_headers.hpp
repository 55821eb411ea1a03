#pragma once

#include <string_view>

#include "reqnotes/header_note.hpp"
#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/config.hpp"
#include "reqnotes/httpd/message_owner.hpp"
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

/// The name under which some field looks for `note`, or null where none does. Only such notes are
/// taken: a backend must not set those that modules keep for themselves, nor fill the memory.
inline const char* find_note_key(const ServerConfig& config, std::string_view note) {
  for (const Field& field : config.fields) {
    for (const Source& source : std::span(field.sources, field.source_count)) {
      if (source.kind->word == "note" && equals_lower(source.name, note)) return source.name;
    }
  }
  return nullptr;
}

/// Takes one header as a note of `leg`. The last one of a name wins; an empty value says nothing.
///
/// name   what follows the prefix.
/// value  NUL-terminated, and as long-lived as the request; or null.
inline void take_note(request_rec* leg, const ServerConfig& config, std::string_view name,
                      const char* value) {
  char buffer[kHeaderNoteMax];
  const auto note = note_of_header(name, buffer);
  const char* key = note && value && *value ? find_note_key(config, *note) : nullptr;
  if (key) apr_table_setn(leg->notes, key, value);
}

/// The headers that a redirect found in err_headers_out, which all legs of a request share: the
/// leg may not take them as its own. Null where there were none.
inline const apr_table_t* inherited_headers(const request_rec* leg) {
  if (!leg->prev || !leg->request_config) return nullptr;
  return static_cast<const apr_table_t*>(
      ap_get_module_config(leg->request_config, &reqnotes_module));
}

/// What of a header's value is of the leg itself: null where all of it was inherited. CGI and
/// FastCGI merge a header into one of the same name that is already there.
inline const char* own_value(const apr_table_entry_t& header, const apr_table_t* inherited) {
  if (!inherited || !header.val) return header.val;
  for (const apr_table_entry_t& other : elements<apr_table_entry_t>(apr_table_elts(inherited))) {
    if (!other.val) continue;
    if (other.val == header.val) return nullptr;
    const std::string_view merged = header.val;
    const std::string_view first = other.val;
    if (!ap_cstr_casecmp(other.key, header.key) && merged.starts_with(first) &&
        suffix(merged, first.size()).starts_with(", ")) {
      return header.val + first.size() + 2;
    }
  }
  return header.val;
}

/// What becomes of the headers that are notes.
enum class Headers : std::uint8_t { kTake, kDrop };

/// Moves the prefixed headers of one table to the notes, or drops them, in one pass whatever
/// their number.
inline void take_table(request_rec* leg, const ServerConfig& config, std::string_view prefix_text,
                       apr_table_t* table, Headers what, const apr_table_t* inherited) {
  if (!table) return;
  const std::span<apr_table_entry_t> entries = elements<apr_table_entry_t>(apr_table_elts(table));
  std::size_t count = 0;
  for (const apr_table_entry_t& entry : entries) {
    if (!has_prefix(entry.key, prefix_text)) continue;
    ++count;
    if (what == Headers::kTake) {
      take_note(leg, config, suffix(entry.key, prefix_text.size()), own_value(entry, inherited));
    }
  }
  if (count == 0) return;

  // apr_table_unset would move all entries behind each one that it takes out.
  const int left = static_cast<int>(entries.size() - count);
  apr_table_t* rest = apr_table_make(leg->pool, left + 4);
  for (const apr_table_entry_t& entry : entries) {
    if (!has_prefix(entry.key, prefix_text)) apr_table_addn(rest, entry.key, entry.val);
  }
  apr_table_clear(table);
  for (const apr_table_entry_t& entry : elements<apr_table_entry_t>(apr_table_elts(rest))) {
    apr_table_addn(table, entry.key, entry.val);
  }
}

/// Moves the prefixed response headers of a leg to its notes. It may be called any number of
/// times: handlers write headers late, and CGI and FastCGI ones stand in err_headers_out.
inline void take_response_headers(request_rec* leg) {
  const char* prefix_text = header_prefix(leg);
  const ServerConfig* config = prefix_text ? enabled_config(leg->server) : nullptr;
  if (!config) return;
  take_table(leg, *config, prefix_text, leg->headers_out, Headers::kTake, nullptr);
  take_table(leg, *config, prefix_text, leg->err_headers_out, Headers::kTake,
             inherited_headers(leg));
}

/// Runs when an internal redirect begins: what the leg before has said is taken now, where its own
/// configuration counts, and what is left is none of the new leg's.
inline void begin_redirect(request_rec* leg) {
  take_response_headers(leg->prev);
  if (!leg->request_config || apr_is_empty_table(leg->err_headers_out)) return;
  ap_set_module_config(leg->request_config, &reqnotes_module,
                       apr_table_copy(leg->pool, leg->err_headers_out));
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
    const char* prefix_text = header_prefix(r);
    const ServerConfig* config = prefix_text ? enabled_config(r->server) : nullptr;
    if (config) {
      take_table(r, *config, prefix_text, r->trailers_out, Headers::kDrop, nullptr);
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
  const ServerConfig* config = enabled_config(interim.r->server);
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = prefix(text, end == kNpos ? end : end + 1);
    text.remove_prefix(line.size());
    const std::size_t colon = line.find(':');
    if (colon == kNpos || !has_prefix(line, prefix_text)) {
      apr_brigade_write(out, nullptr, nullptr, line.data(), line.size());
      continue;
    }
    const std::string_view value = trim_ows(suffix(line, colon + 1));
    const std::string_view whole = prefix(value, value.find_first_of("\r\n"));
    if (config && colon >= prefix_text.size()) {
      take_note(interim.r, *config, slice(line, prefix_text.size(), colon - prefix_text.size()),
                apr_pstrmemdup(interim.r->pool, whole.data(), whole.size()));
    }
  }
}

inline apr_status_t interim_filter(ap_filter_t* filter, apr_bucket_brigade* brigade) noexcept {
  auto& interim = *static_cast<InterimResponses*>(filter->ctx);
  request_rec* r = interim.r;
  const char* prefix_text = r ? header_prefix(r) : nullptr;
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

/// Runs for each leg, sub-requests too, when its handler is about to write.
inline void insert_response_headers(request_rec* r) noexcept {
  if (!header_prefix(r) || !enabled_config(r->server)) return;
  ap_add_output_filter(kResponseHeadersFilter, nullptr, r, r->connection);
  if (r->main) return;
  ap_add_output_filter(kLastResponseHeadersFilter, nullptr, r, r->connection);
  const std::string_view handler = r->handler ? r->handler : "";
  if (r->proxyreq != PROXYREQ_NONE || handler.starts_with("proxy")) watch_interim_responses(r);
}

/// Runs when httpd is about to write an error response of its own. That begins by throwing away
/// what the handler had in headers_out, so it is read here and now.
inline void insert_error_response_headers(request_rec* r) noexcept {
  if (!header_prefix(r) || !enabled_config(r->server)) return;
  take_response_headers(r);
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
