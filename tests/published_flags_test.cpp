#include "reqnotes/flags/published_flags.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "made_flags.hpp"

namespace reqnotes {
namespace {

/// What a request got, and what it cost.
struct Got {
  std::string flags;
  unsigned keys = 0;
  unsigned rooms = 0;
};

Got get(const PublishedFlags& published, std::string_view visitor = "visitor") {
  Got got;
  std::vector<std::unique_ptr<char[]>> memory;
  const std::string_view flags = flags_of(
      published, [&] { return ++got.keys, share_key(visitor); },
      [&](std::size_t bytes) {
        ++got.rooms;
        // Exactly as much, so that ASan sees what is written behind it.
        memory.push_back(std::make_unique<char[]>(bytes));
        std::fill_n(memory.back().get(), bytes, '?');
        return memory.back().get();
      });
  EXPECT_TRUE(flags.empty() || *flags.end() == '\0');
  got.flags = flags;
  return got;
}

Got get(const std::string& text, std::string_view visitor = "visitor", std::uint64_t tripped = 0) {
  return get(*MadeFlags(text, tripped).published, visitor);
}

TEST(FlagsOf, IsNothingWhereNothingIsOn) {
  EXPECT_EQ(get(*std::make_unique<PublishedFlags>()).flags, "") << "nothing was ever published";
  for (const char* text : {"", "a off\n", "a off\nb 0%\n"}) {
    const Got got = get(text);
    EXPECT_EQ(got.flags, "");
    EXPECT_EQ(got.keys, 0U);
    EXPECT_EQ(got.rooms, 0U) << "no memory either";
  }
}

TEST(FlagsOf, NamesWhatIsOnForAll) {
  for (const auto& [text, flags] : std::vector<std::pair<std::string, std::string>>{
           {"a on\n", "a"},
           {"search_v2 on\ncomments off\nnew_upload 100%\n", "search_v2,new_upload"}}) {
    const Got got = get(text);
    EXPECT_EQ(got.flags, flags);
    EXPECT_EQ(got.keys, 0U) << "nobody asks for a cookie that decides nothing";
    EXPECT_EQ(got.rooms, 1U);
  }
}

TEST(FlagsOf, HasNamesOfAnySizes) {
  for (std::size_t first = 1; first <= 40; ++first) {
    for (std::size_t second = 1; second <= 40; ++second) {
      const std::string a(first, 'a');
      const std::string b(second, 'b');
      ASSERT_EQ(get(a + " on\n" + b + " on\n").flags, a + "," + b);
      // For one who is in both shares, and one who is in none.
      ASSERT_EQ(get(a + " 99.99%\n" + b + " 99.99%\nc on\n").flags, "c," + a + "," + b);
      ASSERT_EQ(get(a + " 0.01%\n" + b + " on\n").flags, b);
    }
  }
}

TEST(FlagsOf, HasRoomForAll) {
  for (const char* mode : {" on\n", " 99.99%\n"}) {
    std::string text;
    std::string flags;
    for (unsigned number = 10; number < 74; ++number) {
      const std::string name = std::string(38, 'a') + std::to_string(number);
      text += name + mode;
      flags += (flags.empty() ? "" : ",") + name;
    }
    EXPECT_EQ(get(text).flags, flags);
    EXPECT_EQ(flags.size() + 1, kFlagsTextMax);
  }
}

TEST(FlagsOf, DecidesEachShareByItself) {
  const MadeFlags made("a 50%\nb 50%\nc on\nd 10%\n");
  std::set<std::string> seen;
  for (unsigned number = 0; number < 300; ++number) {
    const std::string visitor = std::to_string(number);
    std::string flags = "c";
    for (const Flag& flag : made.set->all()) {
      if (flag.mode == Flag::Mode::kShare &&
          is_in_share(share_key(visitor), flag_hash(flag.text()), flag.share)) {
        flags += "," + std::string(flag.text());
      }
    }
    const Got got = get(*made.published, visitor);
    ASSERT_EQ(got.flags, flags) << visitor;
    ASSERT_EQ(got.keys, 1U) << "once for all of them";
    seen.insert(flags);
  }
  EXPECT_EQ(seen.size(), 8U);
  EXPECT_EQ(get("a 0.01%\n").flags, "");
}

TEST(FlagsOf, LeavesOutWhatHasTripped) {
  EXPECT_EQ(get("a on\nb on\nc 99.99%\nd on\n", "visitor", 0b0010).flags, "a,d,c");
  EXPECT_EQ(get("a on\nb on\nc 99.99%\nd on\n", "visitor", 0b0101).flags, "b,d");
  EXPECT_EQ(get("a on\nb on\nc 99.99%\nd on\n", "visitor", 0b1111).flags, "");
  EXPECT_EQ(get("a off\n", "visitor", 0b1).flags, "");
}

TEST(FlagsOf, IsWhatWasPublishedLast) {
  const auto published = std::make_unique<PublishedFlags>();
  for (const char* text : {"a on\nbb on\n", "c on\n", "a off\n", "d 99.99%\n", "a on\n"}) {
    publish(*published, *MadeFlags(text).view);
    EXPECT_EQ(get(*published).flags, get(text).flags) << text;
  }
}

/// Each is told from the others by any of its parts; the last one has the longest names.
std::string text_of(unsigned number) {
  const std::string letter(number % 4 == 3 ? 38 : number % 4 * 3 + 1,
                           static_cast<char>('a' + number % 4));
  std::string text;
  for (unsigned flag = 0; flag < 10 + number % 4 * 10; ++flag) {
    text += letter + std::to_string(flag) + (flag % 2 == 0 ? " on\n" : " 99.99%\n");
  }
  return text;
}

TEST(FlagsOf, IsWholeWhileItChanges) {
  std::vector<std::unique_ptr<MadeFlags>> made;
  std::set<std::string> valid;
  for (unsigned number = 0; number < 4; ++number) {
    made.push_back(std::make_unique<MadeFlags>(text_of(number)));
    valid.insert(get(*made.back()->published).flags);
  }
  ASSERT_EQ(valid.size(), 4U);
  const auto published = std::make_unique<PublishedFlags>();
  publish(*published, *made[0]->view);
  std::atomic<bool> is_over = false;
  std::atomic<unsigned> whole = 0;
  std::atomic<unsigned> again = 0;
  std::vector<std::thread> readers;
  for (unsigned reader = 0; reader < 2; ++reader) {
    readers.emplace_back([&] {
      while (!is_over) {
        const Got got = get(*published);
        if (got.rooms > 1) ++again;
        if (got.flags.empty()) continue;  // all tries were in vain
        ASSERT_EQ(valid.count(got.flags), 1U) << got.flags;
        ++whole;
      }
    });
  }
  for (unsigned number = 1; number < 4000 || (whole < 2000 && number < 200'000); ++number) {
    publish(*published, *made[number % 4]->view);
    if (number % 4 == 0) std::this_thread::yield();
  }
  is_over = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_GT(whole, 100U);
  EXPECT_GT(again, 0U) << "nothing was tested";
}

}  // namespace
}  // namespace reqnotes
