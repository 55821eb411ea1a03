#pragma once

#include <openssl/evp.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string_view>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/conf/giving.hpp"
#include "reqnotes/httpd/facts/sources.hpp"
#include "reqnotes/httpd/line/duration.hpp"
#include "reqnotes/httpd/metrics/counters.hpp"
#include "reqnotes/httpd/metrics/memory.hpp"
#include "reqnotes/httpd/metrics/workers.hpp"
#include "reqnotes/httpd/pool.hpp"
#include "reqnotes/httpd/request.hpp"
#include "reqnotes/metrics/accept.hpp"
#include "reqnotes/metrics/answer.hpp"
#include "reqnotes/metrics/exposition.hpp"
#include "reqnotes/metrics/json_report.hpp"
#include "reqnotes/metrics/page.hpp"
#include "reqnotes/metrics/report.hpp"
#include "reqnotes/version.hpp"

namespace reqnotes {

constexpr const char* kPagesHandler = "reqnotes";

/// Writes an answer to a client. What it does not take any more is left out.
struct Answer {
  request_rec* r;
  bool is_broken = false;

  static void take(void* to, std::string_view chunk) {
    auto& answer = *static_cast<Answer*>(to);
    if (answer.is_broken) return;
    const int size = static_cast<int>(chunk.size());
    answer.is_broken = ap_rwrite(chunk.data(), size, answer.r) != size;
  }
};

/// What is answered below the location of SetHandler reqnotes.
struct Output {
  std::string_view name;  ///< the last segment of the path
  const char* (*type)(const request_rec* r);
  void (*put)(const request_rec* r, const Report& report, std::span<char> buffer, Answer& answer);
};

inline bool wants_openmetrics(const request_rec* r) {
  return wants_openmetrics(table_text(r->headers_in, "Accept"));
}

constexpr Output kOutputs[] = {
    {"", [](const request_rec*) { return "text/html; charset=utf-8"; },
     [](const request_rec* r, const Report& report, std::span<char> buffer, Answer& answer) {
       const bool is_paused = r->args && std::string_view(r->args) == "refresh=off";
       put_page(report, {.is_paused = is_paused}, buffer, Answer::take, &answer);
     }},
    {"metrics",
     [](const request_rec* r) {
       return wants_openmetrics(r) ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                   : "text/plain; version=0.0.4; charset=utf-8";
     },
     [](const request_rec* r, const Report& report, std::span<char> buffer, Answer& answer) {
       const auto format = wants_openmetrics(r) ? Exposition::kOpenMetrics : Exposition::kText;
       put_metrics(report, format, buffer, Answer::take, &answer);
     }},
    {"json", [](const request_rec*) { return "application/json"; },
     [](const request_rec*, const Report& report, std::span<char> buffer, Answer& answer) {
       put_json(report, buffer, Answer::take, &answer);
     }},
};

/// What is asked for: the last segment of the path, behind the location.
inline const Output* find_output(const request_rec* r) {
  const std::string_view path = r->uri;
  const std::string_view name = suffix(path, path.rfind('/') + 1);
  const auto* const found = std::ranges::find(kOutputs, name, &Output::name);
  return found == std::end(kOutputs) ? nullptr : found;
}

/// Nothing is loaded from anywhere, and the page's own style is known by its hash.
inline const char* page_policy(apr_pool_t* pool) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  char text[64] = {};
  if (EVP_Digest(kPageStyle.data(), kPageStyle.size(), digest, &size, EVP_sha256(), nullptr) == 1) {
    EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text), digest, static_cast<int>(size));
  }
  return apr_psprintf(pool,
                      "default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; "
                      "form-action 'none'; frame-ancestors 'none'",
                      text);
}

inline void set_page_headers(request_rec* r) {
  const auto set = [r](const char* name, const char* value) {
    apr_table_setn(r->headers_out, name, value);
  };
  set("Cache-Control", "no-store");
  set("X-Content-Type-Options", "nosniff");
  set("Referrer-Policy", "no-referrer");
  set("Content-Security-Policy", page_policy(r->pool));
  apr_table_mergen(r->headers_out, "Vary", "Accept");
}

