#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>

#include "reqnotes/line/format.hpp"
#include "reqnotes/line/item.hpp"
#include "reqnotes/text/sink.hpp"

namespace reqnotes {

/// Writes the whole of a record as one line into `buffer`, without a newline.
///
/// returns  the length, or 0 when the buffer is too small.
inline std::size_t encode_whole(const Format& format, std::span<const Item> items,
                                std::span<char> buffer) {
  Sink out(buffer);
  out.put(format.open);
  for (const Item& item : items) {
    put_item(format, item, kNoLimit, out.size() == format.open.size(), out);
  }
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
constexpr std::size_t kMaxItems = 128;

/// Bytes of a line, its newline included. The default is Linux's PIPE_BUF, up to which a write to
/// a pipe is never mixed with another one; every id and number has room in the least.
constexpr std::size_t kLineLimit = 4096;
constexpr std::size_t kLineLimitLow = 512;
constexpr std::size_t kLineLimitHigh = 65536;

/// Most bytes of an id: what is longer is cut as declared fields are, and so is what ids and
/// numbers leave no room for.
constexpr std::size_t kWholeMax = 256;

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
      if (item.is_absent() || (item.form != Form::kText) != made) continue;
      Sink out(buffer);
      put_value(format, item, kNoLimit, out);
      const std::size_t length = out.overflowed() ? buffer.size() : out.size();
      const std::size_t size = name_size(format, item.name) + length;
      const bool fits =
          length <= kWholeMax + format.marks && used + size <= buffer.size() - buffer.size() / 8;
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
  const std::size_t few_bytes = 6 + format.marks;
  std::size_t least = 0;
  std::size_t keys = 0;
  std::size_t sorted[kMaxItems];
  std::size_t count = 0;
  for (std::size_t at = 0; at < items.size(); ++at) {
    if (items[at].is_absent() || cutting.cuts[at] != cut) continue;
    const std::size_t key = name_size(format, items[at].name);
    const std::size_t wants = key + std::min(cutting.lengths[at], few_bytes);
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
    if (items[at].is_absent() || cutting.cuts[at] != cut || cutting.limits[at] == 0) continue;
    cutting.limits[at] = limit;
  }
}

/// What stands at the end of a line that was cut.
constexpr Item truncated_item(const Format& format) {
  return {.name = format.truncated.name, .text = "true", .type = format.truncated.type};
}

constexpr std::size_t truncated_size(const Format& format) {
  return name_size(format, format.truncated.name) + truncated_item(format).text.size() +
         format.truncated_marks;
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
  const std::size_t frame = format.open.size() + truncated_size(format) + format.close.size();
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

  Sink out(buffer.first(buffer.size() - truncated_size(format) - format.close.size()));
  out.put(format.open);
  for (std::size_t at = 0; at < items.size(); ++at) {
    if (items[at].is_absent() || cutting.limits[at] == 0) continue;
    put_item(format, items[at], cutting.limits[at], out.size() == format.open.size(), out);
  }
  Sink end(buffer.subspan(out.size()));
  put_item(format, truncated_item(format), kNoLimit, out.size() == format.open.size(), end);
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
