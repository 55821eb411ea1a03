#include "reqnotes/metrics/histogram.hpp"

#include <gtest/gtest.h>

#include <random>

namespace reqnotes {
namespace {

using Counts = std::array<std::uint64_t, kBins>;

/// By looking at one bound after the other.
std::size_t bin_slowly(std::int64_t duration_us) {
  std::size_t bin = 0;
  while (bin < kBounds.size() && duration_us > kBounds[bin]) ++bin;
  return bin;
}

TEST(BinOf, HasTheBoundsThatTheManualSays) {
  EXPECT_EQ(kBins, 62U);
  EXPECT_EQ(kBounds.front(), 100);
  EXPECT_EQ(kBounds[1], 125);
  EXPECT_EQ(kBounds[9], 800);
  EXPECT_EQ(kBounds[10], 1000);
  EXPECT_EQ(kBounds[59], 80'000'000);
  EXPECT_EQ(kBounds.back(), 100'000'000);
}

TEST(BinOf, IsExactAtEachBound) {
  for (std::size_t bin = 0; bin < kBounds.size(); ++bin) {
    ASSERT_EQ(bin_of(kBounds[bin] - 1), bin) << kBounds[bin];
    ASSERT_EQ(bin_of(kBounds[bin]), bin) << "a bound is within its bin: " << kBounds[bin];
    ASSERT_EQ(bin_of(kBounds[bin] + 1), bin + 1) << kBounds[bin];
  }
}

TEST(BinOf, TakesAnyDuration) {
  EXPECT_EQ(bin_of(INT64_MIN), 0U);
  EXPECT_EQ(bin_of(-1), 0U);
  EXPECT_EQ(bin_of(0), 0U);
  EXPECT_EQ(bin_of(INT64_MAX), kBins - 1);
  for (std::int64_t duration = 0; duration < 1'200'000; ++duration) {
    ASSERT_EQ(bin_of(duration), bin_slowly(duration)) << duration;
  }
  for (unsigned bits = 0; bits < 63; ++bits) {
    for (std::int64_t beside = -2; beside <= 2; ++beside) {
      const std::int64_t duration = (std::int64_t{1} << bits) + beside;
      ASSERT_EQ(bin_of(duration), bin_slowly(duration)) << duration;
    }
  }
  std::mt19937_64 random(1);
  for (unsigned round = 0; round < 1'000'000; ++round) {
    const auto duration = static_cast<std::int64_t>(random() >> random() % 64);
    ASSERT_EQ(bin_of(duration), bin_slowly(duration)) << duration;
  }
}

TEST(FindBound, KnowsBoundsOnly) {
  for (std::size_t bin = 0; bin < kBounds.size(); ++bin) {
    EXPECT_EQ(find_bound(kBounds[bin]), bin);
    EXPECT_EQ(find_bound(kBounds[bin] + 1), std::nullopt);
    EXPECT_EQ(find_bound(kBounds[bin] - 1), std::nullopt);
  }
  EXPECT_EQ(find_bound(0), std::nullopt);
  EXPECT_EQ(find_bound(125'000'000), std::nullopt);
}

TEST(Quantile, IsAbsentWhereNothingWasCounted) {
  EXPECT_EQ(quantile(Counts{}, 0.5), std::nullopt);
}

TEST(Quantile, LiesEvenlyInItsBin) {
  Counts counts{};
  counts[0] = 10;
  EXPECT_EQ(quantile(counts, 0.5), 50.0);
  EXPECT_EQ(quantile(counts, 0.0), 0.0);
  EXPECT_EQ(quantile(counts, 1.0), 100.0);
  counts[3] = 10;  // (150, 200]
  EXPECT_EQ(quantile(counts, 0.5), 100.0) << "the end of the first, not of what lies between";
  EXPECT_EQ(quantile(counts, 0.75), 175.0);
  EXPECT_EQ(quantile(counts, 1.0), 200.0);
}

TEST(Quantile, IsTheLastBoundAboveIt) {
  Counts counts{};
  counts[kBins - 1] = 1;
  EXPECT_EQ(quantile(counts, 0.0), 100e6);
  EXPECT_EQ(quantile(counts, 0.99), 100e6);
  counts[5] = 98;
  EXPECT_LE(*quantile(counts, 0.98), 300.0);
  EXPECT_EQ(quantile(counts, 0.999), 100e6);
}

TEST(Quantile, HoldsTheLargestCounts) {
  Counts counts{};
  counts.fill(UINT64_MAX);
  const double middle = *quantile(counts, 0.5);
  EXPECT_GT(middle, 100e3 * 0.5);
  EXPECT_LT(middle, 100e3 * 1.5);
}

}  // namespace
}  // namespace reqnotes
