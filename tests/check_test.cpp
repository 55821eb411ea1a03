#include "reqnotes/metrics/check.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <list>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "made_threshold.hpp"

namespace reqnotes {
namespace {

using What = Reading::What;

std::string check_of(const std::vector<ThresholdView>& views, std::size_t chunk = 512) {
  std::string answer;
  std::vector<char> buffer(chunk);
  put_check(
      views, buffer,
      [](void* to, std::string_view part) { *static_cast<std::string*>(to) += part; }, &answer);
  return answer;
}

std::string rules_of(const std::vector<ThresholdView>& views, std::size_t chunk = 512) {
  std::string answer;
  std::vector<char> buffer(chunk);
  put_rules(
      views, buffer,
      [](void* to, std::string_view part) { *static_cast<std::string*>(to) += part; }, &answer);
  return answer;
}

std::string reason_of(const ThresholdView& view, bool is_for_job) {
  char room[kReasonMax];
  Sink out(room);
  put_reason(out, view, is_for_job);
  EXPECT_FALSE(out.overflowed());
  return std::string(out.written());
}

// --- A reader of performance data, by the Monitoring Plugins Development Guidelines ---

/// `[@]START:END`: what is outside of it is bad.
struct Range {
  double start = 0;
  double end = HUGE_VAL;

