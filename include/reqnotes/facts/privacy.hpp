#pragma once

#include <arpa/inet.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>

#include "reqnotes/text/sink.hpp"
#include "reqnotes/text/slice.hpp"
#include "reqnotes/text/utf8.hpp"

namespace reqnotes {

/// What stands for the part of a value that is not shown, and at the end of one that was cut.
constexpr std::string_view kCutMark = "\xE2\x80\xA6";  // U+2026

/// Bytes of a hashed value: 16 bytes as hex. No other private value is longer.
constexpr std::size_t kPrivateSize = 32;

/// The number of characters of `text`, an ill-formed sequence counted as one, up to `most`.
constexpr std::size_t count_characters(std::string_view text, std::size_t most) {
  std::size_t count = 0;
  for (; count < most && !text.empty(); ++count) text.remove_prefix(utf8_step(text).length);
  return count;
}

/// The bytes of the last character of `text`, which must not be empty.
constexpr std::size_t last_character(std::string_view text) {
  for (std::size_t size = 2; size <= 4 && size <= text.size(); ++size) {
    if (utf8_step(suffix(text, text.size() - size)).length == size) return size;
  }
  return 1;
}

/// Writes the mark and the last four characters of a value; of one that has eight or fewer, of
/// which that would be half or more, the mark alone.
inline std::string_view last_four(std::string_view text, std::span<char, kPrivateSize> buffer) {
  Sink out(buffer);
  out.put(kCutMark);
  if (count_characters(text, 9) == 9) {
    std::size_t begin = text.size();
    for (int left = 4; left != 0; --left) begin -= last_character(prefix(text, begin));
    out.put(suffix(text, begin));
  }
  return out.written();
}

/// Most bytes of an address, the NUL of inet_ntop counted.
constexpr std::size_t kAddressMax = INET6_ADDRSTRLEN;

/// Writes the network that an address belongs to, as the first address of it: of IPv4 the /24, of
/// IPv6 the /48. IPv4 within IPv6 is IPv4.
///
/// returns  empty where `address` is none.
inline std::string_view network_of(std::string_view address, std::span<char, kAddressMax> out) {
  char text[kAddressMax];
  const std::string_view plain = prefix(address, address.find('%'));  // without a zone
  if (plain.size() >= sizeof text || plain.find('\0') != kNpos) return {};
  text[plain.copy(text, sizeof text - 1)] = '\0';
  constexpr std::size_t kIpv4In6 = 12;
  constexpr unsigned char kMapped[kIpv4In6] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  unsigned char bytes[sizeof(in6_addr)] = {};
  bool is_ipv4 = inet_pton(AF_INET, text, bytes + kIpv4In6) == 1;
  if (!is_ipv4) {
    if (inet_pton(AF_INET6, text, bytes) != 1) return {};
    is_ipv4 = std::memcmp(bytes, kMapped, sizeof kMapped) == 0;
  }
  std::fill(bytes + (is_ipv4 ? 15 : 6), bytes + sizeof bytes, 0);
  const bool written = inet_ntop(is_ipv4 ? AF_INET : AF_INET6, bytes + (is_ipv4 ? kIpv4In6 : 0),
                                 out.data(), out.size());
  return written ? std::string_view(out.data()) : std::string_view();
}

}  // namespace reqnotes
