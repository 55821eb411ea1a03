#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "../unicode.hpp"
#include "fuzz.hpp"
#include "reqnotes/metrics/threshold.hpp"

// -max_len=400

namespace reqnotes {

/// Reads the signal and the options, each a line.
const char* read_words(const std::vector<Text>& words, Threshold& threshold) {
  const char* error = parse_signal(words[0], threshold);
  GivenLimits given;
  for (std::size_t at = 1; !error && at < words.size(); ++at) {
    error = parse_threshold_option(words[at], threshold, given);
  }
  return error ? error : finish_threshold(threshold, given);
}

/// Whether a text has the form of a signal, by other means than what reads it.
bool is_signal(std::string_view text) {
  for (std::string_view server : {"busy", "load"}) {
    if (text == server) return true;
  }
  for (std::string_view number : {"file:", "age:"}) {
    if (!text.starts_with(number)) continue;
    text.remove_prefix(number.size());
    constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    return !text.empty() && text.size() <= 64 && has_only(text.substr(0, 1), kLetters) &&
           has_only(text, std::string(kLetters) + "0123456789");
  }
  for (std::string_view requests : {"errors(", "p50(", "p95(", "p99(", "rate("}) {
    if (!text.starts_with(requests) || !text.ends_with(')')) continue;
    text.remove_prefix(requests.size());
    if (text.empty()) return false;
    text.remove_suffix(1);
    const auto parts = split(text, ',');
    bool are_values = parts.size() <= 4;
    for (std::size_t at = 1; at < parts.size(); ++at) {
      are_values = are_values && parts[at].size() <= 100 && is_utf8(parts[at]);
    }
    constexpr std::string_view kSmall = "abcdefghijklmnopqrstuvwxyz";
    return are_values && !parts[0].empty() && parts[0].size() <= 40 &&
           has_only(parts[0].substr(0, 1), kSmall) &&
           has_only(parts[0], std::string(kSmall) + "0123456789_");
  }
  return false;
}

/// A number below 10^-290 is near 0, and is not told apart from others there.
bool is_near(double one, double other) {
  return std::fabs(one - other) <= 1e-290 + 1e-12 * std::fabs(one);
}

std::string number_text(double value) {
  char digits[kMetricNumberMax];
  return {digits, put_metric_number(value, digits)};
}

/// The words that say what a threshold is.
std::vector<Text> words_of(const Threshold& threshold, bool with_units) {
  const std::string unit(with_units ? threshold.signal->unit : "");
  std::vector<Text> words = {Text(threshold.text)};
  const auto add = [&](const std::string& word) { words.emplace_back(word); };
  add((threshold.is_below ? "below=" : "above=") + number_text(threshold.limit) + unit);
  if (!is_near(threshold.limit, threshold.clear)) {
    add("clear=" + number_text(threshold.clear) + unit);
  }
  if (threshold.signal->has_window) add("over=" + std::to_string(threshold.over_s));
  if (threshold.signal->has_least) add("least=" + std::to_string(threshold.least));
  add("level=" + std::string(kLevelNames[static_cast<std::size_t>(threshold.level)]));
  return words;
}

void expect_sane(const Threshold& threshold, const std::vector<Text>& words) {
  promise(is_signal(words[0]), "what is taken is a signal");
  promise(threshold.text == words[0].view(), "its text is the word");
  for (std::string_view part : {threshold.text, threshold.metric, threshold.number}) {
    promise(is_within(part, words[0]), "its texts are parts of the word");
  }
  for (std::string_view value : threshold.values.all()) {
    promise(is_within(value, words[0]) && value.size() <= kLabelMax, "so are values");
  }
  for (double limit : {threshold.limit, threshold.clear}) {
    promise(std::fabs(limit) < threshold.signal->most, "a limit is one that can be reached");
    promise(limit >= 0 || threshold.signal->kind == SignalKind::kFile, "and no negative one");
    char digits[kMetricNumberMax];
    const char* const end = put_signal_number(*threshold.signal, limit, digits);
    promise(has_only({digits, static_cast<std::size_t>(end - digits)}, "-.0123456789"),
            "a limit is written without an exponent");
  }
  promise(
      threshold.is_below ? threshold.clear >= threshold.limit : threshold.clear <= threshold.limit,
      "it ends on the other side");
  promise(threshold.over_s >= 10 && threshold.over_s <= 3600, "a window has its bounds");
  promise(threshold.least >= 1 && threshold.least <= 1'000'000, "so has least=");
}

/// Whatever the words are: they are taken with sane values that are parts of them, and are the same
/// when they are written and read again; or they are refused with a sentence.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  std::vector<Text> words;
  do words.push_back(input.line());
  while (!input.empty());
  Threshold threshold;
  if (const char* error = read_words(words, threshold)) {
    promise(std::strlen(error) > 20, "an error is a sentence");
    return 0;
  }
  expect_sane(threshold, words);
  for (bool with_units : {false, true}) {
    Threshold again;
    const std::vector<Text> written = words_of(threshold, with_units);
    promise(read_words(written, again) == nullptr, "what was taken is taken again");
    promise(again.signal == threshold.signal && again.metric == threshold.metric &&
                again.number == threshold.number && again.is_below == threshold.is_below &&
                std::ranges::equal(again.values.all(), threshold.values.all()) &&
                is_near(again.limit, threshold.limit) && is_near(again.clear, threshold.clear) &&
                again.over_s == threshold.over_s && again.least == threshold.least &&
                again.level == threshold.level,
            "and is the same");
  }
  return 0;
}

}  // namespace reqnotes
