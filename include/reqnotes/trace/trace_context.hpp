#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "reqnotes/text/hex.hpp"
#include "reqnotes/text/scan.hpp"
#include "reqnotes/text/slice.hpp"

namespace reqnotes {

constexpr std::size_t kTraceIdSize = 32;      ///< hex digits of a trace-id
constexpr std::size_t kParentIdSize = 16;     ///< hex digits of a parent-id, which is a span id
constexpr std::size_t kTraceparentSize = 55;  ///< bytes of a version 00 traceparent

/// Bits of trace-flags. Level 2 knows no others, and asks to send them as zero.
constexpr unsigned kFlagSampled = 1;
constexpr unsigned kFlagRandom = 2;
constexpr unsigned kFlagsKnown = kFlagSampled | kFlagRandom;

/// An inbound trace context. The ids borrow the header that they were read from; `trace_id` may
/// be shorter than kTraceIdSize where a format allows 64 bits, and is then padded on the left.
struct InboundTrace {
  std::string_view trace_id;
  std::string_view parent_id;
  /// Unset where the caller left the decision to us, as only B3 can.
  std::optional<bool> sampled;
  bool random = false;
};

/// Whether `text` is lower-case hex and not zero, as every id must be.
inline bool is_id(std::string_view text) {
  return is_hex(text) && text.find_first_not_of('0') != kNpos;
}

/// Drops blanks and tabs from both ends (OWS, RFC 9110 section 5.6.3).
constexpr std::string_view trim_ows(std::string_view text) {
  const auto is_ows = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_ows(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_ows(text.back())) text.remove_suffix(1);
  return text;
}

/// Reads a `traceparent` header.
///
/// header   the raw value, untrusted; 55 bytes when well formed:
///          "00-<32 hex trace-id>-<16 hex parent-id>-<2 hex trace-flags>".
/// returns  the context, or nullopt when a new trace must be started: wrong length or dashes,
///          upper-case hex, version "ff", an all-zero id. After a version above 00, "-..." may
///          follow and is ignored.
/// source   W3C Trace Context Level 2, "traceparent Header" and "Versioning of traceparent".
inline std::optional<InboundTrace> parse_traceparent(std::string_view header) {
  header = trim_ows(header);
  if (header.size() < kTraceparentSize) return std::nullopt;
  const char* const at = header.data();
  if (at[2] != '-' || at[35] != '-' || at[52] != '-') return std::nullopt;
  const auto is_pair = [](const char* pair) { return !(kNotHex(pair[0]) | kNotHex(pair[1])); };
  if (!is_pair(at) || !is_pair(at + 53) || (at[0] == 'f' && at[1] == 'f')) return std::nullopt;
  const bool is_first_version = at[0] == '0' && at[1] == '0';
  if (header.size() > kTraceparentSize && (is_first_version || at[kTraceparentSize] != '-')) {
    return std::nullopt;
  }
  const std::string_view trace_id(at + 3, kTraceIdSize);
  const std::string_view parent_id(at + 36, kParentIdSize);
  if (!is_id(trace_id) || !is_id(parent_id)) return std::nullopt;

  const unsigned flags = static_cast<unsigned>(at[54] >= 'a' ? at[54] - 'a' + 10 : at[54] - '0');
  return InboundTrace{.trace_id = trace_id,
                      .parent_id = parent_id,
                      .sampled = (flags & kFlagSampled) != 0,
                      .random = (flags & kFlagRandom) != 0};
}

/// Most list-members of a tracestate.
constexpr std::size_t kTracestateMembers = 32;

/// Counts the list-members of one `tracestate` header, empty ones left out.
///
/// header   the raw value, untrusted.
/// returns  nullopt when any member breaks the grammar; the header must then be dropped, and the
///          trace may still be continued. Duplicate keys are not looked for: a participant need
///          not, and whoever owns the key decides.
/// source   W3C Trace Context Level 2, "Tracestate Header".
constexpr std::optional<std::size_t> count_tracestate(std::string_view header) {
  const auto in_key = [](char c, bool first) {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) return true;
    return !first && (c == '_' || c == '-' || c == '*' || c == '/' || c == '@');
  };
  std::size_t members = 0;
  while (!header.empty()) {
    const std::size_t comma = header.find(',');
    const std::string_view member = trim_ows(prefix(header, comma));
    header.remove_prefix(comma == kNpos ? header.size() : comma + 1);
    if (member.empty()) continue;

    const std::size_t equals = member.find('=');
    if (equals == kNpos || equals == 0 || equals > 256) return std::nullopt;
    for (std::size_t at = 0; at < equals; ++at) {
      if (!in_key(member[at], at == 0)) return std::nullopt;
    }
    const std::string_view value = suffix(member, equals + 1);
    if (value.empty() || value.size() > 256) return std::nullopt;
    for (char c : value) {
      if (c < 0x20 || c > 0x7E || c == '=') return std::nullopt;
    }
    if (++members > kTracestateMembers) return std::nullopt;
  }
  return members;
}

