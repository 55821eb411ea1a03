#include "reqnotes/facts/request_text.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace reqnotes {
namespace {

using namespace std::string_view_literals;

TEST(IsToken, TakesTheCharactersOfRfc9110) {
  const std::string_view good =
      "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    EXPECT_EQ(is_token_char(c), good.find(c) != good.npos) << byte;
  }
  EXPECT_TRUE(is_token(good));
  EXPECT_FALSE(is_token(""));
  EXPECT_FALSE(is_token("a b"));
  EXPECT_FALSE(is_token("ab("));
}

TEST(ParseRequestLine, TakesEachLineApart) {
  struct Case {
    const char* why;
    std::string_view line;
    std::string_view method;
    std::string_view path;
    std::string_view query;
  };
  constexpr Case kCases[] = {
      {"origin form", "GET /services/rest HTTP/1.1", "GET", "/services/rest", ""},
      {"with a query", "GET /a?b=c HTTP/1.1", "GET", "/a", "b=c"},
      {"an empty query", "GET /a? HTTP/1.1", "GET", "/a", ""},
      {"what mod_http2 has of a target that is too long", "GET (null) HTTP/2.0", "GET", "", ""},
      {"no other one", "GET (null)x HTTP/2.0", "GET", "(null)x", ""},
      {"the first question mark counts", "GET /a?b?c HTTP/1.1", "GET", "/a", "b?c"},
      {"percent-encoding stays", "GET /%7Ea%3Fb?%20 HTTP/1.1", "GET", "/%7Ea%3Fb", "%20"},
      {"a path that looks like a host", "GET //host/a HTTP/1.1", "GET", "//host/a", ""},
      {"a URL in the path", "GET /http://a/b HTTP/1.1", "GET", "/http://a/b", ""},
      {"a URL in the query", "GET /a?u=http://b/c HTTP/1.1", "GET", "/a", "u=http://b/c"},
      {"any method", "M-SEARCH! /a HTTP/1.1", "M-SEARCH!", "/a", ""},

      {"absolute form", "GET http://host/a?b HTTP/1.1", "GET", "/a", "b"},
      {"with a user and a port", "GET https://u:p@host:8443/a/b HTTP/1.1", "GET", "/a/b", ""},
      {"an IPv6 host", "GET http://[::1]:80/a HTTP/1.1", "GET", "/a", ""},
      {"without a path", "GET http://host HTTP/1.1", "GET", "", ""},
      {"without a path, but with a query", "GET http://host?b=/c HTTP/1.1", "GET", "", "b=/c"},
      {"only a slash", "GET http://host/ HTTP/1.1", "GET", "/", ""},
      {"no host", "GET file:///a HTTP/1.1", "GET", "/a", ""},
      {"a URL in an absolute path", "GET http://host/a://b/c HTTP/1.1", "GET", "/a://b/c", ""},

      {"authority form", "CONNECT host:443 HTTP/1.1", "CONNECT", "host:443", ""},
      {"asterisk form", "OPTIONS * HTTP/1.1", "OPTIONS", "*", ""},

      {"no protocol", "GET /a?b", "GET", "/a", "b"},
      {"no target", "GET", "GET", "", ""},
      {"no target, but a blank", "GET ", "GET", "", ""},
      {"two blanks: the target is empty", "GET  /a HTTP/1.1", "GET", "", ""},
      {"what follows the target does not matter", "GET /a b c HTTP/1.1", "GET", "/a", ""},
      {"a target may hold any bytes", "GET /\xFF\"\t\\ HTTP/1.1", "GET", "/\xFF\"\t\\", ""},
      {"even NUL", "GET /\0a HTTP/1.1"sv, "GET", "/\0a"sv, ""},

      {"nothing", "", "", "", ""},
      {"blanks", "  ", "", "", ""},
      {"a blank before the method", " GET /a HTTP/1.1", "", "", ""},
      {"the first bytes of TLS", "\x16\x03\x01\x02\x00\x01"sv, "", "", ""},
      {"TLS with a blank in it", "\x16\x03 /a HTTP/1.1", "", "", ""},
      {"a method that is no token", "G(T /a HTTP/1.1", "", "", ""},
      {"a tab is no blank", "GET\t/a HTTP/1.1", "", "", ""},
  };
  for (const Case& c : kCases) {
    const RequestLine got = parse_request_line(c.line);
    EXPECT_EQ(got.method, c.method) << c.why;
    EXPECT_EQ(got.path, c.path) << c.why;
    EXPECT_EQ(got.query, c.query) << c.why;
  }
}

