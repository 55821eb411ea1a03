#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <span>
#include <string_view>

#include "reqnotes/facts/privacy.hpp"
#include "reqnotes/line/embedded.hpp"
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

/// How each byte is escaped: 0 as it is, behind a backslash, or `u` by its number, as a part of a
/// character may be too.
constexpr auto kJsonEscapes = [] {
  std::array<char, 0x100> escapes{};
  for (std::size_t c = 0; c < 0x100; ++c) {
    if (kJsonOdd(static_cast<signed char>(c))) escapes[c] = 'u';
  }
  escapes['\b'] = 'b';
  escapes['\f'] = 'f';
  escapes['\n'] = 'n';
  escapes['\r'] = 'r';
  escapes['\t'] = 't';
  escapes['"'] = '"';
  escapes['\\'] = '\\';
  return escapes;
}();

/// Bytes of the longest escape.
constexpr std::size_t kEscapeMax = 6;

/// Whether a character of several bytes, which `text` begins with, is a control character.
constexpr bool is_c1(std::string_view text) {
  return text[0] == '\xC2' && static_cast<unsigned char>(text[1]) < 0xA0;
}

/// How the first step of `text` stands in a JSON string: as it is, repaired or escaped.
///
/// escape   may be used to hold it.
inline std::string_view json_piece(std::string_view text, Utf8Step step,
                                   std::span<char, kEscapeMax> escape) {
  if (!step.valid) return "\xEF\xBF\xBD";
  if (step.length > 1 && !is_c1(text)) return prefix(text, step.length);
  const std::size_t last = static_cast<unsigned char>(text[step.length - 1]);
  const char letter = kJsonEscapes[last];
  if (letter == 0) return prefix(text, 1);
  constexpr const char* kHex = "0123456789abcdef";
  const char code[] = {'\\', letter, '0', '0', kHex[last >> 4], kHex[last & 15]};
  std::copy(std::begin(code), std::end(code), escape.begin());
  return prefix({escape.data(), escape.size()}, letter == 'u' ? 6 : 2);
}

/// The longest beginning of `text` that put_json_text writes as at most `room` bytes.
inline std::string_view json_beginning(std::string_view text, std::size_t room) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::string_view rest = suffix(text, at);
    const std::size_t plain = find_odd(rest, kJsonOdd);
    if (plain > room) return prefix(text, at + room);
    at += plain;
    room -= plain;
    while (at < text.size()) {
      const std::string_view left = suffix(text, at);
      std::size_t length = left.size() >= 3 ? usual_character(left.data()) : 0;
      std::size_t size = length;
      if (length == 0) {
        const Utf8Step step = utf8_step(left);
        char escape[kEscapeMax];
        length = step.length;
        size = json_piece(left, step, escape).size();
      }
      if (size > room) return prefix(text, at);
      at += length;
      room -= size;
      if (size == 1) break;
    }
  }
  return text;
}

/// Bytes of a text that became bytes of a line.
struct Step {
  std::size_t taken;
  std::size_t put;
};

/// Writes the first step of `text` as json_piece has it.
[[gnu::noinline]] inline Step put_json_piece(std::string_view text, char* out) {
  char escape[kEscapeMax];
  const Utf8Step step = utf8_step(text);
  const std::string_view piece = json_piece(text, step, escape);
  copy(piece, out);
  return {step.length, piece.size()};
}

/// Writes what `text` begins with, which has no escape of one letter, as in put_json_text.
[[gnu::always_inline]] inline Step put_odd_json_step(std::string_view text, char* out) {
  const std::size_t size = text.size() < 4 ? 0 : usual_character(text.data());
  if (size == 0) return put_json_piece(text, out);
  std::memcpy(out, text.data(), 4);
  return {size, size};
}

/// Copies less than kBitsMax bytes. More may be written, as an escape of each byte behind it would
/// have room.
///
/// last     behind where the last 16 bytes of all begin.
/// returns  what stands behind the copy.
[[gnu::always_inline]] inline char* copy_run(std::string_view run, const char* last, char* out) {
  if (run.data() < last && run.size() <= 16) [[likely]] {
    std::memcpy(out, run.data(), 16);
    return out + run.size();
  }
  return copy(run, out);
}

/// Writes `text` as the inside of a JSON string, from its first odd byte on.
///
/// out      has room for an escape of each byte.
/// returns  what stands behind it.
[[gnu::always_inline]] inline char* put_odd_json_text(std::string_view text, char* out) {
  const char* const end = text.data() + text.size();
  const char* const last = end - std::min<std::size_t>(text.size(), 15);
  const char* at = text.data();
  for (;;) {
    const std::string_view part = prefix({at, static_cast<std::size_t>(end - at)}, kBitsMax);
    const char* const part_end = at + part.size();
    // Of the bytes from `at` on. None is left when a character ends behind the part.
    for (std::uint32_t odd = odd_bits(part, kJsonOdd); odd != 0;) {
      const std::size_t plain = first_bit(odd);
      out = copy_run({at, plain}, last, out);
      at += plain;
      const char letter = kJsonEscapes[static_cast<unsigned char>(*at)];
      out[0] = '\\';
      out[1] = letter;
      if (letter != 'u') [[likely]] {
        out += 2;
        ++at;
        odd = odd >> plain >> 1;
        continue;
      }
      const Step step = put_odd_json_step({at, static_cast<std::size_t>(end - at)}, out);
      at += step.taken;
      out += step.put;
      odd = odd >> plain >> step.taken;
    }
    if (at < part_end) {
      out = copy({at, static_cast<std::size_t>(part_end - at)}, out);
      at = part_end;
    }
    if (at == end) return out;
  }
}

