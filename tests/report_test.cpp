#include "reqnotes/metrics/report.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "exposition_reader.hpp"
#include "html_reader.hpp"
#include "json_reader.hpp"
#include "made_report.hpp"

namespace reqnotes {
namespace {

constexpr std::int64_t kSecond = 1'000'000;
constexpr WorkerCount kWorkers[] = {{"waiting", 7}, {"sending", 3}, {"dns", 0}};

/// A server that answers with two metrics, two lists, thresholds, jobs and dropped numbers; its
/// clock stands at a minute.
struct Made {
  MadeMetric http{"http", {"vhost"}, {}, 4};
  MadeMetric api{"api", {"api_method", "kind"}, {"db_ms"}, 60};
  MadeList users{"user_id", ""};
  MadeList keys{"api_key", "hash"};
  std::vector<MetricView> metrics;
  std::vector<BusiestView> lists;
  MadeThreshold errors{"search_errors errors(api,photos.search) above=5% clear=2%"};
  MadeThreshold slow{"slow p95(api) above=2s level=warning"};
  MadeThreshold queue{"queue file:queue below=10"};
  MadeThreshold fine{"fine busy above=90"};
  std::vector<ThresholdView> thresholds;
  const std::vector<std::uint8_t> all_places{0, 1, 2, 3};
  const std::vector<std::uint8_t> fine_place{3};
  const std::vector<std::uint8_t> unknown_place{2};
  const std::vector<JobView> jobs{
      {"thumbs", all_places}, {"mail", fine_place}, {"import", unknown_place}};
  MadeDropped dropped;
  MadeFlagsFile flags{
      "search_v2 on trip=20%  # call <Ana>\nnew_upload 10%\ncomments off\nold_page 0.25%\n"};
  std::vector<RankedSeries> room{61};
  Report report{};

