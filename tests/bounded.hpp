#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "reqnotes/line/encode.hpp"
#include "reqnotes/line/formats.hpp"
#include "unicode.hpp"

// What a maximum lets be written, found byte by byte: slow, and by other means than the encoders.

namespace reqnotes {

/// Whether readers of JSON can read the format.
inline bool is_json(const Format& format) {
  return format.put_value == kJson.put_value;
}

/// Whether a control character that is escaped stands at `at` of valid UTF-8.
inline bool is_control(std::string_view text, std::size_t at) {
  const unsigned char c = static_cast<unsigned char>(text[at]);
  if (c == 0xC2) return at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) < 0xA0;
  return c < 0x20 || c == 0x7F;
}

/// Bytes of `text` in a JSON string.
inline std::size_t escaped_size(std::string_view text) {
  const std::string fixed = repaired(text);
  std::size_t size = 0;
  for (std::size_t at = 0; at < fixed.size(); ++at) {
    if (std::string_view("\"\\\b\f\n\r\t").find(fixed[at]) != std::string_view::npos) {
      size += 2;
    } else if (is_control(fixed, at)) {
      size += 6;
      at += fixed[at] == '\xC2' ? 1 : 0;
    } else {
      size += 1;
    }
  }
  return size;
}

/// Whether logfmt writes `text` without quotes.
inline bool is_bare(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (is_control(text, at) || text[at] == ' ' || text[at] == '"' || text[at] == '=') return false;
  }
  return is_utf8(text) && text != "null";
}

/// What is written of `item` where it is no literal: as much of its text as its maximum allows.
inline Item bounded_slowly(const Format& format, Item item) {
  const std::size_t mark = item.shortened ? kCutMark.size() : 0;
  if (item.max == 0 || (&format == &kLogfmt && is_bare(item.text))) return item;
  if (escaped_size(item.text) + mark <= item.max) return item;
  const std::string full = repaired(item.text);
  for (std::size_t size = item.text.size(); size != 0; --size) {
    const std::string_view part = item.text.substr(0, size);
    const std::size_t needs = escaped_size(part) + kCutMark.size();
    if (needs > item.max) {
      size -= (needs - item.max - 1) / 6;  // no byte has more, and one by one takes seconds
      continue;
    }
    if (!full.starts_with(repaired(part))) continue;
    item.text = part;
    item.shortened = true;
    return item;
  }
  item.text = kCutMark;
  item.shortened = false;
  return item;
}

/// Bytes of a value as it was written, without what does not count for its maximum: quotes around
/// it, and around and between the elements of a list.
inline std::size_t counted_size(const Item& item, std::string_view written) {
  const bool quoted = written.starts_with('"');
  if (item.type != Type::kList || !written.starts_with("[\"")) {
    return written.size() - (quoted ? 2 : 0);
  }
  std::size_t quotes = 0;
  for (std::size_t at = 0; at < written.size(); ++at) {
    if (written[at] == '\\') {
      ++at;
    } else if (written[at] == '"') {
      ++quotes;
    }
  }
  return written.size() - 2 - quotes;
}

}  // namespace reqnotes
