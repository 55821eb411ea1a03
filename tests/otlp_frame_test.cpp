#include "reqnotes/line/otlp_frame.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "json_reader.hpp"
#include "unicode.hpp"

namespace reqnotes {
namespace {

/// What `put` writes in `room` bytes of a buffer that has no more.
template <class Write>
std::string written_by(const Write& put, std::size_t room = 65536) {
  std::vector<char> buffer(room);
  Sink out(buffer);
  put(out);
  EXPECT_FALSE(out.overflowed());
  return std::string(out.written());
}

/// The member of an object, or what is missing.
const Json& member(const Json& json, std::string_view name) {
  static const Json missing;
  const auto at = std::ranges::find(json.names, name);
  if (at != json.names.end())
    return json.elements[static_cast<std::size_t>(at - json.names.begin())];
  ADD_FAILURE() << "no " << name;
  return missing;
}

bool has(const Json& json, std::string_view name) {
  return std::ranges::find(json.names, name) != json.names.end();
}

/// The text of an attribute, or nothing.
std::string attribute(const Json& list, std::string_view key) {
  for (const Json& json : list.elements) {
    if (member(json, "key").text == key) return member(json, "value").elements.at(0).text;
  }
  return {};
}

std::string begin_of(const OtlpService& service, bool is_log = false) {
  return written_by([&](Sink& out) { put_otlp_begin(service, "1.2.3", is_log, out); },
                    kOtlpBeginMax);
}

/// The one span of a line.
Json span_of(std::string line) {
  const Json json = JsonReader::read(line.append(kOtlpAttributes).append(kSpanEnd));
  const Json& scope = member(member(json, "resourceSpans").elements.at(0), "scopeSpans");
  return member(scope.elements.at(0), "spans").elements.at(0);
}

Span usual_span(std::string_view begin) {
  return {.begin = begin,
          .trace_id = "4bf92f3577b34da6a3ce929d0e0e4736",
          .span_id = "00f067aa0ba902b7",
          .parent_span_id = {},
          .trace_state = {},
          .flags = 3,
          .name = "GET",
          .time = 1'700'000'000'123'456,
          .duration = 20'834};
}

std::string head_of(const Span& span) {
  return written_by([&](Sink& out) { put_span_head(span, out); },
                    span.begin.size() + kSpanHeadMax + 2 * span.trace_state.size());
}

TEST(OtlpBegin, NamesTheServiceOnlyWhereItIsKnown) {
  struct Case {
    const char* why;
    OtlpService service;
    std::vector<std::string> keys;
  };
  const Case cases[] = {
      {"nothing", {}, {}},
      {"a name", {"shop", {}, {}}, {"service.name"}},
      {"a host", {{}, {}, "web1"}, {"host.name"}},
      {"all", {"shop", "7", "web1"}, {"service.name", "service.version", "host.name"}},
  };
  for (const Case& c : cases) {
    for (const bool is_log : {false, true}) {
      std::string line = begin_of(c.service, is_log);
      const Json json = JsonReader::read(line.append(is_log ? R"(1"}]}]}]})" : R"(1"}]}]}]})"));
      ASSERT_EQ(json.names.at(0), is_log ? "resourceLogs" : "resourceSpans");
      const Json& all = json.elements.at(0).elements.at(0);
      const Json& attributes = member(member(all, "resource"), "attributes");
      std::vector<std::string> keys;
      for (const Json& one : attributes.elements) keys.push_back(member(one, "key").text);
      EXPECT_EQ(keys, c.keys) << c.why;
      EXPECT_EQ(attribute(attributes, "service.name"), c.service.name) << c.why;
      const Json& scope =
          member(member(all, is_log ? "scopeLogs" : "scopeSpans").elements.at(0), "scope");
      EXPECT_EQ(member(scope, "name").text, "mod_reqnotes");
      EXPECT_EQ(member(scope, "version").text, "1.2.3");
    }
  }
}

TEST(OtlpBegin, HasRoomForTheLongestNames) {
  const std::string name(kServiceNameMax, '"');
  const std::string version(kServiceVersionMax, '\\');
  const std::string host(kHostNameMax, '\x01');
  for (const bool is_log : {false, true}) begin_of({name, version, host}, is_log);
}