/// Writes `text` as the inside of a JSON string, without the quotes, in at most `room` bytes.
///
/// text     any bytes. Invalid UTF-8 becomes U+FFFD, one for each maximal subpart; control
///          characters (C0, DEL, and C1 as terminals obey those too) become escapes; the rest
///          stays as it is.
/// returns  false when `room` was too small: only whole characters and escapes were written.
/// source   RFC 8259, section 7.
inline bool put_json_text(std::string_view text, std::size_t room, Sink& out) {
  const std::size_t fits = std::min(room, out.room());
  const std::string_view part =
      kEscapeMax * text.size() <= fits ? text : json_beginning(text, fits);
  const std::size_t plain = copy_until(part, kJsonOdd, out.next());
  out.advance(plain);
  if (plain != part.size()) {
    const char* const behind = put_odd_json_text(suffix(part, plain), out.next());
    out.advance(static_cast<std::size_t>(behind - out.next()));
  }
  if (part.size() == text.size()) return true;
  if (fits < room) out.overflow();
  return false;
}

/// `item` with as much of its text as its maximum lets be written, escapes counted.
inline Item bounded(Item item) {
  const std::size_t mark = item.shortened ? kCutMark.size() : 0;
  if (item.max == 0 || kEscapeMax * item.text.size() + mark <= item.max) return item;
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

/// Writes `before`, what `put_inside` writes in the room that is left, and `after`: all in at most
/// `room` bytes, or nothing where `put_inside` writes nothing.
template <class PutInside>
Put put_between(std::string_view before, std::string_view after, std::size_t room, Sink& out,
                const PutInside& put_inside) {
  if (room < before.size() + after.size()) return Put::kNone;
  const std::size_t begin = out.size();
  out.put(before);
  const Put put = put_inside(room - before.size() - after.size());
  if (put == Put::kNone) {
    out.rewind(begin);
  } else {
    out.put(after);
  }
  return put;
}

/// Writes a comma-separated list as a JSON array of strings in at most `room` bytes.
///
/// before   around each string, as `after`.
inline Put put_json_list(const Item& item, std::size_t room, Sink& out,
                         std::string_view before = {}, std::string_view after = {}) {
  if (room < 2) return Put::kNone;
  const std::size_t begin = out.size();
  Put put = Put::kWhole;
  const auto add = [&](std::string_view element, std::string_view mark) {
    const std::size_t size = out.size();
    if (size - begin > 1) out.put(',');
    const std::size_t used = out.size() - begin + 1;
    const auto put_element = [&](std::size_t left) {
      return put_json_string(element, mark, left, out);
    };
    put = used > room ? Put::kNone : put_between(before, after, room - used, out, put_element);
    if (put == Put::kNone) out.rewind(size);
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

/// The same as put_short_json from the first odd byte on, by itself, as that one is called for
/// nearly all values.
[[gnu::noinline]] inline char* put_odd_short_json(std::string_view text, std::size_t plain,
                                                  char* out, const char* end, std::size_t max) {
  std::string_view odd = text;
  odd.remove_prefix(plain);
  const std::size_t most = plain + kEscapeMax * odd.size();
  if (most + 2 > static_cast<std::size_t>(end - out) || (max != 0 && most > max)) return nullptr;
  *out = '"';
  char* const behind = put_odd_json_text(odd, out + 1 + plain);
  *behind = '"';
  return behind + 1;
}

/// See Format::put_short.
[[gnu::noinline]] inline char* put_short_json(std::string_view text, char* out, const char* end,
                                              std::size_t max) {
  const std::size_t plain = copy_until(text, kJsonOdd, out + 1);
  if (plain != text.size()) return put_odd_short_json(text, plain, out, end, max);
  out[0] = '"';
  out[plain + 1] = '"';
  return out + plain + 2;
}

inline std::string_view mark_of(const Item& item) {
  return item.shortened ? kCutMark : std::string_view();
}

inline Put put_json_value(const Item& item, std::size_t room, Sink& out) {
  char digits[kDecimalMax];
  const std::string_view literal = literal_of(item, digits);
  if (!literal.empty()) return put_literal(literal, room, out);
  if (item.type == Type::kJson && !item.shortened && is_embeddable(item.text)) {
    return put_literal(item.text, room, out);
  }
  const Item fits = bounded(item);
  if (item.type == Type::kList) return put_json_list(fits, room, out);
  return put_json_string(fits.text, mark_of(fits), room, out);
}

constexpr Format kJson = {.word = "JSON",
                          .naming = Naming::kOwn,
                          .open = "{",
                          .close = "}",
                          .separator = ",",
                          .before_name = "\"",
                          .after_name = "\":",
                          .before_text = "\"",
                          .after_text = "\"",
                          .before_number = "",
                          .after_number = "",
                          .marks = 2,
                          .truncated = kTruncated,
                          .truncated_marks = 0,
                          .put_short = put_short_json,
                          .put_value = put_json_value};

}  // namespace reqnotes
