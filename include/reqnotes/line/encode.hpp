#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "reqnotes/facts/field.hpp"
#include "reqnotes/facts/privacy.hpp"
#include "reqnotes/line/json.hpp"
#include "reqnotes/line/logfmt.hpp"
#include "reqnotes/text/parse.hpp"
#include "reqnotes/text/sink.hpp"
#include "reqnotes/text/slice.hpp"
#include "reqnotes/text/utf8.hpp"

namespace reqnotes {

/// The name of an item as each format spells it, rendered once at start.
struct Key {
  std::string_view json;    ///< `,"user_id":`
  std::string_view logfmt;  ///< ` user_id=`

  [[nodiscard]] constexpr std::string_view name() const {
    return slice(logfmt, 1, logfmt.size() - 2);
  }
};

/// What may happen to a value when its line would become too long; see encode_cut.
enum class Cut : std::uint8_t {
  kNever,    ///< ids, numbers and words of this module
  kLate,     ///< declared fields, and what httpd or another module says
  kFirst,    ///< what the client sent
  kMessage,  ///< the message of an error line
};
constexpr std::size_t kCuts = 4;

struct Item;

/// Says that the text of an item is a number as this module wrote it, so that it is not read
/// again. Only number_item can say so: every other text is looked at byte by byte, whoever made it.
class Made {
 public:
  constexpr Made() = default;
  explicit constexpr operator bool() const { return made_; }

