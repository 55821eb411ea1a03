#include "reqnotes/flags/asked.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "made_flags.hpp"

namespace reqnotes {
namespace {

/// What was asked of `search_v2`, `comments` and `x`, and how: `+`, `-`, or a blank; and the
/// unknown.
std::string ask(const std::string& list) {
  static const MadeFlags made("search_v2 on\ncomments off\nx 10%\n");
  const std::vector<char> exact(list.begin(), list.end());
  const AskedFlags asked = read_asked(*made.published, {exact.data(), exact.size()});
  EXPECT_EQ(asked.on & ~asked.asked, 0U) << "what was on was asked";
  EXPECT_EQ(asked.asked >> 3, 0U);
  std::string text;
  for (unsigned place = 0; place < 3; ++place) {
    text += (asked.asked >> place & 1) == 0 ? ' ' : (asked.on >> place & 1) != 0 ? '+' : '-';
  }
  return text + std::to_string(asked.unknown);
}

TEST(ReadAsked, ReadsNames) {
  EXPECT_EQ(ask(""), "   0");
  EXPECT_EQ(ask("search_v2"), "+  0");
  EXPECT_EQ(ask("-search_v2"), "-  0");
  EXPECT_EQ(ask("search_v2 -comments"), "+- 0");
  EXPECT_EQ(ask("search_v2,-comments"), "+- 0");
  EXPECT_EQ(ask("x, -comments,,search_v2"), "+-+0");
  EXPECT_EQ(ask("  x  ,,, -comments , "), " -+0");
  EXPECT_EQ(ask(std::string(100, ' ') + "x" + std::string(100, ',')), "  +0");
}

TEST(ReadAsked, CountsWhatIsUnknown) {
  EXPECT_EQ(ask("nothing -y"), "   2");
  EXPECT_EQ(ask("search_v2x search_v search-v2 Search_v2"), "   4");
  EXPECT_EQ(ask("x\tx --x +x !x x=1 x;comments x\ncomments"), "   7");
  EXPECT_EQ(ask("x\xA0 \xFFx x\xC3"), "   3");
  EXPECT_EQ(ask(std::string("x\0", 2) + " " + std::string(1, '\0')), "   2");
  EXPECT_EQ(ask(std::string(41, 'a') + " " + std::string(8000, 'a')), "   2");
  EXPECT_EQ(ask("- -, ,-"), "   0") << "nothing is no name";
}

TEST(ReadAsked, TakesWhatWasOnOnceForOn) {
  EXPECT_EQ(ask("x -x"), "  +0");
  EXPECT_EQ(ask("-x x"), "  +0");
  EXPECT_EQ(ask("-x -x"), "  -0");
}

TEST(ReadAsked, FindsNamesOfEachSizeAtEachPlace) {
  std::string text;
  for (std::size_t size = 1; size <= 40; ++size) text += std::string(size, 'q') + " on\n";
  const MadeFlags made(text);
  for (std::size_t size = 1; size <= 40; ++size) {
    for (std::size_t before = 0; before < 34; ++before) {
      for (std::size_t behind = 0; behind < 3; ++behind) {
        const std::string list =
            std::string(before, ' ') + std::string(size, 'q') + std::string(behind, ',');
        const std::vector<char> exact(list.begin(), list.end());
        const AskedFlags asked = read_asked(*made.published, {exact.data(), exact.size()});
        ASSERT_EQ(asked.asked, std::uint64_t{1} << (size - 1)) << before;
        ASSERT_EQ(asked.on, asked.asked);
        ASSERT_EQ(asked.unknown, 0U);
      }
    }
  }
}

TEST(ReadAsked, FindsAllOfManySetsAndNothingElse) {
  std::mt19937 random(1);
  for (unsigned round = 0; round < 100; ++round) {
    std::string text;
    std::vector<std::string> names;
    for (unsigned flag = 0; flag < 64; ++flag) {
      names.push_back("f" + std::to_string(random() % 100'000) + "_" + std::to_string(flag));
      text += names.back() + " off\n";
    }
    const MadeFlags made(text);
    std::string all;
    for (unsigned flag = 0; flag < 64; ++flag) {
      const AskedFlags one = read_asked(*made.published, names[flag]);
      ASSERT_EQ(one.asked, std::uint64_t{1} << flag) << names[flag];
      ASSERT_EQ(read_asked(*made.published, names[flag] + "x").asked, 0U);
      all += (flag % 2 == 0 ? "-" : "") + names[flag] + ' ';
    }
    const AskedFlags asked = read_asked(*made.published, all);
    EXPECT_EQ(asked.asked, ~std::uint64_t{0});
    EXPECT_EQ(asked.on, 0xAAAA'AAAA'AAAA'AAAA);
    EXPECT_EQ(asked.unknown, 0U);
  }
}

TEST(ReadAsked, KnowsNoFlagWhereNoneWasPublished) {
  const auto published = std::make_unique<PublishedFlags>();
  const AskedFlags asked = read_asked(*published, "a -b");
  EXPECT_EQ(asked.asked, 0U);
  EXPECT_EQ(asked.unknown, 2U);
}

using Counts = std::vector<std::pair<unsigned, bool>>;

Counts count(const PublishedFlags& published, const AskedFlags& asked) {
  Counts counts;
  each_asked(published, asked, [&](FlagSeries series, bool is_on) {
    EXPECT_EQ(series.off, series.on + 1);
    EXPECT_EQ(series.unanswered, series.on + 2);
    counts.emplace_back(series.on, is_on);
  });
  return counts;
}

TEST(EachAsked, GivesTheSeriesOfEachFlag) {
  const MadeFlags made("search_v2 on\ncomments off\nx 10%\n");
  const auto counts = [&](std::string_view list) {
    return count(*made.published, read_asked(*made.published, list));
  };
  EXPECT_EQ(counts(""), Counts());
  EXPECT_EQ(counts("x y -search_v2 x"), (Counts{{0, false}, {6, true}}));
  EXPECT_EQ(counts("-comments"), (Counts{{3, false}}));
}

TEST(EachAsked, CountsNothingOfFlagsThatHaveChanged) {
  MadeFlags made("a on\nb on\n");
  const AskedFlags asked = read_asked(*made.published, "a b");
  EXPECT_EQ(count(*made.published, asked).size(), 2U);
  publish(*made.published, *MadeFlags("b on\na on\n").view);
  EXPECT_EQ(count(*made.published, asked), Counts());
  EXPECT_EQ(count(*made.published, read_asked(*made.published, "b")), (Counts{{0, true}}));
}

/// A full index, as a view that is written over by another one may have, ends a search too.
TEST(ReadAsked, EndsWhereTheIndexIsFull) {
  const auto view = std::make_unique<FlagsView>();
  for (std::uint64_t& entry : view->index) entry = ~std::uint64_t{0};
  const auto published = std::make_unique<PublishedFlags>();
  publish(*published, *view);
  EXPECT_EQ(read_asked(*published, "a").unknown, 1U);
}

TEST(EachAsked, IsRightWhileFlagsChange) {
  // The same names at other places; a series tells which.
  const MadeFlags one("a on\nb on\nc on\nd on\n");
  const MadeFlags other("d on\nx on\ny on\nc on\nb on\na on\n");
  const auto published = std::make_unique<PublishedFlags>();
  publish(*published, *one.view);
  std::atomic<bool> is_over = false;
  std::atomic<unsigned> counted = 0;
  std::thread reading([&] {
    while (!is_over) {
      const AskedFlags asked = read_asked(*published, "a -b");
      for (const auto& [series, is_on] : count(*published, asked)) {
        // One has a at 0 and b at 3, the other a at 15 and b at 12.
        ASSERT_TRUE(is_on ? series == 0 || series == 15 : series == 3 || series == 12);
        ++counted;
      }
    }
  });
  for (unsigned number = 1; number < 5000 || (counted < 1000 && number < 500'000); ++number) {
    publish(*published, *(number % 2 == 0 ? one : other).view);
    if (number % 4 == 0) std::this_thread::yield();
  }
  is_over = true;
  reading.join();
  EXPECT_GT(counted, 100U);
}

}  // namespace
}  // namespace reqnotes
