#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "reqnotes/flags/flag_state.hpp"
#include "reqnotes/flags/flags_file.hpp"
#include "reqnotes/metrics/check.hpp"
#include "reqnotes/metrics/dropped.hpp"
#include "reqnotes/metrics/exemplar.hpp"
#include "reqnotes/metrics/exposition.hpp"
#include "reqnotes/metrics/json_report.hpp"
#include "reqnotes/metrics/report.hpp"
#include "reqnotes/metrics/threshold.hpp"
#include "reqnotes/metrics/watch.hpp"
#include "reqnotes/text/chunk_writer.hpp"
#include "reqnotes/text/sink.hpp"
#include "reqnotes/text/slice.hpp"
#include "reqnotes/text/utf8.hpp"

namespace reqnotes {

/// The style of the page; a Content-Security-Policy has its hash.
constexpr std::string_view kPageStyle = R"(
:root { color-scheme: light dark; --text: #16191d; --soft: #555d66; --line: #d5d9dd; --back: #fff;
  --bar: #2f6fb3; --bad: #b3261e; --link: #0b57a4 }
@media (prefers-color-scheme: dark) {
  :root { --text: #e8eaed; --soft: #a9b1ba; --line: #3a4047; --back: #14171a;
    --bar: #6ea8e5; --bad: #ff8a80; --link: #8ab8ee }
}
* { box-sizing: border-box }
body { margin: 0 auto; padding: 1rem; max-width: 100rem; color: var(--text); background: var(--back);
  font: 1rem/1.4 system-ui, sans-serif; font-variant-numeric: tabular-nums }
h1 { font-size: 1.4rem; margin: 0 0 .25rem; overflow-wrap: anywhere }
h2 { font-size: 1.1rem; margin: 1.75rem 0 .25rem }
ul { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; margin: 0; padding: 0 }
ul b { font-size: 1.15rem }
p { margin: .5rem 0; color: var(--soft) }
.warn { color: var(--bad); font-weight: bold }
a { color: var(--link) }
.wide { overflow-x: auto }
.wide:focus-visible, a:focus-visible { outline: 3px solid var(--link); outline-offset: 2px }
table { border-collapse: collapse; width: 100%; min-width: 34rem }
th, td { padding: .3rem .5rem; border-bottom: 1px solid var(--line); text-align: right;
  white-space: nowrap; vertical-align: baseline }
th { font-weight: 600 }
td { min-width: 4.5rem }
.name { text-align: left; white-space: normal; overflow-wrap: anywhere; min-width: 12rem;
  font-weight: normal }
thead .name { font-weight: 600 }
bdi { white-space: pre-wrap }
.soft { color: var(--soft) }
.bad { color: var(--bad); font-weight: bold }
code { font: .85em ui-monospace, monospace; user-select: all }
svg { height: 1rem; vertical-align: text-bottom }
.bar { width: 6rem }
.bar rect { fill: var(--bar) }
.line { width: 8rem }
.line path { fill: none; stroke: var(--bar); stroke-width: 1.5; vector-effect: non-scaling-stroke }
.pair { display: grid; gap: 0 2rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 36rem), 1fr)) }
)";

struct PageOptions {
  bool is_paused;  ///< it does not load itself again
};

/// Rows of a metric that are shown; what is beyond them is added up in one.
constexpr std::size_t kRowsShown = 50;

/// How long a failed request is more worth showing than the slowest one.
constexpr std::int64_t kRecentFailure = 300'000'000;

/// Writes HTML: what is a text is escaped.
class HtmlWriter {
 public:
  explicit HtmlWriter(ChunkWriter& out) : out_(out) {}

  void tags(std::string_view html) { out_.put(html); }
  void count(std::uint64_t number) { out_.put_count(number); }

  /// Any well-formed UTF-8. Control characters, which a reader would not see, become visible.
  void text(std::string_view text) {
    while (!text.empty()) {
      const Utf8Step step = utf8_step(text);
      put_character(prefix(text, step.length), step.valid);
      text.remove_prefix(step.length);
    }
  }

