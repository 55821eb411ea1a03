#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "reqnotes/line/item.hpp"
#include "reqnotes/text/sink.hpp"
#include "reqnotes/text/time.hpp"

namespace reqnotes {

/// Most bytes that a format puts around a plain text.
constexpr std::size_t kMarks = 2;

/// The room of a value that is not cut.
constexpr std::size_t kNoLimit = static_cast<std::size_t>(-1);

/// How much of a value was written.
enum class Put : std::uint8_t { kNone, kPart, kWhole };

/// How a record becomes a line.
struct Format {
  std::string_view word;  ///< what people call it
  std::string_view open;
  std::string_view close;
  std::string_view separator;    ///< between two items
  std::string_view before_name;  ///< around the name of an item
  std::string_view after_name;
  /// Writes a text in one step, if it needs no escape: most values are such. There is room for it
  /// and kMarks more.
  ///
  /// returns  the bytes that were written, or 0 when it is another one.
  std::size_t (*put_plain)(std::string_view text, char* out);
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
  if (item.form != Form::kTime) return format.put_value(item, room, out);
  char text[kTimeSize];
  put_time(item.number, text);
  return format.put_value(text_item(item.name, {text, sizeof text}), room, out);
}

inline Put put_literal(std::string_view text, std::size_t room, Sink& out) {
  if (text.size() > room) return Put::kNone;
  out.put(text);
  return Put::kWhole;
}

/// Writes an item that is not cut; nothing of one that is absent.
inline void put_item(const Format& format, const Item& item, bool is_first, Sink& out) {
  if (item.is_absent()) return;
  const std::size_t before = out.size();
  put_name(format, item.name, is_first, out);
  if (put_value(format, item, kNoLimit, out) == Put::kNone) out.rewind(before);
}

/// Writes a record as one line, as its values come. What is nearly always so, a text that needs no
/// escape and has room, is written by code that is inlined where the values come from.
template <const Format& kFormat>
class LineWriter {
 public:
  explicit LineWriter(std::span<char> buffer)
      : begin_(buffer.data()), at_(buffer.data()), end_(buffer.data() + buffer.size()) {
    if (buffer.size() < kFormat.open.size()) {
      overflow();
    } else {
      at_ = copy(kFormat.open, at_);
    }
  }

  [[gnu::always_inline]] void text(std::string_view name, std::string_view text, Cut) {
    if (text.empty() || put_plain(name, text)) return;
    put_other(text_item(name, text));
  }

  [[gnu::always_inline]] void number(std::string_view name, std::int64_t value) {
    if (!has_room(name_size(kFormat, name) + kDigitsMax))
      return put_other(number_item(name, value));
    char* const at = put_name(name);
    at_ = std::to_chars(at, end_, value).ptr;
  }

  [[gnu::always_inline]] void time(std::string_view name, std::int64_t time) {
    char text[kTimeSize];
    put_time(time, text);
    this->text(name, {text, sizeof text}, Cut::kNever);
  }

  [[gnu::always_inline]] void item(const Item& item) {
    const bool is_text = item.type == Type::kString && !item.shortened;
    if (!is_text || !put_plain(item.name, item.text)) put_other(item);
  }

  /// Ends the line.
  ///
  /// returns  its length, or 0 when the buffer was too small.
  [[gnu::always_inline]] std::size_t end() {
    if (!has_room(kFormat.close.size())) return 0;
    at_ = copy(kFormat.close, at_);
    return static_cast<std::size_t>(at_ - begin_);
  }

 private:
  [[nodiscard]] bool has_room(std::size_t size) const {
    return size <= static_cast<std::size_t>(end_ - at_) && !overflowed_;
  }
  [[nodiscard]] bool is_first() const { return at_ == begin_ + kFormat.open.size(); }

  [[gnu::always_inline]] char* put_name(std::string_view name) {
    char* at = is_first() ? at_ : copy(kFormat.separator, at_);
    return copy(kFormat.after_name, copy(name, copy(kFormat.before_name, at)));
  }

  [[gnu::always_inline]] bool put_plain(std::string_view name, std::string_view text) {
    if (!has_room(name_size(kFormat, name) + text.size() + kMarks)) return false;
    char* const at = put_name(name);
    const std::size_t size = kFormat.put_plain(text, at);
    if (size != 0) at_ = at + size;
    return size != 0;
  }

  /// By itself and by value, so that what is inlined has its own state in registers.
  [[gnu::noinline]] static char* put_slowly(Item item, bool is_first, char* at, char* end) {
    Sink out({at, end});
    put_item(kFormat, item, is_first, out);
    return out.overflowed() ? nullptr : out.next();
  }
  [[gnu::always_inline]] void put_other(const Item& item) {
    char* const at = put_slowly(item, is_first(), at_, end_);
    if (!at) return overflow();
    at_ = at;
  }

  void overflow() {
    overflowed_ = true;
    end_ = at_;
  }

  char* begin_;
  char* at_;
  char* end_;
  bool overflowed_ = false;
};

}  // namespace reqnotes
