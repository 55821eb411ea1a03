#pragma once

#include <string_view>

#include "reqnotes/facts/request_text.hpp"
#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/errors/held.hpp"
#include "reqnotes/httpd/errors/hook.hpp"
#include "reqnotes/httpd/errors/message_owner.hpp"
#include "reqnotes/httpd/masks/places.hpp"
#include "reqnotes/httpd/trace/ensure_state.hpp"
#include "reqnotes/text/utf8.hpp"

namespace reqnotes {

// The message of ReqNotesStartMessage. A request that lasts long is seen to begin by what goes out:
// the first bytes of an event stream, or on the connection the 101 that switches its protocol, as
// interim responses pass the filters of a request by.

constexpr const char* kStreamFilter = "REQNOTES_EVENT_STREAM";
constexpr const char* kSwitchFilter = "REQNOTES_SWITCH";

/// Most bytes of the words in the message, so that `%N` finds room behind it.
constexpr std::size_t kStartWord = 64;
constexpr std::size_t kStartPath = 1024;

/// what   that begins: two texts that stand behind each other.
inline void tell_start(const request_rec* r, const char* what, std::string_view protocol) {
  const ServerConfig* config = enabled_config(r->server);
  RequestState* state = config ? ensure_state(r, *config) : nullptr;
  if (!state) return;
  const RequestLine asked = parse_request_line(text_of(original_of(r)->the_request));
  const std::string_view method = cut_utf8(asked.method, kStartWord);
  const std::string_view path = cut_utf8(masked_path(state, r, asked.path), kStartPath);
  const std::string_view word = cut_utf8(protocol, kStartWord);
  const auto width = [](std::string_view text) { return static_cast<int>(text.size()); };
  ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, kStartText, width(method), method.data(), width(path),
                path.data(), what, width(word), word.data());
}

/// Whether `type`, which may be null, is that of an event stream, with any parameters.
inline bool is_event_stream(const char* type) {
  constexpr std::string_view kType = "text/event-stream";
  if (!type || ap_cstr_casecmpn(type, kType.data(), kType.size()) != 0) return false;
  const char after = type[kType.size()];
  return after == '\0' || after == ';' || apr_isspace(after);
}

/// Whether httpd writes an error response in place of what the handler began.
inline bool has_error(const apr_bucket_brigade* brigade) {
  for (apr_bucket* bucket = APR_BRIGADE_FIRST(brigade); bucket != APR_BRIGADE_SENTINEL(brigade);
       bucket = APR_BUCKET_NEXT(bucket)) {
    if (AP_BUCKET_IS_ERROR(bucket)) return true;
  }
  return false;
}

/// Runs once, just before the response's headers are written.
inline apr_status_t stream_filter(ap_filter_t* filter, apr_bucket_brigade* brigade) noexcept {
  const request_rec* r = filter->r;
  ap_remove_output_filter(filter);
  const char* type =
      r->content_type ? r->content_type : apr_table_get(r->headers_out, "Content-Type");
  if (is_event_stream(type) && !r->header_only && !has_error(brigade)) {
    tell_start(r, "sends an event stream", "");
  }
  return ap_pass_brigade(filter->next, brigade);
}

/// Whether a 101 begins with the first data of `brigade`.
inline bool begins_with_101(const apr_bucket_brigade* brigade) {
  apr_bucket* bucket = APR_BRIGADE_FIRST(brigade);
  const char* data = nullptr;
  apr_size_t size = 0;
  return bucket != APR_BRIGADE_SENTINEL(brigade) &&
         apr_bucket_read(bucket, &data, &size, APR_NONBLOCK_READ) == APR_SUCCESS &&
         std::string_view(data, size).starts_with("HTTP/1.1 101");
}

/// Looks at what goes out on a connection while a request of it asks for another protocol.
inline apr_status_t switch_filter(ap_filter_t* filter, apr_bucket_brigade* brigade) noexcept {
  auto& connection = *static_cast<ConnectionState*>(filter->ctx);
  const request_rec* r = connection.asks_switch;
  if (!r) return ap_pass_brigade(filter->next, brigade);
  // mod_proxy_wstunnel takes the request's filters away, and passes on what its backend says.
  const bool is_raw = r->output_filters == filter->c->output_filters;
  const bool switches =
      r->status == HTTP_SWITCHING_PROTOCOLS || (is_raw && begins_with_101(brigade));
  if (is_raw || switches) connection.asks_switch = nullptr;
  if (switches) tell_start(r, "switched to ", text_of(apr_table_get(r->headers_in, "Upgrade")));
  return ap_pass_brigade(filter->next, brigade);
}

inline apr_status_t end_switch(void* data) noexcept {
  const auto* r = static_cast<const request_rec*>(data);
  ConnectionState& connection = *find_connection(r->connection);
  if (connection.asks_switch == r) connection.asks_switch = nullptr;
  return APR_SUCCESS;
}

/// One filter serves a connection: httpd allocates it from its pool. An upgrade to HTTP/2 begins no
/// long request: httpd answers it there.
inline void watch_switch(const request_rec* r) {
  const char* upgrade = apr_table_get(r->headers_in, "Upgrade");
  if (!upgrade || ap_find_token(r->pool, upgrade, "h2c")) return;
  ConnectionState& connection = ensure_connection(r->connection);
  connection.asks_switch = r;
  apr_pool_pre_cleanup_register(r->pool, r, end_switch);
  if (connection.has_switch_filter) return;
  connection.has_switch_filter = true;
  ap_add_output_filter(kSwitchFilter, &connection, nullptr, r->connection);
}

/// Whether any place asks for it; set when the configuration has been read.
constinit static bool tells_starts;

/// Runs for each leg when its handler is about to write.
inline void insert_start_message(request_rec* r) noexcept {
  if (!tells_starts || r->main || !asked_of(r, &DirectoryConfig::start_message)) return;
  if (!enabled_config(r->server)) return;
  ap_add_output_filter(kStreamFilter, nullptr, r, r->connection);
  watch_switch(r);
}

inline void register_start_message_filters() {
  ap_register_output_filter(kStreamFilter, stream_filter, nullptr,
                            static_cast<ap_filter_type>(AP_FTYPE_PROTOCOL - 1));
  ap_register_output_filter(kSwitchFilter, switch_filter, nullptr, AP_FTYPE_CONNECTION);
}

}  // namespace reqnotes
