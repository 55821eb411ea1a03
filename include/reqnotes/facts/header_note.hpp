#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "reqnotes/facts/request_text.hpp"
#include "reqnotes/text/parse.hpp"
#include "reqnotes/text/slice.hpp"

namespace reqnotes {

/// Whether the name of a response header begins with `prefix`, without regard to case.
constexpr bool has_prefix(std::string_view header, std::string_view prefix_text) {
  if (header.size() < prefix_text.size()) return false;
  for (std::size_t at = 0; at < prefix_text.size(); ++at) {
    if (to_lower(header[at]) != to_lower(prefix_text[at])) return false;
  }
  return true;
}

/// Headers of more than one word that mean something to clients, servers or caches; a row that ends
/// with `-` stands for all that begin with it.
constexpr std::string_view kStandardHeaders[] = {
    "content-length",
    "x-content-type-options",
    "access-control-allow-origin",
    "server-timing",
    "sec-websocket-accept",
    "set-cookie",
    "cache-control",
    "x-forwarded-for",
    "x-accel-redirect",
    "accept-",
    "access-control-",
    "alt-",
    "authentication-",
    "cache-",
    "cdn-",
    "clear-site-data",
    "content-",
    "critical-ch",
    "cross-origin-",
    "device-memory",
    "document-policy",
    "dpop-nonce",
    "early-data",
    "expect-ct",
    "if-",
    "keep-alive",
    "last-",
    "link-template",
    "max-forwards",
    "message-id",
    "no-vary-search",
    "origin-",
    "permissions-",
    "proxy-",
    "public-key-pins",
    "referrer-",
    "report-to",
    "reporting-",
    "repr-",
    "retry-after",
    "save-data",
    "sec-",
    "server-",
    "service-worker",
    "set-",
    "signature-",
    "speculation-rules",
    "strict-transport-security",
    "supports-loading-mode",
    "surrogate-",
    "timing-allow-origin",
    "transfer-encoding",
    "upgrade-",
    "user-agent",
    "want-",
    "www-authenticate",
    "x-accel-",
    "x-b3-",
    "x-client-ip",
    "x-content-",
    "x-csrf-",
    "x-dns-",
    "x-download-",
    "x-forwarded-",
    "x-frame-",
    "x-http-",
    "x-lighttpd-",
    "x-litespeed-",
    "x-location",
    "x-original-",
    "x-permitted-",
    "x-powered-by",
    "x-real-ip",
    "x-reproxy-",
    "x-requested-with",
    "x-rewrite-",
    "x-robots-",
    "x-sendfile",
    "x-ua-",
    "x-webkit-",
    "x-xsrf-",
    "x-xss-",
};

/// Whether a header is free to carry an id: a token that has a dash or ends with "id", and has no
/// meaning of its own. Single words are the standards', and no one's own: Cookie, Refresh, b3.
constexpr bool is_free_header(std::string_view name) {
  if (!is_token(name)) return false;
  const std::size_t before = name.size() - std::min<std::size_t>(name.size(), 2);
  if (name.find('-') == kNpos && !equals_lower(suffix(name, before), "id")) return false;
  for (std::string_view standard : kStandardHeaders) {
    if (equals_lower(name, standard) || (standard.ends_with('-') && has_prefix(name, standard))) {
      return false;
    }
  }
  return true;
}

/// The first of kStandardHeaders that would be taken with the headers that begin with
/// `beginning`, which ends with `-`; empty where there is none.
constexpr std::string_view find_standard_header(std::string_view beginning) {
  for (std::string_view standard : kStandardHeaders) {
    if (has_prefix(standard, beginning) ||
        (standard.ends_with('-') && has_prefix(beginning, standard))) {
      return standard;
    }
  }
  return {};
}

/// Longest name of a note that a response header can set, in bytes.
constexpr std::size_t kHeaderNoteMax = 64;

/// The note that a response header names: what follows the prefix, in lower case, with `_` for
/// every `-`. "User-Id" gives "user_id".
///
/// name     what follows the prefix, from a backend.
/// buffer   holds the result.
/// returns  nullopt for a name that is empty, longer than kHeaderNoteMax, or has other bytes than
///          letters, digits, `-`, `_` and `.`: it names no note.
constexpr std::optional<std::string_view> note_of_header(std::string_view name,
                                                         std::span<char, kHeaderNoteMax> buffer) {
  if (name.empty() || name.size() > kHeaderNoteMax) return std::nullopt;
  for (std::size_t at = 0; at < name.size(); ++at) {
    const char c = name[at] == '-' ? '_' : to_lower(name[at]);
    if (!(c >= 'a' && c <= 'z') && !is_digit(c) && c != '_' && c != '.') return std::nullopt;
    buffer[at] = c;
  }
  return std::string_view(buffer.data(), name.size());
}

}  // namespace reqnotes
