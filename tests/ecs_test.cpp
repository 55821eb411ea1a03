#include "reqnotes/line/ecs.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "reqnotes/line/encode.hpp"
#include "reqnotes/line/formats.hpp"

namespace reqnotes {
namespace {

constexpr std::string_view kTaken[] = {"@timestamp", "message", "url.path", "http.response.bytes"};

std::string said_of(std::string_view name) {
  const char* error = check_ecs_name(name, kTaken);
  return error ? error : "";
}

TEST(CheckEcsName, AcceptsEachCase) {
  const std::string longest = "a." + std::string(98, 'a');
  for (std::string_view name :
       {"user.id", "user.name", "tags", "@metadata.kind", "photos.album_id2", "url.fragment",
        "http.response.mime_type", "labels.order_id", "service.environment", "users", "use",
        "url_.path", "message_text"}) {
    EXPECT_EQ(said_of(name), "") << name;
  }
  EXPECT_EQ(said_of(longest), "");
}

TEST(CheckEcsName, RefusesEachShape) {
  for (std::string_view name :
       {"", "@", ".", "User.id", "user.", ".id", "user..id", "user.1", "1", "_id", "user._id",
        "user-id", "user id", "user.id\n", "user@id", "@@id", "us\xC3\xA9r", "a.@b"}) {
    EXPECT_NE(said_of(name).find("looks like user.id"), std::string::npos) << name;
  }
  EXPECT_NE(said_of("a." + std::string(99, 'a')), "");
}

TEST(CheckEcsName, RefusesAValueWhereThereIsAnObject) {
  for (std::string_view name : {"user", "url", "client", "error", "log", "host", "service",
                                "labels", "user_agent", "agent", "vulnerability"}) {
    EXPECT_NE(said_of(name).find("has an object of this name"), std::string::npos) << name;
  }
  for (std::string_view name : {"http.response", "url.path.x", "message.x", "@timestamp.x"}) {
    EXPECT_NE(said_of(name).find("a value where the other is an object"), std::string::npos)
        << name;
  }
}

TEST(CheckEcsName, RefusesWhatALineHasOfItself) {
  for (std::string_view name : kTaken) {
    EXPECT_NE(said_of(name).find("has this name of itself"), std::string::npos) << name;
  }
}

TEST(CheckEcsName, RefusesALabelWithADot) {
  EXPECT_NE(said_of("labels.order.id").find("labels.order_id"), std::string::npos);
}

TEST(AddressIn, KnowsWholeAddressesAlone) {
  for (std::string_view text :
       {"192.0.2.7", "0.0.0.0", "255.255.255.255", "::", "::1", "2001:db8::7", "::ffff:192.0.2.7",
        "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255"}) {
    EXPECT_EQ(address_in(text), text);
  }
  for (std::string_view text :
       {"", "192.0.2.0/24", "2001:db8::/48", "192.0.2", "192.0.2.7.1", "192.0.2.256", "192.0.02.7",
        "192.0.2.7 ", "fe80::1%eth0", "unix:/run/x", "h:4f1c", "[::1]", "::1]", "1", "\xE2\x80\xA6",
        "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555", "www.example.com"}) {
    EXPECT_EQ(address_in(text), "") << text;
  }
}

TEST(SplitPeer, TakesTheAddressAndThePort) {
  struct Case {
    std::string_view peer;
    std::string_view address;
    std::int64_t port;
  };
  constexpr Case kCases[] = {
      {"192.0.2.7:443", "192.0.2.7", 443},
      {"[2001:db8::7]:443", "2001:db8::7", 443},
      {"192.0.2.7", "192.0.2.7", kNoNumber},
      {"192.0.2.0/24", "192.0.2.0/24", kNoNumber},
      {"2001:db8::/48", "2001:db8::/48", kNoNumber},
      {"2001:db8::7", "2001:db8::7", kNoNumber},
      {"4f1c22", "4f1c22", kNoNumber},
      {"", "", kNoNumber},
  };
  for (const Case& c : kCases) {
    const Numbered split = split_peer(c.peer);
    EXPECT_EQ(split.text, c.address) << c.peer;
    EXPECT_EQ(split.number, c.port) << c.peer;
  }
}

TEST(SplitNumber, TakesTheFileAndTheLine) {
  EXPECT_EQ(split_number("core.c:123").text, "core.c");
  EXPECT_EQ(split_number("core.c:123").number, 123);
  for (std::string_view text : {"core.c", "core.c:", "core.c:x", "core.c:1x", ""}) {
    EXPECT_EQ(split_number(text).text, text);
    EXPECT_EQ(split_number(text).number, kNoNumber) << text;
  }
}

TEST(Behind, TakesOffWhatStandsBefore) {
  EXPECT_EQ(behind("HTTP/1.1", "HTTP/"), "1.1");
  EXPECT_EQ(behind("HTTP/", "HTTP/"), "");
  EXPECT_EQ(behind("ICY", "HTTP/"), "ICY");
  EXPECT_EQ(behind("", "HTTP/"), "");
}

/// A field as LineWriter wants it.
struct OneField {
  Called called[kNamings];
  std::uint16_t shown_max;
};
struct OneFact {
  const OneField* field;
  std::string_view text;
  bool shortened;
};

/// Every kind of value, as they come.
template <const Format& kFormat>
std::size_t put_all(std::span<char> buffer, const OneFact& fact) {
  LineWriter<kFormat> line(buffer);
  line.time("@timestamp", 1'764'331'200'000'000);
  line.literal("event.category", R"(["web"])");
  line.hex("trace.id", "4bf92f3577b34da6");
  line.digits("labels.keepalive", 7);
  line.digits("labels.none", kNoNumber);
  line.digits("labels.least", kNoNumber + 1);
  line.field(fact);
  line.number("http.response.status_code", 200);
  line.text("url.path", "/a \"b\"", Cut::kFirst);
  return line.end();
}

// The fast way and the one for lines that must be cut.
TEST(LineWriter, WritesTheSameAsARecord) {
  const OneField field = {{{"own.name", Type::kInteger}, {"labels.own_name", Type::kString}}, 99};
  const OneFact fact = {&field, "42", false};
  const Item items[] = {
      time_item("@timestamp", 1'764'331'200'000'000),
      literal_item("event.category", R"(["web"])"),
      text_item("trace.id", "4bf92f3577b34da6"),
      number_item("labels.keepalive", 7, Form::kDigits),
      number_item("labels.none", kNoNumber, Form::kDigits),
      number_item("labels.least", kNoNumber + 1, Form::kDigits),
      field_item(fact, Naming::kEcs),
      number_item("http.response.status_code", 200),
      text_item("url.path", "/a \"b\""),
  };
  const std::string want =
      R"({"@timestamp":"2025-11-28T12:00:00.000000Z","event.category":["web"],)"
      R"("trace.id":"4bf92f3577b34da6","labels.keepalive":"7",)"
      R"("labels.least":"-9223372036854775807","labels.own_name":"42",)"
      R"("http.response.status_code":200,"url.path":"/a \"b\""})";
  for (std::size_t size = 0; size <= want.size() + 64; ++size) {
    std::vector<char> one(size);
    std::vector<char> other(size);
    const std::string fast(one.data(), put_all<kEcs>(one, fact));
    const std::string slow(other.data(), encode_whole(kEcs, items, other));
    EXPECT_EQ(slow, size < want.size() ? "" : want) << size;
    EXPECT_EQ(fast, slow) << size;
  }
}

// A literal that has no room is left out as a whole.
TEST(EncodeCut, NeverBreaksALiteral) {
  for (std::size_t size = 60; size < 512; ++size) {
    const std::string path(600, 'p');
    const Item items[] = {literal_item("event.category", R"(["web"])"),
                          number_item("labels.keepalive", 7, Form::kDigits),
                          text_item("url.path", path, Cut::kFirst)};
    std::vector<char> buffer(size);
    const std::string line(buffer.data(), encode_cut(kEcs, items, buffer));
    EXPECT_TRUE(line.find("event.category") == line.npos ||
                line.find(R"("event.category":["web"])") != line.npos)
        << line;
    EXPECT_TRUE(line.ends_with(R"("labels.truncated":"true"})")) << line;
  }
}

}  // namespace
}  // namespace reqnotes
