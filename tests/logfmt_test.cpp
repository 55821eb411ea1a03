#include "reqnotes/line/logfmt.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace reqnotes {
namespace {

TEST(IsLogfmtBare, DecidesEachCase) {
  struct Case {
    const char* why;
    std::string_view text;
    bool bare;
  };
  constexpr Case kCases[] = {
      {"a word", "5555", true},
      {"a path", "/services/rest?a,b;c&d", true},
      {"a word of exactly one block", "0123456789abcdef", true},
      {"signs that mean nothing here", "!#$%&'()*+,-./:;<>?@[\\]^_`{|}~", true},
      {"UTF-8", "caf\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", true},
      {"what stands before DEL", "~", true},
      {"U+00A0, the first after the controls", "\xC2\xA0", true},
      {"a second byte of C1, but of U+00C0", "\xC3\x80", true},
      {"a longer word than null", "nullable", true},
      {"null in upper case is a word", "NULL", true},

      {"null, which readers take for an absent value", "null", false},
      {"a blank", "a b", false},
      {"a blank at the end", "a ", false},
      {"a tab", "a\tb", false},
      {"a newline", "a\nb", false},
      {"NUL", {"a\0b", 3}, false},
      {"the last control of C0", "\x1F", false},
      {"DEL", "a\x7Fz", false},
      {"an equals sign", "a=b", false},
      {"a quote", "a\"b", false},
      {"the first control of C1", "\xC2\x80", false},
      {"the last control of C1", "a\xC2\x9Fz", false},
      {"a stray byte", "a\xFF", false},
      {"a character cut by the end", "a\xE2\x82", false},
      {"a blank behind a character", "\xC3\xA9 ", false},
      {"a blank behind a long word", "0123456789abcdef0123456789abcdef ", false},
      {"a stray byte behind many characters", "\xC3\xA9\xC3\xA9\xC3\xA9\x80", false},
  };
  for (const Case& c : kCases) EXPECT_EQ(is_logfmt_bare(c.text), c.bare) << c.why;
}

TEST(IsLogfmtBare, RefusesEachOddByteOfAscii) {
  for (int byte = 0; byte < 0x80; ++byte) {
    const char c = static_cast<char>(byte);
    const bool odd = c <= ' ' || c == '"' || c == '=' || c == 0x7F;
    EXPECT_EQ(is_logfmt_bare({&c, 1}), !odd) << byte;
  }
}

// Each byte at each place of a block, so that no part of the scan misses one.
TEST(IsLogfmtBare, SeesEachByteAtEachPlace) {
  for (std::size_t size : {1U, 7U, 8U, 9U, 15U, 16U, 17U, 31U, 33U}) {
    for (std::size_t at = 0; at < size; ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string text(size, 'p');
        text[at] = static_cast<char>(byte);
        const bool odd = byte <= ' ' || byte >= 0x7F || byte == '"' || byte == '=';
        EXPECT_EQ(is_logfmt_bare(text), !odd) << size << ", " << at << ", " << byte;
      }
    }
  }
}

/// The same step by step.
bool is_bare_slowly(std::string_view text) {
  if (text == "null") return false;
  while (!text.empty()) {
    const Utf8Step step = utf8_step(text);
    const auto last = static_cast<unsigned char>(text[step.length - 1]);
    if (!step.valid || (text[0] == '\xC2' && last < 0xA0)) return false;
    if (step.length == 1 && (last <= ' ' || last == '"' || last == '=' || last == 0x7F)) {
      return false;
    }
    text.remove_prefix(step.length);
  }
  return true;
}

TEST(IsLogfmtBare, DecidesRandomTextsAsStepByStep) {
  constexpr std::string_view kPieces[] = {
      "p", "word", "\xC3\xA9", "\xE2\x82\xAC", "\xC2\xA0", "\xF0\x9F\x98\x80", "seventeen_letters"};
  constexpr std::string_view kOdd[] = {
      " ", "=", "\"", "\x7F", "\n", "\xC2\x85", "\xC3", "\xE2\x82", "\xED\xA0\x80", "\x80", "\xFF"};
  std::minstd_rand random(20261127);
  for (std::size_t times = 0; times < 20000; ++times) {
    std::string text;
    while (random() % 8 != 0) text += kPieces[random() % std::size(kPieces)];
    if (random() % 2 == 0) text += kOdd[random() % std::size(kOdd)];
    while (random() % 4 != 0) text += kPieces[random() % std::size(kPieces)];
    const std::vector<char> exact(text.begin(), text.end());
    ASSERT_EQ(is_logfmt_bare({exact.data(), exact.size()}), is_bare_slowly(text)) << text;
  }
}

}  // namespace
}  // namespace reqnotes
