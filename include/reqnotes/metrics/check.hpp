#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "reqnotes/metrics/report.hpp"
#include "reqnotes/metrics/threshold.hpp"
#include "reqnotes/text/chunk_writer.hpp"
#include "reqnotes/text/sink.hpp"

namespace reqnotes {

// The states of thresholds for monitoring systems, as the Monitoring Plugins Development Guidelines
// have it: one line with a word, what is wrong, and numbers behind a bar.

/// The states of a plugin, by how bad they are.
enum class CheckState : std::uint8_t { kOk, kUnknown, kWarning, kCritical };
constexpr std::string_view kCheckWords[] = {"OK", "UNKNOWN", "WARNING", "CRITICAL"};

inline CheckState check_state(const ThresholdView& view) {
  if (view.status.state == State::kFine) return CheckState::kOk;
  if (view.status.state == State::kUnknown) return CheckState::kUnknown;
  return view.threshold->level == Level::kWarning ? CheckState::kWarning : CheckState::kCritical;
}

/// Most bytes of a threshold's name, its value and its limit.
constexpr std::size_t kReasonMax = 64 + 2 * kMetricNumberMax;

inline void put_limit(Sink& out, const Threshold& threshold) {
  constexpr std::string_view kSides[] = {"above ", "below "};
  out.put(kSides[threshold.is_below ? 1 : 0]);
  put_signal_value(out, threshold, threshold.limit);
}

/// Writes what a threshold is about: `search_errors 12.1% (above 5%)`, without brackets for a job,
/// or `queue unknown`.
inline void put_reason(Sink& out, const ThresholdView& view, bool is_for_job) {
  const Threshold& threshold = *view.threshold;
  out.put(threshold.name);
  if (view.status.state == State::kUnknown) return out.put(" unknown");
  out.put(' ');
  put_signal_value(out, threshold, view.status.reading.value);
  out.put(' ');
  if (!is_for_job) out.put('(');
  put_limit(out, threshold);
  if (!is_for_job) out.put(')');
}

/// Writes the performance data of a threshold: `search_errors=12.1%;;5`. A number that only has an
/// exponent is none there.
inline void put_perfdata(Sink& out, const ThresholdView& view) {
  const Threshold& threshold = *view.threshold;
  const double value = view.status.reading.value;
  out.put(threshold.name);
  out.put('=');
  if (has_value(view.status) && std::fabs(value) < kPlainMax) {
    put_signal_value(out, threshold, value);
  } else {
    out.put('U');
  }
  out.put(threshold.level == Level::kWarning ? ";" : ";;");
  // A range begins at 0 where it does not say otherwise.
  if (!threshold.is_below && (value < 0 || threshold.limit < 0)) out.put("~:");
  char digits[kMetricNumberMax];
  out.put({digits, static_cast<std::size_t>(
                       put_signal_number(*threshold.signal, threshold.limit, digits) - digits)});
  if (threshold.is_below) out.put(':');
}

/// Writes an answer of /check.
///
/// thresholds  all, or one.
inline void put_check(std::span<const ThresholdView> thresholds, std::span<char> buffer,
                      ChunkWriter::Take take, void* to) {
  ChunkWriter chunks(buffer, take, to);
  CheckState worst = CheckState::kOk;
  for (const ThresholdView& view : thresholds) worst = std::max(worst, check_state(view));
  const auto put = [&](std::string_view before, const auto& write) {
    char room[kReasonMax];
    Sink out(room);
    write(out);
    chunks.put(before);
    chunks.put(out.written());
  };
  chunks.put("REQNOTES ");
  if (thresholds.empty()) {
    chunks.put("UNKNOWN - no threshold is configured\n");
    return chunks.flush();
  }
  chunks.put(kCheckWords[static_cast<std::size_t>(worst)]);
  chunks.put(" - ");
  if (worst == CheckState::kOk) {
    chunks.put_count(thresholds.size());
    chunks.put(thresholds.size() == 1 ? " threshold is fine" : " thresholds are fine");
  }
  // The worst ones first, as some readers cut a long line.
  std::string_view separator;
  for (CheckState state : {CheckState::kCritical, CheckState::kWarning, CheckState::kUnknown}) {
    for (const ThresholdView& view : thresholds) {
      if (check_state(view) != state) continue;
      put(separator, [&](Sink& out) { put_reason(out, view, false); });
      separator = ", ";
    }
  }
  separator = " | ";
  for (const ThresholdView& view : thresholds) {
    put(separator, [&](Sink& out) { put_perfdata(out, view); });
    separator = " ";
  }
  chunks.put("\n");
  chunks.flush();
}

/// Writes Prometheus's alerting rules for the thresholds: the server decides, and the rule only
/// looks, so that the two never differ.
inline void put_rules(std::span<const ThresholdView> thresholds, std::span<char> buffer,
                      ChunkWriter::Take take, void* to) {
  ChunkWriter out(buffer, take, to);
  out.put("# Made from the thresholds of this server by mod_reqnotes.\ngroups:\n");
  out.put("  - name: reqnotes-thresholds\n");
  out.put(thresholds.empty() ? "    rules: []\n" : "    rules:\n");
  for (const ThresholdView& view : thresholds) {
    const Threshold& threshold = *view.threshold;
    char room[kReasonMax];
    Sink limit(room);
    put_limit(limit, threshold);
    for (std::string_view part :
         {std::string_view("      - alert: ReqNotesThreshold\n"
                           "        expr: reqnotes_threshold_exceeded{threshold=\""),
          threshold.name, std::string_view("\"} == 1\n        labels:\n          severity: "),
          kLevelNames[static_cast<std::size_t>(threshold.level)],
          // So that no two rules are the same but for what they look at: promtool calls that a
          // duplicate. In quotes, as a name may be a word of YAML.
          std::string_view("\n          threshold: '"), threshold.name,
          std::string_view("'\n        annotations:\n          summary: '"), threshold.name,
          std::string_view(" is "), limit.written(),
          std::string_view(" on {{ $labels.instance }}'\n")}) {
      out.put(part);
    }
  }
  if (!thresholds.empty()) {
    out.put(
        "      - alert: ReqNotesThresholdUnknown\n"
        "        expr: reqnotes_threshold_unknown == 1\n"
        "        for: 1m\n"
        "        labels:\n"
        "          severity: warning\n"
        "        annotations:\n"
        "          summary: '{{ $labels.threshold }} is unknown on {{ $labels.instance }}'\n");
  }
  out.flush();
}

}  // namespace reqnotes
