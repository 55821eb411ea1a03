#include "reqnotes/metrics/watch.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "made_threshold.hpp"

namespace reqnotes {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kWall = 1'790'000'000'000'000;
using What = Reading::What;

/// Memory as it is got from the kernel: zeros.
std::unique_ptr<WatchMemory> make_memory() {
  auto memory = std::make_unique<WatchMemory>();
  create_watch(*memory);
  return memory;
}

/// A threshold and what is known of it, with a clock that stands until it is told to go on.
struct Watching {
  explicit Watching(std::string_view line) : made(line) {
    if (made.error) throw std::runtime_error(made.error);
  }

  void count(std::uint64_t requests, std::uint64_t failed, std::int64_t duration_us = 1000) {
    counted.requests += requests;
    counted.failed += failed;
    counted.bins[bin_of(duration_us)] += requests;
  }
  Reading look() { return look_at(made.threshold, *memory, counted, now); }
  ThresholdStatus judge_reading(const Reading& reading) {
    return judge(made.threshold, *memory, reading, {}, now, kWall + now);
  }
  ThresholdStatus judge_value(double value) {
    Reading reading;
    reading.what = What::kValue;
    reading.value = value;
    return judge_reading(reading);
  }
  /// One second of the monitor.
  State tick(std::uint64_t requests, std::uint64_t failed, std::int64_t duration_us = 1000) {
    now += kSecond;
    count(requests, failed, duration_us);
    return judge_reading(look()).state;
  }
  bool tells(const ThresholdStatus& status) { return should_tell(*memory, status, now); }

  MadeThreshold made;
  std::unique_ptr<WatchMemory> memory = make_memory();
  Counted counted;
  std::int64_t now = 1000 * kSecond;
};

// --- The windows ---

/// All looks since the last one that begins anew, and what a window of them is.
struct Model {
  struct Look {
    std::int64_t at;
    Counted counted;
  };
  std::vector<Look> looks;

  [[nodiscard]] const Look* at(std::int64_t time) const {
    const auto found = std::ranges::find(looks, time, &Look::at);
    return found == looks.end() ? nullptr : &*found;
  }

