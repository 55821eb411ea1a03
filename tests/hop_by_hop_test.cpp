#include "reqnotes/trace/hop_by_hop.hpp"

#include <gtest/gtest.h>

#include <string>

namespace reqnotes {
namespace {

std::string without(std::string connection) {
  connection.resize(drop_trace_headers(connection));
  return connection;
}

TEST(DropTraceHeaders, TakesOutOursAndLeavesTheRest) {
  struct Case {
    const char* why;
    const char* connection;
    const char* want;
  };
  constexpr Case kCases[] = {
      {"one of ours", "traceparent", ""},
      {"whatever its case", "TraceParent, TRACESTATE , B3", ""},
      {"every one of B3", "X-B3-TraceId,x-b3-anything", ""},
      {"before others", "traceparent, close", "close"},
      {"behind others", "close, traceparent", "close"},
      {"between others", "keep-alive, tracestate, Upgrade", "keep-alive,Upgrade"},
      {"no blanks to spare", "a,b3,c,d", "a,c,d"},
      {"empty words", ",, a,, b3 ,,c,", "a,c"},
      {"names that only look like ours", "b3x, x-b3, traceparents", "b3x,x-b3,traceparents"},
      {"a blank ends a word", "a b traceparent c , b3\td", "a,b,c,d"},
      {"so does a semicolon", "close;traceparent; a=1 ;tracestate", "close,a=1"},
      {"what is quoted", "\"a, b3\"; traceparent", "\"a,b3\""},
  };
  for (const Case& c : kCases) {
    EXPECT_EQ(without(c.connection), c.want) << c.why;
    EXPECT_TRUE(names_trace_header(c.connection) || without(c.connection).size() > 2) << c.why;
  }
}

TEST(NamesTraceHeader, IsFalseWhereThereIsNothingToDo) {
  for (const char* connection : {"", ",", "close", "keep-alive, Upgrade", "a,a,a,a"}) {
    EXPECT_FALSE(names_trace_header(connection)) << connection;
  }
}

}  // namespace
}  // namespace reqnotes
