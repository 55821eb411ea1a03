#include "reqnotes/trace/trace_context.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <random>
#include <string>
#include <vector>

namespace reqnotes {
namespace {

constexpr const char* kTrace = "0af7651916cd43dd8448eb211c80319c";
constexpr const char* kParent = "b7ad6b7169203331";

/// The parts of a traceparent, joined by dashes.
std::string traceparent(std::string_view version, std::string_view trace_id,
                        std::string_view parent_id, std::string_view flags) {
  std::string header;
  for (std::string_view part : {version, trace_id, parent_id}) header.append(part) += '-';
  return header.append(flags);
}

std::string valid_traceparent() {
  return traceparent("00", kTrace, kParent, "01");
}

TEST(IsId, RefusesZero) {
  EXPECT_TRUE(is_id("00000001"));
  EXPECT_TRUE(is_id("10000000"));
  EXPECT_FALSE(is_id("00000000"));
  EXPECT_FALSE(is_id("0000000g"));
  EXPECT_FALSE(is_id(""));
}

TEST(IsId, LooksAtEachDigit) {
  for (std::size_t size : {kParentIdSize, kTraceIdSize}) {
    EXPECT_FALSE(is_id(std::string(size, '0')));
    for (std::size_t at = 0; at < size; ++at) {
      std::string id(size, '0');
      id[at] = 'f';
      EXPECT_TRUE(is_id(id)) << id;
      id[at] = 'g';
      EXPECT_FALSE(is_id(id)) << id;
    }
  }
}

TEST(TrimOws, DropsBlanksAndTabsAtBothEnds) {
  EXPECT_EQ(trim_ows("\t a b\t "), "a b");
  EXPECT_EQ(trim_ows("a"), "a");
  EXPECT_EQ(trim_ows(" \t "), "");
  EXPECT_EQ(trim_ows(""), "");
  EXPECT_EQ(trim_ows("\na\r"), "\na\r") << "line ends are no OWS";
}

// The cases of the W3C's own suite (trace-context, test/test.py), and some more.
TEST(ParseTraceparent, DecidesEachCase) {
  struct Case {
    const char* why;
    const char* version;
    const char* trace_id;
    const char* parent_id;
    const char* flags;
    bool accepted = false;
  };
  const Case cases[] = {
      {"as it should be", "00", kTrace, kParent, "01", true},
      {"not sampled", "00", kTrace, kParent, "00", true},
      {"all flags set", "00", kTrace, kParent, "ff", true},
      {"an id that is almost zero", "00", "00000000000000000000000000000001", "1000000000000000",
       "01", true},

      {"nothing may follow version 00", "00", kTrace, kParent, "01."},
      {"not even a part of its own", "00", kTrace, kParent, "01-what-the-future-brings"},
      {"nor a dash", "00", kTrace, kParent, "01-"},
      {"nor a line end", "00", kTrace, kParent, "01\n"},

      {"a later version", "cc", kTrace, kParent, "01", true},
      {"the next version", "01", kTrace, kParent, "01", true},
      {"the last version", "fe", kTrace, kParent, "01", true},
      {"a later version with a part more", "cc", kTrace, kParent, "01-what-the-future-brings",
       true},
      {"a later version with an empty part more", "cc", kTrace, kParent, "01-", true},
      {"a later version whose flags go on", "cc", kTrace, kParent, "01.what-the-future-brings"},
      {"a later version with a digit more", "cc", kTrace, kParent, "010"},
      {"a later version without an id", "cc", "00000000000000000000000000000000", kParent, "01"},
      {"version ff is forbidden", "ff", kTrace, kParent, "01"},
      {"version ff is, whatever follows", "ff", kTrace, kParent, "01-x"},
      {"a dot first in the version", ".0", kTrace, kParent, "01"},
      {"a dot last in the version", "0.", kTrace, kParent, "01"},
      {"a version in upper case", "CC", kTrace, kParent, "01"},
      {"three digits of version", "000", kTrace, kParent, "01"},
      {"four digits of version", "0000", kTrace, kParent, "01"},
      {"one digit of version", "0", kTrace, kParent, "01"},
      {"no version", "", kTrace, kParent, "01"},

      {"a trace-id of zeros", "00", "00000000000000000000000000000000", kParent, "01"},
      {"a dot first in the trace-id", "00", ".af7651916cd43dd8448eb211c80319c", kParent, "01"},
      {"a dot last in the trace-id", "00", "0af7651916cd43dd8448eb211c80319.", kParent, "01"},
      {"a trace-id in upper case", "00", "0AF7651916CD43DD8448EB211C80319C", kParent, "01"},
      {"33 digits of trace-id", "00", "0af7651916cd43dd8448eb211c80319c3", kParent, "01"},
      {"31 digits of trace-id", "00", "0af7651916cd43dd8448eb211c80319", kParent, "01"},
      {"33 digits of trace-id, made up for by the parent-id", "00",
       "0af7651916cd43dd8448eb211c80319c3", "b7ad6b716920333", "01"},

      {"a parent-id of zeros", "00", kTrace, "0000000000000000", "01"},
      {"a dot first in the parent-id", "00", kTrace, ".7ad6b7169203331", "01"},
      {"a dot last in the parent-id", "00", kTrace, "b7ad6b716920333.", "01"},
      {"a parent-id in upper case", "00", kTrace, "B7AD6B7169203331", "01"},
      {"17 digits of parent-id", "00", kTrace, "b7ad6b71692033312", "01"},
      {"15 digits of parent-id", "00", kTrace, "b7ad6b716920333", "01"},

      {"a dot first in the flags", "00", kTrace, kParent, ".0"},
      {"a dot last in the flags", "00", kTrace, kParent, "0."},
      {"flags in upper case", "00", kTrace, kParent, "0F"},
      {"three digits of flags", "00", kTrace, kParent, "001"},
      {"one digit of flags", "00", kTrace, kParent, "1"},
      {"no flags", "00", kTrace, kParent, ""},
      {"two headers that were joined", "00", kTrace, kParent,
       "01, 00-0af7651916cd43dd8448eb211c80319d-b7ad6b7169203331-01"},
  };
  for (const Case& c : cases) {
    const std::string header = traceparent(c.version, c.trace_id, c.parent_id, c.flags);
    const auto trace = parse_traceparent(header);
    ASSERT_EQ(trace.has_value(), c.accepted) << c.why;
    if (!trace) continue;
    EXPECT_EQ(trace->trace_id, c.trace_id) << c.why;
    EXPECT_EQ(trace->parent_id, c.parent_id) << c.why;
  }
}

TEST(ParseTraceparent, IgnoresBlanksAndTabsAroundTheHeader) {
  for (std::string_view before : {"", " ", "\t", "\t "}) {
    for (std::string_view behind : {"", " ", "\t", " \t"}) {
      const std::string header = std::string(before) + valid_traceparent() + std::string(behind);
      const auto trace = parse_traceparent(header);
      ASSERT_TRUE(trace) << '"' << header << '"';
      EXPECT_EQ(trace->trace_id, kTrace);
    }
  }
  EXPECT_FALSE(parse_traceparent(""));
  EXPECT_FALSE(parse_traceparent(" \t"));
}

TEST(ParseTraceparent, RefusesAHeaderThatIsCutAnywhere) {
  const std::string header = valid_traceparent();
  ASSERT_EQ(header.size(), kTraceparentSize);
  for (std::size_t size = 0; size < header.size(); ++size) {
    // On a copy of its own, so that ASan sees a read beyond it.
    const std::vector<char> cut(header.begin(), header.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_FALSE(parse_traceparent({cut.data(), cut.size()})) << size;
  }
}

TEST(ParseTraceparent, RefusesAWrongByteAtEachPlace) {
  const std::string header = valid_traceparent();
  for (std::size_t at = 0; at < header.size(); ++at) {
    for (char wrong : {'.', 'g', 'A', '_', '/', ':', '`', '\0', '\xE9'}) {
      std::string text = header;
      text[at] = wrong;
      EXPECT_FALSE(parse_traceparent(text)) << text;
    }
    std::string text = header;
    text[at] = text[at] == '-' ? '0' : '-';
    EXPECT_FALSE(parse_traceparent(text)) << text;
  }
}

TEST(ParseTraceparent, ReadsFlagsAsBits) {
  for (unsigned flags = 0; flags < 256; ++flags) {
    const unsigned char byte[] = {static_cast<unsigned char>(flags)};
    char hex[2];
    put_hex(byte, hex);
    for (std::string_view version : {"00", "cc"}) {
      const std::string header = traceparent(version, kTrace, kParent, {hex, 2});
      const auto trace = parse_traceparent(header);
      ASSERT_TRUE(trace) << header;
      EXPECT_EQ(trace->sampled, (flags & 1) != 0) << header;
      EXPECT_EQ(trace->random, (flags & 2) != 0) << header;
    }
  }
}

std::string members(std::size_t count) {
  std::string header;
  for (std::size_t at = 0; at < count; ++at) {
    if (at != 0) header += ',';
    header += "bar" + std::to_string(at) + "=" + std::to_string(at);
  }
  return header;
}

std::string range(char first, char last) {
  std::string text;
  for (char c = first; c <= last; ++c) text += c;
  return text;
}

// The cases of the W3C's own suite, and some more.
TEST(CountTracestate, DecidesEachCase) {
  const std::string letters = range('a', 'z') + range('0', '9') + "_-*/";
  const std::string value = range(' ', '+') + range('-', '<') + range('>', '~');
  const auto chars = [](std::size_t count, char c) { return std::string(count, c); };
  struct Case {
    const char* why;
    std::string header;
    std::optional<std::size_t> want;
  };
  const Case cases[] = {
      {"one member", "foo=1", 1},
      {"two members", "foo=1,bar=2", 2},
      {"an empty header", "", 0},
      {"a header of blanks", " \t", 0},
      {"empty members, as joining headers makes them", "foo=1,,bar=2,", 2},
      {"blank members", " ,foo=1, \t ,bar=2", 2},
      {"only commas", ",,,", 0},
      {"the same key twice is for its owner to judge", "foo=1,foo=2", 2},
      {"blanks and tabs around members", "foo=1 \t , \t bar=2, \t baz=3", 3},
      {"tabs first", "foo=1\t \t,\t \tbar=2,\t \tbaz=3", 3},
      {"blanks and tabs around the header", "\t foo=1 \t", 1},

      {"all characters of a key and of a value", letters + "=" + value, 1},
      {"all characters of a key with @", letters + "@a-z0-9_-*/=" + value, 1},
      {"a key of one letter", "a=1", 1},
      {"a key may begin with a digit", "0a=1", 1},
      {"@ at the end of a key", "foo@=1,bar=2", 2},
      {"@ twice in a key", "foo@@bar=1,bar=2", 2},
      {"@ in two places of a key", "foo@bar@baz=1,bar=2", 2},
      {"@ first in a key", "@foo=1,bar=2", {}},
      {"_ first in a key", "_foo=1", {}},
      {"- first in a key", "-foo=1", {}},
      {"* first in a key", "*foo=1", {}},
      {"/ first in a key", "/foo=1", {}},
      {"a blank behind a key", "foo =1", {}},
      {"a blank inside a key", "fo o=1", {}},
      {"a key in upper case", "FOO=1", {}},
      {"a dot in a key", "foo.bar=1", {}},
      {"a key that is not ASCII", "f\xC3\xB6o=1", {}},
      {"no key", "=1", {}},
      {"no equals sign", "foo", {}},
      {"no equals sign in a later member", "foo=1,bar", {}},

      {"a key of 256", chars(256, 'z') + "=1", 1},
      {"a key of 257", chars(257, 'z') + "=1", {}},
      {"a key of 256 with @", chars(241, 't') + "@" + chars(14, 'v') + "=1", 1},
      {"more than 241 before @", chars(242, 't') + "@v=1", 1},
      {"more than 14 behind @", "t@" + chars(15, 'v') + "=1", 1},
      {"a long key makes the others void, too", "foo=1," + chars(257, 'z') + "=1", {}},

      {"a value of 256", "foo=" + chars(256, 'v'), 1},
      {"a value of 257", "foo=" + chars(257, 'v'), {}},
      {"a blank behind a value of 256 is not of it", "foo=" + chars(256, 'v') + " ", 1},
      {"a blank before a value is of it", "foo= " + chars(255, 'v'), 1},
      {"so this one is too long", "foo= " + chars(256, 'v'), {}},
      {"a blank inside a value", "foo=a b", 1},
      {"an equals sign in a value", "foo=bar=baz", {}},
      {"no value", "foo=,bar=3", {}},
      {"a value of blanks", "foo=  ,bar=3", {}},
      {"a tab inside a value", "foo=a\tb", {}},
      {"the control before the blank",
       "foo=a\x1F"
       "b",
       {}},
      {"DEL in a value", "foo=\x7F", {}},
      {"a value that is not ASCII", "foo=\xC3\xA9", {}},
      {"NUL in a value", std::string("foo=a\0b", 7), {}},

      {"32 members", members(32), 32},
      {"33 members", members(33), {}},
      {"empty members count for nothing", ",," + members(32) + ",,", 32},
      {"more of them than 33", members(40), {}},
  };
  for (const Case& c : cases) EXPECT_EQ(count_tracestate(c.header), c.want) << c.why;
}

/// A trace-id whose random part is `low`; what stands before it must not count.
std::string id_of(std::uint64_t low, unsigned before) {
  char id[kTraceIdSize + 1];
  const unsigned long long first = before * 0x0101010101010101ULL;
  const unsigned long long last = (first & ~(SampleRatio::kNone - 1)) | low;
  std::snprintf(id, sizeof id, "%016llx%016llx", first, last);
  return id;
}

TEST(SampleRatio, ComparesTheLast56BitsWithItsThreshold) {
  constexpr std::uint64_t kLast = SampleRatio::kNone - 1;
  for (std::uint64_t threshold : {std::uint64_t{1}, std::uint64_t{0x0123456789abcd}, kLast}) {
    for (unsigned before : {0x00U, 0xFFU}) {
      EXPECT_TRUE(SampleRatio{threshold}.samples(id_of(threshold, before))) << threshold;
      EXPECT_FALSE(SampleRatio{threshold}.samples(id_of(threshold - 1, before))) << threshold;
    }
  }
  EXPECT_TRUE(SampleRatio{}.samples(id_of(0, 0))) << "by default, all are sampled";
}

TEST(ParseSampleRatio, ReadsEachRatio) {
  constexpr std::uint64_t kAll = SampleRatio::kNone;
  struct Case {
    std::string_view text;
    std::uint64_t threshold;
  };
  constexpr Case kCases[] = {
      {"0", kAll},
      {"0.0", kAll},
      {"0.000000000", kAll},
      {"1", 0},
      {"1.0", 0},
      {"1.000000000", 0},
      {"0.5", kAll / 2},
      {"0.50", kAll / 2},
      {"0.25", kAll / 4 * 3},
      {"0.75", kAll / 4},
      {"0.125", kAll / 8 * 7},
      {"0.001953125", kAll / 512 * 511},
      {"0.000000001", kAll - kAll / 1'000'000'000 - 1},
      {"0.999999999", kAll / 1'000'000'000},
  };
  for (const Case& c : kCases) {
    const auto ratio = parse_sample_ratio(c.text);
    ASSERT_TRUE(ratio) << c.text;
    EXPECT_EQ(ratio->threshold, c.threshold) << c.text;
  }
}

TEST(ParseSampleRatio, RefusesEachCase) {
  struct Case {
    const char* why;
    std::string_view text;
  };
  constexpr Case kCases[] = {
      {"nothing", ""},
      {"a blank before", " 0.5"},
      {"a blank behind", "0.5 "},
      {"no digit before the point", ".5"},
      {"no digit behind the point", "0."},
      {"nor behind one", "1."},
      {"more than one", "1.000000001"},
      {"two", "2"},
      {"ten", "10"},
      {"a leading zero", "00.5"},
      {"another one", "01"},
      {"negative", "-0.5"},
      {"a plus sign", "+0.5"},
      {"a decimal comma", "0,5"},
      {"a percentage", "50%"},
      {"a percentage behind a point", "0.5%"},
      {"an exponent", "0.1e1"},
      {"a sign behind the point", "0.-5"},
      {"the sign after 9", "0.:"},
      {"the sign before 0", "0./"},
      {"two points", "0.5.5"},
      {"ten decimals", "0.1234567890"},
      {"ten decimals of one", "1.0000000000"},
      {"a word", "On"},
  };
  for (const Case& c : kCases) EXPECT_FALSE(parse_sample_ratio(c.text)) << c.why;
}

TEST(ParseSampleRatio, SamplesItsPartOfTheTraces) {
  struct Case {
    std::string_view text;
    int want;
    int within;
  };
  constexpr Case kCases[] = {{"0", 0, 0}, {"0.1", 1000, 100}, {"0.5", 5000, 200}, {"1", 10000, 0}};
  for (const Case& c : kCases) {
    const SampleRatio ratio = *parse_sample_ratio(c.text);
    std::mt19937 random(1);
    int sampled = 0;
    for (int round = 0; round < 10000; ++round) {
      const std::uint64_t low = (std::uint64_t{random()} << 32 | random()) % SampleRatio::kNone;
      if (ratio.samples(id_of(low, random() % 256))) ++sampled;
    }
    EXPECT_NEAR(sampled, c.want, c.within) << c.text;
  }
  EXPECT_FALSE(parse_sample_ratio("0")->samples(id_of(SampleRatio::kNone - 1, 0xFF)));
  EXPECT_TRUE(parse_sample_ratio("1")->samples(id_of(0, 0)));
}

TEST(IsRequestId, TakesPrintableAsciiAndNothingElse) {
  EXPECT_TRUE(is_request_id(range('!', '~')));
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    for (std::size_t before : {0, 1, 7, 15, 16, 40}) {
      const std::string id = std::string(before, 'a') + c;
      EXPECT_EQ(is_request_id(id), byte > 0x20 && byte < 0x7F) << byte << " behind " << before;
    }
  }
}

TEST(IsRequestId, TakesUpTo256Bytes) {
  EXPECT_FALSE(is_request_id(""));
  EXPECT_TRUE(is_request_id(std::string(256, 'a')));
  EXPECT_FALSE(is_request_id(std::string(257, 'a')));
}

}  // namespace
}  // namespace reqnotes