// httpd refuses such a target, but its line is logged, and "http" there is the query's.
TEST(ParseRequestLine, FindsNoAuthorityInAQuery) {
  const RequestLine got = parse_request_line("GET a?u=http://host/b HTTP/1.1");
  EXPECT_EQ(got.path, "a");
  EXPECT_EQ(got.query, "u=http://host/b");
}

TEST(ParseRequestLine, ReadsALineThatIsCutAnywhere) {
  const std::string line = "GET http://host/a?b=c HTTP/1.1";
  for (std::size_t size = 0; size <= line.size(); ++size) {
    // On a copy of its own, so that ASan sees a read beyond it.
    const std::vector<char> cut(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(size));
    const RequestLine got = parse_request_line({cut.data(), cut.size()});
    EXPECT_TRUE(std::string_view("GET").starts_with(got.method)) << size;
    if (size >= 17) {
      EXPECT_EQ(got.path, "/a") << size;
    }
    EXPECT_TRUE(std::string_view("b=c").starts_with(got.query)) << size;
  }
}

TEST(FindCookie, FindsEachCase) {
  struct Case {
    const char* why;
    std::string_view header;
    std::string_view name;
    const char* want;  // null: there is none
  };
  constexpr Case kCases[] = {
      {"alone", "a=1", "a", "1"},
      {"the first of several", "a=1; b=2; c=3", "a", "1"},
      {"one in the middle", "a=1; b=2; c=3", "b", "2"},
      {"the last of several", "a=1; b=2; c=3", "c", "3"},
      {"no blank between them", "a=1;b=2", "b", "2"},
      {"blanks and tabs around", " \ta=1 \t; \tb=2 ", "b", "2"},
      {"blanks around the first", " \ta=1 \t; \tb=2 ", "a", "1"},
      {"blanks inside the value stay", "a=1 2", "a", "1 2"},
      {"the first of the same name", "a=1; a=2", "a", "1"},
      {"an empty value is a value", "a=; b=2", "a", ""},
      {"a value of blanks is empty", "a=  ; b=2", "a", ""},
      {"an equals sign in the value", "a=b=c", "a", "b=c"},
      {"quotes stay", "a=\"1\"", "a", "\"1\""},
      {"percent-encoding stays", "a=%31", "a", "%31"},
      {"empty pairs are passed over", ";; a=1", "a", "1"},
      {"a pair without a value is passed over", "a; a=1", "a", "1"},

      {"nothing", "", "a", nullptr},
      {"another name", "b=1", "a", nullptr},
      {"a longer name", "ab=1", "a", nullptr},
      {"a shorter name", "a=1", "ab", nullptr},
      {"a name that ends alike", "ba=1", "a", nullptr},
      {"the case of a name counts", "A=1", "a", nullptr},
      {"a name in a value", "b=a=1", "a", nullptr},
      {"no equals sign", "a", "a", nullptr},
      {"a blank before the equals sign", "a =1", "a", nullptr},
      {"blanks", "  ;  ", "a", nullptr},
      {"a comma does not separate", "b=1, a=2", "a", nullptr},
  };
  for (const Case& c : kCases) {
    // On a copy of its own, so that ASan sees a read beyond it.
    const std::vector<char> header(c.header.begin(), c.header.end());
    const std::string_view got = find_cookie({header.data(), header.size()}, c.name);
    EXPECT_EQ(got.data() == nullptr, c.want == nullptr) << c.why;
    EXPECT_EQ(got, c.want ? c.want : "") << c.why;
  }
}

}  // namespace
}  // namespace reqnotes
