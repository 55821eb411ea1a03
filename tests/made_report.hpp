#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "made_flags.hpp"
#include "made_threshold.hpp"
#include "reqnotes/flags/flag_state.hpp"
#include "reqnotes/flags/trip.hpp"
#include "reqnotes/metrics/answer.hpp"
#include "reqnotes/metrics/json_report.hpp"
#include "reqnotes/metrics/metric.hpp"
#include "reqnotes/metrics/page.hpp"
#include "reqnotes/metrics/report.hpp"

namespace reqnotes {

constexpr char kMadeTrace[] = "0123456789abcdef0123456789abcdef";
constexpr std::int64_t kMadeNow = 1'790'000'000'000'000;

/// A metric with its memory.
class MadeMetric {
 public:
  MadeMetric(std::string_view name, std::vector<std::string_view> labels,
             std::vector<std::string_view> sums, std::uint32_t series)
      : labels_(std::move(labels)),
        sums_(std::move(sums)),
        shape_{.key = 7,
               .series = series,
               .labels = static_cast<std::uint32_t>(labels_.size()),
               .sums = static_cast<std::uint32_t>(sums_.size())},
        counted_(series_bytes(shape_)),
        kept_(windows_bytes(shape_)) {
    const std::span<std::byte> memory(counted_);
    view = {.name = name,
            .labels = labels_,
            .sums = sums_,
            .buckets = kDefaultBuckets.all(),
            .table = create_series(memory, shape_, {1, 2}, 1),
            .windows = create_windows(kept_, shape_)};
  }
  MadeMetric(const MadeMetric&) = delete;
  MadeMetric& operator=(const MadeMetric&) = delete;

  void count(const std::vector<std::string>& labels, int status, std::int64_t duration_us,
             const std::vector<double>& sums = {}, std::int64_t time_us = kMadeNow) const {
    std::array<char, kLabelMax> room[kLabelsMax];
    std::vector<std::string_view> made;
    for (const std::string& label : labels) {
      made.push_back(make_label(label, std::span<char, kLabelMax>(room[made.size()])));
    }
    count_request(view.table, find_series(view.table, made),
                  {status, duration_us, time_us, kMadeTrace, sums});
  }
  void snapshot(std::int64_t now) const { take_snapshot(view.table, view.windows, now); }

  MetricView view;

 private:
  std::vector<std::string_view> labels_;
  std::vector<std::string_view> sums_;
  SeriesShape shape_;
  std::vector<std::byte> counted_;
  std::vector<std::byte> kept_;
};

class MadeList {
 public:
  MadeList(std::string_view field, std::string_view privacy)
      : memory_(busiest_bytes(kShape)),
        view{.field = field,
             .privacy = privacy,
             .table = create_busiest(memory_, kShape, {1, 2}, 1)} {}
  MadeList(const MadeList&) = delete;
  MadeList& operator=(const MadeList&) = delete;

 private:
  static constexpr BusiestShape kShape = {.key = 1, .keys = 64};
  std::vector<std::byte> memory_;

 public:
  BusiestView view;
};

/// Numbers that applications dropped: each is one of the file that was added last.
class MadeDropped {
 public:
  MadeDropped() { all->stale_us = 300'000'000; }

  void file(std::string_view name, std::int64_t age_us = 0, std::string_view refused = "",
            std::uint32_t owner = 1000) const {
    DroppedFile& file = all->files[all->file_count++];
    file.name_size = static_cast<std::uint8_t>(name.copy(file.name, kFileNameMax));
    file.owner = owner;
    file.time_us = owner == kNoOwner ? 0 : kMadeNow - age_us;
    refused.copy(file.refused, kRefusedMax - 1);
  }
  void number(std::string_view name, double value) const {
    DroppedNumber& number = all->numbers[all->number_count++];
    number.name_size = static_cast<std::uint8_t>(name.copy(number.name, kNumberNameMax));
    number.family_size = static_cast<std::uint8_t>(family_of(name).size());
    number.file = static_cast<std::uint8_t>(all->file_count - 1);
    number.value = value;
  }

  const std::unique_ptr<Dropped> all = std::make_unique<Dropped>();
};

/// A file of flags with what was counted of them.
class MadeFlagsFile {
 public:
  explicit MadeFlagsFile(const std::string& text) {
    state->set = *MadeFlags(text).set;
    for (std::size_t place = 0; place < state->set.count; ++place) {
      state->series[place] = find_flag_series(view.table, state->set.flags[place].text());
    }
  }
  MadeFlagsFile(const MadeFlagsFile&) = delete;
  MadeFlagsFile& operator=(const MadeFlagsFile&) = delete;

  [[nodiscard]] const FlagSeries& series(std::size_t place) const { return state->series[place]; }
  void count(std::uint16_t number, int status, std::int64_t duration_us) const {
    count_request(view.table, view.table.at(number),
                  {status, duration_us, kMadeNow, kMadeTrace, {}});
  }
  void trip(std::size_t place, double share, std::int64_t ago_s) const {
    add_trip(state->trips, state->set.flags[place], share, kMadeNow / 1'000'000 - ago_s);
  }
  void refuse(std::string_view why) const { why.copy(state->refused.flags, kFlagRefusedMax - 1); }
  void refuse_trips(std::string_view why) const {
    why.copy(state->refused.trips, kFlagRefusedMax - 1);
    state->are_trips_unknown = true;
  }
  void snapshot(std::int64_t now) const { take_snapshot(view.table, view.windows, now); }

 private:
  static constexpr SeriesShape kShape = flag_shape(1);
  const std::unique_ptr<FlagState> state = std::make_unique<FlagState>();
  std::vector<std::byte> counted_ = std::vector<std::byte>(series_bytes(kShape));
  std::vector<std::byte> kept_ = std::vector<std::byte>(windows_bytes(kShape));

 public:
  const FlagsFileView view = {.path = "/etc/reqnotes/photos.flags",
                              .state = state.get(),
                              .table = create_series(counted_, kShape, {1, 2}, 1),
                              .windows = create_windows(kept_, kShape)};
};

/// What the three answers are, in chunks of `chunk` bytes.
struct Answers {
  explicit Answers(const Report& report, std::size_t chunk = 512, bool is_paused = false) {
    const auto take = [](void* to, std::string_view part) {
      *static_cast<std::string*>(to) += part;
    };
    std::vector<char> buffer(chunk);
    put_metrics(report, Exposition::kText, buffer, take, &text);
    put_metrics(report, Exposition::kOpenMetrics, buffer, take, &open);
    put_json(report, buffer, take, &json);
    put_page(report, {.is_paused = is_paused}, buffer, take, &page);
  }
  std::string text;
  std::string open;
  std::string json;
  std::string page;
};

}  // namespace reqnotes