  /// Whether a reading is what these looks show. `longest_gap` is that between two of them.
  [[nodiscard]] testing::AssertionResult explains(const Reading& reading,
                                                  const Threshold& threshold,
                                                  std::int64_t longest_gap) const {
    const auto no = [] { return testing::AssertionFailure(); };
    const Look& now = looks.back();
    const std::int64_t over = std::int64_t{threshold.over_s} * kSecond;
    if (looks.size() == 1) {
      if (reading.what != What::kEarly) return no() << "one look is early";
      return testing::AssertionSuccess();
    }
    const auto age = static_cast<std::int64_t>(reading.seconds * 1e6 + 0.5);
    const Look* begin = at(now.at - age);
    if (!begin || begin == &now) return no() << "the window begins with no look: " << age;
    const std::int64_t most = now.at - looks.front().at;
    if (age < std::min(over, most)) return no() << "shorter than it could be: " << age;
    if (age > over + over / 62 + 2 * longest_gap) return no() << "longer than it must be: " << age;
    const std::uint64_t requests = now.counted.requests - begin->counted.requests;
    if (reading.requests != requests) return no() << "requests " << requests;
    const SignalKind kind = threshold.signal->kind;
    const bool is_average = kind == SignalKind::kRate;
    if (is_average ? age < std::min(over, 60 * kSecond) : requests < threshold.least) {
      const What what = is_average ? What::kEarly : What::kQuiet;
      return reading.what == what ? testing::AssertionSuccess() : no() << "a value of too little";
    }
    if (reading.what != What::kValue) return no() << "no value";
    double value = 0;
    std::array<std::uint64_t, kBins> bins{};
    for (std::size_t bin = 0; bin < kBins; ++bin) {
      bins[bin] = now.counted.bins[bin] - begin->counted.bins[bin];
    }
    const auto failed = static_cast<double>(now.counted.failed - begin->counted.failed);
    if (kind == SignalKind::kErrors) value = 100 * failed / static_cast<double>(requests);
    if (kind == SignalKind::kRate)
      value = static_cast<double>(requests) * 1e6 / static_cast<double>(age);
    if (kind == SignalKind::kP50) value = *quantile(bins, 0.5) / 1e6;
    if (kind == SignalKind::kP95) value = *quantile(bins, 0.95) / 1e6;
    if (kind == SignalKind::kP99) value = *quantile(bins, 0.99) / 1e6;
    if (std::fabs(reading.value - value) > 1e-9 * (1 + value)) {
      return no() << reading.value << " is not " << value;
    }
    return testing::AssertionSuccess();
  }
};

/// Looks about once a second at what comes in bursts, with all that can become of clocks, counts
/// and processes.
void compare_with_model(unsigned over_s, unsigned looks, std::uint64_t seed) {
  const std::string over = " over=" + std::to_string(over_s);
  std::vector<std::unique_ptr<Watching>> all;
  for (const char* line : {"e errors(a) above=5", "a p50(a) above=5 least=1", "b p95(a) above=5",
                           "c p99(a) above=5 least=200", "r rate(a) below=5"}) {
    all.push_back(std::make_unique<Watching>(line + over));
  }
  const std::int64_t over_us = std::int64_t{over_s} * kSecond;
  std::mt19937_64 random(seed);
  Model model;
  Counted counted;
  std::int64_t now = 5 * kSecond;
  std::int64_t longest_gap = 0;
  unsigned burst = 10;
  for (unsigned round = 0; round < looks; ++round) {
    std::int64_t gap = kSecond + static_cast<std::int64_t>(random() % 40'000) - 20'000;
    if (random() % 100 == 0) gap = static_cast<std::int64_t>(random() % 5 + 2) * kSecond;
    if (random() % 2000 == 0) gap = over_us * 3 / 2;
    bool is_anew = round == 0;
    if (random() % 3000 == 0) {
      gap = over_us * 2 + kSecond;
      is_anew = true;
    }
    if (random() % 3000 == 0) {
      gap = -over_us - 100 * kSecond;
      is_anew = true;
    }
    if (gap > 0) longest_gap = is_anew ? 0 : std::max(longest_gap, gap);
    now += gap;
    if (random() % 50 == 0) burst = static_cast<unsigned>(random() % 3 * (random() % 40));
    for (std::uint64_t requests = burst == 0 ? 0 : random() % burst; requests > 0; --requests) {
      ++counted.requests;
      counted.failed += random() % 10 == 0 ? 1 : 0;
      ++counted.bins[random() % kBins];
    }
    // Memory that was made anew: what was kept within the window has requests, so that it shows.
    const bool shows = !model.looks.empty() && now - model.looks.front().at > over_us &&
                       std::ranges::any_of(model.looks, [&](const Model::Look& look) {
                         return now - look.at > over_us && look.counted.requests > 0;
                       });
    if (random() % 2000 == 0 && shows) {
      counted = {};
      is_anew = true;
    }
    if (is_anew) {
      model.looks.clear();
      longest_gap = 0;
    }
    model.looks.push_back({now, counted});
    for (const auto& watching : all) {
      // A process was killed while it kept something, and another one goes on.
      if (random() % 16 == 0) {
        WatchMemory& memory = *watching->memory;
        std::memset(static_cast<void*>(&memory.kept[memory.taken % memory.kKept]), 0x7B,
                    sizeof(CountedAt));
        create_watch(memory);
      }
      const Threshold& threshold = watching->made.threshold;
      const Reading reading = look_at(threshold, *watching->memory, counted, now);
      ASSERT_TRUE(model.explains(reading, threshold, longest_gap))
          << threshold.text << over << " look " << round << " of seed " << seed;
    }
  }
}

TEST(Window, OfRequestsIsWhatAModelSays) {
  for (unsigned over_s : {10U, 11U, 60U, 3600U}) compare_with_model(over_s, 9000, over_s);
}

// What is kept must reach back as far as the window, however its parts and the seconds fall.
TEST(Window, OfAnyLengthIsAsLongAsItSays) {
  for (unsigned over_s = 10; over_s <= 3600; over_s += over_s < 400 ? 1 : 89) {
    Watching watching("r rate(a) above=1 over=" + std::to_string(over_s));
    Reading reading;
    for (unsigned second = 0; second <= over_s + 200; ++second) {
      watching.now += kSecond;
      watching.count(3, 0);
      reading = watching.look();
      if (second <= over_s) continue;
      ASSERT_GE(reading.seconds, over_s) << second;
      ASSERT_LE(reading.seconds, over_s + over_s / 62.0 + 1) << second;
      ASSERT_EQ(reading.value, 3);
    }
  }
}

TEST(Window, OfWorkersIsAnAverageOfLooks) {
  for (unsigned over_s : {10U, 60U, 600U}) {
    Watching watching("w busy above=90 over=" + std::to_string(over_s));
    Counted& looks = watching.memory->looks;
    std::vector<double> all;
    std::mt19937_64 random(over_s);
    for (unsigned second = 0; second < 2000; ++second) {
      watching.now += kSecond;
      all.push_back(static_cast<double>(random() % 10'000) / 100);
      ++looks.requests;
      looks.sum += all.back();
      const Reading reading =
          look_at(watching.made.threshold, *watching.memory, looks, watching.now);
      if (second < std::min(over_s, 60U)) {
        ASSERT_EQ(reading.what, What::kEarly) << second;
        continue;
      }
      ASSERT_EQ(reading.what, What::kValue);
      double sum = 0;
      const auto seconds = static_cast<std::size_t>(reading.seconds);
      ASSERT_EQ(reading.requests, seconds);
      for (std::size_t back = 1; back <= seconds; ++back) sum += all[all.size() - back];
      ASSERT_NEAR(reading.value, sum / static_cast<double>(seconds), 1e-6);
    }
  }
}

TEST(Window, HasShareOfWhatFailedUpToAll) {
  Watching watching("e errors(a) above=50 over=10 least=1");
  watching.tick(0, 0);
  watching.now += kSecond;
  // Who counts is between the two.
  watching.count(10, 13);
  EXPECT_EQ(watching.look().value, 100);
}

TEST(Window, CountsWhatSeriesHave) {
  SeriesCounts counts{};
  counts.classes = {1, 2, 3, 4, 5, 6};
  counts.bins[0] = 7;
  counts.bins[kBins - 1] = 14;
  Counted counted;
  counted.add(counts);
  counted.add(counts);
  EXPECT_EQ(counted.requests, 42U);
  EXPECT_EQ(counted.failed, 12U);
  EXPECT_EQ(counted.bins[kBins - 1], 28U);
}

// --- The states ---

TEST(Judge, TellsFineAtOnceWhereNothingIsAsked) {
  Watching watching("e errors(a) above=5");
  EXPECT_EQ(watching.tick(0, 0), State::kUnknown) << "one look says nothing";
  EXPECT_EQ(watching.tick(0, 0), State::kFine);
  EXPECT_EQ(read_status(*watching.memory, watching.now).reading.what, What::kQuiet);
}

TEST(Judge, NeedsLeastRequests) {
  Watching watching("e errors(a) above=5 least=20");
  watching.tick(0, 0);
  EXPECT_EQ(watching.tick(19, 19), State::kFine) << "19 are too few";
  EXPECT_EQ(watching.tick(1, 1), State::kExceeded);
}

TEST(Judge, IsUnknownWhileAnAverageIsEarly) {
  for (const char* line : {"r rate(a) below=1", "r rate(a) below=1 over=3600"}) {
    Watching watching(line);
    for (unsigned second = 0; second < 60; ++second) {
      EXPECT_EQ(watching.tick(0, 0), State::kUnknown) << second;
    }
    EXPECT_EQ(watching.tick(0, 0), State::kExceeded) << line;
  }
  Watching quick("r rate(a) below=1 over=10");
  for (unsigned second = 0; second < 10; ++second) {
    EXPECT_EQ(quick.tick(5, 0), State::kUnknown) << second;
  }
  EXPECT_EQ(quick.tick(5, 0), State::kFine);
}

TEST(Judge, GoesOverTheLimitAndBackAtClear) {
  Watching watching("e errors(a) above=10 clear=5 over=10 least=1");
  watching.tick(0, 0);
  for (unsigned second = 0; second < 20; ++second) EXPECT_EQ(watching.tick(100, 10), State::kFine);
  EXPECT_EQ(watching.tick(100, 12), State::kExceeded);
  for (unsigned second = 0; second < 20; ++second) {
    EXPECT_EQ(watching.tick(100, 6), State::kExceeded) << second;
  }
  for (unsigned second = 0; second < 9; ++second) {
    EXPECT_EQ(watching.tick(100, 5), State::kExceeded) << second;
  }
  EXPECT_EQ(watching.tick(100, 5), State::kFine);
  EXPECT_EQ(watching.tick(100, 10), State::kFine) << "not yet over the limit again";
}

TEST(Judge, KnowsWhatWasBeforeWhileItIsUnknown) {
  Watching watching("q file:queue above=10 clear=5");
  EXPECT_EQ(watching.judge_value(11).state, State::kExceeded);
  EXPECT_EQ(watching.judge_reading({}).state, State::kUnknown);
  EXPECT_EQ(watching.judge_value(7).state, State::kExceeded);
  EXPECT_EQ(watching.judge_value(5).state, State::kFine);
  EXPECT_EQ(watching.judge_reading({}).state, State::kUnknown);
  EXPECT_EQ(watching.judge_value(7).state, State::kFine);
}

// The monitor was stopped for long: a few requests since then are no proof that all is well.
TEST(Judge, IsUnknownUntilAWindowThatWasBegunAnewSaysMore) {
  Watching watching("e errors(a) above=10 over=10 least=20");
  watching.tick(0, 0);
  EXPECT_EQ(watching.tick(20, 20), State::kExceeded);
  watching.now += 100 * kSecond;
  EXPECT_EQ(watching.tick(20, 20), State::kUnknown);
  for (unsigned second = 0; second < 9; ++second) {
    EXPECT_EQ(watching.tick(1, 1), State::kUnknown) << second;
  }
  EXPECT_EQ(watching.tick(1, 1), State::kFine) << "fewer than least= in all of the window";
  EXPECT_EQ(watching.tick(20, 20), State::kExceeded);
  watching.now += 100 * kSecond;
  watching.tick(20, 20);
  EXPECT_EQ(watching.tick(19, 19), State::kUnknown);
  EXPECT_EQ(watching.tick(1, 1), State::kExceeded) << "these are enough";
}

TEST(Judge, GoesOnInAnotherProcess) {
  Watching watching("e errors(a) above=10 clear=5 over=10 least=20");
  watching.tick(0, 0);
  EXPECT_EQ(watching.tick(100, 20), State::kExceeded);
  EXPECT_TRUE(watching.tells(read_status(*watching.memory, watching.now)));
  const std::int64_t since = read_status(*watching.memory, watching.now).since_us;
  create_watch(*watching.memory);
  watching.now += 2 * kSecond;  // nobody looked
  EXPECT_EQ(watching.tick(100, 0), State::kExceeded) << "10% are too many where it was exceeded";
  const ThresholdStatus status = read_status(*watching.memory, watching.now);
  EXPECT_EQ(status.reading.requests, 200U);
  EXPECT_EQ(status.since_us, since);
  watching.now += 20 * kSecond;
  EXPECT_FALSE(watching.tells(status)) << "it has been said";
}

TEST(Judge, SaysSinceWhen) {
  Watching watching("q file:queue above=10");
  const std::int64_t first = kWall + watching.now;
  EXPECT_EQ(watching.judge_reading({}).since_us, first);
  watching.now += kSecond;
  EXPECT_EQ(watching.judge_reading({}).since_us, first);
  watching.now += kSecond;
  EXPECT_EQ(watching.judge_value(1).since_us, first + 2 * kSecond);
  watching.now += kSecond;
  EXPECT_EQ(watching.judge_value(10).since_us, first + 2 * kSecond);
  EXPECT_EQ(watching.judge_value(11).since_us, first + 3 * kSecond);
}

TEST(ReadStatus, IsWhatWasJudged) {
  Watching watching("q file:queue above=10");
  std::array<char, 32> trace{};
  trace.fill('a');
  Reading reading;
  reading.what = What::kValue;
  reading.value = 12;
  judge(watching.made.threshold, *watching.memory, reading, trace, watching.now, kWall);
  for (std::int64_t age : {std::int64_t{-3}, std::int64_t{0}, 5 * kSecond}) {
    const ThresholdStatus status = read_status(*watching.memory, watching.now + age);
    EXPECT_EQ(status.state, State::kExceeded);
    EXPECT_TRUE(has_value(status));
    EXPECT_EQ(status.reading.value, 12);
    EXPECT_EQ(status.since_us, kWall);
    EXPECT_EQ(status.trace(), std::string(32, 'a'));
  }
  EXPECT_TRUE(watching.judge_value(12).trace().empty());
}

TEST(ReadStatus, IsUnknownWhereNobodyLooks) {
  Watching watching("q file:queue above=10");
  const auto expect_nothing = [&](std::int64_t now) {
    const ThresholdStatus status = read_status(*watching.memory, now);
    EXPECT_EQ(status.state, State::kUnknown);
    EXPECT_EQ(status.reading.what, What::kMissing);
    EXPECT_EQ(status.since_us, 0);
    EXPECT_TRUE(status.trace().empty());
  };
  expect_nothing(watching.now);
  watching.judge_value(12);
  expect_nothing(watching.now + 5 * kSecond + 1);
  expect_nothing(watching.now + 5000 * kSecond);
}

// --- What is told ---

TEST(ShouldTell, SaysWhatChanges) {
  Watching watching("q file:queue above=10");
  EXPECT_FALSE(watching.tells(watching.judge_value(1))) << "fine from the beginning";
  watching.now += kSecond;
  EXPECT_TRUE(watching.tells(watching.judge_value(11)));
  EXPECT_FALSE(watching.tells(watching.judge_value(11)));
  watching.now += 9 * kSecond;
  EXPECT_FALSE(watching.tells(watching.judge_value(1))) << "not yet";
  watching.now += kSecond;
  EXPECT_TRUE(watching.tells(watching.judge_value(1)));
}

TEST(ShouldTell, SaysAtOnceWhatIsExceededAtTheBeginning) {
  Watching watching("q file:queue above=10");
  EXPECT_TRUE(watching.tells(watching.judge_value(11)));
}

TEST(ShouldTell, WaitsBeforeItSaysUnknown) {
  Watching watching("q file:queue above=10");
  for (unsigned second = 0; second < 5; ++second) {
    EXPECT_FALSE(watching.tells(watching.judge_reading({}))) << second;
    watching.now += kSecond;
  }
  EXPECT_TRUE(watching.tells(watching.judge_reading({})));
  watching.now += 20 * kSecond;
  EXPECT_FALSE(watching.tells(watching.judge_reading({})));
  EXPECT_TRUE(watching.tells(watching.judge_value(1)));
  // Away for a moment, again and again.
  for (unsigned second = 0; second < 100; ++second) {
    watching.now += kSecond;
    const bool is_away = second % 5 != 0;
    EXPECT_FALSE(watching.tells(is_away ? watching.judge_reading({}) : watching.judge_value(1)));
  }
}

TEST(ShouldTell, SaysNothingWhileItIsEarly) {
  Watching watching("r rate(a) above=10 over=60");
  for (unsigned second = 0; second < 60; ++second) {
    watching.tick(100, 0);
    const ThresholdStatus status = read_status(*watching.memory, watching.now);
    ASSERT_EQ(status.state, State::kUnknown);
    ASSERT_FALSE(watching.tells(status)) << second;
  }
  watching.tick(100, 0);
  EXPECT_TRUE(watching.tells(read_status(*watching.memory, watching.now)));
}

/// Whatever states follow: ten seconds are between two messages, each says something else than the
/// one before, and in the end the last state has been told.
TEST(ShouldTell, NeverFloods) {
  std::mt19937_64 random(3);
  for (unsigned round = 0; round < 300; ++round) {
    Watching watching("q file:queue above=10");
    State told = State::kFine;
    std::optional<std::int64_t> told_at;
    unsigned messages = 0;
    const auto look = [&](unsigned what) {
      watching.now += kSecond;
      Reading reading;
      reading.what = what == 2 ? What::kMissing : what == 3 ? What::kEarly : What::kValue;
      reading.value = what == 1 ? 11 : 1;
      if (random() % 100 == 0) create_watch(*watching.memory);
      const ThresholdStatus status = watching.judge_reading(reading);
      if (!watching.tells(status)) return status.state;
      EXPECT_NE(status.state, told);
      if (told_at) {
        EXPECT_GE(watching.now - *told_at, 10 * kSecond);
      }
      told = status.state;
      told_at = watching.now;
      ++messages;
      return status.state;
    };
    const unsigned kinds = round % 3 == 0 ? 2 : 4;
    const unsigned stays = round % 5 == 0 ? 1 : 8;  // it may flap each second
    unsigned what = 0;
    for (unsigned second = 0; second < 300; ++second) {
      if (random() % stays == 0) what = static_cast<unsigned>(random() % kinds);
      look(round % 15 == 0 ? second % 2 : what);
    }
    EXPECT_LE(messages, 31U);
    if (round % 15 == 0) {
      EXPECT_GE(messages, 20U) << "it flaps all the time";
    }
    what = static_cast<unsigned>(random() % 3);
    State last = State::kUnknown;
    for (unsigned second = 0; second < 15; ++second) last = look(what);
    EXPECT_EQ(told, last);
  }
}

}  // namespace
}  // namespace reqnotes
