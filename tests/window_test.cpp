#include "reqnotes/metrics/window.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "made_report.hpp"

namespace reqnotes {
namespace {

constexpr std::int64_t kSecond = 1'000'000;

WindowCounts window_of(const MadeMetric& metric, std::uint32_t number, std::int64_t now) {
  return read_window(metric.view.table, metric.view.windows, number, now);
}

TEST(Window, IsNothingBeforeTheFirstSnapshot) {
  const MadeMetric metric("http", {"a"}, {}, 4);
  metric.count({"x"}, 200, 1000);
  EXPECT_EQ(window_of(metric, 0, kSecond).seconds, 0);
  EXPECT_EQ(window_of(metric, 0, kSecond).requests, 0U);
  EXPECT_EQ(read_sparkline(metric.view.windows, 0).count, 0U);
}

TEST(Window, IsAboutAMinute) {
  const MadeMetric metric("http", {"a"}, {}, 4);
  for (std::int64_t at = 0; at <= 300; at += 10) {
    metric.snapshot(at * kSecond);
    metric.count({"x"}, at % 20 == 0 ? 503 : 200, 2 * kSecond);
  }
  for (std::int64_t after : {1, 4, 9}) {
    const WindowCounts window = window_of(metric, 0, (300 + after) * kSecond);
    EXPECT_EQ(window.seconds, after == 0 ? 60 : 60 + static_cast<double>(after)) << after;
    EXPECT_EQ(window.requests, 7U);
    EXPECT_EQ(window.failed, 4U);
    EXPECT_EQ(window.duration_us, 14U * kSecond);
    EXPECT_EQ(window.bins[bin_of(2 * kSecond)], 7U);
  }
  const Sparkline line = read_sparkline(metric.view.windows, 0);
  EXPECT_EQ(line.count, 30U);
  for (std::uint32_t requests : line.all()) EXPECT_EQ(requests, 1U);
}

/// What was counted when, and what a window is then, by another way.
TEST(Window, IsWhatAModelSays) {
  std::mt19937_64 random(7);
  const MadeMetric metric("http", {"a"}, {}, 3);
  struct Then {
    std::int64_t time;
    std::array<std::uint64_t, 4> requests;
  };
  std::vector<Then> snapshots;
  std::array<std::uint64_t, 4> requests{};
  std::int64_t now = 1;
  for (unsigned round = 0; round < 400; ++round) {
    for (std::size_t count = random() % 20; count > 0; --count) {
      const std::size_t label = random() % 5;  // two of them are in `other`
      metric.count({std::to_string(label)}, 200, 500);
      std::size_t number = 3;
      for (std::uint32_t at = 0; at < 3; ++at) {
        Series* const series = find_live(metric.view.table, at);
        if (series && label_of(metric.view.table, *series, 0) == std::to_string(label)) number = at;
      }
      ++requests[number];
    }
    now += static_cast<std::int64_t>(1 + random() % 3) * kSecond / 2;
    // Late now and then, and once for long.
    if (random() % 8 == 0) now += round == 200 ? 900 * kSecond : 0;
    if (snapshots.empty() || now - snapshots.back().time >= kSnapshotEvery) {
      metric.snapshot(now);
      snapshots.push_back({now, requests});
      now += 1;
    }
    const Then* first = nullptr;
    for (std::size_t back = 1; back < kSnapshots && back <= snapshots.size(); ++back) {
      first = &snapshots[snapshots.size() - back];
      if (now - first->time >= kWindow) break;
    }
    for (std::uint32_t number = 0; number < 4 && first; ++number) {
      if (!find_live(metric.view.table, number)) continue;
      const WindowCounts window = window_of(metric, number, now);
      ASSERT_EQ(window.requests, requests[number] - first->requests[number]) << round;
      ASSERT_DOUBLE_EQ(window.seconds, static_cast<double>(now - first->time) / 1e6);
      const Sparkline line = read_sparkline(metric.view.windows, number);
      for (std::size_t at = 0; at < line.count; ++at) {
        const std::size_t newest = snapshots.size() - 1;
        const std::size_t which = newest - (line.count - 1 - at);
        ASSERT_EQ(line.requests[at],
                  snapshots[which].requests[number] - snapshots[which - 1].requests[number]);
      }
    }
  }
}

TEST(Window, IsAsLongAsItIsWhereTheMonitorIsLate) {
  const MadeMetric metric("http", {}, {}, 1);
  metric.count({}, 200, 1);
  metric.snapshot(1);
  metric.count({}, 200, 1);
  EXPECT_EQ(window_of(metric, 0, 1 + 600 * kSecond).seconds, 600);
  EXPECT_EQ(window_of(metric, 0, 1 + 600 * kSecond).requests, 1U);
}

TEST(Window, LeavesOutWhatMayBeWrittenOver) {
  const MadeMetric metric("http", {}, {}, 1);
  for (std::int64_t at = 0; at < 100; ++at) metric.snapshot(1 + at * kSecond);
  EXPECT_EQ(window_of(metric, 0, 1 + 100 * kSecond).seconds, kSnapshots - 1);
  EXPECT_EQ(read_sparkline(metric.view.windows, 0).count, kPoints - 2);
}

TEST(Window, SurvivesAClockThatWasSetBack) {
  const MadeMetric metric("http", {}, {}, 1);
  for (std::int64_t at = 1; at <= 5; ++at) metric.snapshot(at * 1000 * kSecond);
  metric.count({}, 200, 1);
  EXPECT_EQ(window_of(metric, 0, kSecond).seconds, 0) << "all of it is yet to come";
  metric.snapshot(kSecond);
  metric.count({}, 200, 1);
  EXPECT_EQ(window_of(metric, 0, 3 * kSecond).seconds, 2);
  EXPECT_EQ(window_of(metric, 0, 3 * kSecond).requests, 1U);
}

TEST(Window, CountsBeyond32Bits) {
  const MadeMetric metric("http", {}, {}, 1);
  Series& series = find_series(metric.view.table, {});
  series.bins[3].store(0x1'FFFF'FFFF);
  series.classes[5].store(0x1'FFFF'FFFF);
  metric.snapshot(1);
  metric.snapshot(2);
  series.bins[3].fetch_add(5);
  series.classes[5].fetch_add(3);
  metric.snapshot(3);
  const WindowCounts window = window_of(metric, 0, kSecond);
  EXPECT_EQ(window.requests, 5U);
  EXPECT_EQ(window.failed, 3U);
  EXPECT_EQ(read_sparkline(metric.view.windows, 0).requests[1], 5U);
}

TEST(Windows, AreFoundAgain) {
  const SeriesShape shape = {.key = 7, .series = 5, .labels = 1, .sums = 0};
  std::vector<std::byte> memory(windows_bytes(shape));
  const std::span<std::byte> all(memory);
  EXPECT_FALSE(find_windows(all, shape));
  create_windows(all, shape);
  EXPECT_TRUE(find_windows(all, shape));
  EXPECT_FALSE(find_windows(all.first(all.size() - 1), shape));
  EXPECT_FALSE(find_windows(all, {.key = 8, .series = 5, .labels = 1, .sums = 0}));
  EXPECT_FALSE(find_windows(all, {.key = 7, .series = 4, .labels = 1, .sums = 0}));
  EXPECT_LE(sizeof(SeriesWindow), 2400U);
}

TEST(Windows, AreReadWhileTheyAreWritten) {
  const MadeMetric metric("http", {"a"}, {}, 2);
  std::atomic<bool> is_over = false;
  std::thread counting([&] {
    while (!is_over) metric.count({"x"}, 503, 10);
  });
  std::thread reading([&] {
    while (!is_over) {
      const WindowCounts window = window_of(metric, 0, 1'000'000 * kSecond);
      EXPECT_LE(window.failed, window.requests);
      read_sparkline(metric.view.windows, 0);
    }
  });
  for (std::int64_t at = 1; at < 2000; ++at) metric.snapshot(at * 10 * kSecond);
  is_over = true;
  counting.join();
  reading.join();
}

}  // namespace
}  // namespace reqnotes
