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
                                      std::size_t most = 20, BusiestBy by = BusiestBy::kRequests) {
    std::vector<BusiestRow> rows(most);
    rows.resize(read_busiest(table, now, by, rows));
    return rows;
  }
  static std::vector<std::string> keys(const std::vector<BusiestRow>& rows) {
    std::vector<std::string> names;
    for (const BusiestRow& row : rows) names.emplace_back(row.key());
    return names;
  }
  static std::uint64_t set_of(const BusiestTable& table, std::string_view key) {
    return (hash_text(kSeed, kSeed.first, key) >> 32) * table.sets >> 32;
  }
  /// Names of keys that want the same places.
  static std::vector<std::string> of_one_set(const BusiestTable& table, std::size_t count) {
    std::vector<std::string> names;
    for (unsigned number = 0; names.size() < count; ++number) {
      const std::string name = "key" + std::to_string(number);
      if (set_of(table, name) == 0) names.push_back(name);
    }
    return names;
  }

  std::span<std::byte> bytes;

 private:
  struct Mapped {
    void* at;
    std::size_t size;
  };
  std::vector<Mapped> memory_;
};

TEST_F(BusiestTest, ListsByRequestsAndByTime) {
  const BusiestTable table = make(64);
  EXPECT_TRUE(read(table, kNow).empty());
  for (int request = 0; request < 4; ++request) add_busiest(table, "often", {10, false, kNow});
  for (int request = 0; request < 3; ++request) {
    add_busiest(table, "", {300, request == 0, kNow});
  }
  add_busiest(table, "slow", {1000, true, kNow});
  add_busiest(table, "negative", {5, false, kNow});
  add_busiest(table, "negative", {-1, false, kNow});
  add_busiest(table, "no time", {0, false, kNow});
  EXPECT_EQ(keys(read(table, kNow, 2)), (std::vector<std::string>{"often", ""}));
  EXPECT_EQ(keys(read(table, kNow, 20, BusiestBy::kTime)),
            (std::vector<std::string>{"slow", "", "often", "negative"}))
      << "what took no time is not there";
  EXPECT_EQ(read(table, kNow, 20, BusiestBy::kTime)[3].time_us, 5);
  EXPECT_EQ(read(table, kNow).size(), 5U);
  EXPECT_TRUE(read(table, kNow, 0).empty());
  const BusiestRow row = read(table, kNow)[1];
  EXPECT_EQ(row.requests, 3);
  EXPECT_EQ(row.failed, 1);
  EXPECT_EQ(row.time_us, 900);
  EXPECT_EQ(row.error, 0);
  EXPECT_EQ(row.time_error_us, 0);
}

TEST_F(BusiestTest, RanksByWhatIsCertain) {
  const BusiestTable table = make(64);
  for (int request = 0; request < 100; ++request) add_busiest(table, "sure", {5, false, kNow});
  for (unsigned number = 0; number < 2000; ++number) {
    add_busiest(table, "once " + std::to_string(number), {5, false, kNow});
  }
  for (int request = 0; request < 80; ++request) add_busiest(table, "late", {5, true, kNow});
  for (const BusiestBy by : {BusiestBy::kRequests, BusiestBy::kTime}) {
    const auto rows = read(table, kNow, 2, by);
    ASSERT_EQ(rows.size(), 2U);
    EXPECT_EQ(rows[0].key(), "sure");
    EXPECT_EQ(rows[1].key(), "late");
    EXPECT_EQ(rows[1].requests, 80);
    EXPECT_EQ(rows[1].failed, 80);
    EXPECT_EQ(rows[1].time_us, 400);
    EXPECT_GT(rows[1].error, 20);
    EXPECT_NEAR(rows[1].time_error_us, rows[1].error * 5, 1e-6);
  }
}

