#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "reqnotes/line/item.hpp"
#include "reqnotes/text/decimal.hpp"
#include "reqnotes/text/sink.hpp"
#include "reqnotes/text/time.hpp"

namespace reqnotes {

/// The room of a value that is not cut.
constexpr std::size_t kNoLimit = static_cast<std::size_t>(-1);

/// How much of a value was written.
enum class Put : std::uint8_t { kNone, kPart, kWhole };

/// How a record becomes a line.
struct Format {
  std::string_view word;  ///< what people call it
  Naming naming;
  std::string_view open;
  std::string_view close;
  std::string_view separator;    ///< between two items
  std::string_view before_name;  ///< around the name of an item
  std::string_view after_name;
  std::string_view before_text;  ///< around a text that needs no escape
  std::string_view after_text;
  std::string_view before_number;
  std::string_view after_number;
  std::size_t marks;            ///< most bytes that it puts around a plain text or a number
  Called truncated;             ///< what says `true` at the end of a line that was cut
  std::size_t truncated_marks;  ///< bytes around that `true`
  /// Writes a text in one step, if that surely has room: so nearly always. There is room for it
  /// as it is, and for `marks` more.
  ///
  /// end      of the room.
  /// max      most bytes that are written of the text, or 0; the text itself has no more.
  /// returns  what stands behind it, or null when it is another one.
  char* (*put_short)(std::string_view text, char* out, const char* end, std::size_t max);
  /// Writes a value, which is no time, in at most `room` bytes.
  ///
  /// returns  how much; nothing at all where not even a beginning has room.
  Put (*put_value)(const Item&, std::size_t room, Sink&);
};

// What follows is inlined where a format is known, which saves a third of a line's cost.

/// Bytes of a name with all that stands around it.
constexpr std::size_t name_size(const Format& format, std::string_view name) {
  return format.separator.size() + format.before_name.size() + name.size() +
         format.after_name.size();
}

[[gnu::always_inline]] inline void put_name(const Format& format, std::string_view name,
                                            bool is_first, Sink& out) {
  if (!is_first) out.put(format.separator);
  out.put(format.before_name);
  out.put(name);
  out.put(format.after_name);
}

/// Writes the value of any item; see Format::put_value.
[[gnu::always_inline]] inline Put put_value(const Format& format, const Item& item,
                                            std::size_t room, Sink& out) {
  if (item.form != Form::kTime && item.form != Form::kDigits) {
    return format.put_value(item, room, out);
  }
  static_assert(kDecimalMax <= kTimeSize);
  char text[kTimeSize];
  const bool is_time = item.form == Form::kTime;
  const char* const end = is_time ? put_time(item.number, text) : put_decimal(item.number, text);
  const std::string_view written(text, static_cast<std::size_t>(end - text));
  return format.put_value(text_item(item.name, written), room, out);
}

inline Put put_literal(std::string_view text, std::size_t room, Sink& out) {
  if (text.size() > room) return Put::kNone;
  out.put(text);
  return Put::kWhole;
}

/// Writes an item, with at most `room` bytes of its value; nothing of one that is absent.
inline void put_item(const Format& format, const Item& item, std::size_t room, bool is_first,
                     Sink& out) {
  if (item.is_absent()) return;
  const std::size_t before = out.size();
  put_name(format, item.name, is_first, out);
  if (put_value(format, item, room, out) == Put::kNone) out.rewind(before);
}

/// Writes a record as one line, as its values come. What is nearly always so, a text that needs no
/// escape and has room, is written by code that is inlined where the values come from.
template <const Format& kFormat>
class LineWriter {
 public:
  explicit LineWriter(std::span<char> buffer) : out_(buffer) { out_.put(kFormat.open); }

  [[gnu::always_inline]] void text(std::string_view name, std::string_view text, Cut) {
    if (text.empty() || put_short(name, text, 0)) return;
    put_other(text_item(name, text));
  }

  /// Digits that are not looked at: of an id that this module has made, or has looked at before.
  [[gnu::always_inline]] void hex(std::string_view name, std::string_view digits) {
    if (digits.empty()) return;
    if (!has_room(name, digits.size())) return put_other(text_item(name, digits));
    char* const at = copy(kFormat.before_text, put_name(name));
    go_on(copy(kFormat.separator, copy(kFormat.after_text, copy(digits, at))));
  }

