#pragma once

#include <algorithm>
#include <array>
#include <string_view>

#include "reqnotes/text/slice.hpp"

namespace reqnotes {

/// The parts of a request line, as the client sent them. They borrow the line, and are empty
/// where they are absent.
struct RequestLine {
  std::string_view method;
  std::string_view path;   ///< percent-encoded, without scheme and authority
  std::string_view query;  ///< without the `?`
};

constexpr auto kTokenChars = [] {
  std::array<bool, 256> token{};
  for (char letter = 'a'; letter <= 'z'; ++letter) {
    token[static_cast<unsigned char>(letter)] = true;
    token[static_cast<unsigned char>(letter - 'a' + 'A')] = true;
  }
  for (char mark : std::string_view("0123456789!#$%&'*+-.^_`|~")) {
    token[static_cast<unsigned char>(mark)] = true;
  }
  return token;
}();

/// Whether `c` may stand in a token, such as a method or a header's name (RFC 9110, 5.6.2).
constexpr bool is_token_char(char c) {
  return kTokenChars[static_cast<unsigned char>(c)];
}

constexpr bool is_token(std::string_view text) {
  for (char c : text) {
    if (!is_token_char(c)) return false;
  }
  return !text.empty();
}

/// Takes the target of a request line apart, which is untrusted. Of an absolute one
/// (http://host/path) the path is what follows the authority.
[[gnu::always_inline]] constexpr void put_target(std::string_view target, RequestLine& parts) {
  if (target == "(null)") return;  // mod_http2 has none where it was too long
  if (!target.starts_with('/')) {
    const std::size_t authority = target.find("://");
    if (authority != kNpos && target.find_first_of("/?") == authority + 1) {
      const std::size_t path = target.find_first_of("/?", authority + 3);
      target = path == kNpos ? std::string_view() : suffix(target, path);
    }
  }
  const std::size_t mark = target.find('?');
  parts.path = prefix(target, mark);
  if (mark != kNpos) parts.query = suffix(target, mark + 1);
}

/// Takes a request line apart; `line` is untrusted and may be cut short anywhere. One that does not
/// begin with a method gives nothing at all.
///
/// source  RFC 9112, section 3.
constexpr RequestLine parse_request_line(std::string_view line) {
  RequestLine parts;
  std::size_t size = 0;
  while (size < line.size() && is_token_char(line[size])) ++size;
  if (size == 0 || (size < line.size() && line[size] != ' ')) return parts;
  parts.method = prefix(line, size);
  const std::string_view target = suffix(line, size + 1);
  put_target(prefix(target, target.find(' ')), parts);
  return parts;
}

/// Finds a cookie by its name, which is compared byte for byte.
///
/// header   the value of a Cookie header, untrusted.
/// returns  the cookie's value as it was sent, quotes and percent-encoding included; the first
///          one where there are several. A null data() where there is none.
/// source   RFC 6265, section 5.4.
constexpr std::string_view find_cookie(std::string_view header, std::string_view name) {
  while (!header.empty()) {
    const std::size_t end = header.find(';');
    std::string_view pair = prefix(header, end);
    header.remove_prefix(end == kNpos ? header.size() : end + 1);
    pair.remove_prefix(std::min(pair.find_first_not_of(" \t"), pair.size()));
    if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=') {
      pair.remove_prefix(name.size() + 1);
      return prefix(pair, pair.find_last_not_of(" \t") + 1);
    }
  }
  return {};
}

}  // namespace reqnotes