 private:
  friend Item number_item(const Key& key, std::int64_t value, std::span<char, 20> digits);
  bool made_ = false;
};

/// One name and value of a line. A record is a list of these, in the order of the line.
struct Item {
  const Key* key;
  std::string_view text;  ///< any bytes; empty is absent
  Type type = Type::kString;
  Cut cut = Cut::kNever;
  bool shortened = false;  ///< `text` was cut to its maximum: the mark follows it
  Made made = {};
  /// Most bytes that are written of `text` and its mark, quotes and brackets not counted; `text`
  /// itself has no more. 0 is no maximum, and a word such as `false` has none.
  std::uint16_t max = 0;
};

/// The item of a number that this module knows as one. It borrows `digits`.
inline Item number_item(const Key& key, std::int64_t value, std::span<char, 20> digits) {
  const char* end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  Item item = {.key = &key,
               .text = {digits.data(), static_cast<std::size_t>(end - digits.data())},
               .type = Type::kInteger};
  item.made.made_ = true;
  return item;
}

/// The text of a typed value that fits its type, as both formats write it; empty when it does
/// not fit, or is text anyway. `digits` may be used to hold it.
inline std::string_view literal_of(const Item& item, std::span<char, 20> digits) {
  if (item.made) return item.text;
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

/// Almost every value: a text, on a line that is not cut.
inline bool is_uncut_text(const Item& item, std::size_t room) {
  return item.type == Type::kString && !item.shortened && room == kNoLimit;
}

/// Writes `item` as a JSON string in one step, if that is surely within its maximum and has room.
[[gnu::always_inline]] inline bool put_short_string(const Item& item, Sink& out) {
  const std::size_t most = 6 * item.text.size();
  if (most + 2 > out.room() || (item.max != 0 && most > item.max)) return false;
  char* const at = out.next();
  char* const end = write_json_text(item.text, at + 1);
  at[0] = '"';
  *end = '"';
  out.advance(static_cast<std::size_t>(end + 1 - at));
  return true;
}

inline std::string_view mark_of(const Item& item) {
  return item.shortened ? kCutMark : std::string_view();
}

/// Writes the value of `item` as JSON in at most `room` bytes.
///
/// returns  how much was written; nothing at all where not even a beginning has room.
inline Put put_json_value(const Item& item, std::size_t room, Sink& out) {
  if (is_uncut_text(item, room) && put_short_string(item, out)) return Put::kWhole;

  char digits[20];
  const std::string_view literal = literal_of(item, digits);
  if (!literal.empty()) return put_literal(literal, room, out);
  const Item fits = bounded(item);
  if (item.type == Type::kList) return put_json_list(fits, room, out);
  return put_json_string(fits.text, mark_of(fits), room, out);
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
    if (is_ascii && put_short_string(item, out)) return Put::kWhole;
  }

  char digits[20];
  const std::string_view literal = literal_of(item, digits);
  if (!literal.empty()) return put_literal(literal, room, out);

  if (!is_logfmt_bare(item.text)) {
    const Item fits = bounded(item);
    return put_json_string(fits.text, mark_of(fits), room, out);
  }
  const std::string_view mark = mark_of(item);
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

/// Most bytes of an id, in its quotes: what is longer is cut as declared fields are, and so is what
/// ids and numbers leave no room for.
constexpr std::size_t kWholeMax = 130;

/// What is known of each item of a record that must be cut.
struct Cutting {
  Cut cuts[kMaxItems];
  std::size_t lengths[kMaxItems];
  std::size_t limits[kMaxItems];
  std::size_t needs[kCuts] = {};  ///< of each class, for its keys and values
};

/// Bytes that the values of a class have at least, of the `room` that ids and numbers leave: what
/// the client sent a quarter, and the few bytes that name a method and a path; a message a quarter.
constexpr std::size_t guaranteed(Cut cut, std::size_t room) {
  constexpr std::size_t kMethodAndPath = 64;
  if (cut == Cut::kFirst) return std::max(room / 4, std::min(kMethodAndPath, room / 2));
  return cut == Cut::kMessage ? room / 4 : 0;
}

/// Measures the items, and tells which of them stay whole.
///
/// returns  the bytes of those, `used` counted.
inline std::size_t measure(const Format& format, std::span<const Item> items, std::size_t used,
                           std::span<char> buffer, Cutting& cutting) {
  // What was made here comes first, so that no text takes its room.
  for (const bool made : {true, false}) {
    for (std::size_t at = 0; at < items.size(); ++at) {
      const Item& item = items[at];
      if (item.text.empty() || static_cast<bool>(item.made) != made) continue;
      Sink out(buffer);
      format.put_value(item, kNoLimit, out);
      const std::size_t length = out.overflowed() ? buffer.size() : out.size();
      const std::size_t size = (item.key->*format.key).size() + length;
      const bool fits = length <= kWholeMax && used + size <= buffer.size() - buffer.size() / 8;
      const Cut cut = item.cut == Cut::kNever && !fits ? Cut::kLate : item.cut;
      cutting.cuts[at] = cut;
      cutting.lengths[at] = length;
      cutting.limits[at] = kNoLimit;
      (cut == Cut::kNever ? used : cutting.needs[static_cast<std::size_t>(cut)]) += size;
    }
  }
  return used;
}

/// Limits the values of one class, so that they and their keys have at most `room` bytes: the
/// longest are cut first, to a common length. From the first on, as many stay as have room for
/// their key and a few bytes of their value.
inline void limit_values(const Format& format, std::span<const Item> items, Cut cut,
                         std::size_t room, Cutting& cutting) {
  constexpr std::size_t kFewBytes = 8;
  std::size_t least = 0;
  std::size_t keys = 0;
  std::size_t sorted[kMaxItems];
  std::size_t count = 0;
  for (std::size_t at = 0; at < items.size(); ++at) {
    if (items[at].text.empty() || cutting.cuts[at] != cut) continue;
    const std::size_t key = (items[at].key->*format.key).size();
    const std::size_t wants = key + std::min(cutting.lengths[at], kFewBytes);
    if (wants > room - least) {
      cutting.limits[at] = 0;
      continue;
    }
    least += wants;
    keys += key;
    sorted[count++] = cutting.lengths[at];
  }
  const std::size_t limit = count == 0 ? 0 : common_limit({sorted, count}, room - keys);
  for (std::size_t at = 0; at < items.size(); ++at) {
    if (items[at].text.empty() || cutting.cuts[at] != cut || cutting.limits[at] == 0) continue;
    cutting.limits[at] = limit;
  }
}

/// Writes a record that encode_whole could not hold. Ids and numbers stay whole. Of the room that
/// they leave, what the client sent and a message have what is guaranteed() to them, so that no
/// fields can hide what happened. What is left is for the declared fields first, then for the
/// message, then for the client. The line says that it was cut.
///
/// items    at most kMaxItems.
/// buffer   kLineLimitLow - 1 bytes hold the ids and numbers of any line.
/// returns  the length.
inline std::size_t encode_cut(const Format& format, std::span<const Item> items,
                              std::span<char> buffer) {
  Cutting cutting;
  const std::size_t frame = format.open.size() + format.truncated.size() + format.close.size();
  const std::size_t used = measure(format, items, frame, buffer, cutting);
  const std::size_t room = buffer.size() > used ? buffer.size() - used : 0;

  std::size_t left = room;
  std::size_t shares[kCuts] = {};
  const auto give = [&](Cut cut, std::size_t most) {
    std::size_t& share = shares[static_cast<std::size_t>(cut)];
    const std::size_t needs = cutting.needs[static_cast<std::size_t>(cut)] - share;
    const std::size_t given = std::min({needs, most, left});
    share += given;
    left -= given;
  };
  for (Cut cut : {Cut::kFirst, Cut::kMessage}) give(cut, guaranteed(cut, room));
  for (Cut cut : {Cut::kLate, Cut::kMessage, Cut::kFirst}) give(cut, left);
  for (Cut cut : {Cut::kLate, Cut::kMessage, Cut::kFirst}) {
    const auto of = static_cast<std::size_t>(cut);
    if (shares[of] < cutting.needs[of]) limit_values(format, items, cut, shares[of], cutting);
  }

  Sink out(buffer.first(buffer.size() - format.truncated.size() - format.close.size()));
  put_items(format, items, {cutting.limits, items.size()}, out);
  Sink end(buffer.subspan(out.size()));
  end.put(out.size() == format.open.size() ? suffix(format.truncated, 1) : format.truncated);
  end.put(format.close);
  return out.size() + end.size();
}

/// Writes a record as one line, which is cut where it must be; see encode_whole and encode_cut.
inline std::size_t encode_line(const Format& format, std::span<const Item> items,
                               std::span<char> buffer) {
  const std::size_t size = encode_whole(format, items, buffer);
  return size != 0 ? size : encode_cut(format, items, buffer);
}

}  // namespace reqnotes
