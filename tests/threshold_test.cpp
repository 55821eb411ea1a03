#include "reqnotes/metrics/threshold.hpp"

#include <gtest/gtest.h>

#include <cfloat>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "made_threshold.hpp"

namespace reqnotes {
namespace {

constexpr const char* kSignalError =
    "the signal must be errors(METRIC), p50(METRIC), p95(METRIC), p99(METRIC), rate(METRIC), "
    "busy, load, file:NAME, age:NAME or tripped; values of the metric's labels may follow its "
    "name, as in "
    "errors(api,photos.search)";
constexpr const char* kMetricError = "between the brackets a metric's name comes first";
constexpr const char* kValueError = "a value must be UTF-8, and at most 100 bytes";
constexpr const char* kNumberError =
    "a number's name is a letter or _, and up to 63 more of A-Z, a-z, 0-9 and _";
constexpr const char* kOptionsError =
    "the options are above= or below=, clear=, over=, least= and level=";
constexpr const char* kPercentError = "the limit must be a number of percent, such as 5 or 5%";
constexpr const char* kHighPercentError = "the limit is in percent, and less than 100";
constexpr const char* kSecondsError = "the limit must be a number of seconds, such as 0.5 or 0.5s";
constexpr const char* kHighSecondsError =
    "the limit is in seconds, and less than 100: longer requests are not told apart";
constexpr const char* kPlainError = "the limit must be a number, such as 10000";
constexpr const char* kHighError = "the limit must be less than 1000000000000000";
constexpr const char* kNegativeError = "the limit cannot be negative";
constexpr const char* kOverError = "over must be a number of seconds from 10 to 3600";
constexpr const char* kLeastError = "least must be a number of requests from 1 to 1000000";

std::string error_of(const std::string& line) {
  const MadeThreshold made(line);
  return made.error ? made.error : "";
}

TEST(ParseSignal, KnowsAll) {
  struct Case {
    const char* word;
    SignalKind kind;
    SignalOf of;
    const char* unit;
    const char* metric;
    const char* number;
  };
  for (const Case& wanted :
       {Case{"errors(api)", SignalKind::kErrors, SignalOf::kRequests, "%", "api", ""},
        Case{"p50(http)", SignalKind::kP50, SignalOf::kRequests, "s", "http", ""},
        Case{"p95(a)", SignalKind::kP95, SignalOf::kRequests, "s", "a", ""},
        Case{"p99(a_1)", SignalKind::kP99, SignalOf::kRequests, "s", "a_1", ""},
        Case{"rate(api)", SignalKind::kRate, SignalOf::kRequests, "", "api", ""},
        Case{"busy", SignalKind::kBusy, SignalOf::kServer, "%", "", ""},
        Case{"load", SignalKind::kLoad, SignalOf::kServer, "", "", ""},
        Case{"file:Queue_1", SignalKind::kFile, SignalOf::kNumber, "", "", "Queue_1"},
        Case{"age:_x", SignalKind::kAge, SignalOf::kNumber, "s", "", "_x"}}) {
    Threshold threshold;
    ASSERT_EQ(parse_signal(wanted.word, threshold), nullptr) << wanted.word;
    EXPECT_EQ(threshold.signal->kind, wanted.kind);
    EXPECT_EQ(threshold.signal->of, wanted.of);
    EXPECT_EQ(threshold.signal->unit, wanted.unit);
    EXPECT_EQ(threshold.text, wanted.word);
    EXPECT_EQ(threshold.metric, wanted.metric);
    EXPECT_EQ(threshold.number, wanted.number);
    EXPECT_EQ(threshold.values.count, 0U);
  }
}

TEST(ParseSignal, TakesValuesOfLabels) {
  Threshold threshold;
  ASSERT_EQ(parse_signal("errors(api,photos.search,, x=(1) )", threshold), nullptr);
  const std::vector<std::string_view> wanted = {"photos.search", "", " x=(1) "};
  EXPECT_TRUE(std::ranges::equal(threshold.values.all(), wanted));
  const std::string longest = "p50(api," + std::string(100, 'v') + ",\xC3\xA4,\xC3\xA4)";
  EXPECT_EQ(parse_signal(longest, threshold = {}), nullptr);
  EXPECT_EQ(threshold.values.items[0].size(), 100U);
}

TEST(ParseSignal, RefusesTheRest) {
  for (const char* word :
       {"",        "error(api)", "ERRORS(api)",  "errors",   "errors:api", "errors(",
        "errors)", "errors(api", "errors(api) ", "(api)",    ":x",         "busy()",
        "busy:",   "busy:x",     "load(api)",    "load ",    "file",       "file(x)",
        "age(x)",  "p90(api)",   "p5(api)",      "p950(api)"}) {
    Threshold threshold;
    EXPECT_STREQ(parse_signal(word, threshold), kSignalError) << word;
  }
  for (const std::string& word :
       {std::string("errors()"), std::string("errors(,x)"), std::string("p50(Api)"),
        std::string("rate(a.b)"), std::string("errors(api))"), std::string("errors(1a)"),
        "rate(" + std::string(41, 'a') + ")", std::string("errors(a\0)", 10)}) {
    Threshold threshold;
    EXPECT_STREQ(parse_signal(word, threshold), kMetricError) << word;
  }
  for (const std::string& value : {std::string(101, 'v'), std::string("\xFF"), std::string("\xC3"),
                                   std::string("a\xE2\x80")}) {
    Threshold threshold;
    EXPECT_STREQ(parse_signal("errors(api," + value + ")", threshold), kValueError) << value;
  }
  for (const std::string& name :
       {std::string(), std::string("1"), std::string("a-b"), std::string("a.b"), std::string("a:b"),
        std::string("a b"), std::string("\xC3\xA4"), std::string(65, 'n'), std::string("a\0", 2)}) {
    for (const char* signal : {"file:", "age:"}) {
      Threshold threshold;
      EXPECT_STREQ(parse_signal(signal + name, threshold), kNumberError) << name;
    }
  }
  Threshold threshold;
  EXPECT_EQ(parse_signal("file:" + std::string(64, 'n'), threshold), nullptr);
  EXPECT_STREQ(parse_signal("errors(api,a,b,c,d)", threshold = {}),
               "a metric has at most three labels");
}

TEST(NumberName, IsWhatApplicationsMayWrite) {
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    EXPECT_EQ(is_number_name({&c, 1}), is_letter) << byte;
    const char second[] = {'x', c};
    EXPECT_EQ(is_number_name({second, 2}), is_letter || (c >= '0' && c <= '9')) << byte;
  }
}

TEST(Threshold, HasWhatIsNotSaid) {
  const MadeThreshold made("search_errors errors(api) above=5");
  ASSERT_EQ(made.error, nullptr);
  const Threshold& threshold = made.threshold;
  EXPECT_EQ(threshold.name, "search_errors");
  EXPECT_FALSE(threshold.is_below);
  EXPECT_EQ(threshold.limit, 5);
  EXPECT_EQ(threshold.clear, 5);
  EXPECT_EQ(threshold.over_s, 60U);
  EXPECT_EQ(threshold.least, 20U);
  EXPECT_EQ(threshold.level, Level::kCritical);
}

TEST(Threshold, HasWhatIsSaid) {
  const MadeThreshold made(
      "slow level=warning clear=3s over=3600 below=2.5s least=1000000");  // no signal
  EXPECT_STREQ(made.error, kSignalError);
  const MadeThreshold slow(
      "slow p95(api) level=warning clear=3s over=3600 below=2.5s least=1000000");
  ASSERT_EQ(slow.error, nullptr);
  EXPECT_TRUE(slow.threshold.is_below);
  EXPECT_EQ(slow.threshold.limit, 2.5);
  EXPECT_EQ(slow.threshold.clear, 3);
  EXPECT_EQ(slow.threshold.over_s, 3600U);
  EXPECT_EQ(slow.threshold.least, 1'000'000U);
  EXPECT_EQ(slow.threshold.level, Level::kWarning);
  const MadeThreshold quick("q errors(api) above=5% over=10 least=1 level=critical clear=0");
  ASSERT_EQ(quick.error, nullptr);
  EXPECT_EQ(quick.threshold.over_s, 10U);
  EXPECT_EQ(quick.threshold.least, 1U);
  EXPECT_EQ(quick.threshold.level, Level::kCritical);
  EXPECT_EQ(quick.threshold.clear, 0);
}

TEST(Limit, MayHaveItsUnit) {
  struct Case {
    const char* signal;
    const char* text;
    double limit;
  };
  for (const Case& wanted : {Case{"errors(a)", "5", 5},
                             Case{"errors(a)", "5%", 5},
                             Case{"errors(a)", "0", 0},
                             Case{"errors(a)", "0.1e-3", 1e-4},
                             Case{"errors(a)", "99.99%", 99.99},
                             Case{"errors(a)", "-0", 0},
                             Case{"busy", "90.5%", 90.5},
                             Case{"busy", "90.5", 90.5},
                             Case{"p50(a)", "2s", 2},
                             Case{"p95(a)", "0.25", 0.25},
                             Case{"p99(a)", "1e1s", 10},
                             Case{"p99(a)", "99.999s", 99.999},
                             Case{"age:x", "86400s", 86400},
                             Case{"age:x", "999999999999999", 999999999999999},
                             Case{"rate(a)", "1000.5", 1000.5},
                             Case{"rate(a)", "9.9e14", 9.9e14},
                             Case{"load", "1.5", 1.5},
                             Case{"file:x", "-7.5", -7.5},
                             Case{"file:x", "-999999999999999", -999999999999999},
                             Case{"file:x", "1e-300", 1e-300},
                             Case{"file:x", "0e99999", 0}}) {
    for (const char* option : {" above=", " below="}) {
      const MadeThreshold made(std::string("n ") + wanted.signal + option + wanted.text);
      EXPECT_EQ(made.error, nullptr) << wanted.signal << " " << wanted.text << ": " << made.error;
      EXPECT_DOUBLE_EQ(made.threshold.limit, wanted.limit) << wanted.text;
    }
    const MadeThreshold cleared(std::string("n ") + wanted.signal +
                                " above=99 clear=" + wanted.text);
    EXPECT_DOUBLE_EQ(cleared.threshold.clear, wanted.limit) << wanted.text;
  }
}

TEST(Limit, IsRefusedWhereItIsNone) {
  struct Case {
    const char* signal;
    std::vector<const char*> texts;
    const char* error;
  };
  for (const Case& wanted :
       {Case{"errors(a)",
             {"", "%", "5%%", "5s", "5 %", "%5", "five", "0x5", "+5", "05", "5.", ".5", "1e", "inf",
              "NaN", "-", "5,0", "1e309", "0.00000000000000000000000000000001"},
             kPercentError},
        Case{"errors(a)", {"100", "100%", "1e3", "1e308", "999999999999999999"}, kHighPercentError},
        Case{"busy", {"100", "101%"}, kHighPercentError}, Case{"busy", {"5s", "x"}, kPercentError},
        Case{"p50(a)", {"", "s", "5%", "5ss", "5ms", "1h", "5S"}, kSecondsError},
        Case{"p95(a)", {"100", "100s", "1e308"}, kHighSecondsError},
        Case{"age:x", {"5%", "s", "1d"}, kSecondsError},
        Case{"age:x", {"1e15", "1e308s", "1.7976931348623157e308"}, kHighError},
        Case{"rate(a)", {"", "5%", "5s", "5/s", "5 "}, kPlainError},
        Case{"rate(a)", {"1000000000000000", "1e308"}, kHighError},
        Case{"load", {"5%", "x"}, kPlainError},
        Case{"file:x", {"", "5%", "5s", "x", "--5"}, kPlainError},
        Case{"file:x", {"1e15", "-1e15", "-1e308", "1.7976931348623157e308"}, kHighError},
        Case{"errors(a)", {"-1", "-1%", "-1e-300"}, kNegativeError},
        Case{"p99(a)", {"-0.5s"}, kNegativeError}, Case{"age:x", {"-1", "-1e300"}, kNegativeError},
        Case{"rate(a)", {"-1"}, kNegativeError}, Case{"busy", {"-1"}, kNegativeError},
        Case{"load", {"-1"}, kNegativeError}}) {
    for (const std::string text : wanted.texts) {
      for (const char* option : {"above=", "below=", "clear="}) {
        Threshold threshold;
        ASSERT_EQ(parse_signal(wanted.signal, threshold), nullptr);
        GivenLimits given;
        EXPECT_STREQ(parse_threshold_option(option + text, threshold, given), wanted.error)
            << wanted.signal << " " << text;
      }
    }
  }
}

TEST(Option, IsRefusedWhereItIsNone) {
  const std::string beginning = "n errors(a) above=5 ";
  for (const char* word : {"5", "above", "Above=6", "abov=5", "limit=5", "=5", "", "level",
                           "levels=x", "over ", "least"}) {
    EXPECT_EQ(error_of(beginning + word), kOptionsError) << word;
  }
  for (const char* value : {"", "9", "3601", "-60", "60s", "1m", "1e3", "010", "+60", "60.0",
                            "0x10", "18446744073709551676", "99999999999999999999"}) {
    EXPECT_EQ(error_of(beginning + "over=" + value), kOverError) << value;
  }
  for (const char* value : {"", "0", "1000001", "-1", "1.5", "all", "4294967316"}) {
    EXPECT_EQ(error_of(beginning + "least=" + value), kLeastError) << value;
  }
  for (const char* value : {"", "Warning", "critical ", "unknown", "ok", "1"}) {
    EXPECT_EQ(
        error_of("n busy above=5 level=" + std::string(value)),
        value == std::string("critical ") ? kOptionsError : "level must be warning or critical")
        << value;
  }
}

TEST(Option, IsForSomeSignals) {
  constexpr const char* kNoOver = "over= is for errors, p50, p95, p99, rate and busy";
  constexpr const char* kNoLeast = "least= is for errors, p50, p95 and p99";
  for (const Signal& signal : kSignals) {
    const std::string name(signal.name);
    const std::string word = signal.of == SignalOf::kRequests ? name + "(a)"
                             : signal.of == SignalOf::kNumber ? name + ":a"
                                                              : name;
    const bool is_average = signal.of == SignalOf::kRequests || name == "busy";
    EXPECT_EQ(error_of("n " + word + " above=5 over=10"), is_average ? "" : kNoOver) << word;
    const bool is_share = signal.of == SignalOf::kRequests && name != "rate";
    EXPECT_EQ(error_of("n " + word + " above=5 least=10"), is_share ? "" : kNoLeast) << word;
    EXPECT_EQ(error_of("n " + word + " above=5 level=warning"), "") << word;
  }
}

TEST(Threshold, HasOneLimit) {
  constexpr const char* kOne = "give above= or below=, and not both";
  EXPECT_EQ(error_of("n busy above=5 below=4"), kOne);
  EXPECT_EQ(error_of("n busy below=5 above=6"), kOne);
  EXPECT_EQ(error_of("n busy above=5 above=6"), kOne);
  EXPECT_EQ(error_of("n busy"), "say from where on it is exceeded, with above= or below=");
  EXPECT_EQ(error_of("n busy clear=5"), "say from where on it is exceeded, with above= or below=");
}

TEST(Threshold, EndsOnTheOtherSideOfItsLimit) {
  constexpr const char* kAbove = "clear= must not be more than above=, as it ends there";
  constexpr const char* kBelow = "clear= must not be less than below=, as it ends there";
  EXPECT_EQ(error_of("n busy above=5 clear=5"), "");
  EXPECT_EQ(error_of("n busy above=5 clear=4.9%"), "");
  EXPECT_EQ(error_of("n busy above=5 clear=5.1"), kAbove);
  EXPECT_EQ(error_of("n busy clear=5.1 above=5"), kAbove);
  EXPECT_EQ(error_of("n busy below=5 clear=5"), "");
  EXPECT_EQ(error_of("n busy below=5 clear=6"), "");
  EXPECT_EQ(error_of("n busy below=5 clear=4.9"), kBelow);
  EXPECT_EQ(error_of("n file:x below=-5 clear=-6"), kBelow);
  EXPECT_EQ(error_of("n file:x above=-5 clear=-4"), kAbove);
}

Reading value_of(double value) {
  Reading reading;
  reading.what = Reading::What::kValue;
  reading.value = value;
  return reading;
}

TEST(NextState, IsExceededBeyondTheLimitAndUntilClear) {
  const MadeThreshold high("n file:x above=10 clear=5");
  const MadeThreshold low("n file:x below=10 clear=15");
  for (State known : {State::kFine, State::kExceeded}) {
    const bool was = known == State::kExceeded;
    const State between = was ? State::kExceeded : State::kFine;
    const auto above = [&](double value) {
      return next_state(high.threshold, known, value_of(value));
    };
    EXPECT_EQ(above(10.1), State::kExceeded);
    EXPECT_EQ(above(10), between);
    EXPECT_EQ(above(5.1), between);
    EXPECT_EQ(above(5), State::kFine);
    EXPECT_EQ(above(-1e300), State::kFine);
    EXPECT_EQ(above(NAN), State::kFine);
    const auto below = [&](double value) {
      return next_state(low.threshold, known, value_of(value));
    };
    EXPECT_EQ(below(9.9), State::kExceeded);
    EXPECT_EQ(below(10), between);
    EXPECT_EQ(below(14.9), between);
    EXPECT_EQ(below(15), State::kFine);
    EXPECT_EQ(below(1e300), State::kFine);
  }
}

TEST(NextState, IsUnknownWithoutAValue) {
  const MadeThreshold made("n errors(a) above=10");
  Reading reading = value_of(99);
  for (State known : {State::kFine, State::kExceeded}) {
    for (auto what : {Reading::What::kEarly, Reading::What::kMissing}) {
      reading.what = what;
      EXPECT_EQ(next_state(made.threshold, known, reading), State::kUnknown);
    }
    reading.what = Reading::What::kQuiet;
    reading.seconds = 60;
    EXPECT_EQ(next_state(made.threshold, known, reading), State::kFine);
    reading.seconds = 59;
    EXPECT_EQ(next_state(made.threshold, known, reading),
              known == State::kExceeded ? State::kUnknown : State::kFine);
  }
}

std::string shown(double value, std::string_view signal = "file") {
  char digits[kMetricNumberMax];
  const Signal& its = *std::ranges::find(kSignals, signal, &Signal::name);
  return {digits, put_signal_number(its, value, digits)};
}

TEST(SignalNumber, IsShort) {
  for (auto [value, text] : {std::pair{0.0, "0"},
                             std::pair{-0.0, "0"},
                             std::pair{12.1, "12.1"},
                             std::pair{1.0 / 3, "0.3333"},
                             std::pair{2.0 / 3, "0.6667"},
                             std::pair{-2.0 / 3, "-0.6667"},
                             std::pair{0.00004, "0"},
                             std::pair{-0.00004, "0"},
                             std::pair{0.00005, "0.0001"},
                             std::pair{999.99996, "1000"},
                             std::pair{1234.567, "1234.57"},
                             std::pair{-1234.567, "-1234.57"},
                             std::pair{9999999999999.94, "9999999999999.94"},
                             std::pair{1e14, "100000000000000"},
                             std::pair{-1e14, "-100000000000000"},
                             std::pair{123456789012345.6, "123456789012345.6"},
                             std::pair{9007199254740992.0, "9007199254740992"},
                             std::pair{1e300, "1e+300"},
                             std::pair{-1e300, "-1e+300"},
                             std::pair{DBL_MAX, "1.7976931348623157e+308"},
                             std::pair{5e-324, "0"}}) {
    EXPECT_EQ(shown(value), text);
  }
  EXPECT_EQ(shown(1.0 / 3, "errors"), "0.33");
  EXPECT_EQ(shown(99.999, "busy"), "100");
  EXPECT_EQ(shown(HUGE_VAL), "+Inf");
  EXPECT_EQ(shown(-HUGE_VAL), "-Inf");
  EXPECT_EQ(shown(NAN), "NaN");
}

TEST(SignalNumber, IsWithinItsRoundingAndHasNoExponent) {
  std::uint64_t bits = 1;
  for (unsigned round = 0; round < 100'000; ++round) {
    bits = bits * 6364136223846793005U + 1442695040888963407U;
    const double size = std::pow(10.0, static_cast<double>(bits >> 60) - 3);
    const double value = (static_cast<double>(bits >> 11 & 0xFFFFFFFFF) / 0xFFFFFFFFF - 0.5) * size;
    for (std::string_view signal : {"file", "errors"}) {
      const std::string text = shown(value, signal);
      const bool is_small = std::fabs(value) < 1000 && signal == "file";
      ASSERT_EQ(text.find_first_not_of("-.0123456789"), text.npos) << text;
      ASSERT_NEAR(std::stod(text), value, is_small ? 0.0000501 : 0.00511) << text;
    }
  }
}

TEST(SignalValue, HasItsUnit) {
  for (auto [word, text] :
       {std::pair{"errors(a)", "7.5%"}, std::pair{"busy", "7.5%"}, std::pair{"p50(a)", "7.5s"},
        std::pair{"age:a", "7.5s"}, std::pair{"rate(a)", "7.5"}, std::pair{"load", "7.5"},
        std::pair{"file:a", "7.5"}}) {
    Threshold threshold;
    ASSERT_EQ(parse_signal(word, threshold), nullptr);
    char room[kMetricNumberMax + 8];
    Sink out(room);
    put_signal_value(out, threshold, 7.5);
    EXPECT_EQ(out.written(), text);
  }
}

}  // namespace
}  // namespace reqnotes
