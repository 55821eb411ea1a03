#include "reqnotes/metrics/report.hpp"

#include <gtest/gtest.h>

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

/// A server that answers with two metrics and two lists; its clock stands at a minute.
struct Made {
  MadeMetric http{"http", {"vhost"}, {}, 4};
  MadeMetric api{"api", {"api_method", "kind"}, {"db_ms"}, 60};
  MadeList users{"user_id", ""};
  MadeList keys{"api_key", "hash"};
  std::vector<MetricView> metrics;
  std::vector<BusiestView> lists;
  std::vector<RankedSeries> room{61};
  Report report{};

  Made() {
    http.snapshot(1);
    api.snapshot(1);
    metrics = {http.view, api.view};
    lists = {users.view, keys.view};
    report = {.server = "www394",
              .version = "1.0.0",
              .now_us = kMadeNow,
              .steady_us = 1 + 60 * kSecond,
              .metrics = metrics,
              .busiest = lists,
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
                                      "workers", "metrics", "busiest"}));
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
    add_busiest(made.users.view.table, value, {1000, false, kMadeNow / kSecond});
    const Answers answers(made.report);
    for (const bool is_open : {false, true}) {
      ExpositionReader reader(is_open ? answers.open : answers.text, is_open);
      ASSERT_TRUE(reader.read()) << label;
    }
    const Json json = JsonReader::read(answers.json);
    const Json& series = in(in(json, "metrics").elements[1], "series").elements[0];
    EXPECT_EQ(in(in(series, "labels"), "api_method").text, value);
    EXPECT_EQ(answers.json.find("\xE2\x80\xA8"), std::string::npos) << "a line's end for a script";
    HtmlReader html(answers.page);
    ASSERT_TRUE(html.read()) << label;
    for (std::string_view tag : {"script", "img"}) EXPECT_FALSE(html.has_tag(tag)) << label;
  }
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