  Made() {
    http.snapshot(1);
    api.snapshot(1);
    metrics = {http.view, api.view};
    lists = {users.view, keys.view};
    thresholds = {errors.view(State::kFine, 1.25), slow.view(State::kExceeded, 2.5),
                  queue.view(State::kUnknown), fine.view(State::kFine, 12)};
    thresholds[0].status.since_us = kMadeNow - 3 * kSecond;
    thresholds[1].status.since_us = kMadeNow - 30 * kSecond;
    std::ranges::copy(std::string_view(kMadeTrace), thresholds[1].status.trace_id.begin());
    flags.snapshot(1);
    flags.trip(3, 0.4, 90);
    dropped.file("thumbs", 2 * kSecond);
    dropped.number("queue", 1234);
    dropped.number("done_total", 17);
    dropped.file("old", 301 * kSecond, "is older than 300 s");
    dropped.number("stale", 1);
    dropped.file("a?b", 0, "has a name that is not 1 to 64 letters", kNoOwner);
    report = {.server = "www394",
              .version = "1.0.0",
              .now_us = kMadeNow,
              .steady_us = 1 + 60 * kSecond,
              .metrics = metrics,
              .busiest = lists,
              .thresholds = thresholds,
              .jobs = jobs,
              .flags = {&flags.view, 1},
              .dropped = dropped.all.get(),
              .workers = kWorkers,
              .busy = 3,
              .max_workers = 150,
              .monitor_age_s = 0.5,
              .room = room};
  }
  /// A request with all that is counted of it.
  void count(const std::string& method, int status, std::int64_t duration_us, double db_ms = 1,
             std::int64_t ago_us = 0) const {
    http.count({"www394"}, status, duration_us, {}, kMadeNow - ago_us);
    api.count({method, "x"}, status, duration_us, {{db_ms}}, kMadeNow - ago_us);
  }
};

const Json& in(const Json& json, std::string_view name) {
  for (std::size_t at = 0; at < json.names.size(); ++at) {
    if (json.names[at] == name) return json.elements[at];
  }
  throw std::runtime_error("there is no " + std::string(name));
}
double number_in(const Json& json, std::string_view name) {
  return std::stod(in(json, name).text);
}

std::vector<std::string> hostile_labels() {
  std::vector<std::string> all = {"<script>alert(1)</script>",
                                  "\"><img src=x onerror=y>",
                                  "' onload='z",
                                  "&lt;&amp;&#60;",
                                  "</style></table></body>",
                                  "\xE2\x80\xAE"
                                  "desrever",
                                  "\xE2\x80\xA8\xE2\x80\xA9",
                                  "a\xE2\x80\xA8"
                                  "b",
                                  std::string("nul\0nul", 7),
                                  "a\nb\r\n\t",
                                  "\xC2\x85\xC2\x9B"
                                  "31m",
                                  "\xFF\xFE\xC0\xAF",
                                  "\xF0\x9F\x98\x80",
                                  "\x7F",
                                  "\\\"\\n",
                                  "} 1\n# EOF\n",
                                  std::string(300, 'w')};
  for (unsigned byte = 0; byte < 256; ++byte) all.push_back({'<', static_cast<char>(byte), '>'});
  return all;
}

TEST(ShareOf, IsFrom0To1) {
  EXPECT_EQ(share_of(0, 0), 0);
  EXPECT_EQ(share_of(5, 0), 0);
  EXPECT_EQ(share_of(1, 4), 0.25);
  EXPECT_EQ(share_of(4, 4), 1);
  EXPECT_EQ(share_of(5, 4), 1);
}

TEST(RankSeries, PutsThoseFirstThatTakeMostTime) {
  const Made made;
  for (unsigned at = 0; at < 100; ++at) made.count("often", 200, 100);
  made.count("slow", 200, 9 * kSecond);
  made.count("fast", 200, 0);
  const auto ranked = rank_series(made.api.view, made.report.steady_us, made.report.room);
  std::vector<std::string_view> order;
  for (const RankedSeries& series : ranked) {
    order.push_back(label_value(made.api.view, series.number, 0));
  }
  EXPECT_EQ(order, (std::vector<std::string_view>{"slow", "often", "fast"}));
  EXPECT_EQ(rank_series(made.api.view, 1, std::span(made.report.room).first(2)).size(), 2U);
}

TEST(PutMetrics, HasAllFamilies) {
  Made made;
  made.count("photos.search", 200, 20'000, 4.5);
  made.count("photos.search", 503, 40'000, 0.5);
  const Answers answers(made.report);
  for (const bool is_open : {false, true}) {
    ExpositionReader reader(is_open ? answers.open : answers.text, is_open);
    ASSERT_TRUE(reader.read());
    const std::string total = is_open ? "" : "_total";
    EXPECT_EQ(reader.types["reqnotes_api_requests" + total], "counter");
    EXPECT_EQ(reader.types["reqnotes_api_duration_seconds"], "histogram");
    EXPECT_EQ(reader.types["reqnotes_api_db_ms"], "summary");
    EXPECT_EQ(reader.types["reqnotes_series_other" + total], "counter");
    const auto value = [&](const std::string& name, std::map<std::string, std::string> labels) {
      for (const ReadSample& sample : reader.samples) {
        if (sample.name == name && sample.labels == labels) return sample.value;
      }
      ADD_FAILURE() << name;
      return -1.0;
    };
    const std::map<std::string, std::string> search = {{"api_method", "photos.search"},
                                                       {"kind", "x"}};
    auto failed = search;
    failed["status"] = "5xx";
    EXPECT_EQ(value("reqnotes_api_requests_total", failed), 1);
    EXPECT_EQ(value("reqnotes_http_requests_total", {{"vhost", "www394"}, {"status", "2xx"}}), 1);
    EXPECT_EQ(value("reqnotes_api_duration_seconds_count", search), 2);
    EXPECT_EQ(value("reqnotes_api_duration_seconds_sum", search), 0.06);
    EXPECT_EQ(value("reqnotes_api_db_ms_sum", search), 5);
    EXPECT_EQ(value("reqnotes_api_db_ms_count", search), 2);
    EXPECT_EQ(value("reqnotes_series_other_total", {{"metric", "api"}}), 0);
    EXPECT_EQ(value("reqnotes_workers", {{"state", "waiting"}}), 7);
    EXPECT_EQ(value("reqnotes_workers_busy", {}), 3);
    EXPECT_EQ(value("reqnotes_workers_max", {}), 150);
    EXPECT_EQ(value("reqnotes_monitor_age_seconds", {}), 0.5);
    EXPECT_EQ(value("reqnotes_build_info", {{"version", "1.0.0"}}), 1);
    const auto threshold = [&](const std::string& what, const char* name) {
      return value("reqnotes_threshold_" + what, {{"threshold", name}});
    };
    EXPECT_EQ(threshold("exceeded", "search_errors"), 0);
    EXPECT_EQ(threshold("exceeded", "slow"), 1);
    EXPECT_EQ(threshold("exceeded", "queue"), 0);
    EXPECT_EQ(threshold("unknown", "slow"), 0);
    EXPECT_EQ(threshold("unknown", "queue"), 1);
    EXPECT_EQ(threshold("value", "search_errors"), 1.25);
    EXPECT_EQ(value("reqnotes_job_go", {{"name", "thumbs"}}), 0);
    EXPECT_EQ(value("reqnotes_job_go", {{"name", "mail"}}), 1);
    EXPECT_EQ(value("reqnotes_job_go", {{"name", "import"}}), 0) << "what is unknown is not fine";
    EXPECT_EQ(value("app_queue", {}), 1234);
    EXPECT_EQ(value("app_done_total", {}), 17);
    EXPECT_EQ(value("reqnotes_file_age_seconds", {{"file", "thumbs"}}), 2);
    EXPECT_EQ(value("reqnotes_file_age_seconds", {{"file", "old"}}), 301);
    EXPECT_EQ(reader.types["app_queue"], "gauge");
    EXPECT_EQ(reader.types["app_done" + total], "counter");
    for (const ReadSample& sample : reader.samples) {
      EXPECT_NE(sample.name, "app_stale");
      const auto has = [&](const char* name, const char* label) {
        return sample.name == name && std::ranges::any_of(sample.labels, [&](const auto& pair) {
                 return pair.second == label;
               });
      };
      EXPECT_FALSE(has("reqnotes_threshold_value", "queue")) << "it is not known";
      EXPECT_FALSE(has("reqnotes_file_age_seconds", "a?b")) << "nobody could look";
    }
    for (const ReadSample& sample : reader.samples) {
      EXPECT_NE(sample.labels.count("api_method") == 1 && sample.labels.at("api_method") == "other",
                true)
          << "other is there only where it has counted";
    }
  }
}

// OpenMetrics, "Summary": a sum that can fall is none, and strict readers refuse all of it.
TEST(PutMetrics, LeavesOutASumBelow0InOpenMetrics) {
  Made made;
  made.count("refunds", 200, 1, -20);
  const Answers answers(made.report);
  EXPECT_NE(answers.text.find("db_ms_sum{api_method=\"refunds\",kind=\"x\"} -20\n"),
            std::string::npos);
  EXPECT_EQ(answers.open.find("db_ms_sum"), std::string::npos);
  EXPECT_NE(answers.open.find("db_ms_count{api_method=\"refunds\",kind=\"x\"} 1\n"),
            std::string::npos);
}

TEST(PutMetrics, HasOtherWithItsNameForEachLabel) {
  Made made;
  for (unsigned at = 0; at < 65; ++at) made.count("m" + std::to_string(at), 200, 1);
  const Answers answers(made.report);
  ExpositionReader reader(answers.open, true);
  ASSERT_TRUE(reader.read());
  double others = 0;
  for (const ReadSample& sample : reader.samples) {
    if (sample.name != "reqnotes_api_requests_total" || sample.labels.at("kind") != "other")
      continue;
    EXPECT_EQ(sample.labels.at("api_method"), "other");
    others += sample.value;
  }
  EXPECT_EQ(others, 5);
}

TEST(PutJson, IsWhatItsManualSays) {
  Made made;
  made.count("photos.search", 200, 20'000, 4.5);
  made.count("photos.search", 503, 60'000, 0.5, 2 * kSecond);
  made.count("photos.getInfo", 404, 20'000);
  add_busiest(made.users.view.table, "5555", {30'000, true, kMadeNow / kSecond});
  const Json json = JsonReader::read(Answers(made.report).json);
  EXPECT_EQ(json.names,
            (std::vector<std::string>{"schema", "version", "server", "time", "monitor_age_seconds",
                                      "workers", "metrics", "busiest", "thresholds", "jobs",
                                      "flags", "numbers", "files"}));
  EXPECT_EQ(number_in(json, "schema"), 1);
  EXPECT_EQ(in(json, "time").text, "2026-09-21T14:13:20.000000Z");
  EXPECT_EQ(number_in(in(in(json, "workers"), "states"), "waiting"), 7);
  const Json& api = in(json, "metrics").elements.at(1);
  EXPECT_EQ(in(api, "name").text, "api");
  EXPECT_EQ(in(api, "by").elements.at(1).text, "kind");
  const Json& search = in(api, "series").elements.at(0);
  EXPECT_EQ(in(in(search, "labels"), "api_method").text, "photos.search");
  EXPECT_EQ(number_in(in(search, "requests"), "5xx"), 1);
  EXPECT_EQ(number_in(in(in(search, "sums"), "db_ms"), "sum"), 5);
  const Json& window = in(search, "window");
  EXPECT_EQ(number_in(window, "seconds"), 60);
  EXPECT_EQ(number_in(window, "requests"), 2);
  EXPECT_EQ(number_in(window, "failed_share"), 0.5);
  EXPECT_DOUBLE_EQ(number_in(window, "requests_per_second"), 2.0 / 60);
  EXPECT_DOUBLE_EQ(number_in(window, "worker_time_share"), 0.8);
  EXPECT_EQ(in(in(search, "last_failed"), "trace_id").text, kMadeTrace);
  EXPECT_EQ(in(in(search, "last_failed"), "time").text, "2026-09-21T14:13:18.000000Z");
  EXPECT_EQ(number_in(in(search, "slowest"), "duration_seconds"), 0.06);
  EXPECT_EQ(in(in(api, "series").elements.at(1), "last_failed").text, "null");
  const Json& users = in(json, "busiest").elements.at(0);
  EXPECT_EQ(in(users, "privacy").text, "plain");
  const Json& first = in(users, "by_requests").elements.at(0);
  EXPECT_EQ(in(first, "key").text, "5555");
  EXPECT_EQ(number_in(first, "failed_share"), 1);
  EXPECT_EQ(in(in(json, "busiest").elements.at(1), "privacy").text, "hash");
}

TEST(PutJson, HasThresholdsJobsAndNumbers) {
  const Made made;
  const Json json = JsonReader::read(Answers(made.report).json);
  const auto& thresholds = in(json, "thresholds").elements;
  ASSERT_EQ(thresholds.size(), 4U);
  const auto texts = [](const Json& object) {
    std::map<std::string, std::string> all;
    for (std::size_t at = 0; at < object.names.size(); ++at) {
      all[object.names[at]] = object.elements[at].text;
    }
    return all;
  };
  using Texts = std::map<std::string, std::string>;
  EXPECT_EQ(texts(thresholds[0]), (Texts{{"name", "search_errors"},
                                         {"signal", "errors(api,photos.search)"},
                                         {"unit", "%"},
                                         {"level", "critical"},
                                         {"above", "5"},
                                         {"clear", "2"},
                                         {"state", "fine"},
                                         {"value", "1.25"},
                                         {"since", "2026-09-21T14:13:17.000000Z"},
                                         {"trace_id", "null"}}));
  EXPECT_EQ(texts(thresholds[1]), (Texts{{"name", "slow"},
                                         {"signal", "p95(api)"},
                                         {"unit", "s"},
                                         {"level", "warning"},
                                         {"above", "2"},
                                         {"clear", "2"},
                                         {"state", "exceeded"},
                                         {"value", "2.5"},
                                         {"since", "2026-09-21T14:12:50.000000Z"},
                                         {"trace_id", kMadeTrace}}));
  EXPECT_EQ(in(thresholds[2], "below").text, "10");
  EXPECT_EQ(in(thresholds[2], "state").text, "unknown");
  EXPECT_EQ(in(thresholds[2], "value").text, "null");
  EXPECT_EQ(in(thresholds[2], "since").text, "null");
  const auto& jobs = in(json, "jobs").elements;
  EXPECT_EQ(in(jobs.at(0), "go").text, "false");
  ASSERT_EQ(in(jobs[0], "waits_for").elements.size(), 2U);
  EXPECT_EQ(in(jobs[0], "waits_for").elements[0].text, "slow");
  EXPECT_EQ(in(jobs[0], "waits_for").elements[1].text, "queue");
  EXPECT_EQ(in(jobs.at(1), "go").text, "true");
  EXPECT_TRUE(in(jobs[1], "waits_for").elements.empty());
  EXPECT_EQ(in(jobs.at(2), "go").text, "false");
  const auto& numbers = in(json, "numbers").elements;
  ASSERT_EQ(numbers.size(), 3U);
  EXPECT_EQ(texts(numbers[1]), (Texts{{"name", "done_total"},
                                      {"value", "17"},
                                      {"file", "thumbs"},
                                      {"age_seconds", "2"},
                                      {"stale", "false"}}));
  EXPECT_EQ(in(numbers[2], "stale").text, "true");
  const auto& files = in(json, "files").elements;
  ASSERT_EQ(files.size(), 3U);
  EXPECT_EQ(
      texts(files[0]),
      (Texts{{"name", "thumbs"}, {"age_seconds", "2"}, {"owner", "1000"}, {"refused", "null"}}));
  EXPECT_EQ(texts(files[1]), (Texts{{"name", "old"},
                                    {"age_seconds", "301"},
                                    {"owner", "1000"},
                                    {"refused", "is older than 300 s"}}));
  EXPECT_EQ(texts(files[2]), (Texts{{"name", "a?b"},
                                    {"age_seconds", "null"},
                                    {"owner", "null"},
                                    {"refused", "has a name that is not 1 to 64 letters"}}));
}

/// What each of the answers has of flags: three of ten requests that had the new search failed, and
/// none of two that had it not.
struct Asked : Made {
  Asked() {
    for (unsigned at = 0; at < 10; ++at) {
      flags.count(flags.series(0).on, at < 3 ? 503 : 200, 38'000);
    }
    for (unsigned at = 0; at < 2; ++at) flags.count(flags.series(0).off, 200, 9'000);
    flags.count(flags.series(1).unanswered, 504, 1'000'000);
  }
};

TEST(PutMetrics, HasFlagsWithWhatWasAskedOfThem) {
  const Asked made;
  const Answers answers(made.report);
  ExpositionReader reader(answers.open, true);
  ASSERT_TRUE(reader.read());
  std::map<std::string, double> found;
  for (const ReadSample& sample : reader.samples) {
    if (!sample.name.starts_with("reqnotes_flag")) continue;
    EXPECT_EQ(sample.labels.at("file"), "/etc/reqnotes/photos.flags");
    std::string key = sample.name.substr(13);
    for (const char* label : {"flag", "state", "status", "le"}) {
      const auto at = sample.labels.find(label);
      if (at != sample.labels.end()) key += " " + at->second;
    }
    EXPECT_TRUE(found.emplace(key, sample.value).second) << key << " twice";
  }
  EXPECT_EQ(found.at(" search_v2 on"), 1);
  EXPECT_EQ(found.at(" new_upload share"), 1);
  EXPECT_EQ(found.at(" comments off"), 1);
  EXPECT_EQ(found.at(" old_page tripped"), 1);
  EXPECT_EQ(found.at("_requests_total search_v2 on 5xx"), 3);
  EXPECT_EQ(found.at("_requests_total search_v2 on 2xx"), 7);
  EXPECT_EQ(found.at("_requests_total search_v2 off 2xx"), 2);
  EXPECT_EQ(found.at("_requests_total new_upload unanswered 5xx"), 1);
  EXPECT_EQ(found.at("_duration_seconds_bucket search_v2 on 0.025"), 0);
  EXPECT_EQ(found.at("_duration_seconds_bucket search_v2 on 0.05"), 10);
  EXPECT_DOUBLE_EQ(found.at("_duration_seconds_sum search_v2 on"), 0.38);
  EXPECT_EQ(found.at("_duration_seconds_count search_v2 off"), 2);
  EXPECT_EQ(found.at("_duration_seconds_bucket new_upload unanswered 0.5"), 0);
  EXPECT_EQ(found.at("_duration_seconds_bucket new_upload unanswered +Inf"), 1);
}

TEST(PutMetrics, LeavesOutFlagsThatHadNoRoom) {
  const Made made;
  const Report& report = made.report;
  const std::uint16_t other = flag_shape(1).series;
  auto state = std::make_unique<FlagState>(*made.flags.view.state);
  state->series[0] = {.on = other, .off = other, .unanswered = other, .unused = 0};
  FlagsFileView view = made.flags.view;
  view.state = state.get();
  Report with = report;
  with.flags = {&view, 1};
  const Answers answers(with);
  EXPECT_EQ(answers.text.find("flag=\"search_v2\",state=\"off\""), std::string::npos);
  EXPECT_NE(answers.text.find("flag=\"comments\",state=\"off\",status="), std::string::npos);
  EXPECT_TRUE(ExpositionReader(answers.text, false).read());
}

TEST(PutJson, HasFlags) {
  const Asked made;
  made.flags.refuse("line 2 is no flag");
  const Json file = in(JsonReader::read(Answers(made.report).json), "flags").elements.at(0);
  EXPECT_EQ(in(file, "file").text, "/etc/reqnotes/photos.flags");
  EXPECT_EQ(in(file, "refused").text, "line 2 is no flag");
  const auto& flags = in(file, "flags").elements;
  ASSERT_EQ(flags.size(), 4U);
  EXPECT_EQ(in(flags[0], "name").text, "search_v2");
  EXPECT_EQ(in(flags[0], "state").text, "on");
  EXPECT_EQ(in(flags[0], "comment").text, "call <Ana>");
  EXPECT_EQ(in(flags[1], "state").text, "share");
  EXPECT_EQ(number_in(flags[1], "share"), 0.1);
  EXPECT_EQ(in(flags[3], "state").text, "tripped");
  const auto window = [&](std::size_t flag, std::string_view state) -> const Json& {
    return in(in(in(flags[flag], "requests"), state), "window");
  };
  EXPECT_EQ(number_in(window(0, "on"), "requests"), 10);
  EXPECT_EQ(number_in(window(0, "on"), "failed_share"), 0.3);
  EXPECT_EQ(in(in(in(in(flags[0], "requests"), "on"), "last_failed"), "trace_id").text, kMadeTrace);
  EXPECT_EQ(number_in(window(0, "off"), "requests"), 2);
  EXPECT_EQ(number_in(window(1, "unanswered"), "requests"), 1);
}

TEST(PutJson, HasNoNumbersWhereNoneAreRead) {
  Made made;
  made.report.dropped = nullptr;
  const Answers answers(made.report);
  EXPECT_EQ(JsonReader::read(answers.json).names.back(), "flags");
  EXPECT_EQ(answers.text.find("reqnotes_file_age_seconds"), std::string::npos);
  EXPECT_EQ(answers.page.find("Numbers of applications"), std::string::npos);
}

TEST(PutJson, HasNullForWhatIsNotKnown) {
  Made made;
  made.report.monitor_age_s = std::numeric_limits<double>::infinity();
  made.count("x", 200, 1);
  made.report.steady_us = 1;  // no snapshot is older
  const Json json = JsonReader::read(Answers(made.report).json);
  EXPECT_EQ(in(json, "monitor_age_seconds").text, "null");
  const Json& window = in(in(in(json, "metrics").elements[0], "series").elements[0], "window");
  EXPECT_EQ(in(window, "p95_seconds").text, "null");
}

TEST(PutPage, HasWhatPeopleLookFor) {
  Made made;
  for (unsigned at = 0; at < 60; ++at) made.count("photos.search", at < 6 ? 503 : 200, 38'000);
  for (unsigned at = 0; at < 1500; ++at) {
    add_busiest(made.users.view.table, "5555", {30'000, false, kMadeNow / kSecond});
  }
  const Answers answers(made.report);
  HtmlReader html(answers.page);
  ASSERT_TRUE(html.read());
  for (std::string_view wanted :
       {"www394", "1.0 requests/s", "10.0 % failed", "3 of 150 workers busy",
        "api, by api_method, kind", "http, by vhost", kMadeTrace, "failed 0 s ago",
        "Busiest user_id, by requests", "Busiest api_key (hash), by worker time", "7 waiting",
        "Nothing was counted yet.", "last 60 s"}) {
    EXPECT_NE(html.text.find(wanted), std::string::npos) << wanted << " in " << html.text;
  }
  EXPECT_EQ(html.text.find("dns"), std::string::npos) << "a state that no worker is in";
  EXPECT_EQ(html.text.find("was last seen"), std::string::npos);
  EXPECT_TRUE(html.has_tag("html lang"));
  EXPECT_TRUE(html.has_tag("meta http-equiv"));
  EXPECT_FALSE(html.has_tag("script"));
  for (const std::string& tag : html.tags) {
    EXPECT_EQ(tag.find(" style="), std::string::npos) << "its policy knows no such styles";
    if (tag.substr(0, tag.find(' ')) != "th") continue;
    EXPECT_NE(tag.find("scope="), std::string::npos) << tag;
  }
  EXPECT_NE(answers.page.find("<style>" + std::string(kPageStyle) + "</style>"), std::string::npos);
}

/// The cells of a row of the page, whose first is `name`.
std::vector<std::string> row_of(const HtmlReader& html, std::string_view name, std::size_t size) {
  const auto found = std::ranges::find(html.cells, name);
  if (found == html.cells.end()) return {};
  const auto at = static_cast<std::size_t>(found - html.cells.begin());
  const std::size_t end = std::min(at + size, html.cells.size());
  return {found, html.cells.begin() + static_cast<std::ptrdiff_t>(end)};
}

TEST(PutPage, HasThresholdsJobsAndNumbers) {
  Made made;
  const Answers answers(made.report);
  HtmlReader html(answers.page);
  ASSERT_TRUE(html.read());
  using Row = std::vector<std::string>;
  EXPECT_EQ(row_of(html, "search_errors", 7), (Row{"search_errors", "fine", "1.25%", "above 5%",
                                                   "3 s ago", "errors(api,photos.search)", ""}));
  EXPECT_EQ(row_of(html, "slow", 7),
            (Row{"slow", "warning", "2.5s", "above 2s", "30 s ago", "p95(api)", kMadeTrace}));
  EXPECT_EQ(row_of(html, "queue", 7),
            (Row{"queue", "unknown", "–", "below 10", "–", "file:queue", ""}));
  EXPECT_EQ(row_of(html, "thumbs", 3),
            (Row{"thumbs", "wait", "slow 2.5s above 2s, queue unknown"}));
  EXPECT_EQ(row_of(html, "mail", 3), (Row{"mail", "go", ""}));
  EXPECT_EQ(row_of(html, "import", 3), (Row{"import", "wait", "queue unknown"}));
  EXPECT_EQ(row_of(html, "done_total", 5), (Row{"done_total", "17", "2 s ago", "thumbs", "1000"}));
  EXPECT_EQ(std::ranges::count(html.cells, "stale"), 0);
  for (const char* name :
       {"old: is older than 300 s", "a?b: has a name that is not 1 to 64 letters"}) {
    EXPECT_EQ(std::ranges::count(html.cells, name), 1) << name;
  }
  EXPECT_TRUE(html.text.find("www394 – requests") == html.text.find("1 alarm: ") + 9);
  // What is bad stands first.
  for (auto [first, second] : {std::pair{"slow", "queue"}, std::pair{"queue", "search_errors"},
                               std::pair{"search_errors", "fine"}}) {
    EXPECT_LT(std::ranges::find(html.cells, first), std::ranges::find(html.cells, second)) << first;
  }
  made.thresholds[0].status.state = State::kExceeded;
  made.dropped.all->more_files = 3;
  HtmlReader more(Answers(made.report).page);
  ASSERT_TRUE(more.read());
  EXPECT_NE(more.text.find("2 alarms: "), std::string::npos);
  EXPECT_NE(more.text.find("3 more files are there and not read."), std::string::npos);
  EXPECT_LT(std::ranges::find(more.cells, "search_errors"), std::ranges::find(more.cells, "slow"));
}

TEST(PutPage, HasFlags) {
  const Asked made;
  const Answers answers(made.report);
  HtmlReader html(answers.page);
  ASSERT_TRUE(html.read());
  using Row = std::vector<std::string>;
  EXPECT_EQ(row_of(html, "search_v2", 10), (Row{"search_v2", "on", "0.2", "30.0 %", "40 ms", "<0.1",
                                                "0.0 %", "9.9 ms", "0.0", "call <Ana>"}));
  EXPECT_EQ(row_of(html, "new_upload", 10),
            (Row{"new_upload", "10 %", "–", "–", "–", "–", "–", "–", "<0.1", ""}));
  EXPECT_EQ(row_of(html, "comments", 2), (Row{"comments", "off"}));
  EXPECT_EQ(row_of(html, "old_page", 2), (Row{"old_page", "tripped, 40 % failed, 90 s ago"}));
  EXPECT_EQ(html.text.find("not read as it is"), std::string::npos);
  made.flags.refuse("is <no> file");
  const Answers after(made.report);
  HtmlReader refused(after.page);
  ASSERT_TRUE(refused.read());
  EXPECT_NE(refused.text.find("It is not read as it is: it is <no> file"), std::string::npos);
  EXPECT_EQ(row_of(refused, "search_v2", 2), (Row{"search_v2", "on"}));
  made.flags.refuse_trips("line 1 is no trip");
  const Answers held(made.report);
  HtmlReader waits(held.page);
  ASSERT_TRUE(waits.read());
  EXPECT_NE(waits.text.find("their file line 1 is no trip"), std::string::npos);
  EXPECT_EQ(row_of(waits, "search_v2", 2), (Row{"search_v2", "off until its trips are read"}));
  EXPECT_EQ(row_of(waits, "new_upload", 2), (Row{"new_upload", "10 %"}));
  EXPECT_NE(held.text.find("search_v2\",state=\"held\"} 1"), std::string::npos);
}

TEST(PutPage, StaysWhenItIsPaused) {
  const Made made;
  HtmlReader html(Answers(made.report, 512, true).page);
  ASSERT_TRUE(html.read());
  EXPECT_FALSE(html.has_tag("meta http-equiv"));
}

TEST(PutPage, SaysWhatItDoesNotKnow) {
  Made made;
  made.report.monitor_age_s = 65;
  made.report.steady_us = 1;
  HtmlReader html(Answers(made.report).page);
  ASSERT_TRUE(html.read());
  EXPECT_NE(html.text.find("The monitor was last seen 65 s ago"), std::string::npos);
  EXPECT_NE(html.text.find("Nothing is known of the last minute yet."), std::string::npos);
}

TEST(PutPage, AddsUpWhatIsBeyondItsRows) {
  Made made;
  for (unsigned at = 0; at < 60; ++at) {
    for (unsigned count = 0; count <= at; ++count) made.count("m" + std::to_string(at), 200, 1000);
  }
  HtmlReader html(Answers(made.report).page);
  ASSERT_TRUE(html.read());
  const auto more = std::ranges::find(html.cells, "10 more");
  ASSERT_NE(more, html.cells.end());
  EXPECT_EQ(more[2], "0.9") << "1 to 10 requests in a minute are 55";
}

TEST(PutPage, ShowsTheLastFailureOfFiveMinutesAndThenTheSlowest) {
  Made made;
  made.count("x", 503, 1000, 1, 299 * kSecond);
  EXPECT_NE(Answers(made.report).page.find("failed 4 min ago"), std::string::npos);
  Made later;
  later.count("x", 503, 1000, 1, 301 * kSecond);
  EXPECT_NE(Answers(later.report).page.find("slowest, 1.0 ms, 5 min ago"), std::string::npos);
}

TEST(Answers, CarryHostileLabels) {
  for (const std::string& label : hostile_labels()) {
    Made made;
    made.count(label, 503, 20'000);
    char room[kLabelMax];
    const std::string value(make_label(label, room));
    const std::string signal = "errors(api," + value + ")";
    made.errors.threshold.text = signal;
    made.report.server = value;
    made.dropped.file("hostile", 0, cut_utf8(value, kRefusedMax - 1));
    add_busiest(made.users.view.table, value, {1000, false, kMadeNow / kSecond});
    const Answers answers(made.report);
    for (const bool is_open : {false, true}) {
      ExpositionReader reader(is_open ? answers.open : answers.text, is_open);
      ASSERT_TRUE(reader.read()) << label;
    }
    const Json json = JsonReader::read(answers.json);
    const Json& series = in(in(json, "metrics").elements[1], "series").elements[0];
    EXPECT_EQ(in(in(series, "labels"), "api_method").text, value);
    EXPECT_EQ(in(in(json, "thresholds").elements[0], "signal").text, signal);
    EXPECT_EQ(answers.json.find("\xE2\x80\xA8"), std::string::npos) << "a line's end for a script";
    HtmlReader html(answers.page);
    ASSERT_TRUE(html.read()) << label;
    for (std::string_view tag : {"script", "img"}) EXPECT_FALSE(html.has_tag(tag)) << label;
  }
}

TEST(Answers, CarryAnyNumber) {
  Made made;
  for (double value : {0.0, -0.0, 1e308, -1e308, 1.7976931348623157e308, 2.3e-308, 0.1, -1.5,
                       9007199254740993.0, 123456789.123}) {
    made.thresholds[0].status.reading.value = value;
    made.dropped.all->numbers[0].value = value;
    const Answers answers(made.report);
    for (const bool is_open : {false, true}) {
      ExpositionReader reader(is_open ? answers.open : answers.text, is_open);
      ASSERT_TRUE(reader.read()) << value;
      for (const ReadSample& sample : reader.samples) {
        const bool is_threshold = sample.name == "reqnotes_threshold_value" &&
                                  sample.labels.at("threshold") == "search_errors";
        if (is_threshold || sample.name == "app_queue") {
          EXPECT_EQ(sample.value, value);
        }
      }
    }
    const Json json = JsonReader::read(answers.json);
    EXPECT_EQ(number_in(in(json, "thresholds").elements[0], "value"), value);
    EXPECT_EQ(number_in(in(json, "numbers").elements[0], "value"), value);
    EXPECT_TRUE(HtmlReader(answers.page).read());
  }
}

TEST(Answers, CarryAsMuchAsThereCanBe) {
  Made made;
  std::vector<ThresholdView> views(kThresholdsMax, made.thresholds[1]);
  std::list<MadeThreshold> all;
  std::vector<std::uint8_t> places;
  for (std::size_t at = 0; at < views.size(); ++at) {
    const std::string name = std::string(38, 'n') + std::to_string(10 + at);
    const auto& threshold = all.emplace_back(name + " file:x below=-99999999999999.9");
    ASSERT_EQ(threshold.error, nullptr);
    views[at] = threshold.view(State::kExceeded, -1.2345678901234567e-300);
    places.push_back(static_cast<std::uint8_t>(at));
  }
  const JobView job = {"job", places};
  *made.dropped.all = {};
  made.dropped.all->stale_us = kSecond;
  for (std::size_t file = 0; file < kDroppedFilesMax; ++file) {
    made.dropped.file(std::string(62, 'f') + std::to_string(10 + file), 0,
                      std::string(kRefusedMax - 1, 'r'));
    for (std::size_t at = 0; at < kDroppedNumbersMax / kDroppedFilesMax; ++at) {
      const std::string end = std::to_string(100 + 4 * file + at) + (at == 3 ? "_total" : "");
      made.dropped.number(std::string(kNumberNameMax - end.size(), 'x') + end, 1e300);
    }
  }
  made.report.thresholds = views;
  made.report.jobs = {&job, 1};
  const Answers answers(made.report);
  EXPECT_TRUE(ExpositionReader(answers.text, false).read());
  EXPECT_TRUE(ExpositionReader(answers.open, true).read());
  const Json json = JsonReader::read(answers.json);
  EXPECT_EQ(in(json, "numbers").elements.size(), kDroppedNumbersMax);
  EXPECT_EQ(in(json, "files").elements.size(), kDroppedFilesMax);
  EXPECT_TRUE(HtmlReader(answers.page).read());
}

TEST(Answers, AreTheSameInChunksOfAnySize) {
  Made made;
  made.count("photos.search", 503, 20'000);
  const Answers whole(made.report, 1'000'000);
  for (std::size_t chunk : {1U, 2U, 3U, 7U, 100U, 8192U}) {
    const Answers answers(made.report, chunk);
    EXPECT_EQ(answers.text, whole.text);
    EXPECT_EQ(answers.open, whole.open);
    EXPECT_EQ(answers.json, whole.json);
    EXPECT_EQ(answers.page, whole.page);
  }
}

TEST(Answers, AreWholeWhereNothingIsCounted) {
  Made made;
  made.report.metrics = {};
  made.report.busiest = {};
  made.report.thresholds = {};
  made.report.jobs = {};
  *made.dropped.all = {};
  made.report.workers = {};
  made.report.max_workers = 0;
  const Answers answers(made.report);
  EXPECT_TRUE(ExpositionReader(answers.text, false).read());
  EXPECT_TRUE(ExpositionReader(answers.open, true).read());
  EXPECT_NO_THROW(JsonReader::read(answers.json));
  EXPECT_TRUE(HtmlReader(answers.page).read());
}

}  // namespace
}  // namespace reqnotes
