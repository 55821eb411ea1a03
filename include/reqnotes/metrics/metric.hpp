#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>

#include "reqnotes/metrics/histogram.hpp"
#include "reqnotes/metrics/label.hpp"
#include "reqnotes/metrics/series.hpp"
#include "reqnotes/text/parse.hpp"
#include "reqnotes/text/slice.hpp"
#include "reqnotes/text/utf8.hpp"

namespace reqnotes {

/// A list of at most kMost, in place.
template <class T, std::size_t kMost>
struct ShortList {
  std::array<T, kMost> items{};
  std::size_t count = 0;

  [[nodiscard]] constexpr std::span<const T> all() const { return {items.data(), count}; }
  [[nodiscard]] constexpr bool has(const T& item) const {
    return std::ranges::find(all(), item) != all().end();
  }
  constexpr bool add(const T& item) {
    if (count == kMost) return false;
    items[count++] = item;
    return true;
  }
};

/// The metric that is always there, and the label that it is by: the name of the virtual host.
constexpr const char* kAutomaticMetric = "http";
constexpr std::string_view kVhostLabel = "vhost";
/// The value of a label for what has no series of its own.
constexpr std::string_view kOtherLabel = "other";

constexpr std::size_t kValuesMax = 64;
constexpr std::size_t kBucketsMax = 30;
/// Series of all metrics together.
constexpr std::uint32_t kAllSeriesMax = 20'000;
constexpr std::uint32_t kSeriesDefault = 200;

/// Prometheus's own default, as bins.
constexpr auto kDefaultBuckets = [] {
  ShortList<std::size_t, kBucketsMax> bins;
  for (std::int64_t bound_us : {5'000, 10'000, 25'000, 50'000, 100'000, 250'000, 500'000, 1'000'000,
                                2'500'000, 5'000'000, 10'000'000}) {
    bins.add(*find_bound(bound_us));
  }
  return bins;
}();

/// What ReqNotesMetric says of a metric, behind its name. Its texts are parts of the words.
struct MetricOptions {
  ShortList<std::string_view, kLabelsMax> by;
  ShortList<std::string_view, kValuesMax> values;  ///< of the last one of `by`; none is any
  ShortList<std::string_view, kSumsMax> sums;
  ShortList<std::size_t, kBucketsMax> buckets = kDefaultBuckets;
  std::uint32_t series = 0;  ///< 0 where it is not said
};

/// Whether `name` is `[a-z][a-z0-9_]{0,39}`.
constexpr bool is_metric_name(std::string_view name) {
  if (name.empty() || name.size() > 40 || name[0] < 'a' || name[0] > 'z') return false;
  return std::ranges::all_of(
      name, [](char c) { return (c >= 'a' && c <= 'z') || is_digit(c) || c == '_'; });
}

/// Reads seconds, such as `0.25`, that are a bound; see kBounds.
constexpr std::optional<std::size_t> parse_bucket(std::string_view text) {
  constexpr std::size_t kDecimals = 6;
  const std::size_t point = text.find('.');
  const std::string_view whole = prefix(text, point);
  const std::string_view fraction = point == kNpos ? std::string_view() : suffix(text, point + 1);
  if (whole.empty() || whole.size() > 3 || fraction.size() > kDecimals ||
      (point != kNpos && fraction.empty()) || !std::ranges::all_of(whole, is_digit) ||
      !std::ranges::all_of(fraction, is_digit)) {
    return std::nullopt;
  }
  std::int64_t micros = 0;
  for (char digit : whole) micros = micros * 10 + (digit - '0');
  for (std::size_t at = 0; at < kDecimals; ++at) {
    micros = micros * 10 + (at < fraction.size() ? fraction[at] - '0' : 0);
  }
  return micros == 0 ? std::nullopt : find_bound(micros);
}

/// Whether a text is a label as it is: not empty, short enough, and well-formed UTF-8.
inline bool is_label(std::string_view text) {
  char room[kLabelMax];
  return !text.empty() && make_label(text, room) == text;
}

/// Splits at commas. `add` says what is wrong with a part, or gives null.
template <class Add>
const char* split_commas(std::string_view list, const Add& add) {
  for (bool more = true; more;) {
    const std::size_t comma = list.find(',');
    if (const char* error = add(prefix(list, comma))) return error;
    more = comma != kNpos;
    if (more) list.remove_prefix(comma + 1);
  }
  return nullptr;
}

/// Adds a name to a list where each is once.
template <std::size_t kMost>
const char* add_name(ShortList<std::string_view, kMost>& list, std::string_view name,
                     const char* too_many) {
  if (name.empty()) return "between two commas there is nothing";
  if (list.has(name)) return "one name is given twice";
  return list.add(name) ? nullptr : too_many;
}

inline const char* parse_buckets(std::string_view text, MetricOptions& options) {
  options.buckets = {};
  return split_commas(text, [&](std::string_view word) -> const char* {
    const std::optional<std::size_t> bin = parse_bucket(word);
    if (!bin) {
      return "buckets must be seconds from 0.0001 to 100, and each 1, 1.25, 1.5, 2, 2.5, 3, 4, 5, "
             "6 "
             "or 8 of its power of ten, such as 0.25";
    }
    if (options.buckets.count != 0 && options.buckets.all().back() >= *bin) {
      return "buckets must rise from one to the next";
    }
    return options.buckets.add(*bin) ? nullptr : "buckets can be at most 30";
  });
}

/// Reads one `OPTION=value` word of ReqNotesMetric.
///
/// returns  null, or what is wrong, as the end of a sentence.
inline const char* parse_metric_option(std::string_view word, MetricOptions& options) {
  const std::size_t equals = word.find('=');
  const std::string_view name = prefix(word, equals);
  const std::string_view value = equals == kNpos ? std::string_view() : suffix(word, equals + 1);
  if (equals == kNpos) return "the options are by=, values=, sum=, buckets= and series=";
  if (name == "by") {
    return split_commas(value, [&](std::string_view field) {
      return add_name(options.by, field, "by can name at most three");
    });
  }
  if (name == "sum") {
    return split_commas(value, [&](std::string_view field) {
      return add_name(options.sums, field, "sum can name at most four fields");
    });
  }
  if (name == "values") {
    return split_commas(value, [&](std::string_view text) {
      if (!text.empty() && !is_label(text)) {
        return "a value must be UTF-8, and at most 100 bytes";
      }
      return add_name(options.values, text, "values can be at most 64");
    });
  }
  if (name == "buckets") return parse_buckets(value, options);
  if (name == "series") {
    const auto [at, error] =
        std::from_chars(value.data(), value.data() + value.size(), options.series);
    const bool is_whole = error == std::errc() && at == value.data() + value.size();
    if (is_whole && value[0] != '0' && options.series <= kSeriesMax) return nullptr;
    return "series must be a number from 1 to 10000";
  }
  return "the options are by=, values=, sum=, buckets= and series=";
}

/// The name of a label for a field: Prometheus knows no dots there.
///
/// out  room for all of `field`.
inline std::string_view label_name(std::string_view field, char* out) {
  std::ranges::replace_copy(field, out, '.', '_');
  return {out, field.size()};
}

}  // namespace reqnotes