  /// With so many decimals, and commas between thousands.
  void number(double value, unsigned decimals) {
    constexpr double kMost = 9e15;
    double scale = 1;
    for (unsigned at = 0; at < decimals; ++at) scale *= 10;
    const double within = std::clamp(value, 0.0, kMost / scale);
    // Rounded by hand, as llround is in another library.
    const std::uint64_t scaled = (static_cast<std::uint64_t>(within * scale * 2) + 1) / 2;
    thousands(scaled / static_cast<std::uint64_t>(scale));
    if (decimals == 0) return;
    std::uint64_t rest = scaled % static_cast<std::uint64_t>(scale);
    char digits[8] = {'.'};
    for (unsigned at = decimals; at > 0; --at, rest /= 10) {
      digits[at] = static_cast<char>('0' + rest % 10);
    }
    out_.put({digits, decimals + 1});
  }

 private:
  void put_character(std::string_view bytes, bool is_valid) {
    const auto first = static_cast<unsigned char>(bytes[0]);
    const bool is_c1 =
        first == 0xC2 && bytes.size() == 2 && static_cast<unsigned char>(bytes[1]) < 0xA0;
    if (!is_valid || is_c1) return out_.put("\xEF\xBF\xBD");
    if (first < 0x20 || first == 0x7F) {
      // The pictures of controls, from U+2400 on.
      const char picture[] = {'\xE2', '\x90',
                              static_cast<char>(0x80 + (first == 0x7F ? 0x21 : first))};
      return out_.put({picture, sizeof picture});
    }
    switch (first) {
      case '&':
        return out_.put("&amp;");
      case '<':
        return out_.put("&lt;");
      case '>':
        return out_.put("&gt;");
      case '"':
        return out_.put("&quot;");
      case '\'':
        return out_.put("&#39;");
      default:
        return out_.put(bytes);
    }
  }

  void thousands(std::uint64_t number) {
    if (number >= 1000) {
      thousands(number / 1000);
      const std::uint64_t rest = number % 1000;
      const char digits[] = {',', static_cast<char>('0' + rest / 100),
                             static_cast<char>('0' + rest / 10 % 10),
                             static_cast<char>('0' + rest % 10)};
      return out_.put({digits, sizeof digits});
    }
    out_.put_count(number);
  }

  ChunkWriter& out_;
};

