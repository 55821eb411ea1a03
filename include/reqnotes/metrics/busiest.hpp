#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <optional>
#include <span>
#include <string_view>

#include "reqnotes/metrics/key_hash.hpp"
#include "reqnotes/text/sink.hpp"
#include "reqnotes/text/utf8.hpp"

namespace reqnotes {

// The busiest keys right now, by whatever a request weighs: 1, or its duration. A table ranks by
// one of them. What was added is worth half after a minute. Nothing is multiplied for that when
// time goes on: instead, what comes later is worth more, twice as much each minute, and who reads
// divides.

/// Keys of a set; a key has its place in one set only.
constexpr std::size_t kBusiestWays = 8;
/// Most bytes of a key; what is longer is cut at a character.
constexpr std::size_t kBusiestKeyMax = 64;
constexpr std::uint32_t kBusiestKeysMin = 64;
constexpr std::uint32_t kBusiestKeysMax = 65'536;

/// What a steady second adds up to: a weight of w each second becomes w * kBusiestSteady.
constexpr double kBusiestSteady = 60 / 0.6931471805599453;

/// A set of keys, whose weights are of the minute `base`. All is of who has the lock.
struct BusiestSet {
  std::atomic<std::uint32_t> lock;  ///< the ID of a process, or 0
  std::int32_t base;
  std::uint64_t hashes[kBusiestWays];
  double weights[kBusiestWays];
  /// What of a weight may be of other keys, which had the place before.
  double errors[kBusiestWays];
  std::uint8_t sizes[kBusiestWays];
  char texts[kBusiestWays][kBusiestKeyMax];
};

struct alignas(64) BusiestHeader {
  static constexpr std::uint64_t kMagic = 0x7265716E6F746562;
  static constexpr std::uint64_t kVersion = 1;

  std::uint64_t magic;
  std::uint64_t version;
  std::uint64_t key;  ///< of all that decides what is counted
  std::uint64_t sets;
  HashSeed seed;
  std::atomic<std::uint64_t> skipped;  ///< requests that found a set busy
};

struct BusiestShape {
  std::uint64_t key;
  std::uint32_t keys;  ///< kBusiestKeysMin to kBusiestKeysMax; rounded up to whole sets
};

constexpr std::uint64_t busiest_sets(const BusiestShape& shape) {
  return (shape.keys + kBusiestWays - 1) / kBusiestWays;
}

/// Bytes of a set: whole cache lines, as two processes write into two of them.
constexpr std::size_t kBusiestSetBytes = (sizeof(BusiestSet) + 63) / 64 * 64;

/// Bytes of memory for a table, whatever its alignment.
constexpr std::size_t busiest_bytes(const BusiestShape& shape) {
  return sizeof(BusiestHeader) + busiest_sets(shape) * kBusiestSetBytes + 63;
}

/// A process's view of a table. It has pointers only, and may be copied.
struct BusiestTable {
  BusiestHeader* header;
  char* first;
  std::uint64_t sets;
  HashSeed seed;
  std::uint32_t self;  ///< this process's ID; set it again after a fork

