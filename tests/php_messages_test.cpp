#include "reqnotes/errors/php_messages.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace reqnotes {
namespace {

constexpr std::string_view kBefore = PhpMessages::kBefore;
constexpr std::string_view kBetween = PhpMessages::kBetween;

/// Each message with the letter of its level before it.
std::vector<std::string> listed(const PhpMessages& php, std::string_view text) {
  std::vector<std::string> all;
  for (std::size_t at = 0; at < php.size(); ++at) {
    const PhpLevel level = php.level(at);
    const char* const letter = level == PhpLevel::kError     ? "E "
                               : level == PhpLevel::kWarning ? "W "
                               : level == PhpLevel::kNotice  ? "N "
                                                             : "? ";
    all.push_back(letter + std::string(php.text(at, text)));
  }
  return all;
}

std::vector<std::string> taken_apart(std::string_view what_fpm_says) {
  const std::string text = std::string(kBefore) + std::string(what_fpm_says);
  return listed(PhpMessages(text), text);
}

std::vector<std::string> masked(std::string_view what_fpm_says) {
  const std::string text = std::string(kBefore) + std::string(what_fpm_says);
  const MaskRules rules;
  std::vector<char> room(masked_room(text.size()));
  const std::string_view whole =
      put_masked(text, Place::kMessage, rules, [&room](std::size_t) { return std::span(room); });
  PhpMessages php(text);
  php.move_to_masked(text, rules);
  return listed(php, whole);
}

using List = std::vector<std::string>;

TEST(PhpMessages, TakesApartWhatFpmHasJoined) {
  struct Case {
    const char* why;
    std::string_view text;
    List want;
  };
  const Case cases[] = {
      {"one", "PHP message: one'", {"N one"}},
      {"two", "PHP message: one; PHP message: two'", {"N one", "N two"}},
      {"a later record", "; PHP message: one'", {"N one"}},
      {"an empty one, whose level may be cut off", "PHP message: ; PHP message: '", {"N ", "? "}},
      {"a stack trace stays with its message",
       "PHP message: a; PHP message: PHP Fatal error:  Uncaught E: b in c.php:1\nStack trace:\n"
       "#0 {main}\n  thrown in c.php on line 1'",
       {"N a",
        "E PHP Fatal error:  Uncaught E: b in c.php:1\nStack trace:\n#0 {main}\n"
        "  thrown in c.php on line 1"}},
      {"cut by httpd", "PHP message: one; PHP message: tw\n", {"N one", "N tw"}},
      {"cut where its level stands", "PHP message: PHP Fatal e\n", {"? PHP Fatal e"}},
      {"cut within what stands between", "PHP message: one; PHP mess", {"N one; PHP mess"}},
      {"a quote at the end of the last", "PHP message: it's''", {"N it's'"}},
      {"the rest of one from the record before",
       "of it; PHP message: PHP Warning:  w'",
       {"? of it", "W PHP Warning:  w"}},
      {"nothing that may be of the message before is a beginning",
       "P message: PHP Fatal error:  x; PHP message: y'",
       {"? P message: PHP Fatal error:  x", "N y"}},
      {"no blank, no end", "PHP message: a;PHP message: b'", {"N a;PHP message: b"}},
      {"the case counts", "PHP message: a; php message: b'", {"N a; php message: b"}},
      {"a line is no end", "PHP message: a\nPHP message: b'", {"N a\nPHP message: b"}},
      {"any bytes",
       std::string_view("PHP message: \0\xFF; PHP message: \xC3'", 32),
       {"N " + std::string("\0\xFF", 2), "N \xC3"}},
      {"one behind the other",
       "PHP message: ; PHP message: ; PHP message: x'",
       {"N ", "N ", "N x"}},
      {"what httpd cut to nothing", "PHP message: ", {"? "}},
      {"another word of FPM", "Primary script unknown'", {}},
      {"another FastCGI server", "oops; it broke'", {}},
      {"nothing", "", {}},
      {"a quote alone", "'", {}},
  };
  for (const Case& c : cases) EXPECT_EQ(taken_apart(c.text), c.want) << c.why;
}

TEST(PhpMessages, IsOfModProxyFcgiAlone) {
  for (std::string_view text :
       {"PHP message: a; PHP message: b", "Got error 'PHP message: a'", "AH01071: Got error ",
        " AH01071: Got error 'PHP message: a'", "AH01215: Got error 'PHP message: a'", ""}) {
    EXPECT_EQ(PhpMessages(text).size(), 0U) << text;
  }
}

TEST(PhpMessages, KnowsPhpsLevels) {
  struct Case {
    std::string_view text;
    std::string_view level;
  };
  constexpr Case kCases[] = {
      {"PHP Fatal error:  x", "E"},
      {"PHP Parse error:  x", "E"},
      {"PHP Recoverable fatal error:  x", "E"},
      {"PHP Unknown error:  x", "E"},
      {"PHP Warning:  x", "W"},
      {"PHP Notice:  x", "N"},
      {"PHP Deprecated:  x", "N"},
      {"PHP Strict Standards:  x", "N"},
      {"what error_log() was given", "N"},
      {"PHP Fatal error: x", "N"},
      {" PHP Fatal error:  x", "N"},
      {"php fatal error:  x", "N"},
      {"x PHP Fatal error:  x", "N"},
  };
  for (const Case& c : kCases) {
    const std::string text = "PHP message: " + std::string(c.text);
    const std::string want = std::string(c.level) + " " + std::string(c.text);
    EXPECT_EQ(taken_apart(text + "'"), List{want});
    EXPECT_EQ(taken_apart(text + "; PHP message: y'"), (List{want, "N y"}));
  }
}

// A fatal error must never look like less because its text was cut.
TEST(PhpMessages, NoCutLowersALevel) {
  for (std::string_view head : {"PHP Fatal error:  ", "PHP Parse error:  ", "PHP Warning:  ",
                                "PHP Recoverable fatal error:  "}) {
    const std::string text = "PHP message: a; PHP message: " + std::string(head) + "b";
    for (std::size_t size = 0; size <= text.size(); ++size) {
      for (const char* end : {"", "'", "\n"}) {
        const List first = taken_apart(text.substr(0, size) + end);
        if (size >= std::string_view("PHP message: a; PHP message: ").size()) {
          ASSERT_EQ(first.size(), 2U);
          EXPECT_NE(first[1][0], 'N') << first[1];
        }
        // What is left comes in the next record.
        const List rest = taken_apart(text.substr(size) + "; PHP message: c" + end);
        ASSERT_FALSE(rest.empty());
        const bool is_whole = size == 0 || rest[0] == "N c";
        EXPECT_TRUE(is_whole || rest[0][0] != 'N') << rest[0];
      }
    }
  }
}

TEST(PhpMessages, TheLastHasAllThatIsLeft) {
  std::string text = "PHP message: 0";
  List want = {"N 0"};
  for (std::size_t at = 1; at < PhpMessages::kMost; ++at) {
    text += std::string(kBetween) + std::to_string(at);
    want.push_back("N " + std::to_string(at));
  }
  EXPECT_EQ(taken_apart(text + "'"), want);
  for (std::size_t more = 1; more <= 500; ++more) {
    text += "; PHP message: PHP Fatal error:  x";
    want.back() = "? " + text.substr(text.find("63; "));
    EXPECT_EQ(taken_apart(text + "'"), want) << "of these no level is known";
  }
}

TEST(PhpMessages, NoneShowsMoreThanTheMaskedWhole) {
  struct Case {
    const char* why;
    std::string_view text;
    List want;
  };
  const Case cases[] = {
      {"none has any", "PHP message: a; PHP message: b'", {"N a", "N b"}},
      {"each has one",
       "PHP message: x token=abc y; PHP message: z password=def w'",
       {"N x token=*** y", "N z password=*** w"}},
      {"one at the end, which is masked up to a blank",
       "PHP message: token=abc; PHP message: PHP Fatal error:  x'",
       {"N token=***", "E PHP Fatal error:  x"}},
      {"one at the very end, with the quote", "PHP message: token=abc'", {"N token=***"}},
      {"an empty one", "PHP message: token= x; PHP message: b'", {"N token= ***", "N b"}},
      {"a whole line is masked, but the level behind it stays",
       "PHP message: Cookie: a=b; PHP message: PHP Fatal error:  x\nStack trace:'",
       {"N Cookie: ***", "E ***\nStack trace:"}},
      {"what looks like an end shows nothing of a secret",
       "PHP message: Cookie: a; PHP message: sess=1; PHP message: PHP Warning:  2\nend'",
       {"N Cookie: ***", "N ***", "W ***\nend"}},
      {"a quote that never ends",
       "PHP message: {\"password\":\"a; PHP message: b; PHP message: c",
       {"N {\"password\":\"***", "N ***", "N ***"}},
  };
  for (const Case& c : cases) EXPECT_EQ(masked(c.text), c.want) << c.why;
}

TEST(PhpMessages, IsMaskedWhole) {
  const std::string text = std::string(kBefore) + "PHP message: a; PHP message: PHP Warning:  b";
  MaskRules rules;
  rules.everything = true;
  PhpMessages php(text);
  php.move_to_masked(text, rules);
  EXPECT_EQ(listed(php, kMask), (List{"N ***", "W ***"}));
}

}  // namespace
}  // namespace reqnotes
