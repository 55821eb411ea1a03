#include "reqnotes/line/embedded.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "json_reader.hpp"

namespace reqnotes {
namespace {

TEST(IsEmbeddable, TakesEachCase) {
  for (std::string_view text :
       {"{}", "[]", "[ ]", "{ }", R"({"a":1})", R"({ "a" : 1 , "b" : [ ] })", "[1,-2.5e3,0]",
        R"(["a","\\\"\/\b\f\n\r\t"])", R"(["\u00e9\ud83d\ude00"])", "[\"\xC3\xA9\"]",
        "[true,false,null]", "[[[[[[[[]]]]]]]]", R"({"a":1,"b":{"a":2}})"}) {
    EXPECT_TRUE(is_embeddable(text)) << text;
    EXPECT_NO_THROW(JsonReader::read(text)) << text;
  }
}

TEST(IsEmbeddable, RefusesEachCase) {
  using namespace std::string_view_literals;
  for (std::string_view text : {""sv,
                                "1"sv,
                                "true"sv,
                                "\"a\""sv,
                                " {}"sv,
                                "{} "sv,
                                "{"sv,
                                "["sv,
                                "{}}"sv,
                                "[]]"sv,
                                "[}"sv,
                                "{]"sv,
                                "[1,]"sv,
                                "[,1]"sv,
                                "[1 2]"sv,
                                "{,}"sv,
                                R"({"a"})"sv,
                                R"({"a":})"sv,
                                R"({"a":1,})"sv,
                                R"({a:1})"sv,
                                R"({"a" 1})"sv,
                                R"({1:1})"sv,
                                "['a']"sv,
                                "[01]"sv,
                                "[+1]"sv,
                                "[.5]"sv,
                                "[1.]"sv,
                                "[1e999]"sv,
                                "[NaN]"sv,
                                "[True]"sv,
                                "[nul]"sv,
                                "[1,\n2]"sv,
                                "[\t]"sv,
                                "[\r]"sv,
                                "[\"\n\"]"sv,
                                "[\"\x7F\"]"sv,
                                "[\"\xC2\x9B\"]"sv,
                                "[\"\xFF\"]"sv,
                                "[\"\xE2\x82\"]"sv,
                                "[\"a]"sv,
                                R"(["\x"])"sv,
                                R"(["\u12"])"sv,
                                R"(["\u12g4"])"sv,
                                R"(["\ud83d"])"sv,
                                R"(["\ud83dx"])"sv,
                                R"(["\ud83d\n"])"sv,
                                R"(["\ud83d\u0041"])"sv,
                                R"(["\ude00"])"sv,
                                "[\"\\"sv,
                                "[\"\\u"sv,
                                "[\0]"sv,
                                "[1]\0"sv,
                                "[]//"sv,
                                "[[[[[[[[[]]]]]]]]]"sv,
                                R"({"a":1,"a":2})"sv,
                                R"({"\u0061":1})"sv}) {
    EXPECT_FALSE(is_embeddable(text)) << text;
  }
}

TEST(IsEmbeddable, TakesUpTo32Names) {
  std::string names = "\"n0\":0";
  for (int name = 1; name < 32; ++name) names += ",\"n" + std::to_string(name) + "\":0";
  EXPECT_TRUE(is_embeddable("{" + names + "}"));
  EXPECT_FALSE(is_embeddable("{" + names + ",\"n32\":0}"));
}

// Whatever is taken, another reader takes as well; and much of what is made at random is.
TEST(IsEmbeddable, AgreesWithAReader) {
  std::mt19937 random(20261128);
  int taken = 0;
  for (int round = 0; round < 200000; ++round) {
    std::string text;
    for (std::size_t left = 1 + random() % 9; left != 0; --left) {
      constexpr std::string_view kPieces[] = {
          "{",   "}", "[",     "]",      ",", ":",  "\"",   "a",
          "\\n", "1", "\"b\"", "\"c\":", " ", "[1", "true", "\\u00"};
      text += kPieces[random() % std::size(kPieces)];
    }
    if (!is_embeddable(text)) continue;
    ++taken;
    EXPECT_NO_THROW(JsonReader::read(text)) << text;
  }
  EXPECT_GT(taken, 100) << taken;
}

}  // namespace
}  // namespace reqnotes
