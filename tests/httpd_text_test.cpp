#include "reqnotes/text/httpd_text.hpp"

#include <gtest/gtest.h>

#include <string>

namespace reqnotes {
namespace {

std::string written(MarkedText value) {
  return std::string(value.text) + "|" + std::string(value.mark);
}

std::size_t escaped_size(MarkedText value) {
  std::size_t size = value.mark.size();
  for (char c : value.text) size += httpd_escaped_size(c);
  return size;
}

TEST(BoundedForHttpd, CutsEachCase) {
  struct Case {
    const char* why;
    std::string_view text;
    bool shortened;
    std::size_t max;
    std::string_view want;
  };
  constexpr Case kCases[] = {
      {"it fits", "abcdefgh", false, 8, "abcdefgh|"},
      {"one byte too many", "abcdefghi", false, 8, "abcde|..."},
      {"it was cut before", "abc", true, 8, "abc|..."},
      {"it was cut before, and is cut again", "abcdef", true, 8, "abcde|..."},
      {"a quote has two bytes", "\"\"\"\"", false, 8, "\"\"\"\"|"},
      {"a control character has four", "\x01\x7F", false, 8, "\x01\x7F|"},
      {"what does not fit whole is left out", "\x01\x01z", false, 8, "\x01|..."},
      {"a character stays whole", "\xC3\xA9z", false, 8, "|..."},
      {"nothing fits beside the mark", "\x01\x01", false, 4, "|..."},
      {"no room for a mark", "abcd", false, 2, "|"},
      {"no text", "", false, 8, "|"},
  };
  for (const Case& c : kCases) {
    EXPECT_EQ(written(bounded_for_httpd(c.text, c.shortened, c.max)), c.want) << c.why;
  }
}

TEST(BoundedForHttpd, KeepsAnyMaximum) {
  const std::string nasty = "a\x01\"\\ \n\x7F\xC2\x9B\xC3\xA9\xFF\xE2\x82\xAC\xF0\x9F\x98\x80z";
  for (std::size_t size = 0; size <= nasty.size(); ++size) {
    for (std::size_t max = 0; max < 100; ++max) {
      for (bool shortened : {false, true}) {
        const std::string_view text = std::string_view(nasty).substr(0, size);
        const MarkedText value = bounded_for_httpd(text, shortened, max);
        EXPECT_LE(escaped_size(value), max);
        EXPECT_TRUE(text.starts_with(value.text));
        const bool marked = value.mark == kHttpdCutMark;
        EXPECT_TRUE(marked || max < 3 || (value.text == text && !shortened));
      }
    }
  }
}

}  // namespace
}  // namespace reqnotes