TEST(SpanHead, HasIdsTimesAndFlags) {
  const std::string begin = begin_of({"shop", {}, {}});
  Span span = usual_span(begin);
  Json json = span_of(head_of(span));
  EXPECT_EQ(member(json, "traceId").text, span.trace_id);
  EXPECT_EQ(member(json, "spanId").text, span.span_id);
  EXPECT_FALSE(has(json, "parentSpanId"));
  EXPECT_FALSE(has(json, "traceState"));
  EXPECT_FALSE(has(json, "status"));
  EXPECT_EQ(member(json, "name").text, "GET");
  EXPECT_EQ(member(json, "kind").text, "2");
  EXPECT_EQ(member(json, "flags").text, "259") << "the parent is known: there is none";
  EXPECT_EQ(member(json, "startTimeUnixNano").text, "1700000000123456000");
  EXPECT_EQ(member(json, "startTimeUnixNano").kind, Json::kString);
  EXPECT_EQ(member(json, "endTimeUnixNano").text, "1700000000144290000");

  span.parent_span_id = "00f067aa0ba902b8";
  span.trace_state = "a=1,b=\"2\"";
  span.failed = true;
  json = span_of(head_of(span));
  EXPECT_EQ(member(json, "parentSpanId").text, span.parent_span_id);
  EXPECT_EQ(member(json, "traceState").text, span.trace_state);
  EXPECT_EQ(member(json, "flags").text, "771") << "the parent is another process";
  EXPECT_EQ(member(member(json, "status"), "code").text, "2");
}

