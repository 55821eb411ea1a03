#include "reqnotes/metrics/exposition.hpp"

#include <gtest/gtest.h>

#include <clocale>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "exposition_reader.hpp"

namespace reqnotes {
namespace {

template <class Write>
std::string written(Exposition format, std::size_t chunk, Write write) {
  std::string all;
  std::vector<char> buffer(chunk);
  ExpositionWriter writer(
      format, buffer,
      [](void* to, std::string_view text) { *static_cast<std::string*>(to) += text; }, &all);
  write(writer);
  writer.end();
  return all;
}

constexpr Family kRequests = {"reqnotes_http_requests", FamilyType::kCounter, "", "Requests."};
constexpr Family kDurations = {"reqnotes_http_duration_seconds", FamilyType::kHistogram, "seconds",
                               "Their duration."};

Exemplar exemplar_of(char digit, std::int64_t duration_us) {
  Exemplar exemplar = {
      .trace_id = {}, .duration_us = duration_us, .time_us = 1'790'000'000'123'456};
  exemplar.trace_id.fill(digit);
  return exemplar;
}

std::string number(double value) {
  char out[kMetricNumberMax];
  return {out, put_metric_number(value, out)};
}

std::string seconds(std::int64_t micros) {
  char out[kMetricNumberMax];
  return {out, put_seconds(micros, out)};
}

TEST(PutSeconds, IsExact) {
  EXPECT_EQ(seconds(0), "0");
  EXPECT_EQ(seconds(100), "0.0001");
  EXPECT_EQ(seconds(10'000), "0.01");
  EXPECT_EQ(seconds(2'500'000), "2.5");
  EXPECT_EQ(seconds(100'000'000), "100");
  EXPECT_EQ(seconds(-1), "-0.000001");
  EXPECT_EQ(seconds(INT64_MAX), "9223372036854.775807");
  EXPECT_EQ(seconds(INT64_MIN), "-9223372036854.775808");
}

TEST(PutMetricNumber, ReadsBackTheSame) {
  EXPECT_EQ(number(0.01), "0.01");
  EXPECT_EQ(number(41), "41");
  EXPECT_EQ(number(-0.1), "-0.1");
  EXPECT_EQ(number(1e300), "1e+300");
  EXPECT_EQ(number(9007199254740992), "9007199254740992");
  EXPECT_EQ(number(NAN), "NaN");
  EXPECT_EQ(number(HUGE_VAL), "+Inf");
  EXPECT_EQ(number(-HUGE_VAL), "-Inf");
  std::mt19937_64 random(1);
  for (unsigned round = 0; round < 20'000; ++round) {
    const auto value = std::bit_cast<double>(random());
    if (!std::isfinite(value)) continue;
    const std::string text = number(value);
    ASSERT_LT(text.size(), kMetricNumberMax);
    ASSERT_EQ(std::strtod(text.c_str(), nullptr), value) << text;
  }
}

TEST(PutMetricNumber, HasAPointInAnyLocale) {
  for (const char* locale : {"de_DE.UTF-8", "ps_AF.UTF-8", "fr_FR.UTF-8"}) {
    if (!std::setlocale(LC_NUMERIC, locale)) continue;
    EXPECT_EQ(number(2.5), "2.5") << locale;
    EXPECT_EQ(number(0.1), "0.1") << locale;
    std::setlocale(LC_NUMERIC, "C");
  }
}

TEST(Exposition, WritesACounter) {
  SeriesCounts counts{};
  counts.classes = {0, 0, 12, 3, 0, 7};
  const LabelPair labels[] = {{"vhost", "a \"b\"\\\n"}};
  const auto write = [&](ExpositionWriter& writer) {
    writer.begin(kRequests);
    writer.requests(labels, counts, exemplar_of('f', 20'834));
  };
  EXPECT_EQ(written(Exposition::kText, 100, write),
            R"(# HELP reqnotes_http_requests_total Requests.
# TYPE reqnotes_http_requests_total counter
reqnotes_http_requests_total{vhost="a \"b\"\\\n",status="2xx"} 12
reqnotes_http_requests_total{vhost="a \"b\"\\\n",status="3xx"} 3
reqnotes_http_requests_total{vhost="a \"b\"\\\n",status="4xx"} 0
reqnotes_http_requests_total{vhost="a \"b\"\\\n",status="5xx"} 7
)");
  EXPECT_EQ(written(Exposition::kOpenMetrics, 100, write),
            R"(# HELP reqnotes_http_requests Requests.
# TYPE reqnotes_http_requests counter
reqnotes_http_requests_total{vhost="a \"b\"\\\n",status="2xx"} 12
reqnotes_http_requests_total{vhost="a \"b\"\\\n",status="3xx"} 3
reqnotes_http_requests_total{vhost="a \"b\"\\\n",status="4xx"} 0
reqnotes_http_requests_total{vhost="a \"b\"\\\n",status="5xx"} 7 # {trace_id="ffffffffffffffffffffffffffffffff"} 0.020834 1790000000.123456
# EOF
)");
}

TEST(Exposition, WritesAHistogram) {
  SeriesCounts counts{};
  counts.bins[bin_of(8'000)] = 1;
  counts.bins[bin_of(10'000)] = 2;
  counts.bins[bin_of(500'000)] = 4;
  counts.bins[kBins - 1] = 8;
  counts.duration_us = 1'000'000'001;
  const std::vector<std::size_t> bounds = {*find_bound(10'000), *find_bound(1'000'000)};
  const auto write = [&](ExpositionWriter& writer) {
    writer.begin(kDurations);
    writer.durations({}, counts, bounds, exemplar_of('a', 200'000'000), exemplar_of('b', 10'000));
  };
  EXPECT_EQ(written(Exposition::kText, 1, write),
            R"(# HELP reqnotes_http_duration_seconds Their duration.
# TYPE reqnotes_http_duration_seconds histogram
reqnotes_http_duration_seconds_bucket{le="0.01"} 3
reqnotes_http_duration_seconds_bucket{le="1"} 7
reqnotes_http_duration_seconds_bucket{le="+Inf"} 15
reqnotes_http_duration_seconds_sum 1000.000001
reqnotes_http_duration_seconds_count 15
)");
  EXPECT_EQ(written(Exposition::kOpenMetrics, 1, write),
            R"(# HELP reqnotes_http_duration_seconds Their duration.
# TYPE reqnotes_http_duration_seconds histogram
# UNIT reqnotes_http_duration_seconds seconds
reqnotes_http_duration_seconds_bucket{le="0.01"} 3 # {trace_id="bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"} 0.01 1790000000.123456
reqnotes_http_duration_seconds_bucket{le="1.0"} 7
reqnotes_http_duration_seconds_bucket{le="+Inf"} 15 # {trace_id="aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"} 200 1790000000.123456
reqnotes_http_duration_seconds_sum 1000.000001
reqnotes_http_duration_seconds_count 15
# EOF
)");
}

TEST(Exposition, WritesSumsAndGauges) {
  SeriesCounts counts{};
  counts.sums = {0, 41.5, 0, 0};
  counts.sum_counts = {0, 3, 0, 0};
  const LabelPair labels[] = {{"vhost", "v"}};
  EXPECT_EQ(
      written(Exposition::kText, 4096,
              [&](ExpositionWriter& writer) {
                writer.begin({"reqnotes_http_db_ms", FamilyType::kSummary, "", "A\\B\n\"C\""});
                writer.sum(labels, counts, 1);
                writer.begin({"reqnotes_workers", FamilyType::kGauge, "", ""});
                writer.sample({}, 5, {"state", "busy"});
                writer.sample({}, -0.5);
              }),
      "# HELP reqnotes_http_db_ms A\\\\B\\n\"C\"\n"
      "# TYPE reqnotes_http_db_ms summary\n"
      "reqnotes_http_db_ms_sum{vhost=\"v\"} 41.5\n"
      "reqnotes_http_db_ms_count{vhost=\"v\"} 3\n"
      "# HELP reqnotes_workers \n"
      "# TYPE reqnotes_workers gauge\n"
      "reqnotes_workers{state=\"busy\"} 5\n"
      "reqnotes_workers -0.5\n");
}

TEST(Exposition, CarriesLabelsOfAnyBytes) {
  std::vector<std::string> hostile = {"",    "\"", "\\",      "\\\"",
                                      "\\n", "\n", "\",x=\"", "} 1\n# EOF\n"};
  for (unsigned byte = 0; byte < 256; ++byte) {
    hostile.emplace_back(1, static_cast<char>(byte));
    hostile.push_back("<" + hostile.back() + ">" + hostile.back());
  }
  for (Exposition format : {Exposition::kText, Exposition::kOpenMetrics}) {
    for (const std::string& text : hostile) {
      char room[kLabelMax];
      const std::string label(make_label(text, room));
      const LabelPair labels[] = {{"a", label}, {"b", "x"}};
      const std::string all = written(format, 7, [&](ExpositionWriter& writer) {
        writer.begin({"reqnotes_g", FamilyType::kGauge, "", label});
        writer.sample(labels, 1);
      });
      ExpositionReader reader(all, format == Exposition::kOpenMetrics);
      ASSERT_TRUE(reader.read()) << all;
      ASSERT_EQ(reader.samples.size(), 1U);
      EXPECT_EQ(reader.samples[0].labels["a"], label);
      EXPECT_EQ(reader.helps["reqnotes_g"], label);
    }
  }
}

TEST(Exposition, IsTheSameInChunksOfAnySize) {
  SeriesCounts counts{};
  counts.bins.fill(3);
  std::vector<std::size_t> bounds(kBounds.size());
  for (std::size_t at = 0; at < bounds.size(); ++at) bounds[at] = at;
  const auto write = [&](ExpositionWriter& writer) {
    writer.begin(kRequests);
    writer.requests({}, counts, std::nullopt);
    writer.begin(kDurations);
    writer.durations({}, counts, bounds, std::nullopt, std::nullopt);
  };
  const std::string whole = written(Exposition::kOpenMetrics, 100'000, write);
  for (std::size_t chunk = 1; chunk < 200; ++chunk) {
    ASSERT_EQ(written(Exposition::kOpenMetrics, chunk, write), whole);
  }
  ExpositionReader reader(whole, true);
  ASSERT_TRUE(reader.read());
  double before = 0;
  for (const ReadSample& sample : reader.samples) {
    if (!sample.name.ends_with("_bucket")) continue;
    EXPECT_GE(sample.value, before);
    before = sample.value;
  }
  EXPECT_EQ(before, 3 * kBins);
  EXPECT_EQ(reader.samples.back().value, before) << "_count is the last bucket";
}

}  // namespace
}  // namespace reqnotes
