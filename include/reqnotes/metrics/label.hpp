#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "reqnotes/metrics/key_hash.hpp"
#include "reqnotes/text/scan.hpp"
#include "reqnotes/text/sink.hpp"
#include "reqnotes/text/slice.hpp"
#include "reqnotes/text/utf8.hpp"

namespace reqnotes {

/// Most bytes of a label's value.
constexpr std::size_t kLabelMax = 100;

/// Writes a text as the value of a label: one byte of ill-formed UTF-8 there, and Prometheus
/// refuses the whole answer. What is written is what the value is: texts that become the same are
/// one series.
///
/// text     any bytes. Ill-formed UTF-8 becomes U+FFFD, one for each maximal subpart, as in a line;
///          control characters stay, as every format can carry them.
/// returns  the value, in `out`: the longest beginning of whole characters that has room.
[[gnu::noinline]] inline std::string_view make_label(std::string_view text,
                                                     std::span<char, kLabelMax> out) {
  constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
  const std::string_view part = prefix(text, kLabelMax);
  const std::size_t plain = copy_until(
      part, [](auto c) { return c < 0; }, out.data());
  std::size_t size = plain;
  for (std::string_view rest = suffix(text, plain); !rest.empty();) {
    const Utf8Step step = utf8_step(rest);
    const std::string_view piece = step.valid ? prefix(rest, step.length) : kReplacement;
    if (piece.size() > kLabelMax - size) break;
    copy(piece, out.data() + size);
    size += piece.size();
    rest.remove_prefix(step.length);
  }
  return {out.data(), size};
}

/// Whether a text is ASCII.
inline bool is_plain(std::string_view text) {
  constexpr std::size_t kWord = sizeof(std::uint64_t);
  const char* at = text.data();
  std::uint64_t bits = 0;
  if (text.size() >= kWord) {
    const char* const last = at + text.size() - kWord;
    for (; at < last; at += kWord) bits |= word_at<std::uint64_t>(at);
    bits |= word_at<std::uint64_t>(last);
  } else {
    for (char c : text) bits |= static_cast<unsigned char>(c);
  }
  return (bits & 0x8080808080808080) == 0;
}

/// The same as make_label; what needs no repair stays where it is.
inline std::string_view find_label(std::string_view text, std::span<char, kLabelMax> room) {
  return text.size() <= kLabelMax && is_plain(text) ? text : make_label(text, room);
}

}  // namespace reqnotes