/// How numbers are written for people.
inline void put_rate(HtmlWriter& out, double rate) {
  if (rate > 0 && rate < 0.05) return out.tags("&lt;0.1");
  out.number(rate, rate < 99.95 ? 1 : 0);
}
inline void put_duration(HtmlWriter& out, std::optional<double> micros) {
  if (!micros) return out.tags("–");
  const double ms = *micros / 1000;
  if (ms < 999.5) {
    out.number(ms, ms < 9.95 ? 1 : 0);
    return out.tags(" ms");
  }
  out.number(ms / 1000, ms < 99'950 ? 1 : 0);
  out.tags(" s");
}
inline void put_percent(HtmlWriter& out, double share, unsigned decimals) {
  out.number(std::min(share, 1.0) * 100, decimals);
  out.tags(" %");
}
inline void put_ago(HtmlWriter& out, std::int64_t micros) {
  const std::int64_t seconds = std::max<std::int64_t>(micros, 0) / 1'000'000;
  const bool is_short = seconds < 120;
  const bool is_minutes = !is_short && seconds < 7200;
  out.number(static_cast<double>(is_short     ? seconds
                                 : is_minutes ? seconds / 60
                                              : seconds / 3600),
             0);
  out.tags(is_short ? " s ago" : is_minutes ? " min ago" : " h ago");
}

/// A cell with a share of failures, which stands out where there are any.
inline void put_failed(HtmlWriter& out, double share) {
  out.tags(share > 0 ? "<td class=bad>" : "<td>");
  put_percent(out, share, 1);
  out.tags("</td>");
}

inline void put_bar(HtmlWriter& out, double share) {
  out.tags(
      "<td><svg class=bar viewBox='0 0 100 10' preserveAspectRatio=none "
      "aria-hidden=true><rect width=");
  out.number(std::min(share, 1.0) * 100, 1);
  out.tags(" height=10></rect></svg></td>");
}

inline void put_sparkline(HtmlWriter& out, const Sparkline& line) {
  out.tags("<td>");
  const auto all = line.all();
  const std::uint32_t most = all.empty() ? 0 : *std::ranges::max_element(all);
  if (most != 0 && all.size() > 1) {
    out.tags(
        "<svg class=line viewBox='0 0 30 10' preserveAspectRatio=none "
        "aria-hidden=true><path d='");
    // The newest one is at the right.
    std::size_t x = kPoints - 1 - all.size();
    for (std::uint32_t requests : all) {
      out.tags(&requests == all.data() ? "M" : "L");
      out.count(x++);
      out.tags(" ");
      out.number(10 - 9.0 * requests / most, 1);
    }
    out.tags("'/></svg>");
  }
  out.tags("</td>");
}

/// A request to look for in the logs.
inline void put_trace(HtmlWriter& out, const Report& report, const Series& series) {
  const std::optional<Exemplar> failed = read_exemplar(series.failed);
  const bool is_failed = failed && report.now_us - failed->time_us < kRecentFailure;
  const std::optional<Exemplar> shown = is_failed ? failed : read_exemplar(series.slowest);
  if (!shown) return out.tags("<td>–</td>");
  out.tags("<td><span class=soft>");
  out.tags(is_failed ? "failed " : "slowest, ");
  if (!is_failed) {
    put_duration(out, static_cast<double>(shown->duration_us));
    out.tags(", ");
  }
  put_ago(out, report.now_us - shown->time_us);
  out.tags("</span><br><code>");
  out.text({shown->trace_id.data(), shown->trace_id.size()});
  out.tags("</code></td>");
}

/// Begins a table that can be scrolled by keyboard; whoever calls it names it by that id.
inline void begin_table(HtmlWriter& out, std::string_view id, std::size_t number) {
  for (std::string_view tag : {"<div class=wide role=region tabindex=0", "><table"}) {
    out.tags(tag);
    out.tags(" aria-labelledby=");
    out.tags(id);
    out.count(number);
  }
  out.tags(">\n<thead><tr>");
}
inline void begin_heading(HtmlWriter& out, std::string_view id, std::size_t number) {
  out.tags("<h2 id=");
  out.tags(id);
  out.count(number);
  out.tags(">");
}
inline void put_head(HtmlWriter& out, std::string_view title) {
  out.tags("<th scope=col>");
  out.tags(title);
  out.tags("</th>");
}
inline void put_name_head(HtmlWriter& out, std::string_view name) {
  out.tags("<th scope=col class=name>");
  out.text(name);
  out.tags("</th>");
}

inline void put_label_cell(HtmlWriter& out, std::string_view value) {
  if (value.empty()) return out.tags("<span class=soft>(none)</span>");
  // Whatever direction it has, it does not turn what stands beside it.
  out.tags("<bdi>");
  out.text(value);
  out.tags("</bdi>");
}

/// The cells of a row behind its names, up to the bar.
inline void put_rate_cells(HtmlWriter& out, const WindowCounts& window, std::uint64_t whole_us) {
  const Rates rates = rates_of(window);
  out.tags("<td>");
  put_rate(out, rates.requests_per_second);
  out.tags("</td>");
  put_failed(out, rates.failed_share);
  out.tags("<td>");
  put_duration(out, rates.p50_us);
  out.tags("</td><td>");
  put_duration(out, rates.p95_us);
  out.tags("</td><td>");
  const double share = share_of(window.duration_us, whole_us);
  put_percent(out, share, 0);
  out.tags("</td>");
  put_bar(out, share);
}

inline void put_series_row(HtmlWriter& out, const Report& report, const MetricView& metric,
                           std::uint32_t number, std::uint64_t whole_us) {
  out.tags("<tr>");
  if (metric.labels.empty()) out.tags("<th scope=row class=name>all</th>");
  for (std::size_t at = 0; at < metric.labels.size(); ++at) {
    out.tags(at == 0 ? "<th scope=row class=name>" : "<td class=name>");
    put_label_cell(out, label_value(metric, number, at));
    out.tags(at == 0 ? "</th>" : "</td>");
  }
  put_rate_cells(out, read_window(metric.table, metric.windows, number, report.steady_us),
                 whole_us);
  put_sparkline(out, read_sparkline(metric.windows, number));
  put_trace(out, report, metric.table.at(number));
  out.tags("</tr>\n");
}

/// One row for all series that are not shown.
inline void put_rest_row(HtmlWriter& out, const Report& report, const MetricView& metric,
                         std::span<const RankedSeries> rest, std::uint64_t whole_us) {
  WindowCounts sum;
  for (const RankedSeries& ranked : rest) {
    sum.add(read_window(metric.table, metric.windows, ranked.number, report.steady_us));
  }
  out.tags("<tr><th scope=row class=name>");
  out.count(rest.size());
  out.tags(" more</th>");
  for (std::size_t at = 1; at < metric.labels.size(); ++at) out.tags("<td></td>");
  put_rate_cells(out, sum, whole_us);
  out.tags("<td></td><td></td></tr>\n");
}

inline void put_metric_table(HtmlWriter& out, const Report& report, const MetricView& metric,
                             std::size_t place) {
  const WindowCounts whole = total_window(metric, report.steady_us);
  begin_heading(out, "m", place);
  out.text(metric.name);
  for (std::size_t at = 0; at < metric.labels.size(); ++at) {
    out.tags(at == 0 ? ", by " : ", ");
    out.text(metric.labels[at]);
  }
  out.tags("</h2>\n");
  const auto ranked = rank_series(metric, report.steady_us, report.room);
  if (ranked.empty()) return out.tags("<p>Nothing was counted yet.</p>\n");
  begin_table(out, "m", place);
  for (std::string_view label : metric.labels) put_name_head(out, label);
  if (metric.labels.empty()) put_name_head(out, "requests");
  for (std::string_view title : {"req/s", "failed", "p50", "p95", "worker time"})
    put_head(out, title);
  out.tags("<td></td>");
  put_head(out, "5 minutes");
  put_head(out, "a trace to look for");
  out.tags("</tr></thead>\n<tbody>\n");
  const std::size_t shown = std::min(ranked.size(), kRowsShown);
  for (const RankedSeries& series : ranked.first(shown)) {
    put_series_row(out, report, metric, series.number, whole.duration_us);
  }
  if (shown < ranked.size()) {
    put_rest_row(out, report, metric, ranked.subspan(shown), whole.duration_us);
  }
  out.tags("</tbody></table></div>\n");
}

/// A number, and what may be missing there where that is any.
inline void put_with_error(HtmlWriter& out, double value, double error) {
  put_rate(out, value);
  if (error < 0.05) return;
  out.tags(" <span class=soft>±&nbsp;");
  put_rate(out, error);
  out.tags("</span>");
}

inline void put_busiest_table(HtmlWriter& out, const Report& report, const BusiestView& list,
                              BusiestBy by, std::size_t place) {
  std::array<BusiestRow, kBusiestShown> rows;
  const auto now = static_cast<std::uint32_t>(report.now_us / 1'000'000);
  const std::size_t count = read_busiest(list.table, now, by, rows);
  out.tags("<section>");
  begin_heading(out, "b", place);
  out.tags("Busiest ");
  out.text(list.field);
  if (!list.privacy.empty()) {
    out.tags(" (");
    out.text(list.privacy);
    out.tags(")");
  }
  out.tags(by == BusiestBy::kRequests ? ", by requests</h2>\n" : ", by worker time</h2>\n");
  if (count == 0) return out.tags("<p>Nothing was counted yet.</p></section>\n");
  begin_table(out, "b", place);
  put_name_head(out, list.field);
  for (std::string_view title : {"req/min", "failed", "workers kept busy"}) put_head(out, title);
  out.tags("</tr></thead>\n<tbody>\n");
  for (const BusiestRow& row : std::span(rows).first(count)) {
    const BusiestRates rates = rates_of(row);
    out.tags("<tr><th scope=row class=name>");
    put_label_cell(out, row.key());
    out.tags("</th><td>");
    put_with_error(out, rates.per_minute, rates.error_per_minute);
    out.tags("</td>");
    put_failed(out, rates.failed_share);
    out.tags("<td>");
    put_with_error(out, rates.workers, rates.workers_error);
    out.tags("</td></tr>\n");
  }
  out.tags("</tbody></table></div></section>\n");
}

/// How a threshold is shown: what is bad, first.
constexpr CheckState kByTrouble[] = {CheckState::kCritical, CheckState::kWarning,
                                     CheckState::kUnknown, CheckState::kOk};

/// A cell with a word, which stands out where it is bad.
inline void put_word(HtmlWriter& out, std::string_view word, bool is_bad) {
  out.tags(is_bad ? "<td class=bad>" : "<td>");
  out.tags(word);
  out.tags("</td>");
}

inline void put_limit(HtmlWriter& out, const Threshold& threshold) {
  char room[kMetricNumberMax + 8];
  Sink limit(room);
  put_limit(limit, threshold);
  out.text(limit.written());
}

inline void put_threshold_row(HtmlWriter& out, const Report& report, const ThresholdView& view) {
  const Threshold& threshold = *view.threshold;
  const ThresholdStatus& status = view.status;
  out.tags("<tr><th scope=row class=name>");
  out.text(threshold.name);
  out.tags("</th>");
  const bool is_exceeded = status.state == State::kExceeded;
  put_word(out,
           is_exceeded ? kLevelNames[static_cast<std::size_t>(threshold.level)]
                       : kStateNames[static_cast<std::size_t>(status.state)],
           status.state != State::kFine);
  out.tags("<td>");
  if (has_value(status)) {
    char room[kMetricNumberMax + 8];
    Sink value(room);
    put_signal_value(value, threshold, status.reading.value);
    out.text(value.written());
  } else {
    out.tags("–");
  }
  out.tags("</td><td>");
  put_limit(out, threshold);
  out.tags("</td><td>");
  status.since_us == 0 ? out.tags("–") : put_ago(out, report.now_us - status.since_us);
  out.tags("</td><td class=name><bdi>");
  out.text(threshold.text);
  out.tags("</bdi></td><td><code>");
  out.text(is_exceeded ? status.trace() : std::string_view());
  out.tags("</code></td></tr>\n");
}

inline void put_thresholds(HtmlWriter& out, const Report& report) {
  if (report.thresholds.empty()) return;
  out.tags("<h2 id=t0>Thresholds</h2>\n");
  begin_table(out, "t", 0);
  put_name_head(out, "threshold");
  for (std::string_view title : {"state", "value", "limit", "since"}) put_head(out, title);
  put_name_head(out, "signal");
  put_head(out, "a trace to look for");
  out.tags("</tr></thead>\n<tbody>\n");
  for (CheckState state : kByTrouble) {
    for (const ThresholdView& view : report.thresholds) {
      if (check_state(view) == state) put_threshold_row(out, report, view);
    }
  }
  out.tags("</tbody></table></div>\n");
}

inline void put_jobs(HtmlWriter& out, const Report& report) {
  if (report.jobs.empty()) return;
  out.tags("<h2 id=j0>Jobs</h2>\n");
  begin_table(out, "j", 0);
  put_name_head(out, "job");
  put_head(out, "may run");
  put_name_head(out, "because of");
  out.tags("</tr></thead>\n<tbody>\n");
  for (const JobView& job : report.jobs) {
    out.tags("<tr><th scope=row class=name>");
    out.text(job.name);
    out.tags("</th>");
    const bool waits = find_reason(report, job);
    put_word(out, waits ? "wait" : "go", waits);
    out.tags("<td class=name>");
    std::string_view separator;
    for (std::uint8_t place : job.thresholds) {
      const ThresholdView& view = report.thresholds[place];
      if (view.status.state == State::kFine) continue;
      char room[kReasonMax];
      Sink reason(room);
      put_reason(reason, view, true);
      out.tags(separator);
      out.text(reason.written());
      separator = ", ";
    }
    out.tags("</td></tr>\n");
  }
  out.tags("</tbody></table></div>\n");
}

/// What was asked of a flag in the last minute: requests, failed, p95.
inline void put_asked_cells(HtmlWriter& out, const Report& report, const FlagsFileView& file,
                            std::uint32_t number) {
  const WindowCounts window = read_window(file.table, file.windows, number, report.steady_us);
  if (window.requests == 0) return out.tags("<td>–</td><td>–</td><td>–</td>");
  const Rates rates = rates_of(window);
  out.tags("<td>");
  put_rate(out, rates.requests_per_second);
  out.tags("</td>");
  put_failed(out, rates.failed_share);
  out.tags("<td>");
  put_duration(out, rates.p95_us);
  out.tags("</td>");
}

inline void put_flag_row(HtmlWriter& out, const Report& report, const FlagsFileView& file,
                         std::size_t place) {
  const FlagState& state = *file.state;
  const Flag& flag = state.set.flags[place];
  out.tags("<tr><th scope=row class=name>");
  out.text(flag.text());
  out.tags("</th>");
  const Tripped* const trip = find_trip(state.trips, flag);
  const bool is_held_now = !trip && is_held(state, flag);
  out.tags(trip || is_held_now ? "<td class=bad>" : "<td>");
  if (trip) {
    out.tags("tripped, ");
    put_percent(out, trip->share / double{kWholeShare}, 0);
    out.tags(" failed, ");
    put_ago(out, report.now_us - trip->time_s * 1'000'000);
  } else if (is_held_now) {
    out.tags("off until its trips are read");
  } else if (flag.mode == Flag::Mode::kShare) {
    put_percent(out, flag.share / double{kWholeShare}, flag.share % 100 == 0 ? 0 : 2);
  } else {
    out.tags(flag.mode == Flag::Mode::kOn ? "on" : "off");
  }
  out.tags("</td>");
  const FlagSeries& series = state.series[place];
  put_asked_cells(out, report, file, series.on);
  put_asked_cells(out, report, file, series.off);
  out.tags("<td>");
  put_rate(out, rates_of(read_window(file.table, file.windows, series.unanswered, report.steady_us))
                    .requests_per_second);
  out.tags("</td><td class=name><bdi>");
  out.text(flag.why());
  out.tags("</bdi></td></tr>\n");
}

/// Says why a file is not read, where it is not.
inline void put_refusal(HtmlWriter& out, std::string_view what, std::string_view why) {
  if (why.empty()) return;
  out.tags("<p class=warn>");
  out.tags(what);
  out.text(why);
  out.tags("</p>\n");
}

inline void put_flags(HtmlWriter& out, const Report& report) {
  std::size_t number = 0;
  for (const FlagsFileView& file : report.flags) {
    begin_heading(out, "f", number);
    out.tags("Flags of <bdi>");
    out.text(file.path);
    out.tags("</bdi></h2>\n");
    put_refusal(out, "It is not read as it is: it ", file.state->refused.flags);
    put_refusal(out, "Its trips are not read as they are: their file ", file.state->refused.trips);
    if (file.state->set.count != 0) {
      begin_table(out, "f", number);
      put_name_head(out, "flag");
      for (std::string_view title :
           {"state", "on: req/s", "failed", "p95", "off: req/s", "failed", "p95", "unanswered/s"}) {
        put_head(out, title);
      }
      put_name_head(out, "comment");
      out.tags("</tr></thead>\n<tbody>\n");
      for (std::size_t place = 0; place < file.state->set.count; ++place) {
        put_flag_row(out, report, file, place);
      }
      out.tags("</tbody></table></div>\n");
    }
    ++number;
  }
}

/// The row of a file that has no numbers to show, or is not read as it is.
inline void put_refused_row(HtmlWriter& out, const Report& report, const DroppedFile& file) {
  out.tags("<tr><td class=name>–</td><td class=bad>refused</td><td>");
  file.time_us == 0 ? out.tags("–") : put_ago(out, report.now_us - file.time_us);
  out.tags("</td><td class=name><bdi>");
  out.text(file.text());
  out.tags("</bdi>: ");
  out.text(file.refused);
  out.tags("</td><td>");
  file.owner == kNoOwner ? out.tags("–") : out.count(file.owner);
  out.tags("</td></tr>\n");
}

/// The numbers that applications dropped.
inline void put_dropped(HtmlWriter& out, const Report& report) {
  if (!report.dropped) return;
  const Dropped& dropped = *report.dropped;
  out.tags("<h2 id=d0>Numbers of applications</h2>\n");
  if (dropped.file_count == 0) return out.tags("<p>No file is there.</p>\n");
  begin_table(out, "d", 0);
  put_name_head(out, "number");
  for (std::string_view title : {"value", "dropped"}) put_head(out, title);
  put_name_head(out, "file");
  put_head(out, "user ID");
  out.tags("</tr></thead>\n<tbody>\n");
  for (const DroppedFile& file : dropped.all_files()) {
    if (*file.refused != '\0') put_refused_row(out, report, file);
  }
  for (const DroppedNumber& number : dropped.all_numbers()) {
    if (is_stale(dropped, number, report.now_us)) continue;
    const DroppedFile& file = dropped.files[number.file];
    out.tags("<tr><th scope=row class=name>");
    out.text(number.text());
    out.tags("</th><td>");
    char digits[kMetricNumberMax];
    out.text({digits, static_cast<std::size_t>(put_metric_number(number.value, digits) - digits)});
    out.tags("</td><td>");
    put_ago(out, report.now_us - file.time_us);
    out.tags("</td><td class=name>");
    out.text(file.text());
    out.tags("</td><td>");
    out.count(file.owner);
    out.tags("</td></tr>\n");
  }
  out.tags("</tbody></table></div>\n");
  if (dropped.more_files == 0) return;
  out.tags("<p class=warn>");
  out.count(dropped.more_files);
  out.tags(" more files are there and not read.</p>\n");
}

/// What a glance should tell.
inline void put_summary(HtmlWriter& out, const Report& report) {
  out.tags("<header><h1>");
  out.text(report.server);
  out.tags("</h1>\n<ul>");
  const MetricView* const total = find_total(report);
  if (total) {
    const WindowCounts window = total_window(*total, report.steady_us);
    const Rates rates = rates_of(window);
    out.tags("<li><b>");
    put_rate(out, rates.requests_per_second);
    out.tags("</b> requests/s</li><li><b>");
    put_percent(out, rates.failed_share, 1);
    out.tags("</b> failed</li><li>p50 <b>");
    put_duration(out, rates.p50_us);
    out.tags("</b></li><li>p95 <b>");
    put_duration(out, rates.p95_us);
    out.tags("</b></li>");
  }
  out.tags("<li><b>");
  out.count(report.busy);
  out.tags("</b> of <b>");
  out.count(report.max_workers);
  out.tags("</b> workers busy</li></ul>\n");
}

inline void put_notes(HtmlWriter& out, const Report& report, const PageOptions& options) {
  constexpr double kLate = 5;
  if (report.monitor_age_s > kLate) {
    out.tags("<p class=warn role=alert>The monitor was last seen ");
    put_ago(out, static_cast<std::int64_t>(std::min(report.monitor_age_s, 1e9) * 1e6));
    out.tags(": what is of the last minute may be of a longer time.</p>\n");
  }
  const MetricView* const total = find_total(report);
  const auto first = total ? find_snapshot(total->windows, report.steady_us) : std::nullopt;
  out.tags("<p>");
  if (first) {
    const std::int64_t begin = total->windows.header->times[*first % kSnapshots].load();
    out.tags("Numbers are of the last ");
    out.count(static_cast<std::uint64_t>((report.steady_us - begin) / 1'000'000));
    out.tags(" s. ");
  } else {
    out.tags("Nothing is known of the last minute yet. ");
  }
  out.tags(options.is_paused ? "<a href='?'>Refresh every 10 s</a>"
                             : "The page refreshes every 10 s; <a href='?refresh=off'>pause</a>");
  out.tags(" · <a href=json>JSON</a> · <a href=metrics>metrics</a></p></header>\n");
}

inline void put_workers(HtmlWriter& out, const Report& report) {
  out.tags("<h2>Workers</h2>\n<ul>");
  for (const WorkerCount& worker : report.workers) {
    if (worker.count == 0) continue;
    out.tags("<li>");
    out.count(worker.count);
    out.tags(" ");
    out.text(worker.state);
    out.tags("</li>");
  }
  out.tags("</ul>\n");
}

/// Writes the page: whole without a script, and without anything from elsewhere.
inline void put_page(const Report& report, const PageOptions& options, std::span<char> buffer,
                     ChunkWriter::Take take, void* to) {
  ChunkWriter chunks(buffer, take, to);
  HtmlWriter out(chunks);
  out.tags("<!DOCTYPE html>\n<html lang=en><head><meta charset=utf-8>\n<title>");
  const auto alarms = std::ranges::count_if(report.thresholds, [](const ThresholdView& view) {
    return view.status.state == State::kExceeded;
  });
  if (alarms != 0) {
    out.count(static_cast<std::uint64_t>(alarms));
    out.tags(alarms == 1 ? " alarm: " : " alarms: ");
  }
  out.text(report.server);
  out.tags(
      " – requests</title>\n"
      "<meta name=viewport content='width=device-width, initial-scale=1'>\n"
      "<meta name=color-scheme content='light dark'>\n");
  if (!options.is_paused) out.tags("<meta http-equiv=refresh content=10>\n");
  out.tags("<style>");
  out.tags(kPageStyle);
  out.tags("</style></head><body>\n");
  put_summary(out, report);
  put_notes(out, report, options);
  out.tags("<main>\n");
  put_thresholds(out, report);
  put_jobs(out, report);
  put_flags(out, report);
  std::size_t place = 0;
  // What operators have asked for comes before what is always there.
  const MetricView* const total = find_total(report);
  for (const MetricView& metric : report.metrics) {
    if (&metric != total) put_metric_table(out, report, metric, ++place);
  }
  if (total) put_metric_table(out, report, *total, ++place);
  for (const BusiestView& list : report.busiest) {
    out.tags("<div class=pair>");
    put_busiest_table(out, report, list, BusiestBy::kRequests, ++place);
    put_busiest_table(out, report, list, BusiestBy::kTime, ++place);
    out.tags("</div>\n");
  }
  put_workers(out, report);
  put_dropped(out, report);
  out.tags("</main>\n<footer><p>mod_reqnotes ");
  out.text(report.version);
  out.tags("</p></footer>\n</body></html>\n");
  chunks.flush();
}

}  // namespace reqnotes
