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
#include "reqnotes/sink.hpp"
#include "reqnotes/text.hpp"
#include "reqnotes/utf8.hpp"
#include "reqnotes/value.hpp"

namespace reqnotes {

/// The mark at the end of a value that was cut to its own maximum.
constexpr std::string_view kCutMark = "\xE2\x80\xA6";  // U+2026

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

/// Writes the value of `item` as JSON in at most `room` bytes.
///
/// returns  false when nothing of it could be written.
inline bool put_json_value(const Item& item, std::size_t room, Sink& out) {
  const auto literal = [room, &out](std::string_view text) {
    if (text.size() > room) return false;
    out.put(text);
    return true;
  };
  const auto string = [&out](std::string_view text, std::size_t space, std::string_view mark) {
    if (space < 3) return false;
    out.put('"');
    const std::size_t begin = out.size();
    if (put_json_text(text, space - 2, out) && out.size() - begin + mark.size() <= space - 2) {
      out.put(mark);
    }
    if (out.size() == begin) return false;
    out.put('"');
    return true;
  };

  if (item.plain) {
    if (item.type != Type::kString) return literal(item.text);
    if (item.text.size() + 2 > room) return false;
    out.put('"');
    out.put(item.text);
    out.put('"');
    return true;
  }

  if (!item.shortened) {
    if (item.type == Type::kInteger) {
      if (const auto value = parse_integer(item.text)) {
        char digits[20];
        const char* end = std::to_chars(digits, digits + sizeof digits, *value).ptr;
        return literal({digits, static_cast<std::size_t>(end - digits)});
      }
    } else if (item.type == Type::kNumber) {
      if (is_number(item.text)) return literal(item.text);
    } else if (item.type == Type::kBoolean) {
      if (const auto value = parse_boolean(item.text)) return literal(*value ? "true" : "false");
    }
  }
  if (item.type != Type::kList) {
    return string(item.text, room, item.shortened ? kCutMark : std::string_view());
  }

  if (room < 2) return false;
  const std::size_t begin = out.size();
  const auto add = [&](std::string_view element, std::string_view mark) {
    const std::size_t before = out.size();
    if (before - begin > 1) out.put(',');
    const std::size_t used = out.size() - begin + 1;
    if (used <= room && string(element, room - used, mark)) return true;
    out.rewind(before);
    return false;
  };
  // The mark belongs to the last element, or is one of its own where the cut fell behind a comma.
  const bool own_mark = item.shortened && item.text.ends_with(',');
  std::string_view list = item.text;
  out.put('[');
  bool fits = true;
  for (std::string_view element = next_element(list); fits && !element.empty();) {
    const std::string_view next = next_element(list);
    const bool cut_here = item.shortened && !own_mark && next.empty();
    fits = add(element, cut_here ? kCutMark : std::string_view());
    element = next;
  }
  if (fits && own_mark) add(kCutMark, {});
  if (out.size() - begin == 1) return false;
  out.put(']');
  return true;
}

/// Writes the value of `item` as logfmt in at most `room` bytes; see is_logfmt_bare.
///
/// returns  false when nothing of it could be written.
inline bool put_logfmt_value(const Item& item, std::size_t room, Sink& out) {
  if (!item.plain) {
    if (item.type == Type::kInteger || item.type == Type::kNumber || item.type == Type::kBoolean) {
      const std::size_t begin = out.size();
      if (!put_json_value(item, room, out)) return false;
      if (out.overflowed() || slice(out.written(), begin, 1) != "\"") return true;
      out.rewind(begin);  // it did not fit its type, so it is text
    }
    if (!is_logfmt_bare(item.text)) {
      Item text = item;
      text.type = Type::kString;
      return put_json_value(text, room, out);
    }
  }
  const std::string_view text = cut_utf8(item.text, room);
  out.put(text);
  if (item.shortened && text.size() + kCutMark.size() <= room) out.put(kCutMark);
  return !text.empty();
}

/// How a record becomes a line.
struct Format {
  std::string_view Key::*key;
  bool (*put_value)(const Item&, std::size_t room, Sink&);
  std::string_view open;
  std::string_view close;
  std::string_view truncated;  ///< stands before `close` on a line that was cut
};

constexpr Format kJson = {&Key::json, put_json_value, "{", "}", ",\"truncated\":true"};
constexpr Format kLogfmt = {&Key::logfmt, put_logfmt_value, "", "", " truncated=true"};

/// Writes `items` without a newline. `limits` gives the room of each value, or is empty.
inline void put_items(const Format& format, std::span<const Item> items,
                      std::span<const std::size_t> limits, Sink& out) {
  out.put(format.open);
  const std::size_t first = out.size();
  for (std::size_t at = 0; at < items.size(); ++at) {
    const Item& item = items[at];
    if (item.text.empty()) continue;
    const std::size_t before = out.size();
    const std::string_view key = item.key->*format.key;
    out.put(before == first ? suffix(key, 1) : key);
    if (!format.put_value(item, limits.empty() ? kNoLimit : limits[at], out)) out.rewind(before);
  }
}

/// Writes the whole of a record as one line into `buffer`, without a newline.
///
/// returns  the length, or 0 when the buffer is too small (or nothing is present).
inline std::size_t encode_whole(const Format& format, std::span<const Item> items,
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

/// Writes a record that encode_whole could not hold: what the client sent is cut first, the
/// longest values first, then the declared fields in the same way. The line says that it was
/// cut; ids and numbers stay whole.
///
/// items    at most kMaxItems.
/// buffer   at least 512 bytes.
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
    std::size_t limit = 0;
    if (of.keys + of.values <= room) {
      limit = kNoLimit;
    } else if (of.keys < room) {
      std::size_t sorted[kMaxItems];
      std::size_t count = 0;
      for (std::size_t at = 0; at < items.size(); ++at) {
        if (items[at].cut == cut && !items[at].text.empty()) sorted[count++] = lengths[at];
      }
      limit = common_limit({sorted, count}, room - of.keys);
    }
    used = limit == kNoLimit ? used + of.keys + of.values : buffer.size();
    for (std::size_t at = 0; at < items.size(); ++at) {
      if (items[at].cut == cut) limits[at] = limit;
    }
  }

  Sink out(buffer.first(buffer.size() - format.truncated.size() - format.close.size()));
  put_items(format, items, {limits, items.size()}, out);
  Sink end(buffer.subspan(out.size()));
  end.put(format.truncated);
  end.put(format.close);
  return out.size() + end.size();
}

}  // namespace reqnotes
