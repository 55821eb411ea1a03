#include "reqnotes/metrics/key_value.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace reqnotes {
namespace {

using namespace std::string_literals;
using Pairs = std::vector<std::pair<std::string, std::string>>;

struct Result {
  Pairs pairs;
  std::string error;
  std::size_t line = 99;
};

Result read_text(const std::string& text) {
  Result result;
  const std::vector<char> exact(text.begin(), text.end());
  const char* error =
      read_key_values({exact.data(), exact.size()}, result.line,
                      [&](std::string_view name, std::string_view value) -> const char* {
                        if (value == "wrong") return "is wrong";
                        result.pairs.emplace_back(name, value);
                        return nullptr;
                      });
  if (error) result.error = error;
  return result;
}

Pairs pairs_of(const std::string& text) {
  const Result result = read_text(text);
  EXPECT_EQ(result.error, "") << text << "line " << result.line;
  return result.pairs;
}

/// The line that is refused; -1 where all is well.
int refused_line(const std::string& text) {
  const Result result = read_text(text);
  return result.error.empty() ? -1 : static_cast<int>(result.line);
}

TEST(ReadKeyValues, ReadsBothForms) {
  EXPECT_EQ(pairs_of("queue 12\nthumbs_total=7\n"),
            (Pairs{{"queue", "12"}, {"thumbs_total", "7"}}));
  EXPECT_EQ(pairs_of("a = 1\nb\t2\nc=\t3\nd \t =4\n"),
            (Pairs{{"a", "1"}, {"b", "2"}, {"c", "3"}, {"d", "4"}}));
  EXPECT_EQ(pairs_of("\t a 1 \t\n"), (Pairs{{"a", "1"}}));
  EXPECT_EQ(pairs_of("a 1\r\nb=2 \r\n\r\n"), (Pairs{{"a", "1"}, {"b", "2"}}));
}

TEST(ReadKeyValues, GivesWhatStandsBehindTheNameAsOneText) {
  EXPECT_EQ(pairs_of("search_v2 on trip=20%/50/30s  # db07\n"),
            (Pairs{{"search_v2", "on trip=20%/50/30s"}}));
  EXPECT_EQ(pairs_of("a\nb=\nc \n"), (Pairs{{"a", ""}, {"b", ""}, {"c", ""}}));
  EXPECT_EQ(pairs_of("a == 1\n"), (Pairs{{"a", "= 1"}}));
  EXPECT_EQ(pairs_of("a 1 = 2\n"), (Pairs{{"a", "1 = 2"}}));
  EXPECT_EQ(pairs_of("a caf\xC3\xA9 \xF0\x9F\x90\x8C\n"),
            (Pairs{{"a", "caf\xC3\xA9 \xF0\x9F\x90\x8C"}}));
}

TEST(ReadKeyValues, PassesOverCommentsAndEmptyLines) {
  EXPECT_EQ(pairs_of(""), Pairs());
  EXPECT_EQ(pairs_of("\n\n \t\n#\n# a 1\n\t# b 2 # c\n"), Pairs());
  EXPECT_EQ(pairs_of("a 1# one\nb 2 #\nc #3\n"), (Pairs{{"a", "1"}, {"b", "2"}, {"c", ""}}));
}

TEST(ReadKeyValues, GivesTheCommentToWhomTakesIt) {
  std::vector<std::string> comments;
  std::size_t line = 99;
  const std::string text = "a 1 # one # two\t\r\nb\n# of no line\nc #\nd=2#x\n";
  const char* error = read_key_values(
      text, line,
      [&](std::string_view name, std::string_view value, std::string_view comment) -> const char* {
        comments.push_back(std::string(name) + '|' + std::string(value) + '|' +
                           std::string(comment));
        return nullptr;
      });
  EXPECT_EQ(error, nullptr);
  EXPECT_EQ(comments, (std::vector<std::string>{"a|1|one # two", "b||", "c||", "d|2|x"}));
}

TEST(ReadKeyValues, RefusesATextWithoutItsLastNewline) {
  for (const char* text : {"a 1", "a 1\nb 2", "a 1\n ", "# a", "a 1\r"}) {
    const Result result = read_text(text);
    EXPECT_EQ(result.error, "is not whole: it has no newline at its end") << text;
    EXPECT_EQ(result.line, 0U) << text;
    EXPECT_EQ(result.pairs, Pairs()) << "nothing of half a text is used";
  }
}

TEST(ReadKeyValues, SaysWhichLineIsWrong) {
  EXPECT_EQ(refused_line("a 1\n"), -1);
  EXPECT_EQ(refused_line("1a 1\n"), 1);
  EXPECT_EQ(refused_line("a 1\n\n# x\nb-c 1\nd-e 1\n"), 4);
  const Result result = read_text("a 1\nb wrong\nc 2\n");
  EXPECT_EQ(result.error, "is wrong");
  EXPECT_EQ(result.line, 2U);
  EXPECT_EQ(result.pairs, (Pairs{{"a", "1"}}));
}

TEST(ReadKeyValues, RefusesWhatIsNoText) {
  for (int byte = 0; byte < 0x100; ++byte) {
    const bool is_refused = (byte < 0x20 && byte != '\t' && byte != '\n') || byte >= 0x7F;
    const std::string text = "a 1\n# "s + static_cast<char>(byte) + " x\n";
    // Behind a new line, `x` is a name.
    EXPECT_EQ(refused_line(text), is_refused ? 2 : -1) << byte;
  }
  EXPECT_EQ(refused_line("a\r 1\n"), 1);
  EXPECT_EQ(refused_line("a 1\r\r\n"), 1);
  EXPECT_EQ(refused_line("# \xC2\x80\n"), 1);
  EXPECT_EQ(refused_line("# \xC2\x9F\n"), 1);
  EXPECT_EQ(refused_line("# \xC2\xA0\n"), -1);
  EXPECT_EQ(refused_line("# \xC2\n"), 1) << "the newline is no part of a character";
  EXPECT_EQ(refused_line("# \xED\xA0\x80\n"), 1) << "a surrogate";
  EXPECT_EQ(refused_line("# \xF4\x90\x80\x80\n"), 1);
}

TEST(IsNumberName, KnowsItsShape) {
  for (const char* name : {"a", "Z", "_", "_1", "a9_Z", "queue_total"}) {
    EXPECT_TRUE(is_number_name(name)) << name;
  }
  EXPECT_TRUE(is_number_name(std::string(64, 'a')));
  EXPECT_FALSE(is_number_name(std::string(65, 'a')));
  for (const char* name :
       {"", "1", "9a", "a.b", "a-b", "a b", "a:b", "caf\xC3\xA9", "a@", "a[", "a`", "a{", "a/"}) {
    EXPECT_FALSE(is_number_name(name)) << name;
  }
}

}  // namespace
}  // namespace reqnotes
