#include "reqnotes/flags/flags_file.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace reqnotes {
namespace {

using Mode = Flag::Mode;

struct Result {
  std::unique_ptr<FlagSet> set = std::make_unique<FlagSet>();
  std::string error;
  std::size_t line = 99;
};

Result read_text(const std::string& text) {
  Result result;
  const std::vector<char> exact(text.begin(), text.end());
  const char* error = read_flags({exact.data(), exact.size()}, result.line, *result.set);
  if (error) result.error = error;
  return result;
}

/// The flag of a text of one line.
Flag flag_of(const std::string& line) {
  const Result result = read_text(line + "\n");
  EXPECT_EQ(result.error, "") << line;
  EXPECT_EQ(result.set->count, 1U) << line;
  return result.set->flags[0];
}

std::string error_of(const std::string& line) {
  const Result result = read_text(line + "\n");
  EXPECT_EQ(result.set->count, 0U) << line;
  return result.error;
}

TEST(ReadFlags, ReadsNamesAndModes) {
  const Result result = read_text("# flags\nsearch_v2 on\ncomments=off\n\nnew_upload 12.5%\n");
  EXPECT_EQ(result.error, "");
  ASSERT_EQ(result.set->count, 3U);
  EXPECT_EQ(result.set->flags[0].text(), "search_v2");
  EXPECT_EQ(result.set->flags[0].mode, Mode::kOn);
  EXPECT_EQ(result.set->flags[1].text(), "comments");
  EXPECT_EQ(result.set->flags[1].mode, Mode::kOff);
  EXPECT_EQ(result.set->flags[2].text(), "new_upload");
  EXPECT_EQ(result.set->flags[2].mode, Mode::kShare);
  EXPECT_EQ(result.set->flags[2].share, 1250U);
  EXPECT_EQ(find_flag(*result.set, "comments"), &result.set->flags[1]);
  EXPECT_EQ(find_flag(*result.set, "comment"), nullptr);
  for (const Flag& flag : result.set->all()) EXPECT_FALSE(flag.trip.is_set());
}

TEST(ReadFlags, TakesNothingAndAllForOffAndOn) {
  EXPECT_EQ(flag_of("a 0%").mode, Mode::kOff);
  EXPECT_EQ(flag_of("a 0.0%").mode, Mode::kOff);
  EXPECT_EQ(flag_of("a 100%").mode, Mode::kOn);
  EXPECT_EQ(flag_of("a 100.00%").mode, Mode::kOn);
  EXPECT_EQ(flag_of("a 0.01%").mode, Mode::kShare);
  EXPECT_EQ(flag_of("a 0.01%").share, 1U);
  EXPECT_EQ(flag_of("a 99.99%").mode, Mode::kShare);
  EXPECT_EQ(flag_of("a 99.99%").share, 9999U);
}

TEST(ParseShare, ReadsUpToTwoDecimals) {
  EXPECT_EQ(parse_share("10%"), 1000U);
  EXPECT_EQ(parse_share("7.5%"), 750U);
  EXPECT_EQ(parse_share("7.05%"), 705U);
  EXPECT_EQ(parse_share("0%"), 0U);
  EXPECT_EQ(parse_share("100%"), 10'000U);
  for (const char* text :
       {"",       "%",      "10",   "10%%",    " 10%", "10 %",       "-1%", "+1%",
        "1e1%",   "010%",   "00%",  "100.01%", "101%", "1000%",      "1.%", ".5%",
        "1.234%", "1.2.3%", "0x1%", "1,5%",    "1.-%", "4294967297%"}) {
    EXPECT_EQ(parse_share(text), std::nullopt) << text;
  }
}

TEST(ReadFlags, ReadsWhenAFlagTrips) {
  const Trip usual = flag_of("search_v2 on trip=20%").trip;
  EXPECT_TRUE(usual.is_set());
  EXPECT_EQ(usual.limit, 2000U);
  EXPECT_EQ(usual.least, 20U);
  EXPECT_EQ(usual.window_s, 30U);
  EXPECT_FALSE(usual.with_unanswered);
  const Trip two = flag_of("search_v2 10% trip=0.5%/50").trip;
  EXPECT_EQ(two.limit, 50U);
  EXPECT_EQ(two.least, 50U);
  EXPECT_EQ(two.window_s, 30U);
  for (const char* line :
       {"a on trip=0%/1000000/3600s unanswered", "a on  unanswered\ttrip=0%/1000000/3600s"}) {
    const Trip all = flag_of(line).trip;
    EXPECT_EQ(all.limit, 0U);
    EXPECT_EQ(all.least, 1'000'000U);
    EXPECT_EQ(all.window_s, 3600U);
    EXPECT_TRUE(all.with_unanswered);
  }
  EXPECT_EQ(flag_of("a on trip=99.99%/1/10s").trip.limit, 9999U);
}

TEST(ReadFlags, RefusesAWrongTrip) {
  for (const char* trip : {"trip=", "trip=20", "trip=100%", "trip=-1%", "trip=/50", "trip=20%s"}) {
    EXPECT_EQ(error_of(std::string("a on ") + trip),
              "needs trip= with a share below 100%, such as trip=20% or trip=20%/50/30s")
        << trip;
  }
  for (const char* trip : {"20%/", "20%/0", "20%/1000001", "20%/x", "20%//30s", "20%/050",
                           "20%/4294967297", "20%/30s", "20%/-1"}) {
    EXPECT_EQ(error_of(std::string("a on trip=") + trip),
              "needs 1 to 1000000 requests behind trip=SHARE%/")
        << trip;
  }
  for (const char* trip : {"20%/50/", "20%/50/30", "20%/50/9s", "20%/50/3601s", "20%/50/s",
                           "20%/50/30s/", "20%/50/30s/1s", "20%/50/30m", "20%/50/1.5s"}) {
    EXPECT_EQ(error_of(std::string("a on trip=") + trip),
              "needs 10s to 3600s behind trip=SHARE%/REQUESTS/")
        << trip;
  }
  EXPECT_EQ(error_of("a on trip=20% trip=20%"), "has trip= twice");
  EXPECT_EQ(error_of("a on unanswered"), "has unanswered without trip=");
}

TEST(ReadFlags, RefusesOtherWords) {
  for (const char* line : {"a", "a ", "a=", "a On", "a ON", "a true", "a 1", "a 10", "a trip=20%",
                           "a unanswered", "a on=", "a == on", "a # on", "a \xC2\xA0on"}) {
    EXPECT_EQ(error_of(line), "needs on, off or a percentage such as 10% behind the name") << line;
  }
  for (const char* line : {"a on off", "a on on", "a on Trip=20%", "a on db07", "a 10% unanswere",
                           "a on unanswered=1"}) {
    EXPECT_EQ(error_of(line),
              "can have trip= and unanswered behind on, off or a percentage, and comments behind #")
        << line;
  }
}

TEST(ReadFlags, KnowsItsNames) {
  EXPECT_EQ(flag_of(std::string(40, 'a') + " on").text(), std::string(40, 'a'));
  for (const std::string name : {"A", "_a", "aB", "search_V2"}) {
    EXPECT_EQ(error_of(name + " on"),
              "needs a name of a-z, 0-9 and _ that begins with a letter, at most 40");
  }
  EXPECT_NE(error_of(std::string(41, 'a') + " on"), "");
  EXPECT_NE(error_of("a-b on"), "");
  EXPECT_NE(error_of("-a on"), "");
  EXPECT_NE(error_of("a,b on"), "");
}

TEST(ReadFlags, IsAllOrNothing) {
  FlagSet set = {};
  std::size_t line = 99;
  ASSERT_EQ(read_flags("kept on\n", line, set), nullptr);
  for (const char* text :
       {"a on", "a on\nb", "a on\nb on \xFF\n", "a on\nb maybe\n", "a on\nb off\na off\n"}) {
    EXPECT_NE(read_flags(text, line, set), nullptr) << text;
    EXPECT_EQ(set.count, 1U);
    EXPECT_EQ(set.flags[0].text(), "kept");
  }
  EXPECT_EQ(line, 3U);
  EXPECT_EQ(read_flags("", line, set), nullptr) << "no flag is a whole text too";
  EXPECT_EQ(set.count, 0U);
}

TEST(ReadFlags, SaysWhatIsTwiceOrTooMuch) {
  const Result twice = read_text("a on\nb on\n\na off\n");
  EXPECT_EQ(twice.error, "has a flag that a line before has");
  EXPECT_EQ(twice.line, 4U);
  std::string text;
  for (int number = 0; number < 64; ++number) text += "flag_" + std::to_string(number) + " on\n";
  EXPECT_EQ(read_text(text).set->count, 64U);
  const Result many = read_text(text + "last on\n");
  EXPECT_EQ(many.error, "has a flag more than the 64");
  EXPECT_EQ(many.line, 65U);
  text += "#" + std::string(16'384 - text.size() - 2, 'x') + "\n";
  EXPECT_EQ(text.size(), 16'384U);
  EXPECT_EQ(read_text(text).error, "");
  const Result large = read_text("\n" + text);
  EXPECT_EQ(large.error, "has more than 16 KB");
  EXPECT_EQ(large.line, 0U);
}

TEST(ReadFlags, KeepsTheComment) {
  EXPECT_EQ(flag_of("comments off  # db07 rebuilding\t").why(), "db07 rebuilding");
  EXPECT_EQ(flag_of("comments off#").why(), "");
  EXPECT_EQ(flag_of("comments off").why(), "");
  EXPECT_EQ(flag_of("a off # " + std::string(81, 'x')).why(), std::string(80, 'x'));
  EXPECT_EQ(flag_of("a off # " + std::string(79, 'x') + "\xC3\xA9").why(), std::string(79, 'x'))
      << "no half of a character";
}

TEST(ReadFlags, KnowsALineAgain) {
  const std::uint64_t hash = flag_of("search_v2 on trip=20%/50/30s").line_hash;
  for (const char* same : {"search_v2=on trip=20%/50/30s", "search_v2 on  trip=20%/50/30s # x",
                           "\tsearch_v2\ton\ttrip=20%/50/30s "}) {
    EXPECT_EQ(flag_of(same).line_hash, hash) << same;
  }
  for (const char* other :
       {"search_v3 on trip=20%/50/30s", "search_v2 100% trip=20%/50/30s",
        "search_v2 off trip=20%/50/30s", "search_v2 on trip=21%/50/30s", "search_v2 on trip=20%/50",
        "search_v2 on", "search_v2 on trip=20%/50/30s unanswered"}) {
    EXPECT_NE(flag_of(other).line_hash, hash) << other;
  }
  EXPECT_NE(flag_of("a on trip=1% unanswered").line_hash,
            flag_of("a on unanswered trip=1%").line_hash);
  EXPECT_EQ(hash, 13673359126116843615U)
      << "it stands in files: another version of the module must find the same";
}

}  // namespace
}  // namespace reqnotes
