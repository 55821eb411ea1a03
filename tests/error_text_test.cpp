#include "reqnotes/error_text.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <random>
#include <string>
#include <vector>

namespace reqnotes {
namespace {

std::string unescape(std::string_view text) {
  std::vector<char> buffer(text.size());
  Sink out(buffer);
  unescape_error_text(text, out);
  EXPECT_FALSE(out.overflowed());
  return std::string(out.written());
}

/// What httpd does to a message; it leaves quotes and printable ASCII alone.
std::string escape(std::string_view text) {
  std::string escaped;
  for (char c : text) {
    const std::size_t which = std::string_view("\b\n\r\t\v\\").find(c);
    if (which != std::string_view::npos) {
      escaped += '\\';
      escaped += "bnrtv\\"[which];
    } else if (c < 0x20 || c == 0x7F) {
      char hex[5];
      std::snprintf(hex, sizeof hex, "\\x%02x", static_cast<unsigned char>(c));
      escaped += hex;
    } else {
      escaped += c;
    }
  }
  return escaped;
}

TEST(UnescapeErrorText, UndoesEachCase) {
  struct Case {
    const char* why;
    std::string_view text;
    std::string_view want;
  };
  constexpr Case kCases[] = {
      {"nothing to undo", "Got error 'a \"b\"'", "Got error 'a \"b\"'"},
      {"each name", R"(\b\n\r\t\v\\)", "\b\n\r\t\v\\"},
      {"hex, in either case", R"(\x1b\xC3\xab)", "\x1b\xC3\xAB"},
      {"a message that looked like an escape", R"(\\n\\x41)", R"(\n\x41)"},
      {"three backslashes", R"(\\\n)", "\\\n"},
      {"an unknown name stays", R"(\q)", R"(\q)"},
      {"cut behind the backslash", R"(a\)", R"(a\)"},
      {"cut within hex", R"(a\x4)", R"(a\x4)"},
      {"no hex", R"(\xg1\x1g)", R"(\xg1\x1g)"},
      {"a quote is no escape of httpd's", R"(\")", R"(\")"},
      {"nothing", "", ""},
  };
  for (const Case& c : kCases) EXPECT_EQ(unescape(c.text), c.want) << c.why;
}

TEST(UnescapeErrorText, GivesBackAnyMessage) {
  std::mt19937 random(20261123);
  for (int round = 0; round < 2000; ++round) {
    std::string text(random() % 64, '\0');
    for (char& c : text) {
      do {
        c = static_cast<char>(random() % 4 != 0 ? random() : "\\xn4b"[random() % 5]);
      } while (c == '\0');
    }
    EXPECT_EQ(unescape(escape(text)), text);
  }
}

TEST(SplitCode, TakesACodeAndNothingElse) {
  struct Case {
    std::string_view message;
    std::string_view code;
    std::string_view text;
  };
  constexpr Case kCases[] = {
      {"AH01071: Got error", "AH01071", "Got error"},
      {"RN0006: trace_id=1", "RN0006", "trace_id=1"},
      {"AH01071:Got error", "", "AH01071:Got error"},
      {"AH01071", "", "AH01071"},
      {"A1234: x", "", "A1234: x"},
      {"AH12: x", "", "AH12: x"},
      {"ABCDE1234: x", "", "ABCDE1234: x"},
      {"ah01071: x", "", "ah01071: x"},
      {" AH01071: x", "", " AH01071: x"},
      {"PHP Warning: x", "", "PHP Warning: x"},
      {"", "", ""},
  };
  for (const Case& c : kCases) {
    const CodedMessage coded = split_code(c.message);
    EXPECT_EQ(coded.code, c.code) << c.message;
    EXPECT_EQ(coded.text, c.text) << c.message;
  }
}

}  // namespace
}  // namespace reqnotes
