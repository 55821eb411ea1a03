#include "reqnotes/line/json.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include "json_reader.hpp"
#include "unicode.hpp"

namespace reqnotes {
namespace {

using namespace std::string_view_literals;

struct Written {
  std::string text;
  bool whole;
};

Written json_text(std::string_view text, std::size_t room = kNoLimit) {
  std::vector<char> buffer(6 * text.size() + 16);
  Sink out(buffer);
  const bool whole = put_json_text(text, room, out);
  EXPECT_FALSE(out.overflowed());
  return {std::string(out.written()), whole};
}

TEST(JsonReader, TakesWhatRfc8259Allows) {
  constexpr std::string_view kTexts[] = {
      "{}",
      "[]",
      R"({"a":{"b":[1,-2.5e+3,"x",true,false,null]}})",
      " [ 1 , { \"a\" : \"b\" } ]\r\n\t",
      R"("\"\\\/\b\f\n\r\t\u0041\u00e9\u20AC")",
      "\"\x7F\xC2\x80\xE2\x80\xA8\"",
      R"({"":""})",
  };
  for (std::string_view text : kTexts) EXPECT_NO_THROW(JsonReader::read(text)) << text;
}

TEST(JsonReader, GivesBackWhatStandsThere) {
  const Json json = JsonReader::read(R"({"b":["\u0041\u00e9\u20AC\n","x"],"a":1e5})");
  EXPECT_EQ(json.names, (std::vector<std::string>{"b", "a"}));
  EXPECT_EQ(json.elements[0].kind, Json::kArray);
  EXPECT_EQ(json.elements[0].elements[0].text, "A\xC3\xA9\xE2\x82\xAC\n");
  EXPECT_EQ(json.elements[0].elements[1].text, "x");
  EXPECT_EQ(json.elements[1].kind, Json::kNumber);
  EXPECT_EQ(json.elements[1].text, "1e5");
}

TEST(JsonReader, RefusesEachCase) {
  struct Case {
    const char* why;
    std::string_view text;
  };
  constexpr Case kCases[] = {
      {"nothing", ""},
      {"half an object", "{"},
      {"a comma before the first member", R"({,"a":1})"},
      {"a comma after the last member", R"({"a":1,})"},
      {"a comma after the last element", "[1,]"},
      {"no comma", R"({"a":1"b":2})"},
      {"no colon", R"({"a"1})"},
      {"a name without quotes", "{a:1}"},
      {"the same name twice", R"({"a":1,"a":2})"},
      {"the wrong end", "[1}"},
      {"two values", "{}{}"},
      {"an open string", R"({"a":"b})"},
      {"a control character", "\"\x01\""},
      {"a newline", "\"\n\""},
      {"NUL", "\"\0\""sv},
      {"an unknown escape", R"("\x41")"},
      {"a short escape", R"("\u41")"},
      {"a surrogate", R"("\ud83d")"},
      {"invalid UTF-8", "\"\xFF\""},
      {"an overlong slash", "\"\xC0\xAF\""},
      {"a leading zero", "01"},
      {"a plus sign", "+1"},
      {"no digit before the point", ".5"},
      {"no digit after the point", "5."},
      {"no digit in the exponent", "5e"},
      {"hex", "0x1"},
      {"not a number", "NaN"},
      {"a literal in upper case", "TRUE"},
      {"single quotes", "'a'"},
  };
  for (const Case& c : kCases) EXPECT_ANY_THROW(JsonReader::read(c.text)) << c.why;
}

