#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>

namespace reqnotes {

/// Copies Size to 2 * Size bytes as their first and their last Size.
template <std::size_t Size>
[[gnu::always_inline]] inline void copy_ends(std::string_view text, char* out) {
  char first[Size];
  char last[Size];
  const std::size_t behind = text.size() - Size;
  std::memcpy(first, text.data(), Size);
  std::memcpy(last, text.data() + behind, Size);
  std::memcpy(out, first, Size);
  std::memcpy(out + behind, last, Size);
}

/// Copies `text`; most are short, and a call of memcpy costs more than copying them.
///
/// returns  what stands behind the copy.
[[gnu::always_inline]] inline char* copy(std::string_view text, char* out) {
  const std::size_t size = text.size();
  if (size < 4) {
    for (std::size_t at = 0; at < size; ++at) out[at] = text[at];
  } else if (size < 8) {
    copy_ends<4>(text, out);
  } else if (size <= 16) {
    copy_ends<8>(text, out);
  } else if (size <= 32) {
    copy_ends<16>(text, out);
  } else {
    std::memcpy(out, text.data(), size);
  }
  return out + size;
}

/// The same, with a NUL behind it.
[[gnu::always_inline]] inline void copy_text(std::string_view text, char* out) {
  *copy(text, out) = '\0';
}

/// Bounded writing into a caller's buffer: the only way text is produced.
///
/// What does not fit is not written, and from then on the sink has overflowed: later writes are
/// dropped too, so that what stands in the buffer is always a true beginning.
class Sink {
 public:
  explicit Sink(std::span<char> buffer)
      : begin_(buffer.data()), at_(buffer.data()), end_(buffer.data() + buffer.size()) {}

  void put(char c) {
    if (at_ == end_) return overflow();
    *at_++ = c;
  }

  [[gnu::always_inline]] void put(std::string_view text) {
    if (text.size() > room()) return overflow();
    at_ = copy(text, at_);
  }

  /// Where the next bytes will stand, for room() of them; advance() tells how many were written.
  [[nodiscard]] char* next() const { return at_; }
  void advance(std::size_t size) { at_ += size; }

  /// Bytes that can still be written.
  [[nodiscard]] std::size_t room() const { return static_cast<std::size_t>(end_ - at_); }
  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(at_ - begin_); }
  [[nodiscard]] std::string_view written() const { return {begin_, size()}; }
  [[nodiscard]] bool overflowed() const { return overflowed_; }

  /// Takes back everything after the first `size` bytes, but not an overflow.
  void rewind(std::size_t size) {
    at_ = begin_ + size;
    if (overflowed_) end_ = at_;
  }

  /// Says that something had no room.
  void overflow() {
    overflowed_ = true;
    end_ = at_;
  }

 private:
  char* begin_;
  char* at_;
  char* end_;
  bool overflowed_ = false;
};

}  // namespace reqnotes
