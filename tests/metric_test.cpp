#include "reqnotes/metrics/metric.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace reqnotes {
namespace {

TEST(Metric, HasAName) {
  for (const char* good : {"a", "api", "a_1", "a234567890123456789012345678901234567890"}) {
    EXPECT_TRUE(is_metric_name(prefix(good, 40))) << good;
  }
  for (const char* bad : {"", "A", "1a", "_a", "a-b", "a.b", "a b", "\xC3\xA4"}) {
    EXPECT_FALSE(is_metric_name(bad)) << bad;
  }
  EXPECT_FALSE(is_metric_name(std::string(41, 'a')));
}

TEST(Metric, HasBuckets) {
  EXPECT_EQ(parse_bucket("0.0001"), find_bound(100));
  EXPECT_EQ(parse_bucket("0.25"), find_bound(250'000));
  EXPECT_EQ(parse_bucket("1"), find_bound(1'000'000));
  EXPECT_EQ(parse_bucket("1.0"), find_bound(1'000'000));
  EXPECT_EQ(parse_bucket("100"), find_bound(100'000'000));
  for (const char* bad : {"", ".", "1.", ".5", "0", "0.0", "0.7", "-1", "1e1", "0.00001", "200",
                          "1000", "0.2500001", "1,5", " 1", "1 "}) {
    EXPECT_EQ(parse_bucket(bad), std::nullopt) << bad;
  }
}

const char* read(const char* word, MetricOptions& options) {
  return parse_metric_option(word, options);
}

TEST(Metric, ReadsOptions) {
  MetricOptions options;
  EXPECT_EQ(read("by=vhost,api.method,x", options), nullptr);
  EXPECT_EQ(options.by.count, 3U);
  EXPECT_EQ(options.by.items[1], "api.method");
  EXPECT_EQ(read("values=a,b c,\xC3\xA4", options), nullptr);
  EXPECT_EQ(options.values.count, 3U);
  EXPECT_EQ(read("sum=a,b,c,d", options), nullptr);
  EXPECT_EQ(read("series=10000", options), nullptr);
  EXPECT_EQ(options.series, 10'000U);
  EXPECT_EQ(options.buckets.count, 11U) << "Prometheus's own";
  EXPECT_EQ(read("buckets=0.1,1,10", options), nullptr);
  EXPECT_EQ(options.buckets.count, 3U);
}

TEST(Metric, RefusesOptions) {
  for (const char* bad : {"",
                          "by",
                          "to=x",
                          "by=",
                          "by=a,,b",
                          "by=a,a",
                          "by=a,b,c,d",
                          "sum=a,b,c,d,e",
                          "values=",
                          "values=a,a",
                          "values=\xFF",
                          "buckets=",
                          "buckets=1,0.1",
                          "buckets=1,1",
                          "buckets=0.7",
                          "series=",
                          "series=0",
                          "series=01",
                          "series=10001",
                          "series=99999999999",
                          "series=5x",
                          "series=-1",
                          "by=a,"}) {
    MetricOptions options;
    EXPECT_NE(read(bad, options), nullptr) << bad;
  }
  MetricOptions options;
  EXPECT_NE(read(("values=" + std::string(101, 'a')).c_str(), options), nullptr);
  std::string many = "values=0";
  for (std::size_t at = 1; at < kValuesMax; ++at) many += "," + std::to_string(at);
  EXPECT_EQ(parse_metric_option(many, options), nullptr);
  MetricOptions full;
  EXPECT_NE(parse_metric_option(many += ",more", full), nullptr);
}

TEST(Metric, NamesLabels) {
  char room[16];
  EXPECT_EQ(label_name("order.id.x", room), "order_id_x");
}

// What strtod has, in the locale of a test.
TEST(NumberValue, IsThatOfTheText) {
  for (const char* text : {"0", "-0", "1", "-1", "1.5", "0.1", "-0.25", "123456789012345678",
                           "0.000001", "1e3", "1E-3", "1.25e+2", "9007199254740993",
                           "3.141592653589793", "1e22", "1e-22", "0e999", "5e-324"}) {
    ASSERT_TRUE(is_number(text)) << text;
    EXPECT_DOUBLE_EQ(number_value(text), std::strtod(text, nullptr)) << text;
  }
  for (const char* text :
       {"1.7976931348623157e308", "2.2250738585072014e-308", "12345678901234567890123456789012",
        "0.000000000000000000000012345678"}) {
    ASSERT_TRUE(is_number(text)) << text;
    const double value = std::strtod(text, nullptr);
    EXPECT_NEAR(number_value(text) / value, 1, 1e-14) << text;
  }
}

TEST(Label, StaysWhereItIsIfItIsPlain) {
  for (std::size_t size = 0; size <= kLabelMax + 1; ++size) {
    std::string text(size, 'x');
    char room[kLabelMax];
    EXPECT_EQ(find_label(text, room), prefix(std::string_view(text), kLabelMax));
    EXPECT_EQ(find_label(text, room).data() == text.data(), size <= kLabelMax);
    for (std::size_t at = 0; at < size; ++at) {
      text[at] = '\xFF';
      char other[kLabelMax];
      EXPECT_EQ(find_label(text, room), make_label(text, other)) << size << ' ' << at;
      text[at] = 'x';
    }
  }
}

}  // namespace
}  // namespace reqnotes
