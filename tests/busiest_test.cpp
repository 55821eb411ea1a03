#include "reqnotes/metrics/busiest.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <map>
#include <numeric>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace reqnotes {
namespace {

constexpr HashSeed kSeed = {0x9FB21C651E98DF25, 0xC8F3DB2A5D4E7107};
constexpr std::uint32_t kNow = 1'790'000'040;  // a minute begins
static_assert(kNow % 60 == 0);

/// A table in memory of its size, which forked processes have in common.
class BusiestTest : public testing::Test {
 protected:
  BusiestTable make(std::uint32_t keys) {
    const BusiestShape shape = {.key = 7, .keys = keys};
    memory_.resize(memory_.size() + 1);
    Mapped& mapped = memory_.back();
    mapped.size = busiest_bytes(shape) + 8;
    mapped.at =
        mmap(nullptr, mapped.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (mapped.at == MAP_FAILED) std::abort();
    bytes = {static_cast<std::byte*>(mapped.at) + 8, mapped.size - 8};
    return create_busiest(bytes, shape, kSeed, static_cast<std::uint32_t>(getpid()));
  }
  ~BusiestTest() override {
    for (const Mapped& mapped : memory_) munmap(mapped.at, mapped.size);
  }
  static std::vector<BusiestRow> read(const BusiestTable& table, std::uint32_t now,
                                      std::size_t most = 20) {
    std::vector<BusiestRow> rows(most);
    rows.resize(read_busiest(table, now, rows));
    return rows;
  }

  std::span<std::byte> bytes;

 private:
  struct Mapped {
    void* at;
    std::size_t size;
  };
  std::vector<Mapped> memory_;
};

TEST_F(BusiestTest, ListsByWeight) {
  const BusiestTable table = make(64);
  EXPECT_TRUE(read(table, kNow).empty());
  for (std::int64_t weight = 1; weight <= 5; ++weight) {
    add_busiest(table, std::string(static_cast<std::size_t>(weight), 'x'), weight, kNow);
  }
  add_busiest(table, "x", 10, kNow);
  add_busiest(table, "", 7, kNow);
  add_busiest(table, "negative", -1, kNow);
  const auto rows = read(table, kNow, 4);
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_EQ(rows[0].key(), "x");
  EXPECT_EQ(rows[0].weight, 11);
  EXPECT_EQ(rows[0].error, 0);
  EXPECT_EQ(rows[1].key(), "");
  EXPECT_EQ(rows[2].key(), "xxxxx");
  EXPECT_EQ(rows[3].key(), "xxxx");
  EXPECT_EQ(read(table, kNow).size(), 6U) << "what weighs nothing is not there";
  EXPECT_TRUE(read(table, kNow, 0).empty());
}

TEST_F(BusiestTest, RanksByWhatIsCertain) {
  const BusiestTable table = make(64);
  add_busiest(table, "sure", 100, kNow);
  for (unsigned number = 0; number < 2000; ++number) {
    add_busiest(table, "once " + std::to_string(number), 1, kNow);
  }
  add_busiest(table, "late", 80, kNow);
  const auto rows = read(table, kNow, 2);
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].key(), "sure");
  EXPECT_EQ(rows[1].key(), "late");
  EXPECT_EQ(rows[1].certain(), 80);
  EXPECT_GT(rows[1].weight, 100);
}

TEST_F(BusiestTest, HalvesInAMinute) {
  const BusiestTable table = make(64);
  add_busiest(table, "early", 1000, kNow);
  add_busiest(table, "late", 600, kNow + 90);
  const auto weights = [&](std::uint32_t now) {
    std::map<std::string, double> seen;
    for (const BusiestRow& row : read(table, now)) seen[std::string(row.key())] = row.weight;
    return seen;
  };
  EXPECT_NEAR(weights(kNow + 60)["early"], 500, 1e-6);
  EXPECT_NEAR(weights(kNow + 90)["early"], 1000 / std::exp2(1.5), 1e-6);
  EXPECT_NEAR(weights(kNow + 90)["late"], 600, 1e-6);
  EXPECT_NEAR(weights(kNow + 150)["late"], 300, 1e-6);
  EXPECT_NEAR(weights(kNow + 600)["early"], 1000 / 1024.0, 1e-6);
}

