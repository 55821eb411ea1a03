#include "reqnotes/trace/b3.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace reqnotes {
namespace {

constexpr const char* kLong = "80f198ee56343ba864fe8b2a57d3eff7";
constexpr const char* kShort = "64fe8b2a57d3eff7";
constexpr const char* kSpan = "05e3ac9a4f6e3b90";
constexpr const char* kZeros = "00000000000000000000000000000000";

/// What a header says, as a row of a table.
struct Want {
  std::string trace_id;
  std::string parent_id;
  std::optional<bool> sampled;
};
constexpr std::optional<bool> kDeferred;

void expect_trace(const std::optional<InboundTrace>& got, const std::optional<Want>& want,
                  const char* why) {
  ASSERT_EQ(got.has_value(), want.has_value()) << why;
  if (!got) return;
  EXPECT_EQ(got->trace_id, want->trace_id) << why;
  EXPECT_EQ(got->parent_id, want->parent_id) << why;
  EXPECT_EQ(got->sampled, want->sampled) << why;
  EXPECT_FALSE(got->random) << why << ": B3 knows no random flag";
}

std::string join(const std::vector<const char*>& parts) {
  std::string header;
  for (const char* part : parts) header += (header.empty() ? "" : "-") + std::string(part);
  return header;
}

TEST(ParseB3Single, DecidesEachCase) {
  struct Case {
    const char* why;
    std::string header;
    std::optional<Want> want;
  };
  const Case cases[] = {
      {"ids alone leave the decision to us", join({kLong, kSpan}), {{kLong, kSpan, kDeferred}}},
      {"a trace id of 64 bits", join({kShort, kSpan}), {{kShort, kSpan, kDeferred}}},
      {"accepted", join({kLong, kSpan, "1"}), {{kLong, kSpan, true}}},
      {"denied", join({kLong, kSpan, "0"}), {{kLong, kSpan, false}}},
      {"debug is accepted", join({kLong, kSpan, "d"}), {{kLong, kSpan, true}}},
      {"with a parent", join({kLong, kSpan, "1", "e457b5a2e4d86bd1"}), {{kLong, kSpan, true}}},
      {"64 bits with everything",
       join({kShort, kSpan, "0", "e457b5a2e4d86bd1"}),
       {{kShort, kSpan, false}}},
      {"blanks around", " \t" + join({kLong, kSpan, "1"}) + " ", {{kLong, kSpan, true}}},

      {"a denial alone", "0", {{"", "", false}}},
      {"an acceptance alone", "1", {{"", "", true}}},
      {"debug alone", "d", {{"", "", true}}},
      {"a denial alone, with blanks", " 0\t", {{"", "", false}}},

      {"nothing", "", {}},
      {"blanks", " \t", {}},
      {"a state that is none", "2", {}},
      {"a state in upper case", "D", {}},
      {"a dash", "-", {}},
      {"dashes", "---", {}},
      {"a trace id alone", kLong, {}},
      {"a trace id and a dash", join({kLong, ""}), {}},
      {"a span id alone", join({"", kSpan}), {}},
      {"a dash at the end", join({kLong, kSpan, ""}), {}},
      {"a dash behind the state", join({kLong, kSpan, "1", ""}), {}},
      {"a trace id of zeros", join({kZeros, kSpan}), {}},
      {"a span id of zeros", join({kLong, "0000000000000000"}), {}},
      {"a trace id in upper case", join({"80F198EE56343BA864FE8B2A57D3EFF7", kSpan}), {}},
      {"a span id in upper case", join({kLong, "05E3AC9A4F6E3B90"}), {}},
      {"a trace id that is not hex", join({"80f198ee56343ba864fe8b2a57d3effg", kSpan}), {}},
      {"a span id that is not hex", join({kLong, "05e3ac9a4f6e3b9g"}), {}},
      {"a trace id of 15 digits", join({"64fe8b2a57d3eff", kSpan}), {}},
      {"a trace id of 17 digits", join({"064fe8b2a57d3eff7", kSpan}), {}},
      {"a trace id of 31 digits", join({"80f198ee56343ba864fe8b2a57d3eff", kSpan}), {}},
      {"a trace id of 33 digits", join({"080f198ee56343ba864fe8b2a57d3eff7", kSpan}), {}},
      {"a span id of 15 digits", join({kLong, "05e3ac9a4f6e3b9"}), {}},
      {"a span id of 17 digits", join({kLong, "05e3ac9a4f6e3b900"}), {}},
      {"a span id of 128 bits", join({kLong, kLong}), {}},
      {"an unknown state", join({kLong, kSpan, "x"}), {}},
      {"an empty state before a parent", join({kLong, kSpan, "", "e457b5a2e4d86bd1"}), {}},
      {"a parent without a state", join({kLong, kSpan, "e457b5a2e4d86bd1"}), {}},
      {"a parent that is not hex", join({kLong, kSpan, "1", "e457b5a2e4d86bdg"}), {}},
      {"a short parent", join({kLong, kSpan, "1", "e457b5a2e4d86bd"}), {}},
      {"a part too many", join({kLong, kSpan, "1", "e457b5a2e4d86bd1", "1"}), {}},
      {"a traceparent", join({"00", kLong, kSpan, "01"}), {}},
      {"a blank inside", join({kLong, " 05e3ac9a4f6e3b90"}), {}},
  };
  for (const Case& c : cases) expect_trace(parse_b3_single(c.header), c.want, c.why);
}

TEST(ParseB3, DecidesEachCase) {
  struct Case {
    const char* why;
    B3Headers headers;
    std::optional<Want> want;
  };
  const std::string single = join({kShort, kSpan, "0"});
  const Case cases[] = {
      {"no header", {}, {}},
      {"the single header", {.single = single.c_str()}, {{kShort, kSpan, false}}},
      {"the single header goes first",
       {.single = single.c_str(), .trace_id = kLong, .span_id = kSpan, .sampled = "1"},
       {{kShort, kSpan, false}}},
      {"a decision alone in the single header goes first, too",
       {.single = "0", .trace_id = kLong, .span_id = kSpan, .sampled = "1"},
       {{"", "", false}}},
      {"junk in the single header leaves the others",
       {.single = "junk", .trace_id = kLong, .span_id = kSpan},
       {{kLong, kSpan, kDeferred}}},
      {"junk in the single header alone", {.single = "junk"}, {}},

      {"ids alone leave the decision to us",
       {.trace_id = kLong, .span_id = kSpan},
       {{kLong, kSpan, kDeferred}}},
      {"a trace id of 64 bits",
       {.trace_id = kShort, .span_id = kSpan},
       {{kShort, kSpan, kDeferred}}},
      {"accepted", {.trace_id = kLong, .span_id = kSpan, .sampled = "1"}, {{kLong, kSpan, true}}},
      {"denied", {.trace_id = kLong, .span_id = kSpan, .sampled = "0"}, {{kLong, kSpan, false}}},
      {"accepted by an old tracer",
       {.trace_id = kLong, .span_id = kSpan, .sampled = "true"},
       {{kLong, kSpan, true}}},
      {"denied by an old tracer",
       {.trace_id = kLong, .span_id = kSpan, .sampled = "false"},
       {{kLong, kSpan, false}}},
      {"an unknown decision is none",
       {.trace_id = kLong, .span_id = kSpan, .sampled = "maybe"},
       {{kLong, kSpan, kDeferred}}},
      {"debug is accepted",
       {.trace_id = kLong, .span_id = kSpan, .flags = "1"},
       {{kLong, kSpan, true}}},
      {"debug outweighs a denial",
       {.trace_id = kLong, .span_id = kSpan, .sampled = "0", .flags = "1"},
       {{kLong, kSpan, true}}},
      {"flags without debug say nothing",
       {.trace_id = kLong, .span_id = kSpan, .sampled = "0", .flags = "0"},
       {{kLong, kSpan, false}}},
      {"flags are no bit field",
       {.trace_id = kLong, .span_id = kSpan, .flags = "3"},
       {{kLong, kSpan, kDeferred}}},
      {"blanks around",
       {.trace_id = " 64fe8b2a57d3eff7", .span_id = "05e3ac9a4f6e3b90\t", .sampled = " 1 "},
       {{kShort, kSpan, true}}},
      {"blanks around debug",
       {.trace_id = kLong, .span_id = kSpan, .flags = " 1\t"},
       {{kLong, kSpan, true}}},

      {"a denial alone", {.sampled = "0"}, {{"", "", false}}},
      {"an acceptance alone", {.sampled = "1"}, {{"", "", true}}},
      {"debug alone", {.flags = "1"}, {{"", "", true}}},
      {"an unknown decision alone", {.sampled = "maybe"}, {}},
      {"flags without debug alone", {.flags = "0"}, {}},

      {"a trace id alone", {.trace_id = kLong, .sampled = "1"}, {}},
      {"a span id alone", {.span_id = kSpan, .sampled = "1"}, {}},
      {"a trace id of zeros", {.trace_id = kZeros, .span_id = kSpan, .sampled = "1"}, {}},
      {"a span id of zeros", {.trace_id = kLong, .span_id = "0000000000000000"}, {}},
      {"a trace id in upper case",
       {.trace_id = "80F198EE56343BA864FE8B2A57D3EFF7", .span_id = kSpan},
       {}},
      {"a trace id of 31 digits",
       {.trace_id = "80f198ee56343ba864fe8b2a57d3eff", .span_id = kSpan},
       {}},
      {"a span id of 15 digits", {.trace_id = kLong, .span_id = "05e3ac9a4f6e3b9"}, {}},
      {"a span id of 128 bits", {.trace_id = kLong, .span_id = kLong}, {}},
      {"empty headers",
       {.single = "", .trace_id = "", .span_id = "", .sampled = "", .flags = ""},
       {}},
  };
  for (const Case& c : cases) expect_trace(parse_b3(c.headers), c.want, c.why);
}

}  // namespace
}  // namespace reqnotes
