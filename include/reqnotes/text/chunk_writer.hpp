#pragma once

#include <charconv>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "reqnotes/text/slice.hpp"

namespace reqnotes {

/// Writes a text of any length in chunks.
class ChunkWriter {
 public:
  /// Gets a chunk, which is valid during the call.
  using Take = void (*)(void* to, std::string_view chunk);

  /// buffer  for one chunk, not empty.
  ChunkWriter(std::span<char> buffer, Take take, void* to)
      : buffer_(buffer), take_(take), to_(to) {}

  void put(std::string_view text) {
    while (!text.empty()) {
      if (size_ == buffer_.size()) flush();
      const std::string_view fits = prefix(text, buffer_.size() - size_);
      std::memcpy(buffer_.data() + size_, fits.data(), fits.size());
      size_ += fits.size();
      text.remove_prefix(fits.size());
    }
  }

  void put_count(std::uint64_t count) {
    char digits[20];
    put({digits, static_cast<std::size_t>(std::to_chars(digits, digits + sizeof digits, count).ptr -
                                          digits)});
  }

  void flush() {
    if (size_ != 0) take_(to_, {buffer_.data(), size_});
    size_ = 0;
  }

 private:
  std::span<char> buffer_;
  Take take_;
  void* to_;
  std::size_t size_ = 0;
};

}  // namespace reqnotes
