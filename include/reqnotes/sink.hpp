#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>

namespace reqnotes {

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

  void put(std::string_view text) {
    if (text.size() > room()) return overflow();
    if (text.empty()) return;  // memcpy may not be given a null pointer
    std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }

  /// Bytes that can still be written.
  [[nodiscard]] std::size_t room() const { return static_cast<std::size_t>(end_ - at_); }
  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(at_ - begin_); }
  [[nodiscard]] std::string_view written() const { return {begin_, size()}; }
  [[nodiscard]] bool overflowed() const { return overflowed_; }

  /// Takes back everything after the first `size` bytes.
  void rewind(std::size_t size) { at_ = begin_ + size; }

 private:
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
