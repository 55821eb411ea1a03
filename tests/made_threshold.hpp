#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "reqnotes/metrics/report.hpp"
#include "reqnotes/metrics/threshold.hpp"
#include "reqnotes/metrics/watch.hpp"

namespace reqnotes {

/// What the words of a ReqNotesThreshold say: `NAME SIGNAL OPTION...`, one blank between two.
struct MadeThreshold {
  explicit MadeThreshold(std::string_view line) {
    for (std::size_t begin = 0, end = 0; end != line.npos; begin = end + 1) {
      end = line.find(' ', begin);
      words_.emplace_back(line.substr(begin, end == line.npos ? end : end - begin));
    }
    threshold.name = words_.at(0);
    error = parse_signal(words_.at(1), threshold);
    GivenLimits given;
    for (std::size_t at = 2; !error && at < words_.size(); ++at) {
      error = parse_threshold_option(words_[at], threshold, given);
    }
    if (!error) error = finish_threshold(threshold, given);
  }
  MadeThreshold(const MadeThreshold&) = delete;
  MadeThreshold& operator=(const MadeThreshold&) = delete;

  /// As it is shown in a state; its value, where it has one, is `value`.
  [[nodiscard]] ThresholdView view(State state, double value = 0,
                                   Reading::What what = Reading::What::kValue) const {
    ThresholdView view = {.threshold = &threshold, .status = {}};
    view.status.state = state;
    view.status.reading.what = state == State::kUnknown ? Reading::What::kMissing : what;
    view.status.reading.value = value;
    return view;
  }

  Threshold threshold;
  const char* error = nullptr;

 private:
  std::vector<std::string> words_;
};

}  // namespace reqnotes