  [[nodiscard]] BusiestSet& set(std::uint64_t number) const {
    return *std::launder(reinterpret_cast<BusiestSet*>(first + number * kBusiestSetBytes));
  }
};

inline BusiestTable view_of_busiest(std::span<std::byte> memory, const BusiestShape& shape,
                                    std::uint32_t self) {
  const auto base = reinterpret_cast<std::uintptr_t>(memory.data());
  char* const at = reinterpret_cast<char*>(memory.data()) + ((base + 63) / 64 * 64 - base);
  return {.header = reinterpret_cast<BusiestHeader*>(at),
          .first = at + sizeof(BusiestHeader),
          .sets = busiest_sets(shape),
          .seed = {},
          .self = self};
}

/// Makes a table, before any other process looks at the memory, whatever is there; see
/// create_series.
inline BusiestTable create_busiest(std::span<std::byte> memory, const BusiestShape& shape,
                                   HashSeed seed, std::uint32_t self) {
  BusiestTable table = view_of_busiest(memory, shape, self);
  table.seed = seed;
  new (table.header) BusiestHeader{.magic = BusiestHeader::kMagic,
                                   .version = BusiestHeader::kVersion,
                                   .key = shape.key,
                                   .sets = table.sets,
                                   .seed = seed,
                                   .skipped = 0};
  for (std::uint64_t number = 0; number < table.sets; ++number) {
    new (table.first + number * kBusiestSetBytes) BusiestSet{};
  }
  return table;
}

/// The table that was made in the memory, or nothing where it is another one.
inline std::optional<BusiestTable> find_busiest_table(std::span<std::byte> memory,
                                                      const BusiestShape& shape,
                                                      std::uint32_t self) {
  if (memory.size() < busiest_bytes(shape)) return std::nullopt;
  BusiestTable table = view_of_busiest(memory, shape, self);
  const BusiestHeader& header = *table.header;
  if (header.magic != BusiestHeader::kMagic || header.version != BusiestHeader::kVersion ||
      header.key != shape.key || header.sets != table.sets) {
    return std::nullopt;
  }
  table.seed = header.seed;
  return table;
}

/// Holds a set, or does not; nobody waits for one.
class BusiestLock {
 public:
  BusiestLock(BusiestSet& set, std::uint32_t self) : set_(set) {
    std::uint32_t nobody = 0;
    held_ = set_.lock.load(std::memory_order_relaxed) == 0 &&
            set_.lock.compare_exchange_strong(nobody, self, std::memory_order_acquire);
  }
  BusiestLock(const BusiestLock&) = delete;
  BusiestLock& operator=(const BusiestLock&) = delete;
  ~BusiestLock() {
    if (held_) set_.lock.store(0, std::memory_order_release);
  }
  explicit operator bool() const { return held_; }

 private:
  BusiestSet& set_;
  bool held_;
};

/// 2^(second/60) for each second of a minute.
constexpr auto kBusiestGrowth = [] {
  constexpr double kOfSecond = 1.0116194403019225;
  std::array<double, 60> growth{};
  double value = 1;
  for (double& of_second : growth) {
    of_second = value;
    value *= kOfSecond;
  }
  return growth;
}();

/// 2^minutes, which are within what a double has.
constexpr double busiest_power(std::int32_t minutes) {
  return std::bit_cast<double>(static_cast<std::uint64_t>(minutes + 1023) << 52);
}

/// Minutes that a set can go on before its weights are made small again.
constexpr std::uint32_t kBusiestMinutes = 512;

/// Makes the weights of a set those of another minute. Where the clock was set back they stay.
[[gnu::noinline]] inline void rebase_busiest(BusiestSet& set, std::int32_t minute) {
  const auto ahead = std::int64_t{minute} - set.base;
  const double factor = ahead < 0      ? 1
                        : ahead > 1022 ? 0
                                       : busiest_power(-static_cast<std::int32_t>(ahead));
  for (std::size_t way = 0; way < kBusiestWays; ++way) {
    set.weights[way] *= factor;
    set.errors[way] *= factor;
  }
  set.base = minute;
}

/// A moment, as weights know it.
struct BusiestTime {
  std::int32_t minute;
  double growth;

