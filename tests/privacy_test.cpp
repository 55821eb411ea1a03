#include "reqnotes/facts/privacy.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace reqnotes {
namespace {

std::string last4(std::string_view text) {
  char buffer[kPrivateSize];
  return std::string(last_four(text, buffer));
}

TEST(LastFour, ShowsTheEndOfALongValue) {
  EXPECT_EQ(last4("123456789"), "…6789");
  EXPECT_EQ(last4("4111111111111234"), "…1234");
  EXPECT_EQ(last4(std::string(100000, 'x') + "abcd"), "…abcd");
}

TEST(LastFour, ShowsNothingOfAShortValue) {
  for (std::string_view text : {"1", "1234", "12345678", "ÄÖÜäöüßé", "€€€€€€€€"}) {
    EXPECT_EQ(last4(text), "…") << text;
  }
}

TEST(LastFour, CountsCharactersAndNotBytes) {
  EXPECT_EQ(last4("ÄÖÜäöüßéà"), "…üßéà");
  EXPECT_EQ(last4("123456789😀😀😀😀"), "…😀😀😀😀");
  EXPECT_EQ(last4("€23456789€"), "…789€");
}

TEST(LastFour, CountsAnIllFormedSequenceAsOne) {
  EXPECT_EQ(last4("12345678\xFF"), "…678\xFF");
  EXPECT_EQ(last4("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), "…");
  EXPECT_EQ(last4("123456\x80\x80\x80\x80"), "…\x80\x80\x80\x80");
  EXPECT_EQ(last4("1234567890\xF0\x9F\x98"), "…890\xF0\x9F\x98");
  EXPECT_EQ(last4("1234567890\xE2\x82"), "…890\xE2\x82");
}

// Walking back finds the characters that walking forth finds, whatever the bytes.
TEST(LastFour, EndsWhereCharactersEnd) {
  constexpr std::string_view kPieces[] = {"a",    "\x80", "\xC3", "\xE2",
                                          "\x82", "\xAC", "\xF0", "\x9F"};
  unsigned seed = 1;
  for (int round = 0; round < 20000; ++round) {
    std::string text;
    for (int left = 9 + round % 12; left != 0; --left) {
      seed = seed * 1664525 + 1013904223;
      text += kPieces[seed >> 29];
    }
    std::vector<std::size_t> begins;
    for (std::string_view rest = text; !rest.empty(); rest.remove_prefix(utf8_step(rest).length)) {
      begins.push_back(text.size() - rest.size());
    }
    const std::string want = begins.size() > 8 ? text.substr(begins[begins.size() - 4]) : "";
    EXPECT_EQ(last4(text), "…" + want) << testing::PrintToString(text);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace reqnotes
