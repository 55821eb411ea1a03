#include "reqnotes/text/slice.hpp"

#include <gtest/gtest.h>

namespace reqnotes {
namespace {

TEST(Text, PartsClipAtTheEnd) {
  struct Case {
    std::size_t begin;
    std::size_t count;
    std::string_view prefix;
    std::string_view suffix;
    std::string_view slice;
  };
  constexpr std::size_t kAll = std::string_view::npos;
  constexpr Case kCases[] = {
      {0, 0, "", "abc", ""},          {0, 2, "ab", "abc", "ab"}, {1, 1, "a", "bc", "b"},
      {1, 2, "ab", "bc", "bc"},       {1, 3, "abc", "bc", "bc"}, {2, 3, "abc", "c", "c"},
      {3, 4, "abc", "", ""},          {4, 1, "a", "", ""},       {kAll, kAll, "abc", "", ""},
      {0, kAll, "abc", "abc", "abc"},
  };
  for (const Case& c : kCases) {
    EXPECT_EQ(prefix("abc", c.count), c.prefix) << c.count;
    EXPECT_EQ(suffix("abc", c.begin), c.suffix) << c.begin;
    EXPECT_EQ(slice("abc", c.begin, c.count), c.slice) << c.begin << ", " << c.count;
  }
}

TEST(Text, PartsOfNothingAreNothing) {
  EXPECT_EQ(prefix({}, 1), "");
  EXPECT_EQ(suffix({}, 1), "");
  EXPECT_EQ(slice({}, 1, 1), "");
}

}  // namespace
}  // namespace reqnotes
