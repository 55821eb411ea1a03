#include "reqnotes/metrics/label.hpp"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>
#include <vector>

#include "unicode.hpp"

namespace reqnotes {
namespace {

std::string label(std::string_view text) {
  const std::vector<char> exact(text.begin(), text.end());
  std::array<char, kLabelMax> out;
  return std::string(make_label({exact.data(), exact.size()}, out));
}

/// Repaired as a whole, then cut at a character.
std::string label_slowly(std::string_view text) {
  std::string whole = repaired(text);
  if (whole.size() <= kLabelMax) return whole;
  std::size_t size = kLabelMax;
  while ((static_cast<unsigned char>(whole[size]) & 0xC0) == 0x80) --size;
  return whole.substr(0, size);
}

TEST(MakeLabel, MakesEachCase) {
  using namespace std::string_literals;
  EXPECT_EQ(label(""), "");
  EXPECT_EQ(label("flickr.photos.search"), "flickr.photos.search");
  EXPECT_EQ(label("caf\xC3\xA9"), "caf\xC3\xA9");
  EXPECT_EQ(label("a\xFFz"), "a\xEF\xBF\xBDz");
  EXPECT_EQ(label("\xE2\x82"), "\xEF\xBF\xBD") << "one for a maximal subpart";
  EXPECT_EQ(label("\xC0\xAF"), "\xEF\xBF\xBD\xEF\xBF\xBD") << "one for each byte of none";
  EXPECT_EQ(label("a\0\n\r\x7F\"\\"s), "a\0\n\r\x7F\"\\"s) << "formats escape what they must";
}

TEST(MakeLabel, CutsAtACharacter) {
  const std::string most(kLabelMax, 'x');
  EXPECT_EQ(label(most), most);
  EXPECT_EQ(label(most + "y"), most);
  const std::string room2 = most.substr(2);
  EXPECT_EQ(label(room2 + "\xC3\xA9"), room2 + "\xC3\xA9");
  EXPECT_EQ(label(room2 + "\xE2\x82\xAC"), room2);
  EXPECT_EQ(label(room2 + "\xE2\x82\xAC-"), room2) << "nothing follows what had no room";
  EXPECT_EQ(label(room2 + "\xFF"), room2) << "a replacement has three bytes";
}

TEST(MakeLabel, IsItsOwnValue) {
  std::mt19937 random(1);
  constexpr unsigned char kBytes[] = {'a',  0x00, 0x80, 0xBF, 0xC3, 0xE2,
                                      0x82, 0xED, 0xF0, 0x9F, 0xFF};
  for (unsigned round = 0; round < 20'000; ++round) {
    std::string text;
    for (std::size_t left = random() % 130; left != 0; --left) {
      text += static_cast<char>(round % 3 == 0 ? random() : kBytes[random() % sizeof kBytes]);
    }
    const std::string made = label(text);
    ASSERT_EQ(made, label_slowly(text));
    ASSERT_EQ(label(made), made);
  }
}

}  // namespace
}  // namespace reqnotes