  /// seconds  since 1970
  explicit BusiestTime(std::uint32_t seconds)
      : minute(static_cast<std::int32_t>(seconds / 60)), growth(kBusiestGrowth[seconds % 60]) {}
  /// What a weight of 1 is worth in a set now; the set's lock is held.
  [[nodiscard]] double worth(BusiestSet& set) const {
    if (static_cast<std::uint32_t>(minute) - static_cast<std::uint32_t>(set.base) >=
        kBusiestMinutes) {
      rebase_busiest(set, minute);
    }
    return growth * busiest_power(minute - set.base);
  }
};

/// Takes the place of the key that weighs least. Its weight stays, as an error: the key may have
/// been here before.
[[gnu::noinline]] inline void replace_busiest(BusiestSet& set, std::string_view key,
                                              std::uint64_t hash, double weight) {
  const auto way = static_cast<std::size_t>(
      std::min_element(set.weights, set.weights + kBusiestWays) - set.weights);
  set.errors[way] = set.weights[way];
  set.weights[way] += weight;
  set.hashes[way] = hash;
  set.sizes[way] = static_cast<std::uint8_t>(key.size());
  copy(key, set.texts[way]);
}

/// Where a process may be killed, for tests.
inline void stay_alive() {}

/// Counts a request of a key.
///
/// key     valid UTF-8; it is cut to kBusiestKeyMax bytes.
/// weight  1, or microseconds of worker time; a negative one is none.
/// now     seconds since 1970.
template <void (*kInside)() = stay_alive>
void add_busiest(const BusiestTable& table, std::string_view key, std::int64_t weight,
                 std::uint32_t now) {
  if (key.size() > kBusiestKeyMax) key = cut_utf8(key, kBusiestKeyMax);
  // 0 is a place that is empty.
  const std::uint64_t hash = hash_text(table.seed, table.seed.first, key) | 1;
  BusiestSet& set = table.set((hash >> 32) * table.sets >> 32);
  const BusiestLock lock(set, table.self);
  if (!lock) {
    table.header->skipped.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  const double worth =
      static_cast<double>(std::max<std::int64_t>(weight, 0)) * BusiestTime(now).worth(set);
  for (std::size_t way = 0; way < kBusiestWays; ++way) {
    if (set.hashes[way] != hash) continue;
    set.weights[way] += worth;
    kInside();
    return;
  }
  replace_busiest(set, key, hash, worth);
  kInside();
}

/// A key of the list.
struct BusiestRow {
  double weight;  ///< it weighs at most this
  double error;   ///< and at least this less
  std::uint8_t size;
  char text[kBusiestKeyMax];

  [[nodiscard]] double certain() const { return weight - error; }
  [[nodiscard]] std::string_view key() const { return {text, size}; }
};

/// Finds the busiest keys, by what is certain, the first one first.
///
/// rows     room for them.
/// returns  how many there are. A set that is busy again and again is left out.
inline std::size_t read_busiest(const BusiestTable& table, std::uint32_t now,
                                std::span<BusiestRow> rows) {
  constexpr unsigned kTries = 8;
  const BusiestTime time(now);
  std::size_t count = 0;
  const auto take = [&](const BusiestSet& set, std::size_t way, double worth) {
    BusiestRow row = {.weight = set.weights[way] / worth,
                      .error = set.errors[way] / worth,
                      .size = set.sizes[way],
                      .text = {}};
    if (row.certain() <= 0) return;
    const auto place = std::upper_bound(
        rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(count), row,
        [](const BusiestRow& a, const BusiestRow& b) { return a.certain() > b.certain(); });
    if (place == rows.end()) return;
    std::memcpy(row.text, set.texts[way], sizeof row.text);
    count = std::min(count + 1, rows.size());
    std::move_backward(place, rows.begin() + static_cast<std::ptrdiff_t>(count) - 1,
                       rows.begin() + static_cast<std::ptrdiff_t>(count));
    *place = row;
  };
  for (std::uint64_t number = 0; number < table.sets; ++number) {
    BusiestSet& set = table.set(number);
    for (unsigned tries = 0; tries < kTries; ++tries) {
      const BusiestLock lock(set, table.self);
      if (!lock) continue;
      const double worth = time.worth(set);
      for (std::size_t way = 0; way < kBusiestWays; ++way) take(set, way, worth);
      break;
    }
  }
  return count;
}

/// Empties the sets of processes that died inside. By one process only.
///
/// is_alive  tells whether there is a process with this ID.
template <class IsAlive>
void maintain_busiest(const BusiestTable& table, IsAlive is_alive) {
  for (std::uint64_t number = 0; number < table.sets; ++number) {
    BusiestSet& set = table.set(number);
    const std::uint32_t owner = set.lock.load(std::memory_order_acquire);
    if (owner == 0 || is_alive(owner)) continue;
    std::fill_n(set.hashes, kBusiestWays, 0);
    std::fill_n(set.weights, kBusiestWays, 0);
    std::fill_n(set.errors, kBusiestWays, 0);
    set.lock.store(0, std::memory_order_release);
  }
}

}  // namespace reqnotes