  /// See Form::kLiteral.
  [[gnu::always_inline]] void literal(std::string_view name, std::string_view text) {
    if (!has_room(name, text.size())) return put_other(literal_item(name, text));
    go_on(copy(kFormat.separator, copy(text, put_name(name))));
  }

  [[gnu::always_inline]] void number(std::string_view name, std::int64_t value) {
    if (value == kNoNumber) return;
    if (!has_room(name, kDecimalMax)) return put_other(number_item(name, value));
    char* const at = copy(kFormat.before_number, put_name(name));
    go_on(copy(kFormat.separator, copy(kFormat.after_number, put_decimal(value, at))));
  }

  [[gnu::always_inline]] void digits(std::string_view name, std::int64_t value) {
    if (value == kNoNumber) return;
    if (!has_room(name, kDecimalMax)) return put_other(number_item(name, value, Form::kDigits));
    char* const at = copy(kFormat.before_text, put_name(name));
    go_on(copy(kFormat.separator, copy(kFormat.after_text, put_decimal(value, at))));
  }

  [[gnu::always_inline]] void time(std::string_view name, std::int64_t time) {
    if (!has_room(name, kTimeSize)) return put_other(time_item(name, time));
    char* const at = copy(kFormat.before_text, put_name(name));
    go_on(copy(kFormat.separator, copy(kFormat.after_text, put_time(time, at))));
  }

  /// The value of a declared field; see field_item.
  template <class Fact>
  [[gnu::always_inline]] void field(const Fact& fact) {
    const auto& field = *fact.field;
    const Called& called = field.called[static_cast<std::size_t>(kFormat.naming)];
    const bool is_usual = called.type == Type::kString && !fact.shortened;
    if (is_usual && put_short(called.name, fact.text, field.shown_max)) return;
    put_other(field_item(fact, kFormat.naming));
  }

  /// Ends the line.
  ///
  /// returns  its length, or 0 when the buffer was too small: a byte more than the line may be
  ///          needed, for the separator that is then taken back.
  [[gnu::always_inline]] std::size_t end() {
    if (out_.size() > kFormat.open.size()) out_.rewind(out_.size() - kFormat.separator.size());
    out_.put(kFormat.close);
    return out_.overflowed() ? 0 : out_.size();
  }

 private:
  /// Whether a value of at most `size` bytes has room, with all that stands around it. Where the
  /// line has overflowed, none has.
  [[nodiscard]] bool has_room(std::string_view name, std::size_t size) const {
    return name_size(kFormat, name) + size + kFormat.marks <= out_.room();
  }

  [[gnu::always_inline]] char* put_name(std::string_view name) {
    return copy(kFormat.after_name, copy(name, copy(kFormat.before_name, out_.next())));
  }

  [[gnu::always_inline]] bool put_short(std::string_view name, std::string_view text,
                                        std::size_t max) {
    if (!has_room(name, text.size())) return false;
    const char* const end = out_.next() + out_.room() - kFormat.separator.size();
    char* const behind = kFormat.put_short(text, put_name(name), end, max);
    if (!behind) return false;
    go_on(copy(kFormat.separator, behind));
    return true;
  }

  /// Stands by itself, and gets its arguments by value, so that what is inlined has its own state
  /// in registers. Null where there is no room.
  [[gnu::noinline]] static char* put_slowly(Item item, std::span<char> room) {
    Sink out(room);
    put_item(kFormat, item, kNoLimit, true, out);
    if (out.size() != 0) out.put(kFormat.separator);
    return out.overflowed() ? nullptr : out.next();
  }
  [[gnu::always_inline]] void put_other(const Item& item) {
    char* const behind = put_slowly(item, {out_.next(), out_.room()});
    if (!behind) return out_.overflow();
    go_on(behind);
  }

  [[gnu::always_inline]] void go_on(const char* behind) {
    out_.advance(static_cast<std::size_t>(behind - out_.next()));
  }

  Sink out_;
};

}  // namespace reqnotes