TEST_F(BusiestTest, AddsUpToARate) {
  const BusiestTable table = make(64);
  for (std::uint32_t second = 0; second < 100'000; ++second)
    add_busiest(table, "steady", 3, kNow + second);
  const auto rows = read(table, kNow + 99'999);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_NEAR(rows[0].weight / kBusiestSteady, 3, 0.05) << "over many thousands of minutes";
}

TEST_F(BusiestTest, OutlivesAnyClock) {
  const BusiestTable table = make(64);
  std::uint32_t now = kNow;
  for (std::uint32_t jump :
       {0U, 100'000U, 4'000'000'000U, 60U, UINT32_MAX - 60U, 30'720U, 30'719U}) {
    now += jump;
    add_busiest(table, "key", 5, now);
    const auto rows = read(table, now);
    ASSERT_EQ(rows.size(), 1U) << jump;
    EXPECT_GE(rows[0].weight, 4.9) << jump;
    EXPECT_LE(rows[0].weight, 60) << jump;
  }
  add_busiest(table, "key", INT64_MAX, now);
  EXPECT_TRUE(std::isfinite(read(table, now)[0].weight));
  for (std::uint32_t later : {1'000U, 100'000U, 1'000'000'000U}) {
    for (const BusiestRow& row : read(table, now + later)) EXPECT_TRUE(std::isfinite(row.weight));
  }
}

TEST_F(BusiestTest, CutsKeysAtACharacter) {
  const BusiestTable table = make(64);
  const std::string most(kBusiestKeyMax - 1, 'x');
  add_busiest(table,
              most +
                  "\xC3\xA9"
                  "a",
              1, kNow);
  add_busiest(table,
              most +
                  "\xC3\xA9"
                  "b",
              1, kNow);
  add_busiest(table, most, 1, kNow);
  const auto rows = read(table, kNow);
  ASSERT_EQ(rows.size(), 1U) << "what is equal when cut is one key";
  EXPECT_EQ(rows[0].key(), most);
  EXPECT_EQ(rows[0].weight, 3);
}

TEST_F(BusiestTest, IsOfOneShapeAndVersion) {
  const BusiestTable table = make(100);
  EXPECT_EQ(table.sets, 13U);
  add_busiest(table, "a", 1, kNow);
  const auto again = find_busiest_table(bytes, {7, 100}, 1);
  ASSERT_TRUE(again);
  add_busiest(*again, "a", 1, kNow);
  EXPECT_EQ(read(*again, kNow)[0].weight, 2);
  EXPECT_FALSE(find_busiest_table(bytes, {8, 100}, 1));
  EXPECT_FALSE(find_busiest_table(bytes, {7, 90}, 1));
  EXPECT_FALSE(find_busiest_table(bytes, {7, 200}, 1));
  ++table.header->version;
  EXPECT_FALSE(find_busiest_table(bytes, {7, 100}, 1));
}

/// Numbers below a size, each less often than the one before it.
class Zipf {
 public:
  Zipf(std::size_t size, double exponent) : sums_(size) {
    double sum = 0;
    for (std::size_t at = 0; at < size; ++at) {
      sums_[at] = sum += std::pow(static_cast<double>(at + 1), -exponent);
    }
  }
  std::size_t operator()(std::mt19937_64& random) {
    const double at = std::uniform_real_distribution<double>(0, sums_.back())(random);
    return static_cast<std::size_t>(std::upper_bound(sums_.begin(), sums_.end() - 1, at) -
                                    sums_.begin());
  }

 private:
  std::vector<double> sums_;
};

TEST_F(BusiestTest, HasTheTrueOnes) {
  constexpr std::size_t kUsers = 100'000;
  constexpr unsigned kRequests = 1'000'000;
  for (double exponent : {1.0, 0.8, 0.6}) {
    const BusiestTable table = make(4096);
    Zipf zipf(kUsers, exponent);
    std::mt19937_64 random(1);
    std::vector<unsigned> counts(kUsers);
    for (unsigned request = 0; request < kRequests; ++request) {
      const std::size_t user = zipf(random);
      ++counts[user];
      add_busiest(table, "user" + std::to_string(user), 1, kNow);
    }
    std::vector<std::size_t> order(kUsers);
    std::iota(order.begin(), order.end(), 0U);
    std::sort(order.begin(), order.end(), [&](auto a, auto b) { return counts[a] > counts[b]; });
    std::set<std::string> listed;
    for (const BusiestRow& row : read(table, kNow, 20)) {
      const std::string key(row.key());
      listed.insert(key);
      const unsigned count = counts[std::stoul(key.substr(4))];
      EXPECT_LE(row.certain(), count + 1e-6) << key << ", " << exponent;
      EXPECT_GE(row.weight, count - 1e-6) << key << ", " << exponent;
    }
    std::size_t found = 0;
    for (std::size_t at = 0; at < 20; ++at)
      found += listed.count("user" + std::to_string(order[at]));
    EXPECT_EQ(found, 20U) << exponent;
  }
}

TEST_F(BusiestTest, LosesNothingButWhatItSkips) {
  const BusiestTable table = make(64);
  constexpr unsigned kThreads = 4;
  constexpr unsigned kRounds = 20'000;
  {
    std::vector<std::jthread> threads;
    for (unsigned thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&] {
        for (unsigned round = 0; round < kRounds; ++round) {
          add_busiest(table, std::to_string(round % 8), 1, kNow);
          if (round % 1000 == 0) read(table, kNow);
        }
      });
    }
  }
  double sum = 0;
  for (const BusiestRow& row : read(table, kNow)) sum += row.certain();
  EXPECT_EQ(sum + static_cast<double>(table.header->skipped), kThreads * kRounds);
}

void die() {
  raise(SIGKILL);
}

TEST_F(BusiestTest, OutlivesAProcessThatWasKilledInside) {
  BusiestTable table = make(64);
  const auto is_alive = [](std::uint32_t process) {
    return kill(static_cast<pid_t>(process), 0) == 0 || errno != ESRCH;
  };
  const pid_t child = fork();
  if (child == 0) {
    table.self = static_cast<std::uint32_t>(getpid());
    add_busiest<die>(table, "key", 1, kNow);
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  add_busiest(table, "key", 1, kNow);
  EXPECT_EQ(table.header->skipped, 1U) << "nobody waits";
  EXPECT_TRUE(read(table, kNow).empty());
  maintain_busiest(table, [](std::uint32_t) { return true; });
  add_busiest(table, "key", 1, kNow);
  EXPECT_EQ(table.header->skipped, 2U);
  maintain_busiest(table, is_alive);
  EXPECT_TRUE(read(table, kNow).empty()) << "what was half written is gone";
  add_busiest(table, "key", 1, kNow);
  EXPECT_EQ(read(table, kNow).size(), 1U);
}

}  // namespace
}  // namespace reqnotes
