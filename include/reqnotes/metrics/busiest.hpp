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

// The busiest keys right now, by requests and by worker time. A key has one place for both, as a
// second table would cost a second look-up: it keeps it by what its requests and their time weigh
// together. What was added is worth half after a minute. Nothing is multiplied for that when time
// goes on: instead, what comes later is worth more, twice as much each minute, and who reads
// divides.

/// Keys of a set; a key has its place in one set only.
constexpr std::size_t kBusiestWays = 8;
/// Most bytes of a key; what is longer is cut at a character.
constexpr std::size_t kBusiestKeyMax = 64;
constexpr std::uint32_t kBusiestKeysMin = 64;
constexpr std::uint32_t kBusiestKeysMax = 65'536;

/// What a steady second adds up to: a weight of w each second becomes w * kBusiestSteady.
constexpr double kBusiestSteady = 60 / 0.6931471805599453;

/// What was counted of a key since it took its place.
struct BusiestCounts {
  double requests;
  double failed;
  double time_us;
  /// What the key before weighed: this one may have been here, and had to go, with no more.
  double error;
};

/// A set of keys, whose counts are of the minute `base`. All is of who has the lock.
struct BusiestSet {
  std::atomic<std::uint32_t> lock;  ///< the ID of a process, or 0
  std::int32_t base;
  // Not side by side, as g++ then makes one addition of two, which costs more than it saves.
  double requests;  ///< of all keys, also those that had to go
  std::uint8_t sizes[kBusiestWays];
  double time_us;
  std::uint64_t hashes[kBusiestWays];
  /// Who weighs least has to go. A request weighs 1, and once more where it takes the mean time.
  /// It is the mean of then: so no weight falls when the mean does, and errors stay true.
  double weights[kBusiestWays];
  BusiestCounts counts[kBusiestWays];
  char texts[kBusiestWays][kBusiestKeyMax];

  /// Of a request; at least 1, as requests that take no time must not divide.
  [[nodiscard]] double mean_us() const { return time_us > requests ? time_us / requests : 1; }
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
static_assert(kBusiestSetBytes <= kBusiestWays * 128);

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
    held_ = set_.lock.compare_exchange_strong(nobody, self, std::memory_order_acquire);
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

/// Minutes that a set can go on before its counts are made small again.
constexpr std::uint32_t kBusiestMinutes = 512;
/// Requests of a set that are none any more.
constexpr double kBusiestNothing = 1e-9;

/// Makes the counts of a set those of another minute. Where the clock was set back they stay.
[[gnu::cold, gnu::noinline]] inline void rebase_busiest(BusiestSet& set, std::int32_t minute) {
  const auto ahead = std::int64_t{minute} - set.base;
  double factor = ahead < 0      ? 1
                  : ahead > 1022 ? 0
                                 : busiest_power(-static_cast<std::int32_t>(ahead));
  // Before numbers get too small to divide, nothing is left of them.
  if (set.requests * factor < kBusiestNothing) factor = 0;
  set.requests *= factor;
  set.time_us *= factor;
  for (double& weight : set.weights) weight *= factor;
  for (BusiestCounts& counts : set.counts) {
    counts.requests *= factor;
    counts.failed *= factor;
    counts.time_us *= factor;
    counts.error *= factor;
  }
  set.base = minute;
}

/// A moment, as counts know it.
struct BusiestTime {
  std::int32_t minute;
  double growth;

  /// seconds  since 1970
  explicit BusiestTime(std::uint32_t seconds)
      : minute(static_cast<std::int32_t>(seconds / 60)), growth(kBusiestGrowth[seconds % 60]) {}
  /// What a request is worth in a set now; the set's lock is held.
  [[nodiscard]] double worth(BusiestSet& set) const {
    std::uint32_t ahead = static_cast<std::uint32_t>(minute) - static_cast<std::uint32_t>(set.base);
    if (ahead >= kBusiestMinutes) {
      rebase_busiest(set, minute);
      ahead = 0;
    }
    return growth * busiest_power(static_cast<std::int32_t>(ahead));
  }
};

/// A key's place in its set, or kBusiestWays.
inline std::size_t way_of_busiest(const BusiestSet& set, std::uint64_t hash) {
  std::size_t way = 0;
#pragma GCC unroll 8
  for (; way < kBusiestWays; ++way) {
    if (set.hashes[way] == hash) break;
  }
  return way;
}

/// Takes the place of the key that weighs least, and returns its number.
[[gnu::always_inline]] inline std::size_t replace_busiest(BusiestSet& set, std::string_view key,
                                                          std::uint64_t hash) {
  std::size_t way = 0;
  double least = set.weights[0];
#pragma GCC unroll 8
  for (std::size_t other = 1; other < kBusiestWays; ++other) {
    if (set.weights[other] >= least) continue;
    least = set.weights[other];
    way = other;
  }
  set.counts[way] = {.requests = 0, .failed = 0, .time_us = 0, .error = least};
  set.hashes[way] = hash;
  set.sizes[way] = static_cast<std::uint8_t>(key.size());
  copy(key, set.texts[way]);
  return way;
}

/// Where a process may be killed, for tests.
inline void stay_alive() {}

/// A request, as all lists count it.
struct BusiestRequest {
  BusiestTime time;
  double duration_us;
  bool failed;

