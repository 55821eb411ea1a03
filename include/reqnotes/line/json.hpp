#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <span>
#include <string_view>

#include "reqnotes/facts/privacy.hpp"
#include "reqnotes/line/format.hpp"
#include "reqnotes/line/item.hpp"
#include "reqnotes/text/parse.hpp"
#include "reqnotes/text/scan.hpp"
#include "reqnotes/text/sink.hpp"
#include "reqnotes/text/slice.hpp"
#include "reqnotes/text/utf8.hpp"

namespace reqnotes {

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

/// `item` with as much of its text as its maximum lets be written, escapes counted.
inline Item bounded(Item item) {
  constexpr std::size_t kMostOfAByte = 6;
  const std::size_t mark = item.shortened ? kCutMark.size() : 0;
  if (item.max == 0 || kMostOfAByte * item.text.size() + mark <= item.max) return item;
  std::string_view fits = json_beginning(item.text, item.max - mark);
  if (fits.size() == item.text.size()) return item;
  if (!item.shortened) fits = json_beginning(fits, item.max - kCutMark.size());
  item.text = fits.empty() ? kCutMark : fits;
  item.shortened = !fits.empty();
  return item;
}

/// Writes `text` and `mark` as a JSON string in at most `room` bytes, the quotes counted.
inline Put put_json_string(std::string_view text, std::string_view mark, std::size_t room,
                           Sink& out) {
  if (room < 3) return Put::kNone;
  room -= 2;
  const std::size_t before = out.size();
  out.put('"');
  const std::size_t begin = out.size();
  bool whole = put_json_text(text, room, out);
  if (whole && !mark.empty()) {
    whole = out.size() - begin + mark.size() <= room;
    if (whole) out.put(mark);
  }
  if (out.size() == begin) {
    out.rewind(before);
    return Put::kNone;
  }
  out.put('"');
  return whole ? Put::kWhole : Put::kPart;
}

/// Writes a comma-separated list as a JSON array of strings in at most `room` bytes.
inline Put put_json_list(const Item& item, std::size_t room, Sink& out) {
  if (room < 2) return Put::kNone;
  const std::size_t begin = out.size();
  Put put = Put::kWhole;
  const auto add = [&](std::string_view element, std::string_view mark) {
    const std::size_t before = out.size();
    if (before - begin > 1) out.put(',');
    const std::size_t used = out.size() - begin + 1;
    put = used > room ? Put::kNone : put_json_string(element, mark, room - used, out);
    if (put == Put::kNone) out.rewind(before);
  };
  // The mark belongs to the last element, or is one of its own where the cut fell behind a comma.
  const std::string_view trimmed = prefix(item.text, item.text.find_last_not_of(" \t") + 1);
  const bool own_mark = item.shortened && (trimmed.empty() || trimmed.ends_with(','));
  std::string_view list = item.text;
  out.put('[');
  for (std::string_view element = next_element(list); put == Put::kWhole && !element.empty();) {
    const std::string_view next = next_element(list);
    const bool cut_here = item.shortened && !own_mark && next.empty();
    add(element, cut_here ? kCutMark : std::string_view());
    element = next;
  }
  if (put == Put::kWhole && own_mark) add(kCutMark, {});
  if (out.size() - begin == 1) {
    out.rewind(begin);
    return Put::kNone;
  }
  out.put(']');
  return put == Put::kWhole ? put : Put::kPart;
}

/// See Format::put_plain.
inline std::size_t put_plain_json(std::string_view text, char* out) {
  const std::size_t size = text.size();
  if (copy_until(text, kJsonOdd, out + 1) != size) return 0;
  out[0] = '"';
  out[size + 1] = '"';
  return size + 2;
}

inline std::string_view mark_of(const Item& item) {
  return item.shortened ? kCutMark : std::string_view();
}

inline Put put_json_value(const Item& item, std::size_t room, Sink& out) {
  char digits[kDigitsMax];
  const std::string_view literal = literal_of(item, digits);
  if (!literal.empty()) return put_literal(literal, room, out);
  const Item fits = bounded(item);
  if (item.type == Type::kList) return put_json_list(fits, room, out);
  return put_json_string(fits.text, mark_of(fits), room, out);
}

constexpr Format kJson = {.word = "JSON",
                          .open = "{",
                          .close = "}",
                          .separator = ",",
                          .before_name = "\"",
                          .after_name = "\":",
                          .put_plain = put_plain_json,
                          .put_value = put_json_value};

}  // namespace reqnotes
