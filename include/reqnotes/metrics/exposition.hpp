#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "reqnotes/metrics/exemplar.hpp"
#include "reqnotes/metrics/histogram.hpp"
#include "reqnotes/metrics/series.hpp"
#include "reqnotes/text/chunk_writer.hpp"
#include "reqnotes/text/parse.hpp"
#include "reqnotes/text/slice.hpp"

namespace reqnotes {

/// What a scraper asked for: Prometheus's text format 0.0.4, or OpenMetrics 1.0, which has units,
/// exemplars and an end.
enum class Exposition { kText, kOpenMetrics };

enum class FamilyType { kCounter, kGauge, kHistogram, kSummary };

/// What belongs together in an answer.
struct Family {
  std::string_view name;  ///< without `_total`
  FamilyType type;
  std::string_view unit;  ///< what `name` ends with, or empty
  std::string_view help;  ///< UTF-8
};

/// A label of a sample.
struct LabelPair {
  std::string_view name;
  std::string_view value;  ///< from make_label
};

/// Most bytes of a number.
constexpr std::size_t kMetricNumberMax = 48;

/// Writes a duration or a time as seconds, exactly.
inline char* put_seconds(std::int64_t micros, char* out) {
  constexpr std::uint64_t kMillion = 1'000'000;
  auto rest = static_cast<std::uint64_t>(micros);
  if (micros < 0) {
    *out++ = '-';
    rest = -rest;
  }
  out = std::to_chars(out, out + 20, rest / kMillion).ptr;
  std::uint64_t fraction = rest % kMillion;
  if (fraction == 0) return out;
  *out++ = '.';
  for (std::uint64_t digit = kMillion / 10; fraction != 0; digit /= 10) {
    *out++ = static_cast<char>('0' + fraction / digit);
    fraction %= digit;
  }
  return out;
}

/// Writes a number so that it reads back the same, whatever the locale: PHP changes that of the
/// process. Not by std::to_chars, which for a double is in the C++ runtime.
///
/// out  room for kMetricNumberMax bytes.
inline char* put_metric_number(double value, char* out) {
  const auto put = [out](std::string_view text) {
    return std::copy(text.begin(), text.end(), out);
  };
  if (std::isnan(value)) return put("NaN");
  if (std::isinf(value)) return put(value > 0 ? "+Inf" : "-Inf");
  constexpr double kExact = 9007199254740992;
  if (std::fabs(value) <= kExact && value == std::trunc(value)) {
    return std::to_chars(out, out + kMetricNumberMax, static_cast<std::int64_t>(value)).ptr;
  }
  char digits[kMetricNumberMax];
  int size = 0;
  for (int precision = 15; precision <= 17; ++precision) {
    size = std::snprintf(digits, sizeof digits, "%.*g", precision, value);
    if (std::strtod(digits, nullptr) == value) break;
  }
  // The decimal point of a locale may have several bytes.
  bool is_inside = false;
  for (char c : std::string_view(digits, static_cast<std::size_t>(size))) {
    const bool is_plain = is_digit(c) || c == 'e' || c == '-' || c == '+';
    if (is_plain) *out++ = c;
    if (!is_plain && !is_inside) *out++ = '.';
    is_inside = !is_plain;
  }
  return out;
}

/// Writes an answer in chunks, whatever its length.
class ExpositionWriter {
 public:
  /// buffer  for one chunk, not empty.
  ExpositionWriter(Exposition format, std::span<char> buffer, ChunkWriter::Take take, void* to)
      : open_(format == Exposition::kOpenMetrics), out_(buffer, take, to) {}

  /// Begins a family; all its samples follow before the next one.
  void begin(const Family& family) {
    family_ = family;
    static constexpr std::string_view kTypeWords[] = {"counter", "gauge", "histogram", "summary"};
    begin_meta("HELP");
    put_escaped(family.help, open_);
    put("\n");
    begin_meta("TYPE");
    put(kTypeWords[static_cast<std::size_t>(family.type)]);
    put("\n");
    if (!open_ || family.unit.empty()) return;
    begin_meta("UNIT");
    put(family.unit);
    put("\n");
  }

  /// Writes a sample of the family that was begun, a counter or a gauge.
  void sample(std::span<const LabelPair> labels, double value, const LabelPair& extra = {}) {
    begin_sample(family_.type == FamilyType::kCounter ? "_total" : "", labels, extra);
    put_value(value);
    put("\n");
  }

  /// Writes the requests of a series by class of status: a counter, whose label `status` is `2xx`.
  void requests(std::span<const LabelPair> labels, const SeriesCounts& counts,
                const std::optional<Exemplar>& failed) {
    for (std::size_t at = 0; at < kStatusClasses; ++at) {
      // These hardly ever are, and a counter of a class that is should be there before its first.
      if (counts.classes[at] == 0 && at < 2) continue;
      begin_sample("_total", labels, {"status", kStatusNames[at]});
      put_count(counts.classes[at]);
      if (at == 5 && failed) put_exemplar_of(*failed);
      put("\n");
    }
  }

