#include "reqnotes/flags/trip.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "made_flags.hpp"

namespace reqnotes {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr HashSeed kSeed = {0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9};

Flag flag_of(const std::string& line) {
  return MadeFlags(line + "\n").set->flags[0];
}

// --- What is counted ---

struct CountedFlags {
  std::vector<std::byte> memory = std::vector<std::byte>(series_bytes(flag_shape(1)));
  SeriesTable table = create_series(memory, flag_shape(1), kSeed, 1);

  void count(std::uint16_t series, int status, std::int64_t duration_us = 1000) {
    count_request(table, table.at(series), {status, duration_us, kSecond, nullptr, {}});
  }
};

TEST(FindFlagSeries, IsOfANameAndAState) {
  CountedFlags flags;
  std::vector<std::uint16_t> numbers;
  for (const char* name : {"search_v2", "comments"}) {
    const FlagSeries series = find_flag_series(flags.table, name);
    const std::uint16_t found[] = {series.on, series.off, series.unanswered};
    for (std::size_t at = 0; at < 3; ++at) {
      Series& one = flags.table.at(found[at]);
      EXPECT_EQ(label_of(flags.table, one, 0), name);
      EXPECT_EQ(label_of(flags.table, one, 1), kFlagStates[at]);
      numbers.push_back(found[at]);
    }
    const FlagSeries again = find_flag_series(flags.table, name);
    EXPECT_EQ(again.on, series.on);
    EXPECT_EQ(again.off, series.off);
    EXPECT_EQ(again.unanswered, series.unanswered);
  }
  std::ranges::sort(numbers);
  EXPECT_EQ(std::ranges::adjacent_find(numbers), numbers.end());
}

TEST(FindFlagSeries, IsOtherWhereThereIsNoRoom) {
  CountedFlags flags;
  const auto other = static_cast<std::uint16_t>(flag_shape(1).series);
  const std::string_view alone[] = {"alone", "on"};
  find_series(flags.table, alone);
  for (unsigned flag = 0; flag < kCountedFlagsMax; ++flag) {
    const FlagSeries series = find_flag_series(flags.table, "flag_" + std::to_string(flag));
    // One of the last one's has no room.
    const bool is_last = flag + 1 == kCountedFlagsMax;
    EXPECT_EQ(series.on == other, is_last) << flag;
    EXPECT_EQ(series.off == other, is_last) << flag;
    EXPECT_EQ(series.unanswered == other, is_last) << flag;
  }
  flags.count(other, 500);
  const FlagCounts counts = read_flag(
      flags.table, {.on = other, .off = other, .unanswered = other, .unused = 0}, {10, 1});
  EXPECT_EQ(counts.requests, 0U);
  EXPECT_EQ(counts.on.all, 0U);
  EXPECT_EQ(counts.on.failed, 0U);
}

TEST(ReadFlag, TellsApartWhoHadIt) {
  CountedFlags flags;
  const FlagSeries series = find_flag_series(flags.table, "search_v2");
  for (int status : {200, 404, 301, 500, 599, 100, 0}) flags.count(series.on, status);
  for (int status : {200, 503, 200}) flags.count(series.off, status);
  for (int status : {504, 503}) flags.count(series.unanswered, status);
  const FlagCounts counts = read_flag(flags.table, series, {100, 6});
  EXPECT_EQ(counts.requests, 100U);
  EXPECT_EQ(counts.on.all, 7U);
  EXPECT_EQ(counts.on.failed, 2U);
  EXPECT_EQ(counts.off.all, 3U);
  EXPECT_EQ(counts.off.failed, 1U);
  EXPECT_EQ(counts.unanswered.all, 2U);
  EXPECT_EQ(counts.unanswered.failed, 2U);
  EXPECT_EQ(counts.others.all, 88U);
  EXPECT_EQ(counts.others.failed, 1U);
  EXPECT_EQ(read_flag(flags.table, series, {5, 0}).others.all, 0U) << "some are read later";
}

TEST(ReadFlag, HasAQuantileOfEachState) {
  CountedFlags flags;
  const FlagSeries series = find_flag_series(flags.table, "search_v2");
  for (int number = 0; number < 100; ++number) {
    flags.count(series.on, 200, 300'000);
    flags.count(series.off, 200, 3'000);
  }
  const auto p95 = [&](std::uint16_t number) {
    return *quantile(read_series(flags.table, flags.table.at(number)).bins, 0.95);
  };
  EXPECT_NEAR(p95(series.on), 297'500, 1);
  EXPECT_NEAR(p95(series.off), 2'975, 1);
}

// --- What trips ---

bool trips(const char* trip, Requests on, Requests off, Requests others = {},
           Requests unanswered = {}) {
  const Flag flag = flag_of(std::string("a on ") + trip);
  return judge_trip(flag.trip, on, off, others, unanswered).is_exceeded;
}

TEST(JudgeTrip, NeedsAShareAboveTheLimit) {
  EXPECT_TRUE(trips("trip=20%/50", {100, 21}, {}));
  EXPECT_FALSE(trips("trip=20%/50", {100, 20}, {}));
  EXPECT_FALSE(trips("trip=20%/50", {100, 0}, {}));
  EXPECT_TRUE(trips("trip=0.5%/50", {1000, 6}, {}));
  EXPECT_FALSE(trips("trip=0.5%/50", {1000, 5}, {}));
  EXPECT_TRUE(trips("trip=0%/50", {1000, 1}, {}));
  EXPECT_FALSE(trips("trip=0%/50", {1000, 0}, {}));
  EXPECT_TRUE(trips("trip=99.99%/50", {1000, 1000}, {}));
  EXPECT_FALSE(trips("", {1000, 1000}, {})) << "without trip= nothing does";
}

TEST(JudgeTrip, NeedsSoManyRequests) {
  EXPECT_TRUE(trips("trip=20%", {20, 20}, {}));
  EXPECT_FALSE(trips("trip=20%", {19, 19}, {}));
  EXPECT_FALSE(trips("trip=20%/50", {49, 49}, {1000, 0}, {1000, 0}));
  EXPECT_TRUE(trips("trip=20%/1", {1, 1}, {}));
  EXPECT_FALSE(trips("trip=20%/1", {}, {}));
}

TEST(JudgeTrip, NeedsTwiceTheShareOfThoseWithout) {
  EXPECT_TRUE(trips("trip=20%", {100, 60}, {}, {100, 30}));
  EXPECT_FALSE(trips("trip=20%", {100, 60}, {}, {100, 31}));
  EXPECT_FALSE(trips("trip=20%", {100, 100}, {}, {100, 100})) << "a dead database";
  EXPECT_FALSE(trips("trip=20%", {100, 99}, {}, {100, 50}));
  // A few that had it not count with the others, and many are looked at alone.
  EXPECT_FALSE(trips("trip=20%", {100, 60}, {19, 19}, {20, 0}));
  EXPECT_TRUE(trips("trip=20%", {100, 60}, {19, 19}, {81, 10}));
  EXPECT_FALSE(trips("trip=20%", {100, 60}, {20, 10}, {1'000'000, 0}))
      << "others that never fail hide nothing";
  EXPECT_TRUE(trips("trip=20%", {100, 60}, {20, 0}, {1000, 1000}));
  // Counts beyond what a product of them could hold.
  const std::uint64_t many = std::uint64_t{1} << 60;
  EXPECT_TRUE(trips("trip=20%", {many, many}, {many, many / 2}));
  EXPECT_FALSE(trips("trip=20%", {many, many}, {many, many / 2 + many / 8}));
}

TEST(JudgeTrip, TakesTheUnansweredForThoseThatAskedWhereItIsToldTo) {
  const Requests killed = {30, 30};
  EXPECT_TRUE(trips("trip=20% unanswered", {0, 0}, {}, {100, 0}, killed));
  EXPECT_FALSE(trips("trip=20%", {0, 0}, {}, {100, 0}, killed));
  EXPECT_FALSE(trips("trip=20%/50 unanswered", {19, 0}, {}, {100, 0}, killed));
  EXPECT_TRUE(trips("trip=20%/50 unanswered", {20, 0}, {}, {100, 0}, killed));
  EXPECT_FALSE(trips("trip=20%", {100, 100}, {}, {0, 0}, killed))
      << "otherwise they show that all fails";
  const TripReading reading =
      judge_trip(flag_of("a on trip=20% unanswered").trip, {20, 1}, {3, 1}, {50, 2}, killed);
  EXPECT_EQ(reading.with.all, 50U);
  EXPECT_EQ(reading.with.failed, 31U);
  EXPECT_EQ(reading.without.all, 53U);
  EXPECT_EQ(reading.without.failed, 3U);
}

/// A flag that is looked at once a second.
struct Watching {
  explicit Watching(const std::string& line) : flag(flag_of(line)) {}

  bool tick(Requests on, Requests others = {}, bool is_tripped = false) {
    now += kSecond;
    counted.on = counted.on.plus(on);
    counted.others = counted.others.plus(others);
    counted.requests += on.all + others.all;
    return look_at_flag(flag, is_tripped, *memory, counted, now).is_exceeded;
  }
  /// After how many seconds of the same it trips; 0 where it does not.
  unsigned trips_after(Requests on, Requests others = {}, unsigned seconds = 200) {
    for (unsigned second = 1; second <= seconds; ++second) {
      if (tick(on, others)) return second;
    }
    return 0;
  }

  Flag flag;
  std::unique_ptr<TripMemory> memory = std::make_unique<TripMemory>();
  FlagCounts counted;
  std::int64_t now = 1000 * kSecond;
};

TEST(LookAtFlag, CountsFromItsFirstLookOn) {
  Watching watching("a on trip=20%");
  EXPECT_FALSE(watching.tick({1000, 1000})) << "that was before anybody looked";
  EXPECT_FALSE(watching.tick({19, 19}));
  EXPECT_TRUE(watching.tick({1, 1}));
}

TEST(LookAtFlag, LooksAtItsWindowAlone) {
  for (unsigned window : {10U, 30U, 100U, 3600U}) {
    Watching watching("a on trip=20%/100/" + std::to_string(window) + "s");
    // So many in a window that they suffice, and so few that they do not.
    const unsigned rare = window / 90 + 1;
    for (unsigned second = 0; second < 2 * window; ++second) {
      ASSERT_FALSE(watching.tick({100 / rare, 0})) << window;
    }
    unsigned seconds = 0;
    while (seconds < 2 * window && !watching.tick({100 / rare, 100 / rare})) ++seconds;
    EXPECT_NEAR(seconds, window / 5, window / 50 + 1.0);
  }
  Watching quiet("a on trip=20%/100/30s");
  EXPECT_EQ(quiet.trips_after({3, 3}), 0U) << "90 in its window";
  Watching enough("a on trip=20%/90/30s");
  EXPECT_EQ(enough.trips_after({3, 3}), 31U);
}

TEST(LookAtFlag, TripsNoFlagWhereAllFails) {
  Watching dead("a on trip=20%");
  EXPECT_EQ(dead.trips_after({10, 0}, {100, 1}, 60), 0U);
  EXPECT_EQ(dead.trips_after({10, 10}, {100, 100}, 60), 0U);
  EXPECT_EQ(dead.trips_after({10, 0}, {100, 1}, 60), 0U);
  EXPECT_EQ(dead.trips_after({10, 10}, {100, 1}, 60), 7U);
}

TEST(LookAtFlag, BeginsAnewWithItsLine) {
  Watching watching("a on trip=20%");
  EXPECT_FALSE(watching.tick({0, 0}));
  EXPECT_TRUE(watching.tick({100, 100}));
  EXPECT_TRUE(watching.tick({0, 0})) << "it is not latched here";
  watching.flag = flag_of("a on trip=21%");
  EXPECT_FALSE(watching.tick({0, 0})) << "the errors were those of another line";
  EXPECT_FALSE(watching.tick({19, 19}));
  EXPECT_TRUE(watching.tick({1, 1}));
}

TEST(LookAtFlag, BeginsAnewAfterATrip) {
  Watching watching("a on trip=20%");
  EXPECT_FALSE(watching.tick({0, 0}));
  EXPECT_TRUE(watching.tick({100, 100}));
  EXPECT_FALSE(watching.tick({100, 100}, {}, true)) << "it is off";
  EXPECT_FALSE(watching.tick({100, 0})) << "a person removed the trip";
  EXPECT_FALSE(watching.tick({100, 20}));
  EXPECT_TRUE(watching.tick({0, 10}));
}

TEST(LookAtFlag, LooksAtNoFlagThatIsOffOrHasNoTrip) {
  for (const char* line : {"a off trip=20%", "a 0% trip=20%", "a on"}) {
    Watching watching(line);
    EXPECT_EQ(watching.trips_after({100, 100}, {}, 20), 0U) << line;
  }
  Watching some("a 10% trip=20%");
  EXPECT_EQ(some.trips_after({100, 100}), 2U);
}

TEST(LookAtFlag, SurvivesCountersThatBeginAnew) {
  Watching watching("a on trip=20%");
  for (unsigned second = 0; second < 10; ++second) watching.tick({100, 1});
  watching.counted = {};
  EXPECT_FALSE(watching.tick({30, 1}));
  EXPECT_FALSE(watching.tick({30, 1}));
  EXPECT_TRUE(watching.tick({30, 30}));
  watching.now -= 50 * kSecond;
  EXPECT_FALSE(watching.tick({100, 100})) << "a clock that goes back begins anew too";
  EXPECT_TRUE(watching.tick({100, 100}));
}

// --- What is kept of trips ---

struct Kept {
  std::unique_ptr<TripSet> set = std::make_unique<TripSet>();

  void add(const Flag& flag, double share = 0.345, std::int64_t time_s = 1'790'000'000) {
    add_trip(*set, flag, share, time_s);
  }
  /// Reads a text.
  std::string read(const std::string& text) {
    const std::vector<char> exact(text.begin(), text.end());
    const char* error = read_trips({exact.data(), exact.size()}, line, *set);
    return error ? error : "";
  }
  [[nodiscard]] std::string text() const {
    std::vector<char> room(kTripsTextMax);
    Sink out(room);
    write_trips(*set, out);
    EXPECT_FALSE(out.overflowed());
    return std::string(out.written());
  }

  std::size_t line = 99;
};

TEST(Trips, HoldAsLongAsTheLineIsTheSame) {
  Kept kept;
  kept.add(flag_of("search_v2 on trip=20%"));
  EXPECT_NE(find_trip(*kept.set, flag_of("search_v2  on trip=20%  # why")), nullptr);
  EXPECT_EQ(find_trip(*kept.set, flag_of("search_v2 off")), nullptr);
  EXPECT_EQ(find_trip(*kept.set, flag_of("search_v2 on trip=30%")), nullptr);
  EXPECT_EQ(find_trip(*kept.set, flag_of("search_v3 on trip=20%")), nullptr);
}

TEST(Trips, TurnTheirFlagsOff) {
  const MadeFlags made("a on trip=20%\nb on trip=20%\nc on\nd on trip=20%\n");
  Kept kept;
  EXPECT_EQ(tripped_places(*kept.set, *made.set), 0U);
  kept.add(made.set->flags[3]);
  kept.add(made.set->flags[1]);
  EXPECT_EQ(tripped_places(*kept.set, *made.set), 0b1010U);
  const MadeFlags other("d on trip=20%\nb on trip=21%\n");
  EXPECT_EQ(tripped_places(*kept.set, *other.set), 0b01U);
  EXPECT_EQ(find_trip(*kept.set, made.set->flags[1])->share, 3450U);
}

TEST(Trips, AreForgottenWithTheirLines) {
  const MadeFlags made("a on trip=20%\nb on trip=20%\nc on trip=20%\n");
  Kept kept;
  for (const Flag& flag : made.set->all()) kept.add(flag);
  EXPECT_FALSE(forget_trips(*kept.set, *made.set));
  EXPECT_EQ(kept.set->count, 3U);
  EXPECT_TRUE(forget_trips(*kept.set, *MadeFlags("c on trip=20%\nb off\n").set));
  ASSERT_EQ(kept.set->count, 1U);
  EXPECT_EQ(kept.set->trips[0].text(), "c");
  EXPECT_EQ(tripped_places(*kept.set, *made.set), 0b100U) << "they never come back";
}

TEST(Trips, HaveRoomForAllFlags) {
  std::string lines;
  for (unsigned number = 10; number < 74; ++number) {
    lines += std::string(38, 'a') + std::to_string(number) + " on trip=20%\n";
  }
  const MadeFlags made(lines);
  Kept kept;
  for (const Flag& flag : made.set->all()) kept.add(flag, 1, 253'402'300'799);
  EXPECT_EQ(tripped_places(*kept.set, *made.set), ~std::uint64_t{0});
  kept.add(flag_of("b on trip=20%"));
  EXPECT_EQ(kept.set->count, 64U);
  Kept again;
  EXPECT_EQ(again.read(kept.text()), "");
  EXPECT_EQ(again.text(), kept.text());
}

TEST(Trips, AreTheSameWhenTheyAreReadAgain) {
  Kept kept;
  Flag flag = flag_of("search_v2 on trip=20%");
  flag.line_hash = 0x00123456789ABCDE;
  kept.add(flag);
  kept.add(flag_of("b on trip=20%"), 1, 1);
  kept.add(flag_of("c on trip=20%"), 0.0701, 0);
  const std::string text = kept.text();
  EXPECT_EQ(text.find("# Flags that errors turned off. They are on again without their line here.\n"
                      "search_v2 123456789abcde 1790000000 34.50%\nb "),
            0U)
      << text;
  Kept again;
  EXPECT_EQ(again.read(text), "");
  EXPECT_EQ(again.text(), text);
  EXPECT_NE(find_trip(*again.set, flag), nullptr);
  EXPECT_EQ(again.set->trips[0].time_s, 1'790'000'000);
  EXPECT_EQ(again.set->trips[2].share, 701U);
}

TEST(Trips, AreReadAllOrNone) {
  Kept kept;
  ASSERT_EQ(kept.read("kept 1 2 3%\n"), "");
  const std::string good = "a 1f 1790000000 34.5%\n";
  for (const char* wrong : {"b",
                            "b 1",
                            "b 1 2",
                            "b 1 2 3",
                            "b x 2 3%",
                            "b 1 x 3%",
                            "b 1 2 x%",
                            "b 1 2 101%",
                            "b -1 2 3%",
                            "b 1 -2 3%",
                            "b 0x1 2 3%",
                            "b 10000000000000000 2 3%",
                            "b 1 253402300800 3%",
                            "b 1 99999999999999999999 3%",
                            "b 1 2 3% 4",
                            "b 1 2  ",
                            "b 1f1g 2 3%",
                            "B 1 2 3%",
                            "b 1 2e3 3%",
                            "b 1,2,3%"}) {
    EXPECT_EQ(kept.read(good + wrong + "\n"), "is no trip: NAME LINE SECONDS SHARE%") << wrong;
    EXPECT_EQ(kept.line, 2U);
  }
  EXPECT_EQ(kept.read(good + good), "has a flag that a line before has");
  EXPECT_NE(kept.read("a 1f 1790000000 34.5%"), "") << "half a file";
  EXPECT_NE(kept.read("a-b 1 2 3%\n"), "");
  EXPECT_EQ(kept.read(std::string(16'384, '\n')), "");
  kept.read("kept 1 2 3%\n");
  EXPECT_EQ(kept.read(std::string(16'385, '\n')), "has more than 16 KB");
  std::string many;
  for (unsigned number = 0; number < 65; ++number)
    many += "f" + std::to_string(number) + " 1 2 3%\n";
  EXPECT_EQ(kept.read(many), "has a flag more than the 64");
  ASSERT_EQ(kept.set->count, 1U);
  EXPECT_EQ(kept.set->trips[0].text(), "kept");
}

}  // namespace
}  // namespace reqnotes