TEST_F(BusiestTest, OwnsUpToWhatItForgot) {
  const BusiestTable table = make(64);
  const auto names = of_one_set(table, kBusiestWays + 1);
  // The first one has the most requests and weighs least, as the others take more time.
  for (int request = 0; request < 2; ++request) add_busiest(table, names[0], {0, false, kNow});
  for (std::size_t at = 1; at < kBusiestWays; ++at) {
    add_busiest(table, names[at], {10'000, false, kNow});
  }
  // Another one takes its place, and changes the mean: what the others took is little now.
  add_busiest(table, names[kBusiestWays], {1'000'000'000, false, kNow});
  const auto find = [&](const std::string& name) {
    for (const BusiestRow& row : read(table, kNow)) {
      if (row.key() == name) return row;
    }
    return BusiestRow{};
  };
  EXPECT_EQ(find(names[0]).requests, 0) << "it had to go";
  EXPECT_EQ(find(names[kBusiestWays]).error, 2);
  add_busiest(table, names[0], {0, false, kNow});
  EXPECT_EQ(find(names[0]).requests, 1);
  EXPECT_GE(find(names[0]).error, 2);
}

TEST_F(BusiestTest, HalvesInAMinute) {
  const BusiestTable table = make(64);
  add_busiest(table, "early", {1000, true, kNow});
  add_busiest(table, "late", {600, false, kNow + 90});
  const auto find = [&](const char* key, std::uint32_t now) {
    for (const BusiestRow& row : read(table, now)) {
      if (row.key() == key) return row;
    }
    return BusiestRow{};
  };
  EXPECT_NEAR(find("early", kNow + 60).time_us, 500, 1e-6);
  EXPECT_NEAR(find("early", kNow + 60).requests, 0.5, 1e-9);
  EXPECT_NEAR(find("early", kNow + 60).failed, 0.5, 1e-9);
  EXPECT_NEAR(find("early", kNow + 90).time_us, 1000 / std::exp2(1.5), 1e-6);
  EXPECT_NEAR(find("late", kNow + 90).time_us, 600, 1e-6);
  EXPECT_NEAR(find("late", kNow + 150).requests, 0.5, 1e-9);
  EXPECT_NEAR(find("early", kNow + 600).time_us, 1000 / 1024.0, 1e-6);
}

TEST_F(BusiestTest, AddsUpToARate) {
  const BusiestTable table = make(64);
  for (std::uint32_t second = 0; second < 100'000; ++second) {
    for (int request = 0; request < 3; ++request) {
      add_busiest(table, "steady", {500, request == 0, kNow + second});
    }
  }
  const auto rows = read(table, kNow + 99'999);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_NEAR(rows[0].requests / kBusiestSteady, 3, 0.05) << "over many thousands of minutes";
  EXPECT_NEAR(rows[0].failed / kBusiestSteady, 1, 0.02);
  EXPECT_NEAR(rows[0].time_us / kBusiestSteady, 1500, 25);
}

bool is_finite(const BusiestRow& row) {
  return std::isfinite(row.requests) && std::isfinite(row.failed) && std::isfinite(row.time_us) &&
         std::isfinite(row.error) && std::isfinite(row.time_error_us);
}

TEST_F(BusiestTest, OutlivesAnyClock) {
  const BusiestTable table = make(64);
  std::uint32_t now = kNow;
  for (std::uint32_t jump :
       {0U, 100'000U, 4'000'000'000U, 60U, UINT32_MAX - 60U, 30'720U, 30'719U}) {
    now += jump;
    for (int request = 0; request < 5; ++request) add_busiest(table, "key", {7, true, now});
    const auto rows = read(table, now);
    ASSERT_EQ(rows.size(), 1U) << jump;
    EXPECT_GE(rows[0].requests, 4.9) << jump;
    EXPECT_LE(rows[0].requests, 60) << jump;
    EXPECT_EQ(rows[0].failed, rows[0].requests) << jump;
  }
  add_busiest(table, "key", {INT64_MAX, false, now});
  EXPECT_TRUE(is_finite(read(table, now)[0]));
}

TEST_F(BusiestTest, StaysFiniteWhileItForgets) {
  // Steps that leave the least of numbers, without making them 0 at once.
  for (std::uint32_t step = 512; step < 1100; step += 7) {
    const BusiestTable table = make(64);
    const auto names = of_one_set(table, 20);
    for (std::size_t at = 0; at < names.size(); ++at) {
      add_busiest(table, names[at], {at % 2 == 0 ? INT64_MAX : 0, false, kNow});
    }
    std::uint32_t now = kNow;
    for (int steps = 0; steps < 4; ++steps, now += step * 60) {
      for (const BusiestBy by : {BusiestBy::kRequests, BusiestBy::kTime}) {
        for (const BusiestRow& row : read(table, now, 20, by)) ASSERT_TRUE(is_finite(row)) << step;
      }
    }
    EXPECT_TRUE(read(table, now).empty());
    add_busiest(table, names[0], {1, false, now});
    EXPECT_EQ(read(table, now).at(0).requests, 1);
    EXPECT_EQ(read(table, now).at(0).error, 0);
  }
}

TEST_F(BusiestTest, KeepsWhatItHasWhereTheClockIsSetBack) {
  const BusiestTable table = make(64);
  add_busiest(table, "key", {7, true, kNow});
  const std::uint32_t before = kNow - 86'400;
  add_busiest(table, "key", {7, false, before});
  const auto rows = read(table, before);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].requests, 2);
  EXPECT_EQ(rows[0].failed, 1);
  EXPECT_EQ(rows[0].time_us, 14);
}

TEST_F(BusiestTest, CutsKeysAtACharacter) {
  const BusiestTable table = make(64);
  const std::string most(kBusiestKeyMax - 1, 'x');
  add_busiest(table,
              most +
                  "\xC3\xA9"
                  "a",
              {1, false, kNow});
  add_busiest(table,
              most +
                  "\xC3\xA9"
                  "b",
              {1, false, kNow});
  add_busiest(table, most, {1, false, kNow});
  const auto rows = read(table, kNow);
  ASSERT_EQ(rows.size(), 1U) << "what is equal when cut is one key";
  EXPECT_EQ(rows[0].key(), most);
  EXPECT_EQ(rows[0].requests, 3);
}

TEST_F(BusiestTest, IsOfOneShapeAndVersion) {
  const BusiestTable table = make(100);
  EXPECT_EQ(table.sets, 13U);
  add_busiest(table, "a", {1, false, kNow});
  const auto again = find_busiest_table(bytes, {7, 100}, 1);
  ASSERT_TRUE(again);
  add_busiest(*again, "a", {1, false, kNow});
  EXPECT_EQ(read(*again, kNow)[0].requests, 2);
  EXPECT_FALSE(find_busiest_table(bytes, {8, 100}, 1));
  EXPECT_FALSE(find_busiest_table(bytes, {7, 90}, 1));
  EXPECT_FALSE(find_busiest_table(bytes, {7, 200}, 1));
  ++table.header->version;
  EXPECT_FALSE(find_busiest_table(bytes, {7, 100}, 1));
}

/// What a table does, said in another way: everything is multiplied as time goes on, and numbers
/// have no limits.
class Model {
 public:
  struct Entry {
    std::string key;
    double requests = 0;
    double failed = 0;
    double time_us = 0;
    double weight = 0;
    double error = 0;
  };
  struct Set {
    std::vector<Entry> entries;
    double requests = 0;
    double time_us = 0;
  };

  explicit Model(std::uint64_t sets) : sets_(sets) {}

  void go_to(double now) {
    const double factor = std::exp2((now_ - now) / 60);
    now_ = now;
    for (Set& set : sets_) {
      set.requests *= factor;
      set.time_us *= factor;
      for (Entry& entry : set.entries) {
        for (double* value :
             {&entry.requests, &entry.failed, &entry.time_us, &entry.weight, &entry.error}) {
          *value *= factor;
        }
      }
    }
  }
  void add(std::uint64_t number, const std::string& key, double time_us, bool failed) {
    Set& set = sets_[number];
    set.requests += 1;
    set.time_us += time_us;
    Entry& entry = place(set.entries, key);
    entry.requests += 1;
    entry.failed += failed ? 1 : 0;
    entry.time_us += time_us;
    entry.weight += 1 + time_us / mean(set);
  }
  static double mean(const Set& set) { return std::max(1.0, set.time_us / set.requests); }
  [[nodiscard]] const std::vector<Set>& sets() const { return sets_; }

 private:
  static Entry& place(std::vector<Entry>& entries, const std::string& key) {
    for (Entry& entry : entries) {
      if (entry.key == key) return entry;
    }
    if (entries.size() < kBusiestWays) {
      entries.push_back({.key = key});
      return entries.back();
    }
    Entry& least =
        *std::min_element(entries.begin(), entries.end(),
                          [](const Entry& a, const Entry& b) { return a.weight < b.weight; });
    least = {.key = key, .weight = least.weight, .error = least.weight};
    return least;
  }

  double now_ = kNow;
  std::vector<Set> sets_;
};

TEST_F(BusiestTest, DoesWhatTheModelDoes) {
  const BusiestTable table = make(64);
  Model model(table.sets);
  std::mt19937_64 random(1);
  std::uint32_t now = kNow;
  for (unsigned request = 0; request < 20'000; ++request) {
    now += random() % 8 == 0 ? static_cast<std::uint32_t>(random() % 120) : 0;
    const std::string key = std::to_string(random() % 20 * (random() % 20));
    const auto duration = static_cast<std::int64_t>(random() % 1'000'000) + 1;
    const bool failed = random() % 3 == 0;
    add_busiest(table, key, {duration, failed, now});
    model.go_to(now);
    model.add(set_of(table, key), key, static_cast<double>(duration), failed);
    if (request % 1000 != 999) continue;
    std::map<std::string, BusiestRow> rows;
    for (const BusiestRow& row : read(table, now, 100)) rows[std::string(row.key())] = row;
    std::size_t entries = 0;
    for (const Model::Set& set : model.sets()) {
      for (const Model::Entry& entry : set.entries) {
        ++entries;
        ASSERT_TRUE(rows.count(entry.key)) << entry.key << " after " << request;
        const BusiestRow& row = rows[entry.key];
        ASSERT_NEAR(row.requests, entry.requests, 1e-9 * entry.requests);
        ASSERT_NEAR(row.failed, entry.failed, 1e-9 * entry.requests);
        ASSERT_NEAR(row.time_us, entry.time_us, 1e-9 * entry.time_us);
        ASSERT_NEAR(row.error, entry.error, 1e-9 * entry.weight);
        ASSERT_NEAR(row.time_error_us, entry.error * Model::mean(set), 1e-3);
      }
    }
    ASSERT_EQ(rows.size(), entries);
  }
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

/// Users who send requests, and what is true of them.
class Crowd {
 public:
  static constexpr std::size_t kUsers = 100'000;

  Crowd() : requests(kUsers), time_us(kUsers), names_(kUsers) {
    for (std::size_t user = 0; user < kUsers; ++user) names_[user] = "user" + std::to_string(user);
  }
  /// duration_us  of a request of a user.
  template <class Duration>
  void send(const BusiestTable& table, double exponent, unsigned count, Duration duration_us) {
    Zipf zipf(kUsers, exponent);
    std::mt19937_64 random(1);
    for (unsigned request = 0; request < count; ++request) {
      const std::size_t user = zipf(random);
      const std::int64_t duration = duration_us(user, random);
      requests[user] += 1;
      time_us[user] += static_cast<double>(duration);
      add_busiest(table, names_[user], {duration, false, kNow});
    }
  }
  static std::size_t user(const BusiestRow& row) {
    return std::stoul(std::string(row.key().substr(4)));
  }
  /// How many of the rows are among as many that are first in truth.
  static std::size_t right(const std::vector<BusiestRow>& rows, const std::vector<double>& truth) {
    std::vector<std::size_t> order(kUsers);
    std::iota(order.begin(), order.end(), 0U);
    std::sort(order.begin(), order.end(), [&](auto a, auto b) { return truth[a] > truth[b]; });
    const double least = truth[order[rows.size() - 1]];
    return static_cast<std::size_t>(
        std::count_if(rows.begin(), rows.end(),
                      [&](const BusiestRow& row) { return truth[user(row)] >= least; }));
  }

  std::vector<double> requests;
  std::vector<double> time_us;

 private:
  std::vector<std::string> names_;
};

TEST_F(BusiestTest, HasTheTrueOnes) {
  for (double exponent : {1.0, 0.8, 0.6}) {
    const BusiestTable table = make(4096);
    Crowd crowd;
    crowd.send(table, exponent, 2'000'000, [](std::size_t, auto&) { return 20'000; });
    const auto rows = read(table, kNow, 20);
    ASSERT_EQ(rows.size(), 20U);
    EXPECT_EQ(Crowd::right(rows, crowd.requests), 20U) << exponent;
    for (const BusiestRow& row : read(table, kNow, 5000)) {
      const std::size_t user = Crowd::user(row);
      ASSERT_LE(row.requests, crowd.requests[user] + 1e-6) << user << ", " << exponent;
      ASSERT_GE(row.requests + row.error, crowd.requests[user] - 1e-6) << user << ", " << exponent;
      ASSERT_LE(row.time_us, crowd.time_us[user] + 1) << user << ", " << exponent;
      ASSERT_GE(row.time_us + row.time_error_us, crowd.time_us[user] - 1) << user;
    }
  }
}

TEST_F(BusiestTest, HasTheTrueOnesWhateverRequestsTake) {
  for (double exponent : {1.0, 0.8, 0.6}) {
    const BusiestTable table = make(4096);
    Crowd crowd;
    std::lognormal_distribution<double> duration(std::log(20'000), 1);
    crowd.send(table, exponent, 2'000'000, [&](std::size_t, auto& random) {
      return static_cast<std::int64_t>(duration(random));
    });
    const auto rows = read(table, kNow, 20);
    ASSERT_EQ(rows.size(), 20U);
    EXPECT_EQ(Crowd::right(rows, crowd.requests), 20U) << exponent;
    const auto by_time = read(table, kNow, 20, BusiestBy::kTime);
    ASSERT_EQ(by_time.size(), 20U);
    EXPECT_EQ(Crowd::right(by_time, crowd.time_us), 20U) << exponent;
    for (const BusiestRow& row : read(table, kNow, 5000)) {
      const std::size_t user = Crowd::user(row);
      ASSERT_LE(row.requests, crowd.requests[user] + 1e-6) << user << ", " << exponent;
      ASSERT_GE(row.requests + row.error, crowd.requests[user] - 1e-6) << user << ", " << exponent;
      ASSERT_LE(row.time_us, crowd.time_us[user] + 1) << user << ", " << exponent;
    }
  }
}

TEST_F(BusiestTest, HasTheSlowOnesToo) {
  // Nobody of those who take the most time is among those who come most often.
  constexpr std::size_t kFirst = 1'000;
  for (double exponent : {1.0, 0.8, 0.6}) {
    const BusiestTable table = make(4096);
    Crowd crowd;
    crowd.send(table, exponent, 2'000'000, [](std::size_t user, auto&) {
      return user >= kFirst && user < kFirst + 20 ? 5'000'000 : 500;
    });
    const auto by_time = read(table, kNow, 20, BusiestBy::kTime);
    ASSERT_EQ(by_time.size(), 20U);
    EXPECT_EQ(Crowd::right(by_time, crowd.time_us), 20U) << exponent;
    for (const BusiestRow& row : by_time) {
      EXPECT_GE(Crowd::user(row), kFirst) << exponent;
      EXPECT_LT(Crowd::user(row), kFirst + 20) << exponent;
    }
    const auto by_requests = read(table, kNow, 20);
    ASSERT_EQ(by_requests.size(), 20U);
    EXPECT_EQ(Crowd::right(by_requests, crowd.requests), 20U) << exponent;
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
          add_busiest(table, std::to_string(round % 8), {3, round % 2 == 0, kNow});
          if (round % 1000 == 0) read(table, kNow);
        }
      });
    }
  }
  double sum = 0;
  for (const BusiestRow& row : read(table, kNow)) {
    sum += row.requests;
    EXPECT_EQ(row.time_us, row.requests * 3);
  }
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
    add_busiest<die>(table, "key", {1, false, kNow});
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  add_busiest(table, "key", {1, false, kNow});
  EXPECT_EQ(table.header->skipped, 1U) << "nobody waits";
  EXPECT_TRUE(read(table, kNow).empty());
  maintain_busiest(table, [](std::uint32_t) { return true; });
  add_busiest(table, "key", {1, false, kNow});
  EXPECT_EQ(table.header->skipped, 2U);
  maintain_busiest(table, is_alive);
  EXPECT_TRUE(read(table, kNow).empty()) << "what was half written is gone";
  add_busiest(table, "key", {1, false, kNow});
  EXPECT_EQ(read(table, kNow).size(), 1U);
}

TEST_F(BusiestTest, LeavesNothingOfWhatWasHalfWritten) {
  const BusiestTable table = make(64);
  BusiestSet& set = table.set(3);
  set.requests = set.time_us = 5;
  for (std::size_t way = 0; way < kBusiestWays; ++way) {
    set.hashes[way] = 7;
    set.weights[way] = 5;
    set.counts[way] = {.requests = 5, .failed = 5, .time_us = 5, .error = 5};
  }
  set.lock = 12345;
  maintain_busiest(table, [](std::uint32_t) { return false; });
  EXPECT_EQ(set.lock, 0U);
  EXPECT_EQ(set.requests, 0);
  EXPECT_EQ(set.time_us, 0);
  for (std::size_t way = 0; way < kBusiestWays; ++way) {
    EXPECT_EQ(set.hashes[way], 0U);
    EXPECT_EQ(set.weights[way], 0);
    EXPECT_EQ(set.counts[way].requests, 0);
    EXPECT_EQ(set.counts[way].error, 0);
  }
}

}  // namespace
}  // namespace reqnotes