  [[nodiscard]] bool is_bad(double value) const { return value < start || value > end; }
};

struct PerfData {
  std::optional<double> value;  ///< none is U
  std::string unit;
  std::optional<Range> warning;
  std::optional<Range> critical;
};

/// A number of digits, a sign and a point, without an exponent.
std::optional<double> read_plain(const std::string& text) {
  const std::size_t first = text.starts_with('-') ? 1 : 0;
  if (text.size() == first || text.find_first_not_of("0123456789.", first) != text.npos ||
      std::ranges::count(text, '.') > 1 || text[first] == '.' || text.ends_with('.')) {
    return std::nullopt;
  }
  return std::stod(text);
}

bool read_range(const std::string& text, std::optional<Range>& range) {
  if (text.empty()) return true;
  Range found;
  const std::size_t colon = text.find(':');
  const std::string start = colon == text.npos ? "0" : text.substr(0, colon);
  const std::string end = colon == text.npos ? text : text.substr(colon + 1);
  if (start == "~") {
    found.start = -HUGE_VAL;
  } else {
    const auto number = read_plain(start);
    if (!number) return false;
    found.start = *number;
  }
  if (!end.empty() || colon == text.npos) {
    const auto number = read_plain(end);
    if (!number) return false;
    found.end = *number;
  }
  range = found;
  return found.start <= found.end;
}

bool read_perfdata(const std::string& item, std::map<std::string, PerfData>& all) {
  const std::size_t equals = item.find('=');
  if (equals == 0 || equals == item.npos) return false;
  std::vector<std::string> parts(1);
  for (char c : item.substr(equals + 1)) {
    if (c == ';') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  PerfData found;
  if (parts.size() > 5) return false;
  const std::size_t end = std::min(parts[0].find_first_not_of("-0123456789."), parts[0].size());
  found.unit = parts[0].substr(end);
  if (found.unit == "U" && end == 0) {
    found.unit.clear();
  } else {
    found.value = read_plain(parts[0].substr(0, end));
    if (!found.value) return false;
  }
  if (found.unit != "" && found.unit != "s" && found.unit != "%") return false;
  parts.resize(5);
  return read_range(parts[1], found.warning) && read_range(parts[2], found.critical) &&
         parts[3].empty() && parts[4].empty() && all.emplace(item.substr(0, equals), found).second;
}

/// A line of a plugin.
struct Plugin {
  std::string word;
  std::string text;
  std::map<std::string, PerfData> data;

  explicit Plugin(std::string line) {
    EXPECT_TRUE(line.starts_with("REQNOTES "));
    EXPECT_TRUE(line.ends_with('\n'));
    EXPECT_EQ(std::ranges::count(line, '\n'), 1);
    EXPECT_LE(std::ranges::count(line, '|'), 1);
    line.pop_back();
    line.erase(0, 9);
    word = line.substr(0, line.find(' '));
    line.erase(0, word.size());
    EXPECT_TRUE(line.starts_with(" - "));
    const std::size_t bar = line.find(" | ");
    text = line.substr(3, bar == line.npos ? bar : bar - 3);
    if (bar == line.npos) return;
    std::string item;
    for (char c : line.substr(bar + 3) + ' ') {
      if (c != ' ') {
        item += c;
        continue;
      }
      EXPECT_TRUE(read_perfdata(item, data)) << item;
      item.clear();
    }
  }
};

TEST(Check, IsAsItsManualHasIt) {
  const MadeThreshold errors("search_errors errors(api,photos.search) above=5%");
  const MadeThreshold queue("queue file:queue above=10000");
  EXPECT_EQ(check_of({errors.view(State::kExceeded, 12.1), queue.view(State::kFine, 1234)}),
            "REQNOTES CRITICAL - search_errors 12.1% (above 5%) | search_errors=12.1%;;5 "
            "queue=1234;;10000\n");
  EXPECT_EQ(check_of({}), "REQNOTES UNKNOWN - no threshold is configured\n");
  EXPECT_EQ(check_of({errors.view(State::kFine, 1), queue.view(State::kFine, 2)}),
            "REQNOTES OK - 2 thresholds are fine | search_errors=1%;;5 queue=2;;10000\n");
  EXPECT_EQ(check_of({queue.view(State::kFine, 2)}),
            "REQNOTES OK - 1 threshold is fine | queue=2;;10000\n");
  EXPECT_EQ(check_of({queue.view(State::kUnknown)}),
            "REQNOTES UNKNOWN - queue unknown | queue=U;;10000\n");
}

TEST(Check, HasTheWorstFirst) {
  const MadeThreshold warning("w p95(api) above=2s level=warning");
  const MadeThreshold critical("c rate(api) below=0.5");
  const MadeThreshold second("d busy above=90");
  const MadeThreshold unknown("u age:backup above=86400s");
  const MadeThreshold fine("f load above=2");
  EXPECT_EQ(check_of({fine.view(State::kFine, 0.25), unknown.view(State::kUnknown),
                      warning.view(State::kExceeded, 2.25), critical.view(State::kExceeded, 0.1),
                      second.view(State::kExceeded, 91)}),
            "REQNOTES CRITICAL - c 0.1 (below 0.5), d 91% (above 90%), w 2.25s (above 2s), "
            "u unknown | f=0.25;;2 u=U;;86400 w=2.25s;2 c=0.1;;0.5: d=91%;;90\n");
  EXPECT_EQ(
      Plugin(check_of({unknown.view(State::kUnknown), warning.view(State::kExceeded, 3)})).word,
      "WARNING");
  EXPECT_EQ(Plugin(check_of({fine.view(State::kFine, 0), unknown.view(State::kUnknown)})).word,
            "UNKNOWN");
}

TEST(Check, HasNoValueWhereItIsQuiet) {
  const MadeThreshold errors("e errors(api) above=5");
  EXPECT_EQ(check_of({errors.view(State::kFine, 0, What::kQuiet)}),
            "REQNOTES OK - 1 threshold is fine | e=U;;5\n");
}

TEST(Check, WritesNumbersThatAllReadersKnow) {
  for (const char* limit : {"above=5", "below=5", "above=-5 level=warning", "below=-5",
                            "above=0.001", "above=999999999999999", "below=-999999999999999"}) {
    const MadeThreshold made(std::string("n file:x ") + limit);
    ASSERT_EQ(made.error, nullptr);
    for (double value : {0.0, -0.0, 4.5, 5.5, -4.5, -5.5, 0.00001, 1e-300, 123456.789, 1e14 + 0.5,
                         999999999999999.0, -999999999999999.0}) {
      Plugin plugin(check_of({made.view(State::kFine, value)}));
      ASSERT_TRUE(plugin.data["n"].value) << value;
      EXPECT_NEAR(*plugin.data["n"].value, value, 0.006);
      const bool is_warning = made.threshold.level == Level::kWarning;
      const auto& range = is_warning ? plugin.data["n"].warning : plugin.data["n"].critical;
      EXPECT_FALSE(is_warning ? plugin.data["n"].critical : plugin.data["n"].warning);
      ASSERT_TRUE(range) << limit;
      const bool is_bad =
          made.threshold.is_below ? value < made.threshold.limit : value > made.threshold.limit;
      EXPECT_EQ(range->is_bad(value), is_bad) << limit << " of " << value;
    }
    for (double value : {1e15, -1e15, 1e308, -1e308, HUGE_VAL, -HUGE_VAL, double{NAN}}) {
      Plugin plugin(check_of({made.view(State::kFine, value)}));
      EXPECT_FALSE(plugin.data.at("n").value) << value;
    }
  }
}

/// Whatever there is, the line is one of a plugin, and says it all.
TEST(Check, SaysWhatIsWrongAndNothingElse) {
  std::mt19937_64 random(11);
  constexpr const char* kWords[] = {"errors(api)", "p50(api)", "rate(api)", "busy",
                                    "load",        "file:x",   "age:x"};
  for (unsigned round = 0; round < 500; ++round) {
    std::list<MadeThreshold> all;
    std::vector<ThresholdView> views;
    auto worst = CheckState::kOk;
    std::size_t bad = 0;
    const std::size_t count = 1 + random() % kThresholdsMax;
    for (std::size_t at = 0; at < count; ++at) {
      const MadeThreshold& made = all.emplace_back(
          "n" + std::to_string(at) + std::string(random() % 30, 'x') + " " + kWords[random() % 7] +
          (random() % 2 == 0 ? " above=" : " below=") + std::to_string(random() % 9) +
          (random() % 2 == 0 ? "" : " level=warning"));
      ASSERT_EQ(made.error, nullptr);
      const auto state = round % 4 == 0 ? State::kFine : static_cast<State>(random() % 3);
      const double size = std::pow(10, static_cast<double>(random() % 15));
      views.push_back(made.view(state, static_cast<double>(random() % 10'000) / 1e4 * size));
      worst = std::max(worst, check_state(views.back()));
      bad += state == State::kFine ? 0 : 1;
    }
    const std::string line = check_of(views);
    Plugin plugin(line);
    EXPECT_EQ(plugin.word, kCheckWords[static_cast<std::size_t>(worst)]);
    EXPECT_EQ(plugin.data.size(), count);
    std::size_t last_rank = 3;
    std::size_t reasons = 0;
    for (std::string rest = plugin.text; bad != 0 && !rest.empty();) {
      const std::string reason = rest.substr(0, rest.find(", "));
      rest.erase(0, reason.size() + 2);
      const std::string name = reason.substr(0, reason.find(' '));
      const auto view = std::ranges::find_if(
          views, [&](const ThresholdView& other) { return other.threshold->name == name; });
      ASSERT_NE(view, views.end()) << reason;
      EXPECT_EQ(reason, reason_of(*view, false));
      const auto rank = static_cast<std::size_t>(check_state(*view));
      EXPECT_LE(rank, last_rank) << plugin.text;
      last_rank = rank;
      ++reasons;
    }
    EXPECT_EQ(reasons, bad);
    for (std::size_t chunk : {1U, 7U, 100U}) EXPECT_EQ(check_of(views, chunk), line);
  }
}

TEST(Reason, IsOneForPeopleAndOneForJobs) {
  const MadeThreshold errors("search_errors errors(api) above=5");
  const MadeThreshold low("orders rate(shop) below=0.2");
  EXPECT_EQ(reason_of(errors.view(State::kExceeded, 12.1), true), "search_errors 12.1% above 5%");
  EXPECT_EQ(reason_of(errors.view(State::kExceeded, 12.1), false),
            "search_errors 12.1% (above 5%)");
  EXPECT_EQ(reason_of(low.view(State::kExceeded, 0), true), "orders 0 below 0.2");
  for (bool is_for_job : {false, true}) {
    EXPECT_EQ(reason_of(low.view(State::kUnknown, 7), is_for_job), "orders unknown");
  }
}

TEST(Reason, HasRoomForTheLongest) {
  const MadeThreshold made(std::string(40, 'n') + " file:x below=-99999999999999.9");
  ASSERT_EQ(made.error, nullptr);
  for (double value : {-1.7976931348623157e308, -99999999999999.99, -123456789012345.67}) {
    for (bool is_for_job : {false, true}) {
      EXPECT_TRUE(
          reason_of(made.view(State::kExceeded, value), is_for_job)
              .ends_with(is_for_job ? "below -99999999999999.9" : "below -99999999999999.9)"));
    }
    EXPECT_TRUE(check_of({made.view(State::kExceeded, value)}).ends_with("-99999999999999.9:\n"));
  }
}

// --- The rules ---

/// Reads YAML of the one shape that rules have: the members of each of the list, by their paths.
std::vector<std::map<std::string, std::string>> read_rules(const std::string& text) {
  std::vector<std::map<std::string, std::string>> rules;
  std::string line;
  std::string section;
  std::size_t number = 0;
  for (char c : text) {
    if (c != '\n') {
      line += c;
      continue;
    }
    ++number;
    if (number == 1) {
      EXPECT_TRUE(line.starts_with("# "));
    } else if (number <= 4) {
      constexpr std::string_view kHead[] = {"groups:", "  - name: reqnotes-thresholds",
                                            "    rules:"};
      EXPECT_EQ(line, kHead[number - 2]);
    } else {
      const bool is_first = line.starts_with("      - ");
      if (is_first) rules.emplace_back();
      const std::size_t indent = line.find_first_not_of(" -");
      EXPECT_TRUE(indent == 8 || indent == 10) << line;
      const std::size_t colon = line.find(':');
      const std::string key = line.substr(indent, colon - indent);
      std::string value = line.substr(std::min(colon + 2, line.size()));
      const bool is_quoted = value.starts_with('\'');
      if (is_quoted) {
        EXPECT_TRUE(value.size() > 1 && value.ends_with('\''));
        value = value.substr(1, value.size() - 2);
        EXPECT_EQ(value.find('\''), value.npos) << line;
      } else {
        // A plain scalar: no comment, no other mapping, and no other type.
        EXPECT_EQ(value.find(" #"), value.npos) << line;
        EXPECT_EQ(value.find(": "), value.npos) << line;
      }
      if (indent == 8) section = value.empty() ? key + "." : "";
      if (value.empty()) {
        EXPECT_EQ(indent, 8U);
      } else {
        EXPECT_TRUE(rules.back().emplace(indent == 8 ? key : section + key, value).second) << line;
      }
    }
    line.clear();
  }
  EXPECT_EQ(line, "");
  return rules;
}

TEST(Rules, AreOneForEachThresholdAndOneForUnknown) {
  const MadeThreshold errors("search_errors errors(api) above=5");
  const MadeThreshold low("null rate(api) below=0.5 level=warning");
  const std::vector<ThresholdView> views = {errors.view(State::kFine), low.view(State::kExceeded)};
  const auto rules = read_rules(rules_of(views));
  ASSERT_EQ(rules.size(), 3U);
  using Rule = std::map<std::string, std::string>;
  EXPECT_EQ(rules[0],
            (Rule{{"alert", "ReqNotesThreshold"},
                  {"expr", "reqnotes_threshold_exceeded{threshold=\"search_errors\"} == 1"},
                  {"labels.severity", "critical"},
                  {"labels.threshold", "search_errors"},
                  {"annotations.summary", "search_errors is above 5% on {{ $labels.instance }}"}}));
  EXPECT_EQ(rules[1],
            (Rule{{"alert", "ReqNotesThreshold"},
                  {"expr", "reqnotes_threshold_exceeded{threshold=\"null\"} == 1"},
                  {"labels.severity", "warning"},
                  {"labels.threshold", "null"},
                  {"annotations.summary", "null is below 0.5 on {{ $labels.instance }}"}}));
  EXPECT_EQ(rules[2], (Rule{{"alert", "ReqNotesThresholdUnknown"},
                            {"expr", "reqnotes_threshold_unknown == 1"},
                            {"for", "1m"},
                            {"labels.severity", "warning"},
                            {"annotations.summary",
                             "{{ $labels.threshold }} is unknown on {{ $labels.instance }}"}}));
  for (std::size_t chunk : {1U, 7U, 100U}) EXPECT_EQ(rules_of(views, chunk), rules_of(views));
}

TEST(Rules, AreNoneWithoutThresholds) {
  EXPECT_TRUE(rules_of({}).ends_with("groups:\n  - name: reqnotes-thresholds\n    rules: []\n"));
}

}  // namespace
}  // namespace reqnotes
