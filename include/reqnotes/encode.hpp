#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "reqnotes/field.hpp"
#include "reqnotes/json.hpp"
#include "reqnotes/logfmt.hpp"
#include "reqnotes/privacy.hpp"
#include "reqnotes/sink.hpp"
#include "reqnotes/text.hpp"
#include "reqnotes/utf8.hpp"
#include "reqnotes/value.hpp"

namespace reqnotes {

/// The name of an item as each format spells it, rendered once at start.
struct Key {
  std::string_view json;    ///< `,"user_id":`
  std::string_view logfmt;  ///< ` user_id=`

  [[nodiscard]] constexpr std::string_view name() const {
    return slice(logfmt, 1, logfmt.size() - 2);
  }
};

/// What may happen to a value when its line would become too long.
enum class Cut : std::uint8_t {
  kNever,  ///< ids and numbers
  kLate,   ///< only when the client's values are gone: declared fields
  kFirst,  ///< what the client sent
};

/// One name and value of a line. A record is a list of these, in the order of the line.
struct Item {
  const Key* key;
  std::string_view text;  ///< any bytes; empty is absent
  Type type = Type::kString;
  Cut cut = Cut::kNever;
  bool shortened = false;  ///< `text` was cut to its maximum: the mark follows it
  bool plain = false;      ///< `text` is known to need no escape, and to fit its type
};

/// The text of a typed value that fits its type, as both formats write it; empty when it does
/// not fit, or is text anyway. `digits` may be used to hold it.
inline std::string_view literal_of(const Item& item, std::span<char, 20> digits) {
  if (item.plain) return item.type == Type::kString ? std::string_view() : item.text;
  if (item.shortened) return {};
  if (item.type == Type::kInteger) {
    const auto value = parse_integer(item.text);
    if (!value) return {};
    const char* end = std::to_chars(digits.data(), digits.data() + digits.size(), *value).ptr;
    return {digits.data(), static_cast<std::size_t>(end - digits.data())};
  }
  if (item.type == Type::kNumber) return is_number(item.text) ? item.text : std::string_view();
  if (item.type == Type::kBoolean) {
    const auto value = parse_boolean(item.text);
    if (value) return *value ? "true" : "false";
  }
  return {};
}

/// How much of a value was written.
enum class Put : std::uint8_t { kNone, kPart, kWhole };

inline Put put_literal(std::string_view text, std::size_t room, Sink& out) {
  if (text.size() > room) return Put::kNone;
  out.put(text);
  return Put::kWhole;
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
  const bool own_mark =
      item.shortened && prefix(item.text, item.text.find_last_not_of(" \t") + 1).ends_with(',');
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

/// Almost every value: a text, on a line that is not cut.
inline bool is_uncut_text(const Item& item, std::size_t room) {
  return item.type == Type::kString && !item.shortened && room == kNoLimit;
}

/// Writes `text` as a JSON string in one step, if it needs no escape and has room.
[[gnu::always_inline]] inline bool put_clean_string(std::string_view text, Sink& out) {
  const std::size_t size = text.size();
  char* const at = out.next();
  if (size + 2 > out.room() || copy_until(text, kJsonOdd, at + 1) != size) return false;
  at[0] = '"';
  at[size + 1] = '"';
  out.advance(size + 2);
  return true;
}

/// Writes the value of `item` as JSON in at most `room` bytes.
///
/// returns  how much was written; nothing at all where not even a beginning has room.
inline Put put_json_value(const Item& item, std::size_t room, Sink& out) {
  if (is_uncut_text(item, room) && put_clean_string(item.text, out)) return Put::kWhole;

  char digits[20];
  const std::string_view literal = literal_of(item, digits);
  if (!literal.empty()) return put_literal(literal, room, out);
  if (item.plain) {
    if (item.text.size() + 2 > room) return Put::kNone;
    out.put('"');
    out.put(item.text);
    out.put('"');
    return Put::kWhole;
  }
  if (item.type == Type::kList) return put_json_list(item, room, out);
  return put_json_string(item.text, item.shortened ? kCutMark : std::string_view(), room, out);
}

/// Writes the value of `item` as logfmt in at most `room` bytes; see is_logfmt_bare.
///
/// returns  as put_json_value.
inline Put put_logfmt_value(const Item& item, std::size_t room, Sink& out) {
  if (is_uncut_text(item, room) && item.text.size() <= out.room()) {
    const std::size_t bare = copy_until(item.text, kLogfmtOdd, out.next());
    if (bare == item.text.size() && item.text != "null") {
      out.advance(bare);
      return Put::kWhole;
    }
    // A blank or such is the usual reason for quotes.
    const bool is_ascii = bare < item.text.size() && static_cast<signed char>(item.text[bare]) >= 0;
    if (is_ascii && put_clean_string(item.text, out)) return Put::kWhole;
  }

  char digits[20];
  const std::string_view literal = literal_of(item, digits);
  if (!literal.empty()) return put_literal(literal, room, out);

  const std::string_view mark = item.shortened ? kCutMark : std::string_view();
  if (!is_logfmt_bare(item.text)) return put_json_string(item.text, mark, room, out);
  if (item.plain) return put_literal(item.text, room, out);
  std::string_view text = cut_utf8(item.text, room);
  if (text == "null") text = prefix(text, 3);  // cut to a word that readers take for nothing
  out.put(text);
  if (text.empty()) return Put::kNone;
  if (text.size() + mark.size() > room || text.size() < item.text.size()) return Put::kPart;
  out.put(mark);
  return Put::kWhole;
}

/// How a record becomes a line.
struct Format {
  std::string_view Key::*key;
  Put (*put_value)(const Item&, std::size_t room, Sink&);
  std::string_view open;
  std::string_view close;
  std::string_view truncated;  ///< stands before `close` on a line that was cut
};

constexpr Format kJson = {&Key::json, put_json_value, "{", "}", ",\"truncated\":true"};
constexpr Format kLogfmt = {&Key::logfmt, put_logfmt_value, "", "", " truncated=true"};

/// Writes `items` without a newline. `limits` gives the room of each value, or is empty.
[[gnu::always_inline]] inline void put_items(const Format& format, std::span<const Item> items,
                                             std::span<const std::size_t> limits, Sink& out) {
  out.put(format.open);
  const std::size_t first = out.size();
  for (std::size_t at = 0; at < items.size(); ++at) {
    const Item& item = items[at];
    const std::size_t room = limits.empty() ? kNoLimit : limits[at];
    if (item.text.empty() || room == 0) continue;
    const std::size_t before = out.size();
    const std::string_view key = item.key->*format.key;
    out.put(before == first ? suffix(key, 1) : key);
    if (format.put_value(item, room, out) == Put::kNone) out.rewind(before);
  }
}

/// Writes the whole of a record as one line into `buffer`, without a newline.
///
/// returns  the length, or 0 when the buffer is too small.
[[gnu::always_inline]] inline std::size_t encode_whole(const Format& format,
                                                       std::span<const Item> items,
                                                       std::span<char> buffer) {
  Sink out(buffer);
  put_items(format, items, {}, out);
  out.put(format.close);
  return out.overflowed() ? 0 : out.size();
}

/// The largest `c` such that the sum of min(length, c) stays within `budget`: the longest values
/// are cut first. Changes `lengths`.
inline std::size_t common_limit(std::span<std::size_t> lengths, std::size_t budget) {
  std::sort(lengths.begin(), lengths.end());
  std::size_t left = lengths.size();
  for (std::size_t length : lengths) {
    if (length > budget / left) return budget / left;
    budget -= length;
    --left;
  }
  return kNoLimit;
}

/// Most items of one record.
constexpr std::size_t kMaxItems = 96;

/// Bytes of a line, its newline included. The default is Linux's PIPE_BUF, up to which a write to
/// a pipe is never mixed with another one; every id and number has room in the least.
constexpr std::size_t kLineLimit = 4096;
constexpr std::size_t kLineLimitLow = 512;
constexpr std::size_t kLineLimitHigh = 65536;

/// Writes a record that encode_whole could not hold: what the client sent is cut first, the
/// longest values first, then the declared fields in the same way. The line says that it was
/// cut; ids and numbers stay whole.
///
/// items    at most kMaxItems.
/// buffer   room for the ids and numbers at least; kLineLimitLow - 1 bytes hold those of any line.
/// returns  the length.
inline std::size_t encode_cut(const Format& format, std::span<const Item> items,
                              std::span<char> buffer) {
  std::size_t limits[kMaxItems];
  std::size_t lengths[kMaxItems];
  const auto measure = [&](const Item& item) {
    Sink out(buffer);
    format.put_value(item, kNoLimit, out);
    return out.overflowed() ? buffer.size() : out.size();
  };
  // What each class of values needs: its keys, and its values.
  struct Need {
    std::size_t keys = 0;
    std::size_t values = 0;
  } need[3];
  for (std::size_t at = 0; at < items.size(); ++at) {
    limits[at] = kNoLimit;
    if (items[at].text.empty()) continue;
    Need& of = need[static_cast<std::size_t>(items[at].cut)];
    of.keys += (items[at].key->*format.key).size();
    of.values += lengths[at] = measure(items[at]);
  }

  const std::size_t frame = format.open.size() + format.truncated.size() + format.close.size();
  std::size_t used = frame + need[0].keys + need[0].values;
  for (Cut cut : {Cut::kLate, Cut::kFirst}) {
    const Need& of = need[static_cast<std::size_t>(cut)];
    const std::size_t room = buffer.size() > used ? buffer.size() - used : 0;
    if (of.keys + of.values <= room) {
      used += of.keys + of.values;
      continue;
    }
    // From the first on, as many stay as have room for their key and a few bytes of their value.
    constexpr std::size_t kFewBytes = 8;
    std::size_t least = 0;
    std::size_t keys = 0;
    std::size_t sorted[kMaxItems];
    std::size_t count = 0;
    for (std::size_t at = 0; at < items.size(); ++at) {
      if (items[at].cut != cut || items[at].text.empty()) continue;
      const std::size_t key = (items[at].key->*format.key).size();
      const std::size_t wants = key + std::min(lengths[at], kFewBytes);
      if (wants > room - least) {
        limits[at] = 0;
        continue;
      }
      least += wants;
      keys += key;
      sorted[count++] = lengths[at];
    }
    const std::size_t limit = count == 0 ? 0 : common_limit({sorted, count}, room - keys);
    for (std::size_t at = 0; at < items.size(); ++at) {
      if (items[at].cut == cut && limits[at] != 0) limits[at] = limit;
    }
    used = buffer.size();
  }

  Sink out(buffer.first(buffer.size() - format.truncated.size() - format.close.size()));
  put_items(format, items, {limits, items.size()}, out);
  Sink end(buffer.subspan(out.size()));
  end.put(out.size() == format.open.size() ? suffix(format.truncated, 1) : format.truncated);
  end.put(format.close);
  return out.size() + end.size();
}

}  // namespace reqnotes
