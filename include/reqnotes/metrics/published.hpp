#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace reqnotes {

/// What one process makes known to all others, whole or not at all. It is written beside what is
/// there, so that a process that is killed while it writes spoils nothing.
template <class T>
struct Published {
  static_assert(std::is_trivially_copyable_v<T>);
  static constexpr std::size_t kWords = (sizeof(T) + 7) / 8;

  std::atomic<std::uint64_t> count;  ///< how often; 0 is never
  std::atomic<std::uint64_t> words[2][kWords];
};

/// Makes a value known. By one process at a time.
template <class T>
void publish(Published<T>& published, const T& value) {
  const std::uint64_t next = published.count.load(std::memory_order_relaxed) + 1;
  auto& words = published.words[next % 2];
  const auto* from = reinterpret_cast<const char*>(&value);
  for (std::size_t at = 0, left = sizeof(T); left != 0; ++at) {
    std::uint64_t word = 0;
    const std::size_t size = left < sizeof word ? left : sizeof word;
    std::memcpy(&word, from + at * sizeof word, size);
    words[at].store(word, std::memory_order_release);
    left -= size;
  }
  published.count.store(next, std::memory_order_release);
}

/// Takes the value that was made known last.
///
/// returns  false where there is none, or it changes all the time; `value` may then be anything.
template <class T>
bool take(const Published<T>& published, T& value) {
  constexpr unsigned kTries = 8;
  for (unsigned tries = 0; tries < kTries; ++tries) {
    const std::uint64_t count = published.count.load(std::memory_order_acquire);
    if (count == 0) return false;
    const auto& words = published.words[count % 2];
    auto* to = reinterpret_cast<char*>(&value);
    for (std::size_t at = 0, left = sizeof(T); left != 0; ++at) {
      const std::uint64_t word = words[at].load(std::memory_order_acquire);
      const std::size_t size = left < sizeof word ? left : sizeof word;
      std::memcpy(to + at * sizeof word, &word, size);
      left -= size;
    }
    // The next one is written elsewhere, and only the one behind that would be written here.
    if (published.count.load(std::memory_order_relaxed) == count) return true;
  }
  return false;
}

}  // namespace reqnotes