/// Random bytes for the ids of one request: a trace-id, then a parent-id.
constexpr std::size_t kTraceIdBytes = kTraceIdSize / 2;
constexpr std::size_t kParentIdBytes = kParentIdSize / 2;
constexpr std::size_t kIdBytes = kTraceIdBytes + kParentIdBytes;

/// Which part of the new traces is sampled.
///
/// A trace is sampled when its random part, the last 56 bits of its trace-id, is at least
/// `threshold`, so that every participant with the same ratio decides alike.
///
/// source  OpenTelemetry, "TraceState: Probability Sampling", rejection threshold.
struct SampleRatio {
  std::uint64_t threshold = 0;  ///< 0 samples all, 2^56 none

  static constexpr std::uint64_t kNone = std::uint64_t{1} << 56;

  /// trace_id  kTraceIdSize digits of lower-case hex.
  [[nodiscard]] bool samples(std::string_view trace_id) const {
    if (threshold == 0) return true;
    std::uint64_t randomness = 0;
    std::from_chars(trace_id.data() + kTraceIdSize - 14, trace_id.data() + kTraceIdSize, randomness,
                    16);
    return randomness >= threshold;
  }
};

/// Reads a ratio from 0 to 1 with at most nine decimals, such as 0.01.
constexpr std::optional<SampleRatio> parse_sample_ratio(std::string_view text) {
  constexpr std::uint64_t kOne = 1'000'000'000;
  if (text != "0" && text != "1" && !(text.starts_with("0.") || text.starts_with("1."))) {
    return std::nullopt;
  }
  const std::string_view decimals = suffix(text, text.size() == 1 ? 1 : 2);
  if (decimals.size() > 9 || (decimals.empty() && text.size() > 1)) return std::nullopt;
  std::uint64_t ratio = text[0] == '1' ? kOne : 0;
  std::uint64_t unit = kOne;
  for (char c : decimals) {
    if (c < '0' || c > '9') return std::nullopt;
    unit /= 10;
    ratio += unit * static_cast<std::uint64_t>(c - '0');
  }
  if (ratio > kOne) return std::nullopt;
  const std::uint64_t rejected = kOne - ratio;
  return SampleRatio{rejected * (SampleRatio::kNone / kOne) +
                     rejected * (SampleRatio::kNone % kOne) / kOne};
}

/// Longest request id that is kept, in bytes.
constexpr std::size_t kRequestIdMax = 256;

/// Whether a caller's own request id can be kept: 1 to kRequestIdMax bytes of printable ASCII
/// without blanks.
inline bool is_request_id(std::string_view text) {
  if (text.empty() || text.size() > kRequestIdMax) return false;
  return find_odd(text, [](auto c) { return (c <= 0x20) | (c == 0x7F); }) == text.size();
}

}  // namespace reqnotes
