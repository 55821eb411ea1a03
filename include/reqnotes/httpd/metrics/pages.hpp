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
#include "reqnotes/httpd/conf/thresholds.hpp"
#include "reqnotes/httpd/facts/sources.hpp"
#include "reqnotes/httpd/flags/flag_files.hpp"
#include "reqnotes/httpd/line/duration.hpp"
#include "reqnotes/httpd/metrics/counters.hpp"
#include "reqnotes/httpd/metrics/memory.hpp"
#include "reqnotes/httpd/metrics/watching.hpp"
#include "reqnotes/httpd/metrics/workers.hpp"
#include "reqnotes/httpd/pool.hpp"
#include "reqnotes/httpd/request.hpp"
#include "reqnotes/metrics/accept.hpp"
#include "reqnotes/metrics/answer.hpp"
#include "reqnotes/metrics/check.hpp"
#include "reqnotes/metrics/exposition.hpp"
#include "reqnotes/metrics/json_report.hpp"
#include "reqnotes/metrics/page.hpp"
#include "reqnotes/metrics/report.hpp"
#include "reqnotes/metrics/threshold.hpp"
#include "reqnotes/text/sink.hpp"
#include "reqnotes/text/slice.hpp"
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
  bool is_of_many;        ///< another segment follows: the name of one
  const char* (*type)(const request_rec* r);
  /// Answers; `one` is that name.
  ///
  /// returns  OK, or the status of an error.
  int (*put)(request_rec* r, std::string_view one);
};

/// Room for a part of an answer.
inline std::span<char> answer_buffer(const request_rec* r) {
  constexpr std::size_t kBuffer = 8192;
  return {static_cast<char*>(apr_palloc(r->pool, kBuffer)), kBuffer};
}

inline bool wants_openmetrics(const request_rec* r) {
  return wants_openmetrics(table_text(r->headers_in, "Accept"));
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

inline void set_page_headers(request_rec* r, bool has_style) {
  const auto set = [r](const char* name, const char* value) {
    apr_table_setn(r->headers_out, name, value);
  };
  set("Cache-Control", "no-store");
  set("X-Content-Type-Options", "nosniff");
  set("Referrer-Policy", "no-referrer");
  // A hash costs twice as much as all the rest of an answer for a job.
  set("Content-Security-Policy", has_style ? page_policy(r->pool) : "default-src 'none'");
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
          .thresholds = view_thresholds(r->pool, now),
          .jobs = view_jobs(r->pool),
          .flags = view_flags(r->pool),
          .dropped = view_dropped(r->pool),
          .workers = workers.counts,
          .busy = workers.busy,
          .max_workers = workers.most,
          .monitor_age_s = static_cast<double>(std::max<std::int64_t>(now - last, 0)) / 1e6,
          .room = {room, most + 1}};
}

inline const char* plain_text(const request_rec*) {
  return "text/plain; charset=utf-8";
}

inline int put_line(request_rec* r, std::string_view begin, std::string_view end) {
  if (r->header_only) return OK;
  Answer answer = {.r = r};
  for (std::string_view part : {begin, end, std::string_view("\n")}) Answer::take(&answer, part);
  return OK;
}

/// Answers with what is made of a report.
template <class Put>
int put_report(request_rec* r, const Put& put) {
  if (r->header_only) return OK;
  Answer answer = {.r = r};
  const Workers workers = count_workers();
  put(make_report(r, workers), answer_buffer(r), answer);
  return OK;
}

inline int put_page_of(request_rec* r, std::string_view) {
  return put_report(r, [r](const Report& report, std::span<char> buffer, Answer& answer) {
    const bool is_paused = r->args && std::string_view(r->args) == "refresh=off";
    put_page(report, {.is_paused = is_paused}, buffer, Answer::take, &answer);
  });
}

inline int put_metrics_of(request_rec* r, std::string_view) {
  return put_report(r, [r](const Report& report, std::span<char> buffer, Answer& answer) {
    const auto format = wants_openmetrics(r) ? Exposition::kOpenMetrics : Exposition::kText;
    put_metrics(report, format, buffer, Answer::take, &answer);
  });
}

inline int put_json_of(request_rec* r, std::string_view) {
  return put_report(r, [](const Report& report, std::span<char> buffer, Answer& answer) {
    put_json(report, buffer, Answer::take, &answer);
  });
}

/// The states of all thresholds, or of one of a name.
inline int put_check_of(request_rec* r, std::string_view one) {
  auto views = view_thresholds(r->pool, now_by(CLOCK_MONOTONIC));
  if (!one.empty()) {
    const auto found = std::ranges::find_if(
        views, [one](const ThresholdView& view) { return view.threshold->name == one; });
    if (found == views.end()) return HTTP_NOT_FOUND;
    views = {&*found, 1};
  }
  if (r->header_only) return OK;
  Answer answer = {.r = r};
  put_check(views, answer_buffer(r), Answer::take, &answer);
  return OK;
}

inline int put_rules_of(request_rec* r, std::string_view) {
  if (r->header_only) return OK;
  Answer answer = {.r = r};
  put_rules(view_thresholds(r->pool, now_by(CLOCK_MONOTONIC)), answer_buffer(r), Answer::take,
            &answer);
  return OK;
}

