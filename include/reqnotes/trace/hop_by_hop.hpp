#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>

#include "reqnotes/facts/header_note.hpp"
#include "reqnotes/text/slice.hpp"

namespace reqnotes {

/// Whether `name` is a header of a trace context, in any format.
constexpr bool is_trace_header(std::string_view name) {
  return equals_lower(name, "traceparent") || equals_lower(name, "tracestate") ||
         equals_lower(name, "b3") || has_prefix(name, "x-b3-");
}

/// Takes the next option off a `Connection` header, as mod_proxy reads it: not only commas end
/// one, and none that has a quote is of ours (ap_get_token in util.c).
///
/// returns  an empty text when there is no more.
constexpr std::string_view next_option(std::string_view& connection) {
  constexpr std::string_view kBetween = ",; \t\n\v\f\r";
  connection = suffix(connection, connection.find_first_not_of(kBetween));
  const std::string_view option = prefix(connection, connection.find_first_of(kBetween));
  connection.remove_prefix(option.size());
  return option;
}

/// Whether a `Connection` header names one of our headers.
///
/// connection   the raw value, untrusted.
/// is_ours      whether a header is.
template <class IsOurs>
constexpr bool names_header(std::string_view connection, const IsOurs& is_ours) {
  for (std::string_view option = next_option(connection); !option.empty();
       option = next_option(connection)) {
    if (is_ours(option)) return true;
  }
  return false;
}

constexpr bool names_trace_header(std::string_view connection) {
  return names_header(connection, is_trace_header);
}

/// Takes our headers out of a `Connection` header, in place and in one pass.
///
/// connection   the raw value, untrusted.
/// returns      the size of what is left: the other words in their order, with commas between them.
/// source       RFC 9110, section 7.6.1.
template <class IsOurs>
std::size_t drop_headers(std::span<char> connection, const IsOurs& is_ours) {
  std::string_view rest(connection.data(), connection.size());
  std::size_t size = 0;
  for (std::string_view option = next_option(rest); !option.empty(); option = next_option(rest)) {
    if (is_ours(option)) continue;
    if (size != 0) connection[size++] = ',';
    std::memmove(connection.data() + size, option.data(), option.size());
    size += option.size();
  }
  return size;
}

inline std::size_t drop_trace_headers(std::span<char> connection) {
  return drop_headers(connection, is_trace_header);
}

}  // namespace reqnotes