  /// duration  worker time in microseconds; a negative one is none.
  /// now_s     since 1970.
  BusiestRequest(std::int64_t duration, bool has_failed, std::uint32_t now_s)
      : time(now_s),
        duration_us(static_cast<double>(std::max<std::int64_t>(duration, 0))),
        failed(has_failed) {}
};

/// Counts a request of a key.
///
/// key  valid UTF-8; it is cut to kBusiestKeyMax bytes.
template <void (*kInside)() = stay_alive>
void add_busiest(const BusiestTable& table, std::string_view key, const BusiestRequest& request) {
  if (key.size() > kBusiestKeyMax) key = cut_utf8(key, kBusiestKeyMax);
  // 0 is a place that is empty.
  const std::uint64_t hash = hash_text(table.seed, table.seed.first, key) | 1;
  BusiestSet& set = table.set((hash >> 32) * table.sets >> 32);
  const BusiestLock lock(set, table.self);
  if (!lock) {
    table.header->skipped.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  const double worth = request.time.worth(set);
  const double time_us = request.duration_us * worth;
  set.requests += worth;
  set.time_us += time_us;
  const double weight = worth + time_us / set.mean_us();
  std::size_t way = way_of_busiest(set, hash);
  if (way == kBusiestWays) way = replace_busiest(set, key, hash);
  set.weights[way] += weight;
  BusiestCounts& counts = set.counts[way];
  counts.requests += worth;
  counts.time_us += time_us;
  if (request.failed) counts.failed += worth;
  kInside();
}

/// A key of the list. What is counted is certain; a key that lost its place and came back may have
/// had more before: at most so many requests and so much time, if the mean time of a request did
/// not change meanwhile.
struct BusiestRow {
  double requests;
  double failed;
  double time_us;
  double error;
  double time_error_us;
  std::uint8_t size;
  char text[kBusiestKeyMax];

  [[nodiscard]] std::string_view key() const { return {text, size}; }
};

enum class BusiestBy { kRequests, kTime };

/// The first of a list's rows, as far as there is room.
class BusiestList {
 public:
  BusiestList(std::span<BusiestRow> rows, BusiestBy by)
      : rows_(rows), by_(by == BusiestBy::kTime ? &BusiestRow::time_us : &BusiestRow::requests) {}

  /// Takes a set's keys; its lock is held.
  void take(const BusiestSet& set, double worth) {
    const double mean_us = set.mean_us();
    for (std::size_t way = 0; way < kBusiestWays; ++way) {
      const BusiestCounts& counts = set.counts[way];
      BusiestRow row = {.requests = counts.requests / worth,
                        .failed = counts.failed / worth,
                        .time_us = counts.time_us / worth,
                        .error = counts.error / worth,
                        .time_error_us = counts.error / worth * mean_us,
                        .size = set.sizes[way],
                        .text = {}};
      if (row.*by_ <= 0) continue;
      const auto end = rows_.begin() + static_cast<std::ptrdiff_t>(count_);
      const auto place = std::upper_bound(
          rows_.begin(), end, row,
          [this](const BusiestRow& a, const BusiestRow& b) { return a.*by_ > b.*by_; });
      if (place == rows_.end()) continue;
      std::memcpy(row.text, set.texts[way], sizeof row.text);
      const bool is_full = count_ == rows_.size();
      std::move_backward(place, end - is_full, end + !is_full);
      *place = row;
      count_ += !is_full;
    }
  }
  [[nodiscard]] std::size_t count() const { return count_; }

 private:
  std::span<BusiestRow> rows_;
  double BusiestRow::*by_;
  std::size_t count_ = 0;
};

/// Finds the busiest keys, by what is certain, the first one first.
///
/// now_s    since 1970. A steady r requests each second are r * kBusiestSteady.
/// rows     room for them.
/// returns  how many there are. A set that is busy again and again is left out.
inline std::size_t read_busiest(const BusiestTable& table, std::uint32_t now_s, BusiestBy by,
                                std::span<BusiestRow> rows) {
  constexpr unsigned kTries = 8;
  const BusiestTime time(now_s);
  BusiestList list(rows, by);
  for (std::uint64_t number = 0; number < table.sets; ++number) {
    BusiestSet& set = table.set(number);
    for (unsigned tries = 0; tries < kTries; ++tries) {
      const BusiestLock lock(set, table.self);
      if (!lock) continue;
      list.take(set, time.worth(set));
      break;
    }
  }
  return list.count();
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
    std::fill_n(set.counts, kBusiestWays, BusiestCounts{});
    set.requests = 0;
    set.time_us = 0;
    set.lock.store(0, std::memory_order_release);
  }
}

}  // namespace reqnotes