TEST(PutJsonText, EscapesEachCase) {
  struct Case {
    const char* why;
    std::string_view text;
    std::string_view want;
  };
  constexpr Case kCases[] = {
      {"nothing", "", ""},
      {"plain text", "Hello, world! ~", "Hello, world! ~"},
      {"a quote", R"(")", R"(\")"},
      {"a backslash", R"(\)", R"(\\)"},
      {"what looks like an escape is none", R"(\n\u0041)", R"(\\n\\u0041)"},
      {"the five short escapes", "\b\f\n\r\t", R"(\b\f\n\r\t)"},
      {"NUL ends no text", "a\0b"sv, R"(a\u0000b)"},
      {"the last C0 control", "\x1F", R"(\u001f)"},
      {"a slash needs no escape", "</script>", "</script>"},
      {"DEL", "a\x7Fz", R"(a\u007fz)"},
      {"the first C1 control", "\xC2\x80", R"(\u0080)"},
      {"NEL, which some terminals take for a newline", "\xC2\x85", R"(\u0085)"},
      {"CSI, which begins a terminal's commands", "\xC2\x9B[31m", R"(\u009b[31m)"},
      {"the last C1 control", "\xC2\x9F", R"(\u009f)"},
      {"U+00A0 is no control", "\xC2\xA0", "\xC2\xA0"},
      {"the byte of a control inside other characters", "\xC3\x80\xE2\x80\x85",
       "\xC3\x80\xE2\x80\x85"},
      {"U+2028 stays", "\xE2\x80\xA8", "\xE2\x80\xA8"},
      {"U+FEFF stays", "\xEF\xBB\xBF", "\xEF\xBB\xBF"},
      {"two, three and four bytes", "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80",
       "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"},
      {"a character between escapes", "\n\xC3\xA9\n", "\\n\xC3\xA9\\n"},
      {"text between escapes", "\"0123456789abcdef0123456789\"",
       R"(\"0123456789abcdef0123456789\")"},
      {"one U+FFFD for a stray byte", "a\xFFz", "a\xEF\xBF\xBDz"},
      {"one U+FFFD for a character cut by the end", "a\xE2\x82", "a\xEF\xBF\xBD"},
      {"a C1 control without its first byte is no control", "\x9B", "\xEF\xBF\xBD"},
  };
  for (const Case& c : kCases) {
    const Written got = json_text(c.text);
    EXPECT_EQ(got.text, c.want) << c.why;
    EXPECT_TRUE(got.whole) << c.why;
  }
}

TEST(PutJsonText, EscapesEachControlCharacterOnce) {
  for (unsigned code = 0; code < 0xA0; ++code) {
    if (code >= 0x20 && code < 0x7F) continue;
    const char low = static_cast<char>(code);
    const std::string text = code < 0x80 ? std::string{low} : std::string{'\xC2', low};
    const std::string written = json_text(text).text;
    EXPECT_EQ(JsonReader::read('"' + written + '"').text, text) << code;
    if (std::string_view("\b\f\n\r\t").find(low) != std::string_view::npos) {
      EXPECT_EQ(written.size(), 2U) << code;
    } else {
      char want[7];
      std::snprintf(want, sizeof want, "\\u%04x", code);
      EXPECT_EQ(written, want);
    }
  }
}

// One U+FFFD for each maximal subpart.
TEST(PutJsonText, RepairsUnicodesOwnExamples) {
  struct Case {
    const char* why;
    std::string_view text;
    std::string_view want;  // with ? for U+FFFD
  };
  constexpr Case kCases[] = {
      {"table 3-8: non-shortest forms", "\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41", "????????A"},
      {"table 3-9: surrogates", "\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41", "????????A"},
      {"table 3-10: other ill-formed sequences", "\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42",
       "?????A??B"},
      {"table 3-11: truncated sequences", "\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", "????A"},
      {"beyond U+10FFFF", "\xF4\x90\x80\x80", "????"},
      {"cut after one byte by the end", "A\xF0", "A?"},
      {"cut after two bytes by the end", "A\xF0\x9F", "A?"},
      {"cut after three bytes by the end", "A\xF0\x9F\x98", "A?"},
  };
  for (const Case& c : kCases) {
    std::string want;
    for (char sign : c.want) want += sign == '?' ? "\xEF\xBF\xBD" : std::string{sign};
    EXPECT_EQ(json_text(c.text).text, want) << c.why;
    EXPECT_EQ(repaired(c.text), want) << c.why;
  }
}

TEST(PutJsonText, WritesNoMoreThanItsRoomAndOnlyWholeCharacters) {
  const std::string nasty =
      "plain text of more than sixteen bytes\"\\\n\x01\xC2\x9B\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"
      "\xE2\x82\xFF\xED\xA0\x80tail\x1F\"";
  for (const std::string& text : {nasty, nasty + " plain again", std::string(40, 'p')}) {
    const std::string full = json_text(text).text;
    const std::string value = repaired(text);
    for (std::size_t room = 0; room <= full.size() + 1; ++room) {
      const Written got = json_text(text, room);
      EXPECT_LE(got.text.size(), room);
      EXPECT_LT(std::min(room, full.size()) - got.text.size(), 6U) << room;
      EXPECT_EQ(got.whole, room >= full.size()) << room;
      EXPECT_TRUE(full.starts_with(got.text)) << room;
      EXPECT_TRUE(value.starts_with(JsonReader::read('"' + got.text + '"').text)) << room;
    }
  }
}

