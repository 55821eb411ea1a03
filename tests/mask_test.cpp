#include "reqnotes/mask.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace reqnotes {
namespace {

bool is_default(std::string_view name) {
  return std::ranges::find(kMaskedNames, name) != std::end(kMaskedNames);
}

/// What is written of `text`; also checks what must hold for every text.
std::string masked(std::string_view text, Place place = Place::kQuery) {
  std::vector<char> buffer(masked_room(text.size()));
  Sink out(buffer);
  put_masked(text, place, is_default, out);
  EXPECT_FALSE(out.overflowed()) << text;
  const std::string result(out.written());
  EXPECT_TRUE(has_masked(text, place, is_default) || result == text) << text;
  return result;
}

TEST(Mask, MasksTheValuesOfEachDefaultName) {
  for (std::string_view name : kMaskedNames) {
    EXPECT_EQ(masked(std::string(name) + "=hidden"), std::string(name) + "=***");
  }
}

TEST(Mask, LeavesOtherParametersAsTheyAre) {
  for (std::string_view text : {"", "a", "a=b", "a=b&c=d%20e", "passwords=1", "mytoken=1", "=x",
                                "a=password", "a=b=password=c", "&&=&", "%", "%4", "%zz=1"}) {
    EXPECT_EQ(masked(text), text);
  }
}

TEST(Mask, LeavesANameWithoutAValue) {
  EXPECT_EQ(masked("password"), "password");
  EXPECT_EQ(masked("password&a=b"), "password&a=b");
}

TEST(Mask, MasksAnEmptyValue) {
  EXPECT_EQ(masked("password="), "password=***");
  EXPECT_EQ(masked("password=&a=b"), "password=***&a=b");
}

TEST(Mask, MasksEachOfSeveral) {
  EXPECT_EQ(masked("token=1&a=2&token=3&token=4"), "token=***&a=2&token=***&token=***");
}

TEST(Mask, KnowsANameInAnySpelling) {
  EXPECT_EQ(masked("PassWord=x"), "PassWord=***");
  EXPECT_EQ(masked("pass%77ord=x"), "pass%77ord=***");
  EXPECT_EQ(masked("%50%41SSWORD=x"), "%50%41SSWORD=***");
  EXPECT_EQ(masked("pass%2577ord=x"), "pass%2577ord=***");
  EXPECT_EQ(masked("password%3Dx&a=b"), "password%3D***&a=b");
  EXPECT_EQ(masked("password[]=x&password%5Ba%5D=y"), "password[]=***&password%5Ba%5D=***");
  EXPECT_EQ(masked("password%00z=x"), "password%00z=***");
  EXPECT_EQ(masked("user[password]=x"), "user[password]=***");
  EXPECT_EQ(masked("api.key=x&api+key=x&api%20key=x&+%20api_key=x"),
            "api.key=***&api+key=***&api%20key=***&+%20api_key=***");
}

TEST(Mask, EndsAValueOnlyWhereItSurelyEnds) {
  EXPECT_EQ(masked("password=a=b;c/d?e#f%26g&h=i"), "password=***&h=i");
  EXPECT_EQ(masked("token=a/b;c/d", Place::kPath), "token=***/b;c/d");
}

TEST(Mask, FindsParametersBehindASemicolon) {
  EXPECT_EQ(masked("a=b;token=c"), "a=b;token=***");
  EXPECT_EQ(masked("a=b&amp;token=c"), "a=b&amp;token=***");
}

TEST(Mask, FindsAUrlInsideAValue) {
  EXPECT_EQ(masked("next=/login?password=x&a=b"), "next=/login?password=***&a=b");
  EXPECT_EQ(masked("next=%2Flogin%3Fa%3Db%26password%3Dx&a=b"),
            "next=%2Flogin%3Fa%3Db%26password%3D***&a=b");
  EXPECT_EQ(masked("next=%252Flogin%253Fpassword%253Dx"), "next=%252Flogin%253Fpassword%253D***");
}

TEST(Mask, MasksInAPath) {
  EXPECT_EQ(masked("/a/token=b/c", Place::kPath), "/a/token=***/c");
  EXPECT_EQ(masked("/a;token=b;v=1/c", Place::kPath), "/a;token=***;v=1/c");
  EXPECT_EQ(masked("/a%3Ftoken=b", Place::kPath), "/a%3Ftoken=***");
  EXPECT_EQ(masked("/token/b", Place::kPath), "/token/b");
}

TEST(Mask, MasksInAUrl) {
  EXPECT_EQ(masked("https://h/a;token=b/c?d=e&token=f/g#token=h", Place::kPath),
            "https://h/a;token=***/c?d=e&token=***");
  EXPECT_EQ(masked("https://h/a#access_token=b&c=d", Place::kPath),
            "https://h/a#access_token=***&c=d");
  EXPECT_EQ(masked("/x#token=a/b", Place::kPath), "/x#token=***");
  EXPECT_EQ(masked("https://h/?token=", Place::kPath), "https://h/?token=***");
}

TEST(Mask, MasksInAMessage) {
  EXPECT_EQ(masked("Cannot map GET /x?password=a,b&c=d HTTP/1.1 to file", Place::kMessage),
            "Cannot map GET /x?password=*** HTTP/1.1 to file");
  EXPECT_EQ(masked("token=a failed (password=b, \"secret=c\")", Place::kMessage),
            "token=*** failed (password=*** \"secret=***");
  EXPECT_EQ(masked("split uri=/x?token=a -> uri=/x, args=token=b&n=1", Place::kMessage),
            "split uri=/x?token=*** -> uri=/x, args=token=***");
  EXPECT_EQ(masked("args:token=a b|token=c", Place::kMessage), "args:token=*** b|token=***");
  EXPECT_EQ(masked("no file /x/token=a&b<c\"d", Place::kMessage), "no file /x/token=***");
  EXPECT_EQ(masked("the token is missing", Place::kMessage), "the token is missing");
}

TEST(Mask, KeepsBytesOfAnyKind) {
  using std::string_literals::operator""s;
  EXPECT_EQ(masked("\xFF\0=\x01&token=\xFF\0\xC3&\xC3\xA9=1"s),
            "\xFF\0=\x01&token=***&\xC3\xA9=1"s);
}

TEST(Mask, LongNamesAreNotMistaken) {
  const std::string longest(kMaskedNameMax, 'n');
  const auto is_masked = [&](std::string_view name) { return name == longest; };
  const auto found = [&](const std::string& text) {
    return find_masked(text, 0, Place::kQuery, is_masked).has_value();
  };
  EXPECT_TRUE(found(longest + "=x"));
  EXPECT_FALSE(found(longest + "n=x"));
  EXPECT_FALSE(found(longest + longest + "=x"));
}

TEST(Mask, HasRoomForTheWorst) {
  std::string text;
  for (int times = 0; times < 500; ++times) text += "&x=";
  const auto any = [](std::string_view) { return true; };
  std::vector<char> buffer(masked_room(text.size()));
  Sink out(buffer);
  put_masked(text, Place::kQuery, any, out);
  EXPECT_FALSE(out.overflowed());
  EXPECT_EQ(out.size(), 2 * text.size());
}

TEST(IsMaskable, RefusesNamesThatCannotBeFound) {
  for (std::string_view name : {"pin", "X-Token", "a.b", "_", "\xC3\xA9"}) {
    EXPECT_TRUE(is_maskable(name)) << name;
  }
  for (std::string_view name : {"", "a=b", "a&b", "a b", "a%20b", "a[b]", "a/b", "a?b", "a\x01"}) {
    EXPECT_FALSE(is_maskable(name)) << name;
  }
  EXPECT_TRUE(is_maskable(std::string(kMaskedNameMax, 'n')));
  EXPECT_FALSE(is_maskable(std::string(kMaskedNameMax + 1, 'n')));
}

}  // namespace
}  // namespace reqnotes
