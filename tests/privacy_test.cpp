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

std::string network(std::string_view address) {
  char buffer[kAddressMax];
  return std::string(network_of(address, buffer));
}

TEST(Network, IsThe24OfIpv4) {
  EXPECT_EQ(network("192.0.2.77"), "192.0.2.0");
  EXPECT_EQ(network("255.255.255.255"), "255.255.255.0");
  EXPECT_EQ(network("::ffff:192.0.2.77"), "192.0.2.0");
}

TEST(Network, IsThe48OfIpv6) {
  EXPECT_EQ(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1::");
  EXPECT_EQ(network("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), "ffff:ffff:ffff::");
  EXPECT_EQ(network("::1"), "::");
  EXPECT_EQ(network("fe80::1%eth0"), "fe80::");
  EXPECT_EQ(network("::192.0.2.77"), "::");
}

TEST(Network, IsNothingOfWhatIsNoAddress) {
  const std::string_view nul("192.0.2.7\0", 10);
  for (std::string_view text : {std::string_view(), std::string_view("%eth0"),
                                std::string_view("a.example"), std::string_view("192.0.2.7:80"),
                                std::string_view("192.0.2"), std::string_view(" 192.0.2.7")}) {
    EXPECT_EQ(network(text), "") << text;
  }
  EXPECT_EQ(network(nul), "");
  for (std::size_t size = 1; size < 100; ++size) EXPECT_EQ(network(std::string(size, '1')), "");
}

}  // namespace
}  // namespace reqnotes
