#pragma once

#include <cstddef>
#include <string_view>

#include "reqnotes/line/format.hpp"
#include "reqnotes/line/item.hpp"
#include "reqnotes/text/httpd_text.hpp"
#include "reqnotes/text/sink.hpp"

namespace reqnotes {

/// Writes the value of `item` for a message of the error log: as it is, or in quotes where it has a
/// blank or `=`, or begins with a quote; in at most `room` bytes of what httpd makes of it.
///
/// returns  as Format::put_value.
inline Put put_message_value(const Item& item, std::size_t room, Sink& out) {
  char digits[kDecimalMax];
  const std::string_view literal = literal_of(item, digits);
  if (!literal.empty()) return put_literal(literal, room, out);
  const auto [text, mark] =
      bounded_for_httpd(item.text, item.shortened, item.max == 0 ? kNoLimit : item.max);
  const bool quoted = item.text.starts_with('"') || item.text.find_first_of(" =") != kNpos;
  const std::size_t quotes = quoted ? 2 : 0;
  if (room < quotes + 1) return Put::kNone;
  const std::size_t before = out.size();
  if (quoted) out.put('"');
  const std::size_t begin = out.size();
  // The closing quote has its room whatever comes.
  const bool whole = put_error_text(text, room - quotes, quoted, out) &&
                     put_error_text(mark, room - quotes - (out.size() - begin), quoted, out);
  if (out.size() == begin) {
    out.rewind(before);
    return Put::kNone;
  }
  if (quoted) out.put('"');
  return whole ? Put::kWhole : Put::kPart;
}

/// The text of a message: the names of logfmt, and values that httpd is still to escape.
constexpr Format kMessageText = {
    .word = "text",
    .naming = Naming::kOwn,
    .open = "",
    .close = "",
    .separator = " ",
    .before_name = "",
    .after_name = "=",
    .before_text = "",
    .after_text = "",
    .before_number = "",
    .after_number = "",
    .marks = 2,
    .truncated = kTruncated,
    .truncated_marks = 0,
    .put_short = [](std::string_view, char*, const char*, std::size_t) -> char* { return nullptr; },
    .put_value = put_message_value};

}  // namespace reqnotes
