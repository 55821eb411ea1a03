#include "reqnotes/text/parse.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "json_reader.hpp"

namespace reqnotes {
namespace {

using namespace std::string_view_literals;

TEST(EqualsLower, IgnoresTheCaseOfAsciiLettersOnly) {
  EXPECT_TRUE(equals_lower("AzZa", "azza"));
  EXPECT_TRUE(equals_lower("", ""));
  EXPECT_FALSE(equals_lower("a", "ab"));
  EXPECT_FALSE(equals_lower("ab", "a"));
  EXPECT_FALSE(equals_lower("b", "a"));
  EXPECT_FALSE(equals_lower("@", "`")) << "the sign before A is no letter";
  EXPECT_FALSE(equals_lower("[", "{")) << "the sign after Z is no letter";
  EXPECT_FALSE(equals_lower("\xC3\x89", "\xC3\xA9")) << "É is no ASCII letter";
}

TEST(ParseInteger, ReadsEachCase) {
  struct Case {
    const char* why;
    std::string_view text;
    std::optional<std::int64_t> want;
  };
  constexpr Case kCases[] = {
      {"zero", "0", 0},
      {"a number", "5555", 5555},
      {"a negative one", "-17", -17},
      {"minus zero is zero", "-0", 0},
      {"leading zeros count for nothing", "007", 7},
      {"the largest", "9223372036854775807", INT64_MAX},
      {"the smallest", "-9223372036854775808", INT64_MIN},
      {"many leading zeros", "000000000000000000000000000000001", 1},

      {"one more than the largest", "9223372036854775808", {}},
      {"one less than the smallest", "-9223372036854775809", {}},
      {"far too large", "99999999999999999999999999", {}},
      {"nothing", "", {}},
      {"only a sign", "-", {}},
      {"a plus sign", "+1", {}},
      {"two signs", "--1", {}},
      {"a blank before", " 1", {}},
      {"a blank behind", "1 ", {}},
      {"a blank behind the sign", "- 1", {}},
      {"a unit", "5x", {}},
      {"a fraction", "1.0", {}},
      {"an exponent", "1e3", {}},
      {"hex", "0x10", {}},
      {"NUL behind", "1\0"sv, {}},
  };
  for (const Case& c : kCases) EXPECT_EQ(parse_integer(c.text), c.want) << c.why;
}

TEST(ParseBoolean, ReadsEachCase) {
  struct Case {
    std::string_view text;
    std::optional<bool> want;
  };
  constexpr Case kCases[] = {
      {"true", true}, {"1", true},      {"yes", true},    {"on", true},   {"TRUE", true},
      {"Yes", true},  {"oN", true},     {"false", false}, {"0", false},   {"no", false},
      {"off", false}, {"False", false}, {"NO", false},    {"OFF", false}, {"", {}},
      {"t", {}},      {"truee", {}},    {"y", {}},        {"2", {}},      {"01", {}},
      {" true", {}},  {"true ", {}},    {"null", {}},     {"-1", {}},     {"true\0"sv, {}},
  };
  for (const Case& c : kCases) EXPECT_EQ(parse_boolean(c.text), c.want) << '"' << c.text << '"';
}

TEST(IsNumber, DecidesEachCase) {
  struct Case {
    const char* why;
    std::string_view text;
    bool want;
  };
  constexpr Case kCases[] = {
      {"zero", "0", true},
      {"minus zero", "-0", true},
      {"an integer", "1234567890", true},
      {"a fraction", "-12.5", true},
      {"a fraction that begins with zeros", "0.001", true},
      {"zeros at the end", "1.500", true},
      {"an exponent", "1e3", true},
      {"an exponent in upper case", "1E3", true},
      {"a signed exponent", "1e+3", true},
      {"a negative exponent", "1.25e-3", true},
      {"zeros before an exponent", "1e0003", true},
      {"zero with a fraction and an exponent", "0.0e0", true},

      {"nothing", "", false},
      {"only a sign", "-", false},
      {"a plus sign", "+1", false},
      {"a leading zero", "01", false},
      {"a leading zero after the sign", "-01", false},
      {"two zeros", "00", false},
      {"no digit before the point", ".5", false},
      {"no digit after the point", "5.", false},
      {"no digit between point and exponent", "5.e1", false},
      {"two points", "1.2.3", false},
      {"no digit in the exponent", "1e", false},
      {"a sign alone in the exponent", "1e+", false},
      {"two signs in the exponent", "1e+-1", false},
      {"a fraction in the exponent", "1e1.5", false},
      {"two exponents", "1e1e1", false},
      {"a blank before", " 1", false},
      {"a blank behind", "1 ", false},
      {"a separator", "1,000", false},
      {"a decimal comma", "1,5", false},
      {"hex", "0x10", false},
      {"infinity", "Infinity", false},
      {"not a number", "NaN", false},
      {"NUL behind", "1\0"sv, false},
      {"a digit that is not ASCII", "\xD9\xA1", false},

      {"near the largest double", "1e308", true},
      {"the largest double", "1.7976931348623157e308", true},
      {"rounds down to the largest double", "1.7976931348623158e308", true},
      {"rounds up to infinity", "1.7976931348623159e308", false},
      {"a power too many", "1e309", false},
      {"the negative side is no wider", "-1.7976931348623159e308", false},
      {"the largest text below half a unit over the largest double",
       "1.7976931348623158079372897e308", true},
      {"and the next one", "1.7976931348623158079372898e308", false},
      {"trailing zeros do not make it larger", "1.797693134862315800000000e308", true},
      {"the point moves the exponent", "0.00000000017976931348623157e318", true},
      {"and may move it too far", "0.00000000017976931348623157e319", false},
      {"digits move the exponent", "17976931348623157e292", true},
      {"and may move it too far, too", "17976931348623157e293", false},
      {"zero, whatever the exponent", "0e999999", true},
      {"zero with a fraction, too", "-0.000e99999999999", true},
      {"too small is zero, which is finite", "1e-400", true},
      {"an exponent beyond 64 bits", "1e99999999999999999999999999", false},
      {"and a negative one", "1e-9999999999999999999999999", true},

      {"32 bytes", "12345678901234567890123456789012", true},
      {"33 bytes", "123456789012345678901234567890123", false},
      {"33 bytes of a small number", "1.0000000000000000000000000000000", false},
  };
  for (const Case& c : kCases) EXPECT_EQ(is_number(c.text), c.want) << c.why << ": " << c.text;
}

/// What is_number promises, in the words of others: the grammar, and strtod in the "C" locale.
bool is_finite_json_number(const std::string& text) {
  return text.size() <= kNumberMax && is_json_number(text) &&
         std::isfinite(std::strtod(text.c_str(), nullptr));
}

TEST(IsNumber, AgreesWithStrtodOnWhatIsFinite) {
  std::mt19937 random(1);
  const auto digits = [&random](std::size_t count) {
    std::string text;
    while (count-- != 0) text += static_cast<char>('0' + random() % 10);
    return text;
  };
  constexpr std::string_view kEdge = "17976931348623158079372897140530341507993";
  for (int round = 0; round < 100000; ++round) {
    // Half of them share digits with the number where infinity begins.
    std::string text(kEdge.substr(0, random() % 2 ? 1 + random() % 24 : 0));
    text += digits(text.empty() ? 1 + random() % 12 : random() % 3);
    long exponent = 308;
    if (random() % 2) {
      exponent -= static_cast<long>(text.size()) - 1;
    } else if (random() % 2) {
      const std::size_t zeros = random() % 4;
      text = "0." + std::string(zeros, '0') + text;
      exponent += static_cast<long>(zeros) + 1;
    } else if (text.size() > 1) {
      text.insert(1, ".");
    }
    exponent += static_cast<long>(random() % 3) - 1;
    text += (random() % 2 ? "e" : "E+") + std::to_string(exponent);
    ASSERT_EQ(is_number(text), is_finite_json_number(text)) << text;
  }
}

TEST(IsNumber, AgreesWithTheGrammarOnAnyText) {
  constexpr std::string_view kSigns = "00019-+..eE ";
  std::mt19937 random(2);
  for (int round = 0; round < 100000; ++round) {
    std::string text;
    for (std::size_t left = random() % 9; left != 0; --left) {
      text += kSigns[random() % kSigns.size()];
    }
    ASSERT_EQ(is_number(text), is_finite_json_number(text)) << text;
  }
}

TEST(NextElement, TakesEachListApart) {
  struct Case {
    const char* why;
    std::string_view list;
    std::vector<std::string_view> want;
  };
  const Case cases[] = {
      {"nothing", "", {}},
      {"one element", "a", {"a"}},
      {"several", "a,b,c", {"a", "b", "c"}},
      {"blanks and tabs around them are trimmed", " a\t,\t b ", {"a", "b"}},
      {"blanks inside stay", "a b, c  d", {"a b", "c  d"}},
      {"empty ones are dropped", ",a,,b,", {"a", "b"}},
      {"so are blank ones", " ,a, \t,b, ", {"a", "b"}},
      {"only commas", ",,,", {}},
      {"only blanks", "  \t", {}},
      {"a newline is no blank", "a\n, b", {"a\n", "b"}},
      {"NUL is nothing special", "a\0b,c"sv, {"a\0b"sv, "c"}},
  };
  for (const Case& c : cases) {
    std::string_view list = c.list;
    for (std::string_view want : c.want) EXPECT_EQ(next_element(list), want) << c.why;
    EXPECT_EQ(next_element(list), "") << c.why;
    EXPECT_TRUE(list.empty()) << c.why;
  }
}

}  // namespace
}  // namespace reqnotes
