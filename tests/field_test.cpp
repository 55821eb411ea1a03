#include "reqnotes/facts/field.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace reqnotes {
namespace {

/// Names that are taken, in place of those that lines have of themselves.
constexpr std::string_view kTaken[] = {"time", "client", "user_agent", "first", "truncated"};

TEST(CheckFieldName, TakesWhatTheDesignAllows) {
  const std::string longest = 'a' + std::string(63, '9');
  for (const std::string& name : {std::string("a"), std::string("user_id"), std::string("order.id"),
                                  std::string("a0_.1"), std::string("z"), longest}) {
    EXPECT_EQ(check_field_name(name, kTaken), nullptr) << name;
  }
}

TEST(CheckFieldName, RefusesEachCase) {
  struct Case {
    const char* why;
    std::string name;
  };
  const Case cases[] = {
      {"nothing", ""},
      {"65 bytes", std::string(65, 'a')},
      {"a digit first", "0a"},
      {"an underscore first", "_a"},
      {"a dot first", ".a"},
      {"an exclamation mark first", "!a"},
      {"upper case", "User"},
      {"upper case later", "userId"},
      {"a dash", "user-id"},
      {"a blank", "user id"},
      {"an equals sign", "a=b"},
      {"a quote", "a\"b"},
      {"the sign after z", "a{"},
      {"the sign before a", "a`"},
      {"the sign after 9", "a:"},
      {"the sign before 0", "a/"},
      {"not ASCII",
       "stra\xC3\x9F"
       "e"},
      {"NUL", std::string("a\0b", 3)},
  };
  for (const Case& c : cases) {
    const char* error = check_field_name(c.name, kTaken);
    ASSERT_NE(error, nullptr) << c.why;
    EXPECT_NE(std::string_view(error).find("up to 63 more"), std::string_view::npos) << c.why;
  }
}

TEST(CheckFieldName, RefusesDotsThatPartNothing) {
  for (const char* name : {"a.", "a..b", "a.b.", "a.b..c"}) {
    const char* error = check_field_name(name, kTaken);
    ASSERT_NE(error, nullptr) << name;
    EXPECT_NE(std::string_view(error).find("between two other"), std::string_view::npos) << name;
  }
}

TEST(CheckFieldName, RefusesAPartOfABuiltInName) {
  for (std::string_view built_in : kTaken) {
    const std::string name = std::string(built_in) + ".x";
    const char* error = check_field_name(name, kTaken);
    ASSERT_NE(error, nullptr) << name;
    EXPECT_NE(std::string_view(error).find("splits names"), std::string_view::npos) << name;
  }
  EXPECT_EQ(check_field_name("clients.ip", kTaken), nullptr);
}

TEST(Clash, IsWhereANameIsAPartOfTheOther) {
  struct Case {
    const char* one;
    const char* other;
    bool want;
  };
  constexpr Case kCases[] = {
      {"user", "user.id", true},
      {"user.id", "user", true},
      {"a.b", "a.b.c", true},
      {"a", "a.b.c", true},
      {"user", "user_id", false},
      {"user", "users.id", false},
      {"user.id", "user.name", false},
      {"user", "user", false},
      {"b", "a.b", false},
      {"", "", false},
      {"a.b", "a.c.b", false},
  };
  for (const Case& c : kCases) EXPECT_EQ(clash(c.one, c.other), c.want) << c.one << " " << c.other;
}

TEST(CheckFieldName, RefusesNoNameAtAll) {
  EXPECT_NE(check_field_name({}, kTaken), nullptr);
}

TEST(CheckFieldName, RefusesTheNamesOfEveryLine) {
  for (std::string_view name : kTaken) {
    const char* error = check_field_name(name, kTaken);
    ASSERT_NE(error, nullptr) << name;
    EXPECT_NE(std::string_view(error).find("built in"), std::string_view::npos) << name;
  }
  EXPECT_NE(check_field_name("truncated", kTaken), nullptr);
  EXPECT_EQ(check_field_name("truncated2", kTaken), nullptr);
}

TEST(ParseFieldOption, ReadsEachOption) {
  struct Case {
    std::string_view word;
    Type type;
    std::size_t max;
    unsigned logs;
  };
  constexpr unsigned kBoth = kAccessLog | kErrorLog;
  constexpr Case kCases[] = {
      {"type=string", Type::kString, 256, kBoth},
      {"type=integer", Type::kInteger, 256, kBoth},
      {"type=number", Type::kNumber, 256, kBoth},
      {"type=boolean", Type::kBoolean, 256, kBoth},
      {"type=list", Type::kList, 256, kBoth},
      {"max=4", Type::kString, 4, kBoth},
      {"max=65535", Type::kString, 65535, kBoth},
      {"logs=access", Type::kString, 256, kAccessLog},
      {"logs=error", Type::kString, 256, kErrorLog},
      {"logs=access,error", Type::kString, 256, kBoth},
      {"logs=error,access", Type::kString, 256, kBoth},
  };
  for (const Case& c : kCases) {
    FieldOptions options;
    EXPECT_EQ(parse_field_option(c.word, options), nullptr) << c.word;
    EXPECT_EQ(options.type, c.type) << c.word;
    EXPECT_EQ(options.max, c.max) << c.word;
    EXPECT_EQ(options.logs, c.logs) << c.word;
  }
}

TEST(ParseFieldOption, KeepsWhatEarlierWordsSaid) {
  FieldOptions options;
  for (const char* word : {"type=list", "max=99", "logs=error"}) {
    EXPECT_EQ(parse_field_option(word, options), nullptr);
  }
  EXPECT_EQ(options.type, Type::kList);
  EXPECT_EQ(options.max, 99U);
  EXPECT_EQ(options.logs, kErrorLog);
}

TEST(ParseFieldOption, ReadsThePrivacy) {
  FieldOptions options;
  EXPECT_EQ(options.privacy, Privacy::kPlain);
  EXPECT_EQ(parse_field_option("privacy=hash", options), nullptr);
  EXPECT_EQ(options.privacy, Privacy::kHash);
  EXPECT_EQ(parse_field_option("privacy=last4", options), nullptr);
  EXPECT_EQ(options.privacy, Privacy::kLast4);
  EXPECT_EQ(parse_field_option("privacy=plain", options), nullptr);
  EXPECT_EQ(options.privacy, Privacy::kPlain);
}

TEST(ParseFieldOption, ReadsTheNameInEcs) {
  FieldOptions options;
  EXPECT_EQ(options.ecs, "");
  EXPECT_EQ(parse_field_option("ecs=user.name", options), nullptr);
  EXPECT_EQ(options.ecs, "user.name");
  EXPECT_EQ(parse_field_option("ecs=", options), nullptr) << "which is no name; see check_ecs_name";
  EXPECT_EQ(options.ecs, "");
}

TEST(ParseFieldOption, RefusesEachCaseAndSaysWhatWouldBeRight) {
  struct Case {
    std::string_view word;
    std::string_view says;
  };
  constexpr Case kCases[] = {
      {"", "type=, max=, privacy=, logs=, ecs= and otel="},
      {"=", "type=, max=, privacy=, logs=, ecs= and otel="},
      {"type", "type=, max=, privacy=, logs=, ecs= and otel="},
      {"max", "type=, max=, privacy=, logs=, ecs= and otel="},
      {"=string", "type=, max=, privacy=, logs=, ecs= and otel="},
      {"Type=string", "type=, max=, privacy=, logs=, ecs= and otel="},
      {"types=string", "type=, max=, privacy=, logs=, ecs= and otel="},
      {"typ=string", "type=, max=, privacy=, logs=, ecs= and otel="},
      {"note:a", "type=, max=, privacy=, logs=, ecs= and otel="},
      {"note:a=b", "type=, max=, privacy=, logs=, ecs= and otel="},
      {"type=", "string, integer, number, boolean, list or json"},
      {"type=text", "string, integer, number, boolean, list or json"},
      {"type=String", "string, integer, number, boolean, list or json"},
      {"type=strings", "string, integer, number, boolean, list or json"},
      {"type=string=", "string, integer, number, boolean, list or json"},
      {"max=", "from 4 to 65535"},
      {"max=3", "from 4 to 65535"},
      {"max=0", "from 4 to 65535"},
      {"max=65536", "from 4 to 65535"},
      {"max=99999999999999999999999", "from 4 to 65535"},
      {"max=-4", "from 4 to 65535"},
      {"max=+4", "from 4 to 65535"},
      {"max= 4", "from 4 to 65535"},
      {"max=4 ", "from 4 to 65535"},
      {"max=4k", "from 4 to 65535"},
      {"max=0x40", "from 4 to 65535"},
      {"max=064", "from 4 to 65535"},
      {"max=64.5", "from 4 to 65535"},
      {"max=none", "from 4 to 65535"},
      {"privacy=", "plain, hash or last4"},
      {"privacy=Hash", "plain, hash or last4"},
      {"privacy=last5", "plain, hash or last4"},
      {"privacy=hash,last4", "plain, hash or last4"},
      {"logs=", "access, error or access,error"},
      {"logs=none", "access, error or access,error"},
      {"logs=Access", "access, error or access,error"},
      {"logs=access,", "access, error or access,error"},
      {"logs=access,error,", "access, error or access,error"},
      {"logs=,access", "access, error or access,error"},
      {"logs=access,,error", "access, error or access,error"},
      {"logs=access,access", "access, error or access,error"},
      {"logs=access,error,access", "access, error or access,error"},
      {"logs=access, error", "access, error or access,error"},
      {"logs=access;error", "access, error or access,error"},
      {"otel=", "a lower-case letter"},
      {"otel=User.id", "a lower-case letter"},
      {"otel=user id", "a lower-case letter"},
      {"otel=user..id", "a dot in a field's name stands between"},
  };
  for (const Case& c : kCases) {
    FieldOptions options{Type::kNumber, 77, Privacy::kHash, kErrorLog, {}, {}};
    const char* error = parse_field_option(c.word, options);
    EXPECT_NE(std::string_view(error ? error : "accepted").find(c.says), c.says.npos) << c.word;
    EXPECT_EQ(options.type, Type::kNumber) << c.word;
    EXPECT_EQ(options.max, 77U) << c.word;
    EXPECT_EQ(options.privacy, Privacy::kHash) << c.word;
    EXPECT_EQ(options.logs, kErrorLog) << c.word;
  }
}

TEST(NextWord, TakesEachLineApart) {
  struct Case {
    const char* why;
    std::string line;
    std::vector<std::string> want;
  };
  const Case cases[] = {
      {"nothing", "", {}},
      {"blanks", " \t ", {}},
      {"one word", "a", {"a"}},
      {"several words", "a bc d", {"a", "bc", "d"}},
      {"blanks and tabs between and around", "\t a \t b  ", {"a", "b"}},
      {"a word in quotes", R"("a b" c)", {"a b", "c"}},
      {"quotes inside a word", R"(expr:"%{A} b" c)", {"expr:%{A} b", "c"}},
      {"a word goes on behind its quotes", R"("a b"c d)", {"a bc", "d"}},
      {"two pairs of quotes in a word", R"("a b"-"c d")", {"a b-c d"}},
      {"an empty word", R"("" a)", {"", "a"}},
      {"an empty word at the end", R"(a "")", {"a", ""}},
      {"an escaped quote inside quotes", R"("a\"b" c)", {"a\"b", "c"}},
      {"an escaped backslash inside quotes", R"("a\\" b)", {"a\\", "b"}},
      {"other escapes stay as they are", R"("a\n\tb")", {R"(a\n\tb)"}},
      {"outside quotes a backslash is nothing special", R"(a\b\\c)", {R"(a\b\\c)"}},
      {"not even before a quote", R"(a\"b c")", {R"(a\b c)"}},
      {"a tab inside quotes", "\"a\tb\"", {"a\tb"}},
      {"an open quote ends with the line", R"("a b)", {"a b"}},
      {"a backslash at the end of an open quote", R"("a\)", {R"(a\)"}},
      {"a quote alone", R"(")", {""}},
      {"single quotes are nothing special", "'a b'", {"'a", "b'"}},
  };
  for (const Case& c : cases) {
    // Of exactly the right size, so that ASan sees a step beyond the NUL.
    std::vector<char> line(c.line.c_str(), c.line.c_str() + c.line.size() + 1);
    char* rest = line.data();
    std::vector<std::string> words;
    while (const char* word = next_word(rest)) words.emplace_back(word);
    EXPECT_EQ(words, c.want) << c.why;
    EXPECT_EQ(next_word(rest), nullptr) << c.why;
  }
}

// A caller reads several words before it uses the first.
TEST(NextWord, LeavesEarlierWordsAlone) {
  char line[] = R"("a\"b" "c\\d" e)";
  char* rest = line;
  const char* first = next_word(rest);
  const char* second = next_word(rest);
  const char* third = next_word(rest);
  EXPECT_STREQ(first, "a\"b");
  EXPECT_STREQ(second, "c\\d");
  EXPECT_STREQ(third, "e");
}

TEST(ClosesQuotes, TellsAnOpenOne) {
  EXPECT_TRUE(closes_quotes(""));
  EXPECT_TRUE(closes_quotes("a note:b"));
  EXPECT_TRUE(closes_quotes(R"(a expr:"x \"y\" z")"));
  EXPECT_TRUE(closes_quotes(R"(a "x\\")"));
  EXPECT_FALSE(closes_quotes(R"(a expr:"abc)"));
  EXPECT_FALSE(closes_quotes(R"(a "x\")"));
  EXPECT_TRUE(closes_quotes(R"(a\"b c")")) << "a backslash outside of quotes is none";
}

}  // namespace
}  // namespace reqnotes
