#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace reqnotes {

/// One request out of many.
struct Exemplar {
  std::array<char, 32> trace_id;
  std::int64_t duration_us;
  std::int64_t time_us;  ///< since 1970
};

/// Holds an exemplar that other threads and processes replace. Nobody waits: who meets another one
/// that writes leaves what there is, and who reads gets nothing after a few tries.
struct ExemplarSlot {
  static constexpr std::size_t kWords = sizeof(Exemplar) / sizeof(std::uint64_t);
  using Words = std::array<std::uint64_t, kWords>;

  /// The process that writes in the upper half, the count of writes in the lower one.
  std::atomic<std::uint64_t> lock;
  std::atomic<std::uint64_t> words[kWords];

  [[nodiscard]] std::int64_t word(std::size_t at) const {
    return static_cast<std::int64_t>(words[at].load(std::memory_order_relaxed));
  }
};
static_assert(sizeof(Exemplar) == ExemplarSlot::kWords * sizeof(std::uint64_t));

constexpr unsigned kExemplarOwner = 32;

/// What a lock becomes when it is given back.
constexpr std::uint64_t next_write(std::uint64_t lock) {
  return static_cast<std::uint32_t>(lock) + 1U;
}

/// Where a process may be killed, for tests.
using InExemplar = void (*)();
inline void write_on() {}

/// Replaces the exemplar, unless another one does at the same time.
///
/// self  this process's ID, not 0, so that clear_dead_exemplar knows when it died here.
template <InExemplar kInside = write_on>
void put_exemplar(ExemplarSlot& slot, std::uint32_t self, const Exemplar& exemplar) {
  std::uint64_t lock = slot.lock.load(std::memory_order_relaxed);
  if (lock >> kExemplarOwner != 0) return;
  const std::uint64_t locked = std::uint64_t{self} << kExemplarOwner | lock;
  if (!slot.lock.compare_exchange_strong(lock, locked, std::memory_order_acquire)) return;
  const auto words = std::bit_cast<ExemplarSlot::Words>(exemplar);
  // Who reads one of these words sees the lock too. A fence would do it as well, but TSan knows
  // none.
  for (std::size_t at = 0; at < words.size(); ++at) {
    slot.words[at].store(words[at], std::memory_order_release);
    if (at == words.size() / 2) kInside();
  }
  slot.lock.store(next_write(lock), std::memory_order_release);
}

/// Whether the exemplar of the slowest is to be replaced: by a slower one, or where it is
/// older than a minute, as one slow request must not stand for all that follow.
inline bool is_slowest(const ExemplarSlot& slot, std::int64_t duration_us, std::int64_t time_us) {
  constexpr std::uint64_t kOld = 60'000'000;
  const auto age = static_cast<std::uint64_t>(time_us) -
                   static_cast<std::uint64_t>(slot.word(5));  // huge where the clock was set back
  return duration_us > slot.word(4) || age > kOld;
}

/// A whole exemplar; nothing where there is none, or it is replaced all the time.
inline std::optional<Exemplar> read_exemplar(const ExemplarSlot& slot) {
  constexpr unsigned kTries = 8;
  for (unsigned tries = 0; tries < kTries; ++tries) {
    const std::uint64_t before = slot.lock.load(std::memory_order_acquire);
    if (before >> kExemplarOwner != 0) continue;
    ExemplarSlot::Words words;
    for (std::size_t at = 0; at < words.size(); ++at) {
      words[at] = slot.words[at].load(std::memory_order_acquire);
    }
    if (slot.lock.load(std::memory_order_relaxed) != before) continue;
    const auto exemplar = std::bit_cast<Exemplar>(words);
    if (exemplar.trace_id[0] == '\0') break;  // nothing was ever written
    return exemplar;
  }
  return std::nullopt;
}

/// Makes a slot empty whose process died while it wrote. By one process only.
template <class IsAlive>
void clear_dead_exemplar(ExemplarSlot& slot, IsAlive is_alive) {
  const std::uint64_t lock = slot.lock.load(std::memory_order_relaxed);
  const auto owner = static_cast<std::uint32_t>(lock >> kExemplarOwner);
  if (owner == 0 || is_alive(owner)) return;
  for (auto& word : slot.words) word.store(0, std::memory_order_release);
  slot.lock.store(next_write(lock), std::memory_order_release);
}

}  // namespace reqnotes