/// Whether a job of that name may go on.
inline int put_job_of(request_rec* r, std::string_view one) {
  const auto job = std::ranges::find_if(watching.jobs,
                                        [one](const Job& other) { return other.view.name == one; });
  if (job == watching.jobs.end()) return HTTP_NOT_FOUND;
  const std::int64_t now = now_by(CLOCK_MONOTONIC);
  for (std::uint8_t place : job->view.thresholds) {
    const ThresholdView view = view_threshold(watching.thresholds[place], now);
    if (view.status.state == State::kFine) continue;
    // Not by the status alone, which would have an ErrorDocument.
    r->status = HTTP_SERVICE_UNAVAILABLE;
    // Those who were told to wait together must not come back together.
    const std::uint32_t retry = job->retry_s + ap_random_pick(0, job->retry_s);
    apr_table_setn(r->headers_out, "Retry-After", apr_psprintf(r->pool, "%u", retry));
    char room[kReasonMax];
    Sink reason(room);
    put_reason(reason, view, true);
    return put_line(r, "wait ", reason.written());
  }
  return put_line(r, "go", "");
}

constexpr Output kOutputs[] = {
    {"", false, [](const request_rec*) { return "text/html; charset=utf-8"; }, put_page_of},
    {"metrics", false,
     [](const request_rec* r) {
       return wants_openmetrics(r) ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                   : "text/plain; version=0.0.4; charset=utf-8";
     },
     put_metrics_of},
    {"json", false, [](const request_rec*) { return "application/json"; }, put_json_of},
    {"rules", false, [](const request_rec*) { return "application/yaml"; }, put_rules_of},
    {"check", false, plain_text, put_check_of},
    {"check", true, plain_text, put_check_of},
    {"go", true, plain_text, put_job_of},
};

/// Whether this is what something is answered at, which a job or a threshold cannot be called.
inline bool is_output_name(std::string_view name) {
  return std::ranges::any_of(
      kOutputs, [name](const Output& output) { return !output.is_of_many && output.name == name; });
}

/// What is asked for: the last segments of the path, behind the location.
struct Asked {
  const Output* output = nullptr;  ///< null where there is no such thing
  std::string_view name;           ///< of one of many
};

inline Asked find_output(const request_rec* r) {
  std::string_view path = r->uri;
  const auto cut_last = [&path] {
    const std::string_view last = suffix(path, path.rfind('/') + 1);
    path = prefix(path, path.size() - std::min(last.size() + 1, path.size()));
    return last;
  };
  const auto find = [](bool is_of_many, std::string_view name) {
    const auto* const found = std::ranges::find_if(kOutputs, [=](const Output& output) {
      return output.is_of_many == is_of_many && output.name == name;
    });
    return found == std::end(kOutputs) ? nullptr : found;
  };
  const char* const pages = directory_config_of(r).pages.value;
  const std::string_view place = pages ? pages : "";
  // The place itself may be called as an answer is.
  const auto is_place = [&] {
    return place.starts_with(path) &&
           (place.size() == path.size() || suffix(place, path.size()) == "/");
  };
  const std::string_view last = cut_last();
  const bool is_below = !is_place();
  const Output* of_many = is_below ? find(true, cut_last()) : nullptr;
  // First, as whatever else is answered there would tell a job to go.
  if (of_many) return {.output = of_many, .name = last};
  if (is_below && !is_place() && find(true, cut_last())) return {};
  return {.output = find(false, last), .name = {}};
}

/// Whether no job and no threshold has the name of an answer: its own would never be given.
inline bool check_page_names(apr_pool_t* pool, const server_rec* main_server) {
  const auto check = [=](const char* what, std::string_view name, const Giving* given) {
    const Checked checked = {
        .pool = pool, .main_server = main_server, .what = what, .given = given};
    return !is_output_name(name) ||
           refuse_as_whole(checked, name, "is what another answer is called; choose another name");
  };
  const ServerConfig& config = config_of(main_server);
  for (const auto& [name, setting] : elements<ThresholdDeclaration>(config.thresholds)) {
    if (!check(kThresholdDirective, name, setting.given)) return false;
  }
  for (const auto& [name, setting] : elements<JobDeclaration>(config.jobs)) {
    if (!check("ReqNotesJob", name, setting.given)) return false;
  }
  return true;
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
  const Asked asked = find_output(r);
  if (!asked.output) {
    // httpd knows no further than to the first folder that is not there.
    const bool is_root = !r->path_info || *r->path_info == '\0' ||
                         std::string_view(r->uri) == directory_config_of(r).pages.value;
    if (!is_root) return HTTP_NOT_FOUND;
    const char* slash = apr_pstrcat(r->pool, ap_escape_uri(r->pool, r->uri), "/", nullptr);
    apr_table_setn(r->headers_out, "Location", ap_construct_url(r->pool, slash, r));
    return HTTP_MOVED_PERMANENTLY;
  }
  ap_set_content_type(r, asked.output->type(r));
  set_page_headers(r, asked.output->put == put_page_of);
  return asked.output->put(r, asked.name);
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
