#include "reqnotes/line/logfmt.hpp"

#include <gtest/gtest.h>

#include <string>

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

}  // namespace
}  // namespace reqnotes
