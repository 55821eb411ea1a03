#pragma once

#include <apr_network_io.h>
#include <apr_strings.h>
#include <arpa/inet.h>

#include <string_view>

#include "reqnotes/text.hpp"
#include "reqnotes/value.hpp"

namespace reqnotes {

/// Loopback, the private ranges of RFC 1918 and RFC 4193, and link-local addresses.
constexpr const char* kPrivateNetworks[] = {
    "127.0.0.0/8",    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
    "169.254.0.0/16", "::1/128",    "fc00::/7",      "fe80::/10",
};

/// Reads an IPv4 or IPv6 address, alone or with a prefix length: "192.0.2.0/24".
///
/// returns  null when it is neither, or the length is 0, for which there is the word `all`; APR
/// alone would also take half an address for a network.
inline apr_ipsubnet_t* parse_network(apr_pool_t* pool, const char* text) {
  const std::string_view whole = text;
  const std::size_t slash = whole.find('/');
  const char* address = apr_pstrmemdup(pool, text, slash == kNpos ? whole.size() : slash);
  const char* prefix = nullptr;
  unsigned char binary[sizeof(in6_addr)];
  if (inet_pton(AF_INET, address, binary) != 1 && inet_pton(AF_INET6, address, binary) != 1) {
    return nullptr;
  }
  if (slash != kNpos) {
    const std::string_view digits = suffix(whole, slash + 1);
    if (digits.empty() || digits.size() > 3) return nullptr;
    for (char c : digits) {
      if (!is_digit(c)) return nullptr;
    }
    prefix = text + slash + 1;
  }
  apr_ipsubnet_t* network = nullptr;
  if (apr_ipsubnet_create(&network, address, prefix, pool) != APR_SUCCESS) return nullptr;
  return network;
}

}  // namespace reqnotes
