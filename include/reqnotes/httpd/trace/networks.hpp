#pragma once

#include <apr_network_io.h>
#include <apr_strings.h>
#include <apr_tables.h>
#include <arpa/inet.h>

#include <string_view>

#include "reqnotes/facts/field.hpp"
#include "reqnotes/text/slice.hpp"

namespace reqnotes {

/// Loopback, the private ranges of RFC 1918 and RFC 4193, and link-local addresses.
constexpr const char* kPrivateNetworks[] = {
    "127.0.0.0/8",    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
    "169.254.0.0/16", "::1/128",    "fc00::/7",      "fe80::/10",
};

/// Reads an IPv4 or IPv6 address, alone or with a prefix length: "192.0.2.0/24". APR alone would
/// also take half an address for a network.
///
/// returns  null, or what is wrong with `text`, as the end of a sentence.
inline const char* parse_network(apr_pool_t* pool, const char* text, apr_ipsubnet_t*& network) {
  constexpr const char* kUsage =
      "is no network; give none, private, all, or addresses and networks such as 192.0.2.0/24";
  const std::string_view whole = text;
  const std::size_t slash = whole.find('/');
  const char* address = apr_pstrmemdup(pool, text, slash == kNpos ? whole.size() : slash);
  unsigned char bytes[sizeof(in6_addr)];
  const bool is_ipv4 = inet_pton(AF_INET, address, bytes) == 1;
  if (!is_ipv4 && inet_pton(AF_INET6, address, bytes) != 1) return kUsage;
  if (slash == kNpos) {
    return apr_ipsubnet_create(&network, address, nullptr, pool) == APR_SUCCESS ? nullptr : kUsage;
  }

  const std::size_t size = is_ipv4 ? sizeof(in_addr) : sizeof(in6_addr);
  const auto bits = parse_size(suffix(whole, slash + 1));
  if (!bits || *bits > 8 * size) return kUsage;
  if (*bits == 0) return "is every address; say all";
  bool has_host = false;
  for (std::size_t at = *bits / 8; at < size; ++at) {
    const unsigned network_bits = at == *bits / 8 ? 0xFF00U >> *bits % 8 & 0xFFU : 0U;
    has_host = has_host || (bytes[at] & ~network_bits) != 0;
    bytes[at] = static_cast<unsigned char>(bytes[at] & network_bits);
  }
  if (has_host) {
    char first[INET6_ADDRSTRLEN];
    inet_ntop(is_ipv4 ? AF_INET : AF_INET6, bytes, first, sizeof first);
    return apr_psprintf(pool,
                        "has bits of a host behind its prefix; say %s/%s, or %s for that address "
                        "alone",
                        first, text + slash + 1, address);
  }
  const apr_status_t status = apr_ipsubnet_create(&network, address, text + slash + 1, pool);
  return status == APR_SUCCESS ? nullptr : kUsage;
}

/// Adds kPrivateNetworks to an array of apr_ipsubnet_t*.
inline void add_private_networks(apr_array_header_t* networks) {
  for (const char* text : kPrivateNetworks) {
    apr_ipsubnet_t* network = nullptr;
    parse_network(networks->pool, text, network);
    *static_cast<apr_ipsubnet_t**>(apr_array_push(networks)) = network;
  }
}

}  // namespace reqnotes
