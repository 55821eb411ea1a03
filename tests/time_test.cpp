#include "reqnotes/text/time.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <ctime>
#include <random>
#include <string>

namespace reqnotes {
namespace {

std::string written(std::int64_t time) {
  std::string text(kTimeSize + 1, '#');
  EXPECT_EQ(put_time(time, text.data()), text.data() + kTimeSize);
  EXPECT_EQ(text.back(), '#');
  text.pop_back();
  return text;
}

TEST(PutTime, WritesEachCase) {
  EXPECT_EQ(written(0), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(written(-1), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(written(951'782'399'000'001), "2000-02-28T23:59:59.000001Z");
  EXPECT_EQ(written(951'782'400'000'000), "2000-02-29T00:00:00.000000Z");
  EXPECT_EQ(written(4'107'542'400'000'000), "2100-03-01T00:00:00.000000Z");
  EXPECT_EQ(written(253'402'300'799'999'999), "9999-12-31T23:59:59.999999Z");
  EXPECT_EQ(written(253'402'300'800'000'000), "9999-12-31T23:59:59.999999Z");
  EXPECT_EQ(written(INT64_MAX), "9999-12-31T23:59:59.999999Z");
  EXPECT_EQ(written(-62'135'596'800'000'000), "0001-01-01T00:00:00.000000Z");
  EXPECT_EQ(written(INT64_MIN), "0001-01-01T00:00:00.000000Z");
}

TEST(PutTime, KeepsItsShapeInAnyYear) {
  constexpr std::int64_t kYear = 31'556'952'000'000;
  for (std::int64_t year = -290'000; year < 290'000; year += 37) {
    std::string shape = written(year * kYear);
    for (char& c : shape) c = c >= '0' && c <= '9' ? '0' : c;
    ASSERT_EQ(shape, "0000-00-00T00:00:00.000000Z") << year;
  }
}

// Every day of four hundred years before 1970 and after it.
TEST(PutTime, AgreesWithTheCLibraryOnEveryDay) {
  for (std::int64_t day = -146'097; day < 146'097; ++day) {
    const std::time_t seconds = day * 86'400;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char want[64];
    std::strftime(want, sizeof want, "%Y-%m-%dT00:00:00.000000Z", &parts);
    ASSERT_EQ(written(seconds * 1'000'000), want);
  }
}

TEST(PutTime, AgreesWithTheCLibrary) {
  std::mt19937_64 random(20261127);
  for (int round = 0; round < 20000; ++round) {
    const auto time = static_cast<std::int64_t>(random() % 253'402'300'800'000'000);
    const std::time_t seconds = time / 1'000'000;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char want[64];
    const std::size_t size = std::strftime(want, sizeof want, "%Y-%m-%dT%H:%M:%S", &parts);
    std::snprintf(want + size, sizeof want - size, ".%06dZ", static_cast<int>(time % 1'000'000));
    EXPECT_EQ(written(time), want);
  }
}

}  // namespace
}  // namespace reqnotes