TEST(PutJsonText, StaysWithinTheBufferWhereTheRoomIsWider) {
  for (const std::string text :
       {"ab\n\xC3\xA9\n long enough for more than one block\n", "ab\n\n"}) {
    const std::string full = json_text(text).text;
    for (std::size_t size = 0; size < full.size(); ++size) {
      std::vector<char> buffer(size);  // of exactly this size, so that ASan sees a step beyond
      Sink out(buffer);
      put_json_text(text, kNoLimit, out);
      EXPECT_TRUE(out.overflowed()) << size;
      EXPECT_TRUE(full.starts_with(out.written())) << size;
    }
  }
}

/// A JSON string written byte by byte, without the wide scan.
std::string slow_json_text(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const Utf8Step step = utf8_step(text);
    char escape[6];
    out += json_piece(text, step, escape);
    text.remove_prefix(step.length);
  }
  return out;
}

// Each byte at each place of a block, so that no part of the scan misses one.
TEST(PutJsonText, SeesEachByteAtEachPlace) {
  for (std::size_t size : {1U, 7U, 8U, 9U, 15U, 16U, 17U, 31U, 33U, 40U}) {
    for (std::size_t at = 0; at < size; ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string text(size, 'p');
        text[at] = static_cast<char>(byte);
        const std::string want = slow_json_text(text);
        EXPECT_EQ(json_text(text).text, want) << size << ", " << at << ", " << byte;
        const bool odd = byte < 0x20 || byte >= 0x7F || byte == '"' || byte == '\\';
        EXPECT_EQ(find_odd(text, kJsonOdd), odd ? at : size) << at << ", " << byte;
      }
    }
  }
}

/// Texts of what is plain, escaped, valid and broken, in runs of any length.
TEST(PutJsonText, WritesRandomTextsAsByteByByte) {
  constexpr std::string_view kPieces[] = {"p",
                                          "\"",
                                          "\\",
                                          "\n",
                                          "\x01",
                                          "\x7F",
                                          "\xC2\x85",
                                          "\xC2",
                                          "\xC3\xA9",
                                          "\xC3",
                                          "\xE2\x82\xAC",
                                          "\xE2\x82",
                                          "\xED\xA0\x80",
                                          "\xE0",
                                          "\xEF\xBF\xBD",
                                          "\xF0\x9F\x98\x80",
                                          "\xF0\x9F",
                                          "\xFF",
                                          "\x80",
                                          "text of seventeen",
                                          "words "};
  std::minstd_rand random(20261127);
  for (std::size_t times = 0; times < 20000; ++times) {
    std::string text;
    while (random() % 12 != 0) text += kPieces[random() % std::size(kPieces)];
    const std::string want = slow_json_text(text);
    ASSERT_EQ(json_text(text).text, want) << text;
    // With no byte more than it takes, so that ASan sees a step beyond.
    const std::vector<char> exact(text.begin(), text.end());
    std::vector<char> buffer(want.size());
    Sink out(buffer);
    ASSERT_TRUE(put_json_text({exact.data(), exact.size()}, kNoLimit, out));
    ASSERT_EQ(out.written(), want);
    const std::size_t room = random() % (want.size() + 1);
    ASSERT_EQ(json_text(text, room).text, slow_json_text(json_beginning(text, room)));
    ASSERT_TRUE(want.starts_with(json_text(text, room).text));
  }
}

TEST(JsonBeginning, IsTheLongestThatFits) {
  const std::string nasty =
      "plain text of more than sixteen "
      "bytes\"\\\n\x01\x7F\xC2\x9B\xC3\xA9\xE2\x82\xAC\xE2\x82\xFFtail";
  for (std::size_t room = 0; room < 140; ++room) {
    const std::string_view part = json_beginning(nasty, room);
    EXPECT_TRUE(nasty.starts_with(part));
    EXPECT_EQ(slow_json_text(part), json_text(nasty, room).text) << room;
  }
}

}  // namespace
}  // namespace reqnotes
