#include "reqnotes/metrics/accept.hpp"

#include <gtest/gtest.h>

#include <string_view>

namespace reqnotes {
namespace {

struct Case {
  std::string_view why;
  std::string_view accept;
  bool is_open;
};

constexpr Case kCases[] = {
    {"nothing", "", false},
    {"curl", "*/*", false},
    {"a browser", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", false},
    {"Prometheus 2",
     "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
     "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
     true},
    {"Prometheus 3",
     "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
     "application/openmetrics-text;version=0.0.1;q=0.4,"
     "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
     true},
    {"Prometheus 3 that prefers the text",
     "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.5,"
     "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.4,*/*;q=0.1",
     false},
    {"protobuf first",
     "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,"
     "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5",
     true},
    {"without a version", "application/openmetrics-text", true},
    {"any case and blanks", "  Application/OpenMetrics-Text ; Version=1.0.0 ; Q=0.5 ,", true},
    {"a version that is not written", "application/openmetrics-text;version=2.0.0", false},
    {"refused", "application/openmetrics-text;q=0", false},
    {"refused in thousandths", "application/openmetrics-text;q=0.000,text/plain;q=0.001", false},
    {"malformed qualities", "application/openmetrics-text;q=2", false},
    {"malformed qualities", "application/openmetrics-text;q=1.001", false},
    {"malformed qualities", "application/openmetrics-text;q=0x5", false},
    {"malformed qualities", "application/openmetrics-text;q=", false},
    {"whole ones", "application/openmetrics-text;q=1.,text/plain;q=0.", true},
    {"the text less", "application/openmetrics-text;q=0.002,text/plain;q=0.001", true},
    {"the text more", "application/openmetrics-text;q=0.5,text/plain;q=0.51", false},
    {"all others more", "application/openmetrics-text;q=0.5,*/*;q=0.9", false},
    {"all texts more", "application/openmetrics-text;q=0.5,text/*;q=0.9", false},
    {"what is more specific counts",
     "*/*,text/*,application/openmetrics-text;q=0.5,text/plain;q=0.1", true},
    {"in any order", "text/plain;q=0.1,application/openmetrics-text;q=0.5,text/*,*/*", true},
    {"both as much", "text/plain,application/openmetrics-text", true},
    {"half a list", ";;;,,=;q", false},
};

TEST(WantsOpenMetrics, AsItIsAskedFor) {
  for (const Case& c : kCases)
    EXPECT_EQ(wants_openmetrics(c.accept), c.is_open) << c.why << ": " << c.accept;
}

}  // namespace
}  // namespace reqnotes
