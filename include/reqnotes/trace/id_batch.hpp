#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <span>

namespace reqnotes {

/// Random bytes for ids, drawn in batches so that a request costs no system call. One object
/// serves all threads of a process.
///
/// After a fork both processes would hand out the same bytes: the child must call reset().
/// `Size` bytes make one id; every byte is handed out once.
template <std::size_t Size, std::size_t Count = 128>
class IdBatch {
 public:
  /// Fills all of a buffer with random bytes; false when it could not.
  using Fill = bool (*)(std::span<unsigned char>) noexcept;

  /// Takes the bytes of one id.
  ///
  /// returns  false when there is no randomness; `out` is then all zero, which is no valid id.
  bool take(std::span<unsigned char, Size> out, Fill fill) noexcept {
    bool done = false;
    // A thread that finds another one here asks the kernel itself, rather than wait.
    if (busy_.test_and_set(std::memory_order_acquire)) {
      done = fill(out);
    } else {
      if (left_ == 0 && fill(bytes_)) left_ = Count;
      if (left_ != 0) {
        --left_;
        std::memcpy(out.data(), bytes_.data() + left_ * Size, Size);
        done = true;
      }
      busy_.clear(std::memory_order_release);
    }
    if (!done) std::memset(out.data(), 0, Size);
    return done;
  }

  /// Forgets what was drawn. Only while the process has one thread.
  void reset() noexcept {
    left_ = 0;
    busy_.clear();
  }

 private:
  std::atomic_flag busy_;
  std::size_t left_ = 0;
  std::array<unsigned char, Size * Count> bytes_{};
};

}  // namespace reqnotes