// A module can set the time of a request to anything.
TEST(SpanHead, HasTimesThatFitWhateverTheClockSays) {
  const std::string begin = begin_of({});
  constexpr std::int64_t kTimes[] = {INT64_MIN, -1, 0, 1, 1'700'000'000'000'000, INT64_MAX};
  for (const std::int64_t time : kTimes) {
    for (const std::int64_t duration : {kNoNumber, std::int64_t{0}, std::int64_t{5}, INT64_MAX}) {
      Span span = usual_span(begin);
      span.time = time;
      span.duration = duration;
      const Json json = span_of(head_of(span));
      const std::int64_t first = std::stoll(member(json, "startTimeUnixNano").text);
      const std::int64_t last = std::stoll(member(json, "endTimeUnixNano").text);
      EXPECT_GT(first, 0) << time;
      EXPECT_GE(last, first) << time << ", " << duration;
    }
  }
}

/// The events of a span with these, in `room` bytes, and how many were dropped.
struct Events {
  Json list;
  std::size_t dropped = 0;
};
Events events_in(std::span<const SpanEvent> events, unsigned dropped, std::size_t room) {
  const std::string text =
      written_by([&](Sink& out) { put_span_events(events, dropped, room, out); }, room);
  if (text.empty()) return {{}, dropped + events.size()};
  const Json json = JsonReader::read("{" + text.substr(1) + "}");
  return {member(json, "events"), std::stoul(member(json, "droppedEventsCount").text)};
}

TEST(SpanEvents, HaveWhatTheErrorLogHas) {
  const SpanEvent event = {.time = 1'700'000'000'123'456,
                           .severity = "error",
                           .code = "AH01071",
                           .module = "proxy_fcgi",
                           .message = "it \"broke\"\n"};
  const Events got = events_in({&event, 1}, 0, kEventBytesMax);
  ASSERT_EQ(got.list.elements.size(), 1U);
  const Json& json = got.list.elements[0];
  EXPECT_EQ(member(json, "timeUnixNano").text, "1700000000123456000");
  EXPECT_EQ(member(json, "name").text, "log");
  const Json& attributes = member(json, "attributes");
  EXPECT_EQ(attribute(attributes, "log.severity"), "error");
  EXPECT_EQ(attribute(attributes, "log.message"), event.message);
  EXPECT_EQ(attribute(attributes, "reqnotes.code"), "AH01071");
  EXPECT_EQ(attribute(attributes, "reqnotes.module"), "proxy_fcgi");
  EXPECT_EQ(got.dropped, 0U);
}

// Any number of events of any length in any room: none is broken, and none is forgotten.
TEST(SpanEvents, KeepTheirRoomAndCountWhatIsDropped) {
  std::size_t most = 0;
  for (const std::size_t length : {1U, 40U, 300U, 1024U}) {
    for (const char c : {'m', '"', '\x01', '\xFF'}) {
      const std::string message(length, c);
      const std::vector<SpanEvent> events(
          kEventsMax,
          {.time = 5, .severity = "error", .code = {}, .module = {}, .message = message});
      for (std::size_t count = 0; count <= events.size(); ++count) {
        for (std::size_t room = 0; room <= kEventBytesMax; room += 13) {
          const Events got = events_in(std::span(events).first(count), 3, room);
          ASSERT_EQ(got.list.elements.size() + got.dropped, count + 3) << length << ", " << room;
          most = std::max(most, got.list.elements.size());
          for (const Json& json : got.list.elements) {
            const std::string text = attribute(member(json, "attributes"), "log.message");
            ASSERT_TRUE(!text.empty() && repaired(message).starts_with(text)) << text;
          }
        }
      }
    }
  }
  EXPECT_EQ(most, kEventsMax);
}

TEST(SpanEvents, AreCutToEqualPartsAndNotDroppedWhereTwoAreLong) {
  const std::string message(1024, 'm');
  const std::vector<SpanEvent> events(
      2, {.time = 5, .severity = "error", .code = {}, .module = {}, .message = message});
  const Events got = events_in(events, 0, 1365);
  ASSERT_EQ(got.list.elements.size(), 2U);
  EXPECT_EQ(got.dropped, 0U);
  for (const Json& json : got.list.elements) {
    EXPECT_GT(attribute(member(json, "attributes"), "log.message").size(), 250U);
    EXPECT_EQ(attribute(member(json, "attributes"), "reqnotes.truncated"), "true");
  }
}

TEST(LogRecord, HasSeverityTraceAndBody) {
  const std::string begin = begin_of({"shop", {}, {}}, true);
  const auto line_of = [&](const LogRecord& record, std::string_view message) {
    return written_by([&](Sink& out) {
      put_log_head(record, out);
      put_log_end(message, out);
    });
  };
  const auto record_of = [](const std::string& line) {
    const Json json = JsonReader::read(line);
    const Json& scope = member(member(json, "resourceLogs").elements.at(0), "scopeLogs");
    return member(scope.elements.at(0), "logRecords").elements.at(0);
  };
  LogRecord record = {.begin = begin,
                      .time = 7,
                      .severity = 17,
                      .severity_text = "error",
                      .trace_id = {},
                      .span_id = {}};
  Json json = record_of(line_of(record, "it \"broke\""));
  EXPECT_EQ(member(json, "timeUnixNano").text, "7000");
  EXPECT_EQ(member(json, "observedTimeUnixNano").text, "7000");
  EXPECT_EQ(member(json, "severityNumber").text, "17");
  EXPECT_EQ(member(json, "severityText").text, "error");
  EXPECT_EQ(member(member(json, "body"), "stringValue").text, "it \"broke\"");
  EXPECT_FALSE(has(json, "traceId"));
  EXPECT_FALSE(has(json, "flags"));
  record.trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
  record.span_id = "00f067aa0ba902b7";
  record.flags = 1;
  json = record_of(line_of(record, ""));
  EXPECT_EQ(member(json, "traceId").text, record.trace_id);
  EXPECT_EQ(member(json, "spanId").text, record.span_id);
  EXPECT_EQ(member(json, "flags").text, "1");
  EXPECT_EQ(member(member(json, "body"), "stringValue").text, "");
}

TEST(LogRecord, EndsInAnyRoomWithABeginningOfItsMessage) {
  for (const char c : {'m', '"', '\x01', '\xFF'}) {
    const std::string message(100, c);
    const std::size_t size = body_size(message);
    for (std::size_t room = body_size(""); room <= size + 3; ++room) {
      const std::string end = written_by([&](Sink& out) { put_log_end(message, out); }, room);
      ASSERT_LE(end.size(), room);
      EXPECT_EQ(end.size() == size, room >= size) << "the size of all of it is known";
      const Json json = JsonReader::read("{\"a\":[{\"b\":[{\"c\":[{\"d\":[" + end);
      const Json& inner =
          json.elements[0].elements[0].elements[0].elements[0].elements[0].elements[0];
      EXPECT_TRUE(repaired(message).starts_with(member(member(inner, "body"), "stringValue").text));
    }
  }
}

TEST(OtlpSeverity, KeepsTheOrderOfTheLevels) {
  EXPECT_EQ(otlp_severity(0), 21) << "emerg is FATAL";
  EXPECT_EQ(otlp_severity(3), 17) << "error is ERROR";
  EXPECT_EQ(otlp_severity(4), 13) << "warn is WARN";
  EXPECT_EQ(otlp_severity(6), 9) << "info is INFO";
  EXPECT_EQ(otlp_severity(7), 5) << "debug is DEBUG";
  EXPECT_EQ(otlp_severity(8), 4);
  EXPECT_EQ(otlp_severity(15), 1);
  EXPECT_EQ(otlp_severity(-1), 21);
  for (int level = 1; level <= 15; ++level) {
    EXPECT_LE(otlp_severity(level), otlp_severity(level - 1)) << level;
  }
}

TEST(KnownMethod, IsAWordOfTheStandardInItsOwnCase) {
  for (const char* word :
       {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"}) {
    EXPECT_TRUE(is_known_method(word)) << word;
  }
  for (const char* word : {"", "get", "GETS", "PROPFIND", "HTTP", "_OTHER"}) {
    EXPECT_FALSE(is_known_method(word)) << word;
  }
}

}  // namespace
}  // namespace reqnotes
