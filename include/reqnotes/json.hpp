#pragma once

#include <cstddef>
#include <string_view>

#include "reqnotes/scan.hpp"
#include "reqnotes/sink.hpp"
#include "reqnotes/text.hpp"
#include "reqnotes/utf8.hpp"

namespace reqnotes {

constexpr std::size_t kNoLimit = static_cast<std::size_t>(-1);

/// What cannot stand in a JSON string as it is, or must be looked at; see copy_until.
constexpr auto kJsonOdd = [](auto c) { return (c < 0x20) | (c == '"') | (c == '\\'); };

/// Writes `text` as the inside of a JSON string, without the quotes, in at most `room` bytes.
///
/// text     any bytes. Invalid UTF-8 becomes U+FFFD, one for each maximal subpart; control
///          characters (C0, and C1 as terminals obey those too) become escapes; the rest stays
///          as it is.
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
    const unsigned char first = static_cast<unsigned char>(text.front());
    bool fits = false;
    if (!step.valid) {
      fits = put("\xEF\xBF\xBD");
    } else if (step.length > 2 || (step.length == 2 &&
                                   (first != 0xC2 || static_cast<unsigned char>(text[1]) > 0x9F))) {
      fits = put(prefix(text, step.length));
    } else if (first == '"') {
      fits = put("\\\"");
    } else if (first == '\\') {
      fits = put("\\\\");
    } else if (first == '\n') {
      fits = put("\\n");
    } else if (first == '\r') {
      fits = put("\\r");
    } else if (first == '\t') {
      fits = put("\\t");
    } else if (first == '\b') {
      fits = put("\\b");
    } else if (first == '\f') {
      fits = put("\\f");
    } else {
      const unsigned char control = static_cast<unsigned char>(text[step.length - 1]);
      constexpr const char* kHex = "0123456789abcdef";
      const char escape[] = {'\\', 'u', '0', '0', kHex[control >> 4], kHex[control & 15]};
      fits = put({escape, sizeof escape});
    }
    if (!fits) return false;
    text.remove_prefix(step.length);
  }
  return true;
}

}  // namespace reqnotes
