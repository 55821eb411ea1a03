#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "reqnotes/errors/coded_message.hpp"
#include "reqnotes/line/encode.hpp"
#include "reqnotes/line/message.hpp"
#include "reqnotes/text/httpd_text.hpp"

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
    } else if (c < ' ' || c > '~') {  // char has a sign here
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

std::string shown(std::string_view text, std::size_t room, bool quoted = false) {
  std::vector<char> buffer(std::min<std::size_t>(room, 8 * text.size()));
  Sink out(buffer);
  put_error_text(text, room, quoted, out);
  EXPECT_FALSE(out.overflowed());
  return std::string(out.written());
}

TEST(PutErrorText, IsWhatHttpdMakesOfTheText) {
  std::mt19937 random(20261125);
  for (int round = 0; round < 2000; ++round) {
    std::string text(random() % 64, '\0');
    for (char& c : text) c = static_cast<char>(random() % 255 + 1);
    const std::string whole = shown(text, kNoLimit);
    EXPECT_EQ(whole, escape(text));
    EXPECT_EQ(unescape(whole), text);
    const std::size_t room = random() % (whole.size() + 1);
    const std::string part = shown(text, room);
    EXPECT_TRUE(whole.starts_with(part) && part.size() <= room && part.size() + 16 > room);
  }
}

TEST(PutErrorText, LeavesACharacterOutWhole) {
  EXPECT_EQ(shown("a日本", 1 + 12 + 11), "a\\xe6\\x97\\xa5");
  EXPECT_EQ(shown("a\\", 2), "a");
  EXPECT_EQ(shown("a\n", 2), "a");
  EXPECT_EQ(shown("a\xFF", 4), "a");
  EXPECT_EQ(shown("a\"", 2, true), "a");
  EXPECT_EQ(shown("a\"", 3, true), "a\"\"");
}

/// A message as httpd shows it; `room` is what it may have there.
std::string message(std::span<const Item> items, std::size_t room = 4096) {
  std::vector<char> buffer(room);
  std::size_t size = encode_whole(kMessageText, items, buffer);
  if (size == 0) size = encode_cut(kMessageText, items, buffer);
  EXPECT_LE(size, room);
  return {buffer.data(), size};
}

TEST(PutMessageValue, WritesEachCase) {
  struct Case {
    const char* why;
    Item item;
    std::string_view want;
  };
  const Case kCases[] = {
      {"plain ASCII", {.name = "a", .text = "5555"}, "a=5555"},
      {"a quote within", {.name = "a", .text = "q\"x"}, "a=q\"x"},
      {"a blank", {.name = "a", .text = "a b"}, "a=\"a b\""},
      {"quotes beside a blank", {.name = "a", .text = "a \"b\""}, "a=\"a \"\"b\"\"\""},
      {"a quote at the begin", {.name = "a", .text = "\""}, "a=\"\"\"\""},
      {"what looks like a field", {.name = "a", .text = "a=b"}, "a=\"a=b\""},
      {"a backslash, for httpd to double", {.name = "a", .text = "\\"}, "a=\\\\"},
      {"a newline, for httpd to escape", {.name = "a", .text = "\n"}, "a=\\n"},
      {"no ASCII", {.name = "a", .text = "日"}, "a=\\xe6\\x97\\xa5"},
      {"an integer", {.name = "a", .text = "007", .type = Type::kInteger}, "a=7"},
      {"a value that was cut", {.name = "a", .text = "x", .shortened = true}, "a=x..."},
  };
  for (const Case& c : kCases) EXPECT_EQ(message({&c.item, 1}), c.want) << c.why;
}

/// Reads the value behind a key, and takes it off.
std::string read_value(std::string_view& text) {
  std::string value;
  if (!text.starts_with('"')) {
    value = prefix(text, text.find(' '));
    text = suffix(text, value.size());
    return value;
  }
  for (std::size_t at = 1;; ++at) {
    if (text[at] == '"' && (at + 1 == text.size() || text[at + 1] != '"')) {
      text = suffix(text, at + 1);
      return value;
    }
    if (text[at] == '"') ++at;
    value += text[at];
  }
}

TEST(PutMessageValue, NoValueBecomesAnotherField) {
  std::mt19937 random(20261126);
  for (int round = 0; round < 5000; ++round) {
    std::string values[2];
    for (std::string& value : values) {
      value.resize(1 + random() % 12);
      for (char& c : value) c = "\" =ab\\\n\xC3\xAB"[random() % 9];
    }
    const Item items[] = {{.name = "a", .text = values[0], .cut = Cut::kLate},
                          {.name = "b", .text = values[1], .cut = Cut::kFirst}};
    const std::string text = message(items);
    std::string_view rest = text;
    ASSERT_TRUE(rest.starts_with("a="));
    rest.remove_prefix(2);
    EXPECT_EQ(unescape(read_value(rest)), values[0]) << text;
    ASSERT_TRUE(rest.starts_with(" b=")) << text;
    rest.remove_prefix(3);
    EXPECT_EQ(unescape(read_value(rest)), values[1]) << text;
    EXPECT_EQ(rest, "");
    EXPECT_EQ(escape(unescape(text)), text) << "httpd makes of it what was counted";
    message(items, 16 + random() % 40);
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
