#include "reqnotes/httpd/trace/networks.hpp"

#include <apr_general.h>
#include <gtest/gtest.h>

namespace reqnotes {
namespace {

class NetworksTest : public testing::Test {
 protected:
  NetworksTest() {
    apr_initialize();
    apr_pool_create(&pool_, nullptr);
  }
  ~NetworksTest() override {
    apr_pool_destroy(pool_);
    apr_terminate();
  }

  apr_ipsubnet_t* parsed(const char* text) {
    apr_ipsubnet_t* network = nullptr;
    const char* error = parse_network(pool_, text, network);
    EXPECT_EQ(error == nullptr, network != nullptr) << text;
    return network;
  }

  bool contains(const char* network, const char* peer) {
    apr_ipsubnet_t* subnet = parsed(network);
    apr_sockaddr_t* address = nullptr;
    EXPECT_NE(subnet, nullptr) << network;
    EXPECT_EQ(apr_sockaddr_info_get(&address, peer, APR_UNSPEC, 80, 0, pool_), APR_SUCCESS) << peer;
    return subnet && address && apr_ipsubnet_test(subnet, address) != 0;
  }

  apr_pool_t* pool_ = nullptr;
};

TEST_F(NetworksTest, EachPrivateNetworkIsOne) {
  for (const char* network : kPrivateNetworks) {
    EXPECT_NE(parsed(network), nullptr) << network;
  }
}

TEST_F(NetworksTest, PrivateNetworksHoldWhatTheStandardsSayAndNoMore) {
  struct Case {
    const char* why;
    const char* peer;
    bool want;
  };
  constexpr Case kCases[] = {
      {"loopback", "127.0.0.1", true},
      {"all of loopback", "127.255.255.255", true},
      {"loopback of IPv6", "::1", true},
      {"RFC 1918, 24-bit block", "10.255.0.1", true},
      {"RFC 1918, the first of the 20-bit block", "172.16.0.0", true},
      {"RFC 1918, the last of the 20-bit block", "172.31.255.255", true},
      {"RFC 1918, 16-bit block", "192.168.255.1", true},
      {"link-local", "169.254.169.254", true},
      {"RFC 4193, the first", "fc00::1", true},
      {"RFC 4193, the last", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true},
      {"link-local of IPv6, the first", "fe80::1", true},
      {"link-local of IPv6, the last", "febf::1", true},
      {"an IPv4 peer on an IPv6 socket", "::ffff:192.168.0.1", true},

      {"before loopback", "126.255.255.255", false},
      {"behind loopback", "128.0.0.0", false},
      {"unspecified", "0.0.0.0", false},
      {"unspecified of IPv6", "::", false},
      {"behind loopback of IPv6", "::2", false},
      {"before the 24-bit block", "9.255.255.255", false},
      {"behind the 24-bit block", "11.0.0.0", false},
      {"before the 20-bit block", "172.15.255.255", false},
      {"behind the 20-bit block", "172.32.0.0", false},
      {"before the 16-bit block", "192.167.255.255", false},
      {"behind the 16-bit block", "192.169.0.0", false},
      {"shared address space is others' too", "100.64.0.1", false},
      {"the internet", "198.51.100.7", false},
      {"the internet of IPv6", "2001:db8::1", false},
      {"before RFC 4193", "fbff::1", false},
      {"behind RFC 4193", "fe00::1", false},
      {"behind link-local of IPv6", "fec0::1", false},
      {"an IPv4 peer of the internet on an IPv6 socket", "::ffff:198.51.100.7", false},
  };
  for (const Case& c : kCases) {
    bool any = false;
    for (const char* network : kPrivateNetworks) any |= contains(network, c.peer);
    EXPECT_EQ(any, c.want) << c.why;
  }
}

TEST_F(NetworksTest, MatchesEachCase) {
  struct Case {
    const char* why;
    const char* network;
    const char* peer;
    bool want;
  };
  constexpr Case kCases[] = {
      {"an address alone is itself", "192.0.2.7", "192.0.2.7", true},
      {"and no other", "192.0.2.7", "192.0.2.6", false},
      {"an IPv6 address alone is itself", "2001:db8::7", "2001:db8::7", true},
      {"and no other", "2001:db8::7", "2001:db8::6", false},
      {"/32 is one address", "192.0.2.7/32", "192.0.2.7", true},
      {"/32 is no other", "192.0.2.7/32", "192.0.2.6", false},
      {"/128 is one address", "2001:db8::7/128", "2001:db8::7", true},
      {"/128 is no other", "2001:db8::7/128", "2001:db8::6", false},
      {"inside", "192.0.2.0/24", "192.0.2.255", true},
      {"outside", "192.0.2.0/24", "192.0.3.0", false},
      {"a prefix inside a byte", "10.0.0.0/9", "10.127.0.1", true},
      {"behind it", "10.0.0.0/9", "10.128.0.1", false},
      {"a prefix inside a byte of IPv6", "2001:db8::/33", "2001:db8:7fff::1", true},
      {"behind it", "2001:db8::/33", "2001:db8:8000::1", false},
      {"/1 is the half", "128.0.0.0/1", "255.1.2.3", true},
      {"and not the other one", "128.0.0.0/1", "127.1.2.3", false},
      {"upper case", "2001:DB8::/32", "2001:db8::1", true},
      {"an IPv4 peer on an IPv6 socket", "10.0.0.0/8", "::ffff:10.1.2.3", true},
      {"another one", "10.0.0.0/8", "::ffff:11.1.2.3", false},
      {"an IPv6 peer is in no IPv4 network", "10.0.0.0/8", "2001:db8::1", false},
      {"not even one that looks alike", "10.0.0.0/8", "a00::1", false},
      {"an IPv4 peer is in no IPv6 network", "2001:db8::/32", "32.1.13.184", false},
      {"an IPv4 tail in an IPv6 address", "64:ff9b::192.0.2.0/120", "64:ff9b::192.0.2.33", true},
  };
  for (const Case& c : kCases) EXPECT_EQ(contains(c.network, c.peer), c.want) << c.why;
}

TEST_F(NetworksTest, RefusesEachCase) {
  struct Case {
    const char* why;
    const char* text;
  };
  constexpr Case kCases[] = {
      {"nothing", ""},
      {"blanks", "  "},
      {"half an address", "10.1"},
      {"half an address with a prefix", "10.1/16"},
      {"a number", "10"},
      {"a byte too large", "300.1.1.1"},
      {"five bytes", "10.0.0.0.0"},
      {"a dot at the end", "10.0.0.0."},
      {"hex", "0x0a.0.0.0"},
      {"a blank before", " 10.0.0.0/8"},
      {"a blank behind", "10.0.0.0/8 "},
      {"a zero before the bits", "10.0.0.0/08"},
      {"33 bits", "10.0.0.0/33"},
      {"999 bits", "10.0.0.0/999"},
      {"four digits of bits", "10.0.0.0/0008"},
      {"so many bits that they overflow", "10.0.0.0/18446744073709551624"},
      {"no bits", "10.0.0.0/"},
      {"a slash before the bits", "10.0.0.0//8"},
      {"two prefixes", "10.0.0.0/8/8"},
      {"a letter behind the bits", "10.0.0.0/8x"},
      {"negative bits", "10.0.0.0/-8"},
      {"signed bits", "10.0.0.0/+8"},
      {"a blank before the bits", "10.0.0.0/ 8"},
      {"a netmask", "10.0.0.0/255.0.0.0"},
      {"a short netmask", "10.0.0.0/1.1"},
      {"a prefix alone", "/8"},
      {"129 bits", "::1/129"},
      {"no bits of IPv6", "::1/"},
      {"nine groups", "1:2:3:4:5:6:7:8:9"},
      {"seven groups", "1:2:3:4:5:6:7"},
      {"two gaps", "1::2::3"},
      {"brackets", "[::1]"},
      {"a zone", "fe80::1%eth0"},
      {"a port", "10.0.0.1:80"},
      {"a list", "10.0.0.1,10.0.0.2"},
      {"a host name", "localhost"},
      {"a host name with a prefix", "example.com/8"},
      {"a word of the directive", "private"},
      {"an IPv4-mapped network, which no peer would match", "::ffff:10.0.0.0/104"},
  };
  for (const Case& c : kCases) {
    apr_ipsubnet_t* network = nullptr;
    const char* error = parse_network(pool_, c.text, network);
    EXPECT_EQ(std::string_view(error ? error : "").find("is no network; give"), 0U) << c.why;
  }
}

TEST_F(NetworksTest, SaysWhatWouldBeRight) {
  struct Case {
    const char* text;
    const char* says;
  };
  constexpr Case kCases[] = {
      {"0.0.0.0/0", "is every address; say all"},
      {"10.0.0.0/0", "is every address; say all"},
      {"::/0", "is every address; say all"},
      {"10.1.2.3/8", "say 10.0.0.0/8, or 10.1.2.3 for that address alone"},
      {"10.0.0.1/31", "say 10.0.0.0/31, or 10.0.0.1 for"},
      {"255.255.255.255/1", "say 128.0.0.0/1,"},
      {"10.64.0.0/9", "say 10.0.0.0/9,"},
      {"2001:db8::7/64", "say 2001:db8::/64, or 2001:db8::7 for"},
      {"2001:db8:ffff::/33", "say 2001:db8:8000::/33,"},
      {"::3/127", "say ::2/127,"},
  };
  for (const Case& c : kCases) {
    apr_ipsubnet_t* network = nullptr;
    const char* error = parse_network(pool_, c.text, network);
    EXPECT_EQ(network, nullptr) << c.text;
    EXPECT_NE(std::string_view(error ? error : "accepted").find(c.says), std::string_view::npos)
        << c.text << ": " << (error ? error : "accepted");
  }
}

}  // namespace
}  // namespace reqnotes
