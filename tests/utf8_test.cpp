#include "reqnotes/text/utf8.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "unicode.hpp"

namespace reqnotes {
namespace {

/// How `text` falls apart: "1" to "4" for a character of so many bytes, "a" to "c" for an
/// ill-formed sequence of one to three.
std::string steps(std::string_view bytes) {
  // Of exactly the right size, so that ASan sees a read beyond the end.
  const std::vector<char> copy(bytes.begin(), bytes.end());
  std::string_view text(copy.data(), copy.size());
  std::string out;
  while (!text.empty()) {
    const Utf8Step step = utf8_step(text);
    out += static_cast<char>((step.valid ? '0' : 'a' - 1) + static_cast<int>(step.length));
    text.remove_prefix(step.length);
  }
  return out;
}

TEST(Utf8Step, TakesEachCaseApart) {
  struct Case {
    const char* why;
    std::string_view text;
    std::string_view want;
  };
  constexpr Case kCases[] = {
      {"ASCII", "aZ\x7F", "111"},
      {"NUL is a character", {"\0", 1}, "1"},
      {"U+0080, the first of two bytes", "\xC2\x80", "2"},
      {"U+07FF, the last of two bytes", "\xDF\xBF", "2"},
      {"U+0800, the first of three bytes", "\xE0\xA0\x80", "3"},
      {"U+D7FF, the last before the surrogates", "\xED\x9F\xBF", "3"},
      {"U+E000, the first after the surrogates", "\xEE\x80\x80", "3"},
      {"U+FFFF, a noncharacter, is well-formed", "\xEF\xBF\xBF", "3"},
      {"U+10000, the first of four bytes", "\xF0\x90\x80\x80", "4"},
      {"U+10FFFF, the last of all", "\xF4\x8F\xBF\xBF", "4"},

      {"a continuation byte alone", "\x80\xBF", "aa"},
      {"C0 and C1 can only be overlong", "\xC0\x80\xC1\xBF", "aaaa"},
      {"U+07FF in three bytes is overlong", "\xE0\x9F\xBF", "aaa"},
      {"U+FFFF in four bytes is overlong", "\xF0\x8F\xBF\xBF", "aaaa"},
      {"U+D800, the first surrogate", "\xED\xA0\x80", "aaa"},
      {"U+DFFF, the last surrogate", "\xED\xBF\xBF", "aaa"},
      {"U+110000 is beyond Unicode", "\xF4\x90\x80\x80", "aaaa"},
      {"F5 to FF begin nothing", "\xF5\x80\xFE\xFF", "aaaa"},

      {"two bytes cut after one", "\xC3", "a"},
      {"three bytes cut after one", "\xE2", "a"},
      {"three bytes cut after two are one step", "\xE2\x82", "b"},
      {"four bytes cut after one", "\xF0", "a"},
      {"four bytes cut after two are one step", "\xF0\x9F", "b"},
      {"four bytes cut after three are one step", "\xF0\x9F\x98", "c"},
      {"a character that interrupts another one stays", "\xE2\x82\xC3\xA9", "b2"},
      {"ASCII that interrupts a character stays", "\xF0\x9F\x98!", "c1"},
      {"the narrow second byte does not narrow the third", "\xE0\xA0\x80\xF0\x90\x80\xBF", "34"},
      {"nor does it widen it", "\xED\x9F\xC0", "ba"},

      {"Unicode 15, table 3-8: non-shortest forms", "\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41",
       "aaaaaaaa1"},
      {"Unicode 15, table 3-9: surrogates", "\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41", "aaaaaaaa1"},
      {"Unicode 15, table 3-10: other ill-formed sequences", "\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42",
       "aaaaa1aa1"},
      {"Unicode 15, table 3-11: truncated sequences", "\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41",
       "bacb1"},
  };
  for (const Case& c : kCases) EXPECT_EQ(steps(c.text), c.want) << c.why;
}

TEST(Utf8Step, AgreesWithTheDefinitionAtEachLimit) {
  // Both sides of each limit that a byte after the first can have.
  const std::string limits = "\x7F\x80\x8F\x90\x9F\xA0\xBF\xC0";
  for (int first = 0; first < 256; ++first) {
    for (char second : limits) {
      for (char third : limits) {
        for (char fourth : limits) {
          const char bytes[] = {static_cast<char>(first), second, third, fourth};
          const std::string text(bytes, sizeof bytes);
          const Utf8Step step = utf8_step(text);
          ASSERT_EQ(step.valid, is_character(text.substr(0, step.length))) << text;
          if (step.valid) continue;
          // An ill-formed sequence is as long as it can be, and no longer.
          ASSERT_TRUE(step.length == 1 || begins_character(text.substr(0, step.length))) << text;
          ASSERT_FALSE(begins_character(text.substr(0, step.length + 1))) << text;
        }
      }
    }
  }
}

TEST(UsualCharacter, IsACharacterAsTheStepsKnowIt) {
  for (unsigned first = 0; first < 256; ++first) {
    for (unsigned second = 0; second < 256; ++second) {
      for (char third : {'a', '\x7F', '\x80', '\xBF', '\xC0', '\xFF'}) {
        const char bytes[] = {static_cast<char>(first), static_cast<char>(second), third};
        const std::size_t length = usual_character(bytes);
        const Utf8Step step = utf8_step({bytes, sizeof bytes});
        const bool usual =
            step.valid && step.length > 1 && first != 0xC2 && first != 0xE0 && first != 0xED;
        ASSERT_EQ(length, usual ? step.length : 0) << first << ", " << second;
      }
    }
  }
}

TEST(CutUtf8, KeepsEachCaseWhole) {
  struct Case {
    const char* why;
    std::string_view text;
    std::size_t max;
    std::string_view want;
  };
  constexpr Case kCases[] = {
      {"nothing of nothing", "", 0, ""},
      {"nothing fits into nothing", "abc", 0, ""},
      {"ASCII is cut anywhere", "abc", 2, "ab"},
      {"what fits stays", "abc", 3, "abc"},
      {"more room than text", "abc", 9, "abc"},
      {"a character that just fits", "a\xC3\xA9z", 3, "a\xC3\xA9"},
      {"before two bytes", "a\xC3\xA9z", 2, "a"},
      {"before three bytes, one of them inside", "a\xE2\x82\xACz", 2, "a"},
      {"before three bytes, two of them inside", "a\xE2\x82\xACz", 3, "a"},
      {"after three bytes", "a\xE2\x82\xACz", 4, "a\xE2\x82\xAC"},
      {"before four bytes, three of them inside", "a\xF0\x9F\x98\x80z", 4, "a"},
      {"after four bytes", "a\xF0\x9F\x98\x80z", 5, "a\xF0\x9F\x98\x80"},
      {"the only character does not fit", "\xF0\x9F\x98\x80", 3, ""},
      {"bytes that are no character are cut anywhere", "\x80\x80\x80\x80\x80", 3, "\x80\x80\x80"},
      {"a lead byte without its character is no reason to cut", "\xE2\x82z!", 2, "\xE2\x82"},
      {"nor is a lead byte behind which one is missing", "\xE2\x82z", 1, "\xE2"},
      {"the last continuation byte is one, too", "\xEF\xBF\xBF!", 2, ""},
      {"the first one is, too", "\xF0\x90\x80\x80!", 3, ""},
      {"continuation bytes after a character are not of it", "a\x80\x80", 2, "a\x80"},
  };
  for (const Case& c : kCases) EXPECT_EQ(cut_utf8(c.text, c.max), c.want) << c.why;
}

TEST(CutUtf8, LosesNoMoreThanTheCharacterThatDoesNotFit) {
  const std::string text = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\xFF\xC3\xA9\xE2\x82";
  for (std::size_t max = 0; max <= text.size() + 1; ++max) {
    const std::string_view cut = cut_utf8(text, max);
    EXPECT_LE(cut.size(), max);
    EXPECT_LT(std::min(max, text.size()) - cut.size(), 4U) << max;
    EXPECT_TRUE(text.starts_with(cut)) << max;
    EXPECT_TRUE(repaired(text).starts_with(repaired(cut))) << max;
    EXPECT_GE(cut.size(), cut_utf8(text, max == 0 ? 0 : max - 1).size()) << max;
  }
}

}  // namespace
}  // namespace reqnotes
