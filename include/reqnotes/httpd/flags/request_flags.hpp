#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "reqnotes/facts/request_text.hpp"
#include "reqnotes/flags/asked.hpp"
#include "reqnotes/flags/published_flags.hpp"
#include "reqnotes/flags/share.hpp"
#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/facts/sources.hpp"
#include "reqnotes/httpd/flags/flag_files.hpp"
#include "reqnotes/httpd/request.hpp"
#include "reqnotes/httpd/trace/ensure_state.hpp"
#include "reqnotes/httpd/trace/propagation.hpp"
#include "reqnotes/metrics/series.hpp"

namespace reqnotes {

/// What a percentage is decided by. Whoever has no such cookie or header is a visitor by his
/// address, and not the same as all others.
inline std::uint64_t visitor_key(const request_rec* r, const FlagsOptions& options,
                                 const RequestState& state) {
  std::string_view text;
  if (options.by == FlagsBy::kEach) text = state.trace_id;
  if (options.by == FlagsBy::kRequest) text = table_text(r->headers_in, options.by_name);
  if (options.by == FlagsBy::kCookie)
    text = find_cookie(table_text(r->headers_in, "Cookie"), options.by_name);
  if (text.empty()) text = text_of(r->useragent_ip);
  return share_key(text);
}

/// Finds the flags of a request, once.
[[gnu::noinline]] inline void find_flags(const request_rec* r, const ServerConfig& config,
                                         RequestState& state) {
  const request_rec* const original = original_of(r);
  state.flags = "";
  const std::string_view flags = flags_of(
      config.flag_file->memory->view,
      [&] { return visitor_key(original, config.flags.value, state); },
      [original](std::size_t size) {
        return static_cast<char*>(apr_palloc(original->pool, size));
      });
  if (!flags.empty()) state.flags = flags.data();
}

/// Takes a header away from what a client sends, however it is spelled: a backend that makes
/// variables of CGI of headers has `_` for `-`.
inline void drop_header(request_rec* r, const char* header) {
  const std::string_view name = header;
  const auto plain = [](char c) { return c == '_' ? '-' : to_lower(c); };
  const auto is_ours = [=](std::string_view other) {
    return std::ranges::equal(other, name, {}, plain, plain);
  };
  const auto is_sent = [&](const apr_table_entry_t& entry) { return is_ours(entry.key); };
  // A copy, as unsetting one after the other would take a time by their square.
  const apr_array_header_t* const all = apr_table_elts(r->headers_in);
  if (std::ranges::any_of(elements<const apr_table_entry_t>(all), is_sent)) {
    const apr_array_header_t* const copy = apr_array_copy(r->pool, all);
    apr_table_clear(r->headers_in);
    for (const auto& entry : elements<const apr_table_entry_t>(copy)) {
      if (!is_sent(entry)) apr_table_addn(r->headers_in, entry.key, entry.val);
    }
  }
  const char* const connection = apr_table_get(r->headers_in, "Connection");
  if (connection) unset_hop_by_hop(r, connection, is_ours);
}

/// Tells the handlers of a leg which flags are on. Behind the hooks of others that say who the
/// client is, and before anything asks the environment.
inline void publish_flags_to(request_rec* r, const ServerConfig& config) {
  const char* const header = config.flags.value.header;
  RequestState* const state = config.flag_file->memory ? ensure_state(r, config) : nullptr;
  if (state && !state->flags) find_flags(r, config, *state);
  const bool has_any = state && *state->flags != '\0';
  if (has_any) apr_table_setn(r->subprocess_env, "FLAGS", state->flags);
  if (!header) return;
  drop_header(r, header);
  if (has_any) apr_table_setn(r->headers_in, header, state->flags);
}

/// The leg whose error the last one tells as an error page, or the last one.
inline const request_rec* leg_of_error(const request_rec* last) {
  while (last->prev && ap_is_HTTP_ERROR(last->prev->status)) last = last->prev;
  return last;
}

/// Whether a handler has answered that could have asked: a file that is sent as it is never fails,
/// and would hide that everything else does.
inline bool could_ask(const request_rec* leg) {
  return leg->proxyreq != PROXYREQ_NONE || leg->handler;
}

/// Whether an application has failed before it could say what it asked: it was killed, hangs, or
/// has no worker free.
inline bool is_unanswered(const request_rec* leg) {
  const bool is_backend = leg->proxyreq != PROXYREQ_NONE ||
                          (leg->handler && std::string_view(leg->handler).starts_with("proxy:"));
  return is_backend &&
         (leg->status == HTTP_BAD_GATEWAY || leg->status == HTTP_SERVICE_UNAVAILABLE ||
          leg->status == HTTP_GATEWAY_TIME_OUT);
}

/// Whether there is something to count of flags; see count_flags. Most requests are for files.
inline bool counts_flags(std::string_view text, const request_rec* last) {
  return !text.empty() || could_ask(last) || (last->prev && could_ask(leg_of_error(last)));
}

/// Counts what a request asked, if counts_flags.
///
/// text     of the field `flags`, which the application sets.
/// request  without sums.
[[gnu::noinline]] inline void count_flags(const FlagFile& file, std::string_view text,
                                          const request_rec* last, const RequestState& state,
                                          const CountedRequest& request) {
  if (!file.all) return;
  const request_rec* const failed = leg_of_error(last);
  const SeriesTable& table = file.view.table;
  count_request(table, *file.all, request);
  const PublishedFlags& published = file.memory->view;
  if (!text.empty()) {
    each_asked(published, read_asked(published, text), [&](const FlagSeries& series, bool is_on) {
      count_request(table, table.at(is_on ? series.on : series.off), request);
    });
  } else if (state.flags && *state.flags != '\0' &&
             (is_unanswered(last) || is_unanswered(failed))) {
    each_asked(published, read_asked(published, state.flags), [&](const FlagSeries& series, bool) {
      count_request(table, table.at(series.unanswered), request);
    });
  }
}

}  // namespace reqnotes