inline Report make_report(const request_rec* r, const Workers& workers) {
  apr_array_header_t* metrics = apr_array_make(r->pool, 4, sizeof(MetricView));
  apr_array_header_t* lists = apr_array_make(r->pool, 4, sizeof(BusiestView));
  std::size_t most = 0;
  for (const Metric& metric : counters.metrics) {
    if (!metric.is_counted) continue;
    push<MetricView>(metrics, metric.view);
    most = std::max<std::size_t>(most, metric.shape.series);
  }
  auto* const room =
      static_cast<RankedSeries*>(apr_palloc(r->pool, (most + 1) * sizeof(RankedSeries)));
  for (const CountedKeys& list : counters.lists) {
    if (list.is_counted) push<BusiestView>(lists, list.view);
  }
  const std::int64_t now = now_by(CLOCK_MONOTONIC);
  const std::int64_t last =
      monitor_state ? monitor_state->last_tick.load(std::memory_order_relaxed) : now;
  return {.server = text_of(ap_server_conf->server_hostname),
          .version = kVersion,
          .now_us = apr_time_now(),
          .steady_us = now,
          .metrics = elements<const MetricView>(metrics),
          .busiest = elements<const BusiestView>(lists),
          .workers = workers.counts,
          .busy = workers.busy,
          .max_workers = workers.most,
          .monitor_age_s = static_cast<double>(std::max<std::int64_t>(now - last, 0)) / 1e6,
          .room = {room, most + 1}};
}

inline bool is_pages(const request_rec* r) {
  return r->handler && *r->handler == *kPagesHandler &&
         std::string_view(r->handler) == kPagesHandler;
}

/// Refuses SetHandler reqnotes where ReqNotesPages does not allow it: a tenant who may set handlers
/// must not publish everybody's numbers. In the fixups phase, as nearly no server has the handler.
///
/// returns  true where it is refused.
inline bool refuse_pages(const request_rec* r) {
  if (!is_pages(r) || directory_config_of(r).pages.value) return false;
  ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r,
                "RN0034: SetHandler reqnotes is refused here: ReqNotesPages is Off");
  return true;
}

/// Answers SetHandler reqnotes.
inline int answer_pages(request_rec* r) noexcept {
  if (!is_pages(r)) return DECLINED;
  // A handler that was set after the fixups phase.
  if (refuse_pages(r)) return HTTP_FORBIDDEN;
  ap_allow_standard_methods(r, REPLACE_ALLOW, M_GET, -1);
  if (r->method_number != M_GET) return HTTP_METHOD_NOT_ALLOWED;
  // A request for something else that includes a page, or comes to one, counts as any other: a
  // tenant must not be able to hide requests.
  RequestState* state = r->main || r->prev ? nullptr : find_state(r);
  if (state) state->is_own_page = true;
  const Output* output = find_output(r);
  if (!output) {
    // httpd knows no further than to the first folder that is not there.
    const bool is_root = !r->path_info || *r->path_info == '\0' ||
                         std::string_view(r->uri) == directory_config_of(r).pages.value;
    if (!is_root) return HTTP_NOT_FOUND;
    const char* slash = apr_pstrcat(r->pool, ap_escape_uri(r->pool, r->uri), "/", nullptr);
    apr_table_setn(r->headers_out, "Location", ap_construct_url(r->pool, slash, r));
    return HTTP_MOVED_PERMANENTLY;
  }
  ap_set_content_type(r, output->type(r));
  set_page_headers(r);
  if (r->header_only) return OK;
  constexpr std::size_t kBuffer = 8192;
  const std::span<char> buffer(static_cast<char*>(apr_palloc(r->pool, kBuffer)), kBuffer);
  Answer answer = {.r = r};
  const Workers workers = count_workers();
  output->put(r, make_report(r, workers), buffer, answer);
  return OK;
}

/// Called while the configuration is read, as httpd sorts its hooks behind that: where no place has
/// the pages, no request pays for a handler.
inline void add_pages_handler(apr_pool_t* pool) {
  constexpr const char* kName = "reqnotes:pages";
  void* found = nullptr;
  apr_pool_userdata_get(&found, kName, pool);
  if (found) return;
  apr_pool_userdata_setn(kName, kName, nullptr, pool);
  ap_hook_handler(answer_pages, nullptr, nullptr, APR_HOOK_MIDDLE);
}

inline const char* set_pages(cmd_parms* cmd, void* place, int on) noexcept {
  if (on) add_pages_handler(cmd->pool);
  const char* const where = cmd->path ? cmd->path : "";
  return give(cmd, kept_in(cmd, place, &DirectoryConfig::pages), on ? "On" : "Off",
              on ? where : nullptr);
}

}  // namespace reqnotes
