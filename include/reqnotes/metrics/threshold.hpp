#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>

#include "reqnotes/facts/field.hpp"
#include "reqnotes/metrics/exposition.hpp"
#include "reqnotes/metrics/key_value.hpp"
#include "reqnotes/metrics/metric.hpp"
#include "reqnotes/metrics/series.hpp"
#include "reqnotes/text/parse.hpp"
#include "reqnotes/text/sink.hpp"
#include "reqnotes/text/slice.hpp"

namespace reqnotes {

/// Most thresholds, of all files together.
constexpr std::size_t kThresholdsMax = 64;

/// What a threshold looks at.
enum class SignalKind : std::uint8_t {
  kErrors,
  kP50,
  kP95,
  kP99,
  kRate,
  kBusy,
  kLoad,
  kFile,
  kAge,
  kTripped
};

/// Where it comes from, which is also how it is written: `errors(METRIC,VALUE...)`, `busy` or
/// `file:NAME`.
enum class SignalOf : std::uint8_t { kRequests, kServer, kNumber };

struct Signal {
  std::string_view name;
  std::string_view unit;  ///< that a limit may end in, and that a value is shown with
  double most;            ///< a limit must be less: no value is above it
  SignalKind kind;
  SignalOf of;
  bool has_window;  ///< over=
  bool has_least;   ///< least=
};
constexpr double kSecondsMax = 100;
/// Numbers below it are written by their digits alone, which all readers of a plugin's line know.
constexpr double kPlainMax = 1e15;
constexpr Signal kSignals[] = {
    {"errors", "%", 100, SignalKind::kErrors, SignalOf::kRequests, true, true},
    {"p50", "s", kSecondsMax, SignalKind::kP50, SignalOf::kRequests, true, true},
    {"p95", "s", kSecondsMax, SignalKind::kP95, SignalOf::kRequests, true, true},
    {"p99", "s", kSecondsMax, SignalKind::kP99, SignalOf::kRequests, true, true},
    {"rate", "", kPlainMax, SignalKind::kRate, SignalOf::kRequests, true, false},
    {"busy", "%", 100, SignalKind::kBusy, SignalOf::kServer, true, false},
    {"load", "", kPlainMax, SignalKind::kLoad, SignalOf::kServer, false, false},
    {"file", "", kPlainMax, SignalKind::kFile, SignalOf::kNumber, false, false},
    {"age", "s", kPlainMax, SignalKind::kAge, SignalOf::kNumber, false, false},
    {"tripped", "", kPlainMax, SignalKind::kTripped, SignalOf::kServer, false, false},
};

enum class Level : std::uint8_t { kWarning, kCritical };
constexpr std::string_view kLevelNames[] = {"warning", "critical"};

/// What ReqNotesThreshold says. Its texts are parts of the words.
struct Threshold {
  std::string_view name;
  std::string_view text;  ///< the signal, as it was written
  const Signal* signal = nullptr;
  std::string_view metric;                         ///< of requests
  ShortList<std::string_view, kLabelsMax> values;  ///< of its first labels
  std::string_view number;                         ///< of a dropped file
  bool is_below = false;
  double limit = 0;
  double clear = 0;  ///< where it ends
  std::uint32_t over_s = 60;
  std::uint32_t least = 20;
  Level level = Level::kCritical;
};

/// Reads the word that says what a threshold looks at.
///
/// returns  null, or what is wrong, as the end of a sentence.
inline const char* parse_signal(std::string_view word, Threshold& threshold) {
  constexpr const char* kUsage =
      "the signal must be errors(METRIC), p50(METRIC), p95(METRIC), p99(METRIC), rate(METRIC), "
      "busy, load, file:NAME, age:NAME or tripped; values of the metric's labels may follow its "
      "name, as in "
      "errors(api,photos.search)";
  const std::size_t end = word.find_first_of("(:");
  const auto* const signal = std::ranges::find(kSignals, prefix(word, end), &Signal::name);
  if (signal == std::end(kSignals)) return kUsage;
  threshold.signal = signal;
  threshold.text = word;
  const std::string_view rest = end == kNpos ? std::string_view() : suffix(word, end);
  if (signal->of == SignalOf::kServer) return rest.empty() ? nullptr : kUsage;
  if (signal->of == SignalOf::kNumber) {
    if (!rest.starts_with(':')) return kUsage;
    threshold.number = suffix(rest, 1);
    return is_number_name(threshold.number)
               ? nullptr
               : "a number's name is a letter or _, and up to 63 more of A-Z, a-z, 0-9 and _";
  }
  if (!rest.starts_with('(') || !rest.ends_with(')')) return kUsage;
  bool is_first = true;
  return split_commas(slice(rest, 1, rest.size() - 2), [&](std::string_view part) -> const char* {
    if (is_first) {
      is_first = false;
      threshold.metric = part;
      return is_metric_name(part) ? nullptr : "between the brackets a metric's name comes first";
    }
    if (!part.empty() && !is_label(part)) return "a value must be UTF-8, and at most 100 bytes";
    return threshold.values.add(part) ? nullptr : "a metric has at most three labels";
  });
}

/// Reads a limit, which may end in the unit of the signal.
inline const char* parse_limit(std::string_view text, const Signal& signal, double& limit) {
  if (!signal.unit.empty() && text.ends_with(signal.unit)) text.remove_suffix(signal.unit.size());
  if (!is_number(text)) {
    if (signal.unit == "%") return "the limit must be a number of percent, such as 5 or 5%";
    if (signal.unit == "s") return "the limit must be a number of seconds, such as 0.5 or 0.5s";
    return "the limit must be a number, such as 10000";
  }
  limit = number_value(text);
  const bool is_any = signal.kind == SignalKind::kFile;
  if (!is_any && limit < 0) return "the limit cannot be negative";
  if (std::fabs(limit) < signal.most) return nullptr;
  if (signal.unit == "%") return "the limit is in percent, and less than 100";
  return signal.most == kSecondsMax
             ? "the limit is in seconds, and less than 100: longer requests are not told apart"
             : "the limit must be less than 1000000000000000";
}

inline const char* parse_level(std::string_view word, Level& level) {
  const auto* const found = std::ranges::find(kLevelNames, word);
  if (found == std::end(kLevelNames)) return "level must be warning or critical";
  level = static_cast<Level>(found - std::begin(kLevelNames));
  return nullptr;
}

/// Reads a number of whole seconds or requests.
inline const char* parse_whole(std::string_view text, std::size_t least, std::size_t most,
                               const char* error, std::uint32_t& value) {
  const std::size_t whole = parse_size(text).value_or(0);
  if (whole < least || whole > most) return error;
  value = static_cast<std::uint32_t>(whole);
  return nullptr;
}

/// Options of ReqNotesThreshold that were given.
struct GivenLimits {
  bool limit = false;
  bool clear = false;
};

/// Reads one `OPTION=value` word behind the signal; the signal has been read.
///
/// returns  null, or what is wrong, as the end of a sentence.
inline const char* parse_threshold_option(std::string_view word, Threshold& threshold,
                                          GivenLimits& given) {
  constexpr const char* kOptions =
      "the options are above= or below=, clear=, over=, least= and level=";
  const std::size_t equals = word.find('=');
  if (equals == kNpos) return kOptions;
  const std::string_view name = prefix(word, equals);
  const std::string_view value = suffix(word, equals + 1);
  const Signal& signal = *threshold.signal;
  if (name == "above" || name == "below") {
    if (given.limit) return "give above= or below=, and not both";
    given.limit = true;
    threshold.is_below = name == "below";
    return parse_limit(value, signal, threshold.limit);
  }
  if (name == "clear") {
    given.clear = true;
    return parse_limit(value, signal, threshold.clear);
  }
  if (name == "over") {
    if (!signal.has_window) return "over= is for errors, p50, p95, p99, rate and busy";
    return parse_whole(value, 10, 3600, "over must be a number of seconds from 10 to 3600",
                       threshold.over_s);
  }
  if (name == "least") {
    if (!signal.has_least) return "least= is for errors, p50, p95 and p99";
    return parse_whole(value, 1, 1'000'000, "least must be a number of requests from 1 to 1000000",
                       threshold.least);
  }
  return name == "level" ? parse_level(value, threshold.level) : kOptions;
}

/// Looks at a threshold as a whole.
inline const char* finish_threshold(Threshold& threshold, const GivenLimits& given) {
  if (!given.limit) return "say from where on it is exceeded, with above= or below=";
  if (!given.clear) {
    threshold.clear = threshold.limit;
    return nullptr;
  }
  if (threshold.is_below) {
    return threshold.clear >= threshold.limit ? nullptr
                                              : "clear= must not be less than below=, as it ends "
                                                "there";
  }
  return threshold.clear <= threshold.limit
             ? nullptr
             : "clear= must not be more than above=, as it ends there";
}

enum class State : std::uint8_t { kUnknown, kFine, kExceeded };
constexpr std::string_view kStateNames[] = {"unknown", "fine", "exceeded"};

/// What a signal is right now.
struct Reading {
  enum class What : std::uint8_t {
    kValue,
    kQuiet,    ///< fewer requests than least=
    kEarly,    ///< it has not been looked at for long enough
    kMissing,  ///< nothing is known, and something should be
  };
  What what = What::kMissing;
  double value = 0;
  std::uint64_t requests = 0;  ///< that it is of
  double seconds = 0;          ///< that it is of
};

/// The state that follows.
///
/// known  the last state that was not unknown.
inline State next_state(const Threshold& threshold, State known, const Reading& reading) {
  // What nobody asks for is no trouble; but where there was any, a window that was begun anew must
  // have seen enough to tell that it is over.
  if (reading.what == Reading::What::kQuiet) {
    const bool is_short = reading.seconds < threshold.over_s;
    return is_short && known == State::kExceeded ? State::kUnknown : State::kFine;
  }
  if (reading.what != Reading::What::kValue) return State::kUnknown;
  const double limit = known == State::kExceeded ? threshold.clear : threshold.limit;
  const bool is_exceeded = threshold.is_below ? reading.value < limit : reading.value > limit;
  return is_exceeded ? State::kExceeded : State::kFine;
}

/// Writes a value as people and plugins read it, without its unit.
///
/// out  room for kMetricNumberMax bytes.
inline char* put_signal_number(const Signal& signal, double value, char* out) {
  const double scale = signal.unit == "%" || std::fabs(value) >= 1000 ? 100 : 10'000;
  constexpr double kExact = 1e14;
  if (std::fabs(value) < kExact) {
    const auto rounded = static_cast<std::int64_t>(value * scale + (value < 0 ? -0.5 : 0.5));
    value = static_cast<double>(rounded) / scale;
  }
  return put_metric_number(value, out);
}

inline void put_signal_value(Sink& out, const Threshold& threshold, double value) {
  char digits[kMetricNumberMax];
  out.put({digits,
           static_cast<std::size_t>(put_signal_number(*threshold.signal, value, digits) - digits)});
  out.put(threshold.signal->unit);
}

}  // namespace reqnotes
