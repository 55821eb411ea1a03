#pragma once

#include <string_view>

#include "reqnotes/line/format.hpp"
#include "reqnotes/line/item.hpp"
#include "reqnotes/line/json.hpp"
#include "reqnotes/text/scan.hpp"
#include "reqnotes/text/sink.hpp"
#include "reqnotes/text/slice.hpp"
#include "reqnotes/text/utf8.hpp"

namespace reqnotes {

/// What cannot stand in a bare logfmt value, or must be looked at; see copy_until.
constexpr auto kLogfmtOdd = [](auto c) {
  return (c <= 0x20) | (c == '"') | (c == '=') | (c == 0x7F);
};

/// Whether `text` can stand in logfmt without quotes: valid UTF-8 without blanks, `=`, `"` and
/// control characters, and not the word `null`, which readers take for an absent value.
/// Everything else is written as a JSON string, which is what logfmt readers unquote.
inline bool is_logfmt_bare(std::string_view text) {
  if (text == "null") return false;
  for (;;) {
    text.remove_prefix(find_odd(text, kLogfmtOdd));
    while (text.size() >= 3 && usual_character(text.data()) != 0) {
      text.remove_prefix(usual_character(text.data()));
    }
    if (text.empty()) return true;
    if (static_cast<signed char>(text[0]) >= 0) {
      if (kLogfmtOdd(text[0])) return false;
      continue;
    }
    const Utf8Step step = utf8_step(text);
    if (!step.valid || is_c1(text)) return false;
    text.remove_prefix(step.length);
  }
}

/// See Format::put_short. A blank or such is the usual reason for quotes.
[[gnu::noinline]] inline char* put_short_logfmt(std::string_view text, char* out, const char* end,
                                                std::size_t max) {
  const std::size_t bare = copy_until(text, kLogfmtOdd, out);
  if (bare == text.size()) return text != "null" ? out + bare : nullptr;
  const bool is_ascii = static_cast<signed char>(text[bare]) >= 0;
  return is_ascii ? put_short_json(text, out, end, max) : nullptr;
}

/// The value of `item`, in quotes where it must have them; see is_logfmt_bare.
inline Put put_logfmt_value(const Item& item, std::size_t room, Sink& out) {
  char digits[kDecimalMax];
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

constexpr Format kLogfmt = {.word = "logfmt",
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
                            .put_short = put_short_logfmt,
                            .put_value = put_logfmt_value};

}  // namespace reqnotes
