#include "reqnotes/line/ecs.hpp"

#include <algorithm>
#include <string>

#include "fuzz.hpp"

// -max_len=160

namespace reqnotes {
namespace {

constexpr std::string_view kTaken[] = {"@timestamp", "message", "url.path", "http.response.bytes"};
constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz";

void check_name(std::string_view name) {
  bool right = name.size() <= 100;
  std::string_view first = name;
  if (first.starts_with('@')) first.remove_prefix(1);
  for (std::string_view part : split(first, '.')) {
    right = right && !part.empty() && kLetters.find(part[0]) != part.npos &&
            has_only(part, "abcdefghijklmnopqrstuvwxyz0123456789_");
  }
  if (std::ranges::count(kEcsObjects, name) != 0) right = false;
  if (name.starts_with("labels.") && std::ranges::count(name, '.') > 1) right = false;
  for (std::string_view taken : kTaken) {
    const std::string one = std::string(name) + '.';
    const std::string other = std::string(taken) + '.';
    if (one.starts_with(other) || other.starts_with(one)) right = false;
  }
  promise((check_ecs_name(name, kTaken) == nullptr) == right, "a name is right or refused");
}

bool is_ipv4(std::string_view text) {
  const auto parts = split(text, '.');
  return parts.size() == 4 && std::ranges::all_of(parts, [](std::string_view part) {
           return !part.empty() && part.size() <= 3 && has_only(part, "0123456789") &&
                  (part.size() == 1 || part[0] != '0') && std::stoi(std::string(part)) <= 255;
         });
}

void check_address(std::string_view text) {
  const std::string_view address = address_in(text);
  promise(address.empty() || address == text, "an address is all of a text");
  if (text.find(':') == text.npos) {
    promise(address.empty() == !is_ipv4(text), "an IPv4 address is four numbers");
  } else {
    promise(has_only(address, "0123456789abcdefABCDEF:."), "an IPv6 address has no zone");
  }
}

void check_peer(std::string_view peer) {
  const auto [address, port] = split_peer(peer);
  if (port == kNoNumber) {
    promise(address == peer || "[" + std::string(address) + "]" == peer, "no port: all is kept");
    return;
  }
  const std::size_t colon = peer.rfind(':');
  promise(parse_integer(peer.substr(colon + 1)) == port, "the port stands behind the last colon");
  const std::string_view before = peer.substr(0, colon);
  promise(address == before || "[" + std::string(address) + "]" == before,
          "... and the rest before");
}

}  // namespace

/// Names are refused as a plain checker refuses them, and addresses found as one finds them.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::vector<char> bytes = c_string(Input(data, size).rest());
  const Text text(bytes.data());
  check_name(text);
  check_address(text);
  check_peer(text);
  return 0;
}

}  // namespace reqnotes
