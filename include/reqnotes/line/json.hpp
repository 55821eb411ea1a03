#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <span>
#include <string_view>

#include "reqnotes/text/scan.hpp"
#include "reqnotes/text/sink.hpp"
#include "reqnotes/text/slice.hpp"
#include "reqnotes/text/utf8.hpp"

namespace reqnotes {

constexpr std::size_t kNoLimit = static_cast<std::size_t>(-1);

/// What cannot stand in a JSON string as it is, or must be looked at; see copy_until.
constexpr auto kJsonOdd = [](auto c) {
  return (c < 0x20) | (c == '"') | (c == '\\') | (c == 0x7F);
};

/// How the first step of `text` stands in a JSON string: as it is, repaired or escaped.
///
/// escape   may be used to hold it.
inline std::string_view json_piece(std::string_view text, Utf8Step step,
                                   std::span<char, 6> escape) {
  if (!step.valid) return "\xEF\xBF\xBD";
  const unsigned char first = static_cast<unsigned char>(text.front());
  const unsigned char last = static_cast<unsigned char>(text[step.length - 1]);
  const bool is_c1 = step.length == 2 && first == 0xC2 && last < 0xA0;
  if (step.length > 1 && !is_c1) return prefix(text, step.length);
  switch (first) {
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    case '\b':
      return "\\b";
    case '\f':
      return "\\f";
    default:
      break;
  }
  if (first >= 0x20 && first < 0x7F) return prefix(text, 1);
  constexpr const char* kHex = "0123456789abcdef";
  const char code[] = {'\\', 'u', '0', '0', kHex[last >> 4], kHex[last & 15]};
  std::copy(std::begin(code), std::end(code), escape.begin());
  return {escape.data(), escape.size()};
}

/// Writes `text` as the inside of a JSON string, without the quotes, in at most `room` bytes.
///
/// text     any bytes. Invalid UTF-8 becomes U+FFFD, one for each maximal subpart; control
///          characters (C0, DEL, and C1 as terminals obey those too) become escapes; the rest
///          stays as it is.
/// returns  false when `room` was too small: only whole characters and escapes were written.
/// source   RFC 8259, section 7.
inline bool put_json_text(std::string_view text, std::size_t room, Sink& out) {
  const auto put = [&room, &out](std::string_view piece) {
    if (piece.size() > room) return false;
    room -= piece.size();
    out.put(piece);
    return true;
  };

  while (!text.empty()) {
    if (text.size() <= room && text.size() <= out.room()) {
      const std::size_t plain = copy_until(text, kJsonOdd, out.next());
      out.advance(plain);
      room -= plain;
      if (plain == text.size()) return true;
      text.remove_prefix(plain);
    } else if (const std::size_t plain = find_odd(text, kJsonOdd)) {
      if (!put(prefix(text, plain))) return put(prefix(text, room)), false;
      text.remove_prefix(plain);
      continue;
    }

    const Utf8Step step = utf8_step(text);
    char escape[6];
    if (!put(json_piece(text, step, escape))) return false;
    text.remove_prefix(step.length);
  }
  return true;
}

/// The longest beginning of `text` that put_json_text writes in at most `room` bytes.
inline std::string_view json_beginning(std::string_view text, std::size_t room) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::string_view rest = suffix(text, at);
    const std::size_t plain = find_odd(rest, kJsonOdd);
    if (plain > room) return prefix(text, at + room);
    at += plain;
    room -= plain;
    if (plain == rest.size()) break;
    const Utf8Step step = utf8_step(suffix(text, at));
    char escape[6];
    const std::size_t size = json_piece(suffix(text, at), step, escape).size();
    if (size > room) return prefix(text, at);
    at += step.length;
    room -= size;
  }
  return text;
}

}  // namespace reqnotes