  /// Writes the durations of a series: a histogram in seconds.
  ///
  /// bounds  bins, from find_bound, whose upper bounds are the buckets', rising.
  void durations(std::span<const LabelPair> labels, const SeriesCounts& counts,
                 std::span<const std::size_t> bounds, const std::optional<Exemplar>& slowest,
                 const std::optional<Exemplar>& failed) {
    std::uint64_t count = 0;
    std::size_t bin = 0;
    for (std::size_t at = 0; at <= bounds.size(); ++at) {
      const bool is_last = at == bounds.size();
      const std::size_t first = bin;
      for (const std::size_t end = is_last ? kBins : bounds[at] + 1; bin < end; ++bin) {
        count += counts.bins[bin];
      }
      const auto is_here = [first, bin](const std::optional<Exemplar>& exemplar) {
        if (!exemplar) return false;
        const std::size_t its = bin_of(exemplar->duration_us);
        return its >= first && its < bin;
      };
      begin_bucket(labels, is_last ? std::nullopt : std::optional(kBounds[bounds[at]]));
      put_count(count);
      if (is_here(slowest)) {
        put_exemplar_of(*slowest);
      } else if (is_here(failed)) {
        put_exemplar_of(*failed);
      }
      put("\n");
    }
    begin_sample("_sum", labels, {});
    put_micros(static_cast<std::int64_t>(counts.duration_us));
    put("\n");
    end_count(labels, count);
  }

  /// Writes a sum of a series: a summary without quantiles.
  void sum(std::span<const LabelPair> labels, const SeriesCounts& counts, std::size_t which) {
    // OpenMetrics, "Summary": it must not be negative, and a strict reader then refuses everything.
    if (!open_ || counts.sums[which] >= 0) {
      begin_sample("_sum", labels, {});
      put_value(counts.sums[which]);
      put("\n");
    }
    end_count(labels, counts.sum_counts[which]);
  }

  /// Ends the answer.
  void end() {
    if (open_) put("# EOF\n");
    out_.flush();
  }

 private:
  void put(std::string_view text) { out_.put(text); }

  void put_escaped(std::string_view text, bool quotes) {
    while (!text.empty()) {
      const std::size_t plain = text.find_first_of(quotes ? "\\\n\"" : "\\\n");
      put(prefix(text, plain));
      if (plain == kNpos) return;
      const char escape[] = {'\\', text[plain] == '\n' ? 'n' : text[plain]};
      put({escape, sizeof escape});
      text.remove_prefix(plain + 1);
    }
  }

  void begin_meta(std::string_view what) {
    put("# ");
    put(what);
    put(" ");
    put(family_.name);
    if (!open_ && family_.type == FamilyType::kCounter) put("_total");
    put(" ");
  }

  void put_label(const LabelPair& label, std::string_view before) {
    put(before);
    put(label.name);
    put("=\"");
    put_escaped(label.value, true);
    put("\"");
  }

  void begin_sample(std::string_view suffix, std::span<const LabelPair> labels,
                    const LabelPair& extra) {
    put(family_.name);
    put(suffix);
    std::string_view before = "{";
    const auto add = [&](const LabelPair& label) {
      put_label(label, before);
      before = ",";
    };
    for (const LabelPair& label : labels) add(label);
    if (!extra.name.empty()) add(extra);
    put(before == "{" ? " " : "} ");
  }

  /// bound  none is the last bucket's.
  void begin_bucket(std::span<const LabelPair> labels, std::optional<std::int64_t> bound_us) {
    char digits[kMetricNumberMax];
    std::string_view text = "+Inf";
    if (bound_us) {
      char* end = put_seconds(*bound_us, digits);
      // OpenMetrics, "Canonical Numbers": 1.0 there, and 1 in the text format.
      if (open_ && *bound_us % 1'000'000 == 0) end = std::copy_n(".0", 2, end);
      text = {digits, static_cast<std::size_t>(end - digits)};
    }
    begin_sample("_bucket", labels, {"le", text});
  }

  void end_count(std::span<const LabelPair> labels, std::uint64_t count) {
    begin_sample("_count", labels, {});
    put_count(count);
    put("\n");
  }

  void put_count(std::uint64_t count) { out_.put_count(count); }

  void put_micros(std::int64_t micros) {
    char digits[kMetricNumberMax];
    put({digits, static_cast<std::size_t>(put_seconds(micros, digits) - digits)});
  }

  void put_value(double value) {
    char digits[kMetricNumberMax];
    put({digits, static_cast<std::size_t>(put_metric_number(value, digits) - digits)});
  }

  void put_exemplar_of(const Exemplar& exemplar) {
    if (!open_) return;
    put(" # ");
    put_label({"trace_id", {exemplar.trace_id.data(), exemplar.trace_id.size()}}, "{");
    put("} ");
    put_micros(exemplar.duration_us);
    put(" ");
    put_micros(exemplar.time_us);
  }

  bool open_;
  ChunkWriter out_;
  Family family_ = {};
};

}  // namespace reqnotes
