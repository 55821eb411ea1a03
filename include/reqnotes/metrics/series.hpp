#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <optional>
#include <span>
#include <string_view>

#include "reqnotes/metrics/exemplar.hpp"
#include "reqnotes/metrics/histogram.hpp"
#include "reqnotes/metrics/key_hash.hpp"
#include "reqnotes/metrics/label.hpp"
#include "reqnotes/text/slice.hpp"

namespace reqnotes {

constexpr std::uint32_t kLabelsMax = 3;
constexpr std::uint32_t kSumsMax = 4;
constexpr std::uint32_t kSeriesMax = 10'000;

/// What a table is made for. One of another shape is another table, which begins at 0.
struct SeriesShape {
  std::uint64_t key;     ///< of all that decides what is counted: the metric's name, its labels
  std::uint32_t series;  ///< 1 to kSeriesMax, without `other`
  std::uint32_t labels;  ///< up to kLabelsMax
  std::uint32_t sums;    ///< up to kSumsMax

  bool operator==(const SeriesShape&) const = default;
};

/// Classes of status: 1 to 5, and 0 for what is none of them.
constexpr std::size_t kStatusClasses = 6;
constexpr std::string_view kStatusNames[kStatusClasses] = {"other", "1xx", "2xx",
                                                           "3xx",   "4xx", "5xx"};

constexpr std::size_t status_class(int status) {
  const unsigned hundreds = static_cast<unsigned>(status) / 100;
  return hundreds < kStatusClasses ? hundreds : 0;
}

/// A sum of the values of a field. A double: an integer that wraps would be a sum that falls.
struct SeriesSum {
  std::atomic<std::uint64_t> count;
  std::atomic<double> value;
};

/// What is counted of the requests with the same labels; its sums and its labels stand behind it.
struct Series {
  std::atomic<std::uint64_t> classes[kStatusClasses];
  std::atomic<std::uint64_t> duration_us;  ///< sum
  std::atomic<std::uint64_t> bins[kBins];
  ExemplarSlot slowest;
  ExemplarSlot failed;
};

struct SeriesLabel {
  std::uint32_t size;
  char text[kLabelMax];
};

// Other processes have the memory too, and one of them may be killed at any time: an atomic that
// has a lock would be no use.
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
static_assert(std::atomic<double>::is_always_lock_free);

/// Begins the memory of a table. The layout's version changes with every change of what follows.
struct alignas(64) SeriesHeader {
  static constexpr std::uint64_t kMagic = 0x7265716E6F746573;
  static constexpr std::uint64_t kVersion = 1;

  std::uint64_t magic;
  std::uint64_t version;
  std::uint64_t bytes;
  SeriesShape shape;
  HashSeed seed;
  std::atomic<std::uint32_t> first_free;  ///< a hint; the maintainer corrects it
};

/// Where things stand behind the header.
///
/// The index has an entry for each series that was published: 50 bits of its hash, and its number
/// from 1 on. No entry ever changes or goes, so a series cannot be there twice. It is four times as
/// long as there are series, so that searches are short.
struct SeriesLayout {
  std::size_t entries;
  std::size_t owners;   ///< offset
  std::size_t record;   ///< bytes
  std::size_t records;  ///< offset; the last one is `other`
  std::size_t bytes;
};

constexpr std::size_t align64(std::size_t size) {
  return (size + 63) / 64 * 64;
}

constexpr SeriesLayout series_layout(const SeriesShape& shape) {
  SeriesLayout layout{};
  layout.entries = std::bit_ceil(std::size_t{4} * shape.series);
  layout.owners = sizeof(SeriesHeader) + layout.entries * sizeof(std::uint64_t);
  layout.record =
      align64(sizeof(Series) + shape.sums * sizeof(SeriesSum) + shape.labels * sizeof(SeriesLabel));
  layout.records = align64(layout.owners + shape.series * sizeof(std::uint32_t));
  layout.bytes = layout.records + (std::size_t{shape.series} + 1) * layout.record;
  return layout;
}

/// Bytes of memory for a table, whatever its alignment.
constexpr std::size_t series_bytes(const SeriesShape& shape) {
  return series_layout(shape).bytes + 63;
}

/// A process's view of a table. It has pointers only, and may be copied.
struct SeriesTable {
  /// Whose a record is: nobody's, a process's that makes a series of it, or that of a series.
  static constexpr std::uint32_t kFree = 0;
  static constexpr std::uint32_t kLive = UINT32_MAX;

  SeriesHeader* header;
  std::atomic<std::uint64_t>* index;
  std::atomic<std::uint32_t>* owners;
  char* records;
  std::size_t record;  ///< bytes
  std::uint64_t mask;
  HashSeed seed;
  std::uint32_t self;  ///< this process's ID; set it again after a fork

  [[nodiscard]] Series& at(std::size_t number) const {
    return *std::launder(reinterpret_cast<Series*>(records + number * record));
  }
  [[nodiscard]] Series& other() const { return at(header->shape.series); }
  [[nodiscard]] std::span<SeriesSum> sums(Series& series) const {
    return {reinterpret_cast<SeriesSum*>(&series + 1), header->shape.sums};
  }
  [[nodiscard]] std::span<SeriesLabel> labels(Series& series) const {
    void* const behind = reinterpret_cast<SeriesSum*>(&series + 1) + header->shape.sums;
    return {static_cast<SeriesLabel*>(behind), header->shape.labels};
  }
};

inline SeriesTable view_of_series(std::span<std::byte> memory, const SeriesShape& shape,
                                  std::uint32_t self) {
  const auto base = reinterpret_cast<std::uintptr_t>(memory.data());
  char* const at = reinterpret_cast<char*>(memory.data()) + (align64(base) - base);
  const SeriesLayout layout = series_layout(shape);
  return {.header = reinterpret_cast<SeriesHeader*>(at),
          .index = reinterpret_cast<std::atomic<std::uint64_t>*>(at + sizeof(SeriesHeader)),
          .owners = reinterpret_cast<std::atomic<std::uint32_t>*>(at + layout.owners),
          .records = at + layout.records,
          .record = layout.record,
          .mask = layout.entries - 1,
          .seed = {},
          .self = self};
}

/// Makes a record one of a series without a request.
inline void clear_series(const SeriesTable& table, std::size_t number) {
  auto* const series = new (table.records + number * table.record) Series{};
  for (SeriesSum& sum : table.sums(*series)) new (&sum) SeriesSum{};
  for (SeriesLabel& label : table.labels(*series)) label.size = 0;
}

/// Makes a table, before any other process looks at the memory, whatever is there.
///
/// memory  series_bytes(shape) of it.
/// seed    from the kernel, so that nobody can make keys that meet.
/// self    this process's ID.
inline SeriesTable create_series(std::span<std::byte> memory, const SeriesShape& shape,
                                 HashSeed seed, std::uint32_t self) {
  SeriesTable table = view_of_series(memory, shape, self);
  table.seed = seed;
  new (table.header) SeriesHeader{.magic = SeriesHeader::kMagic,
                                  .version = SeriesHeader::kVersion,
                                  .bytes = series_layout(shape).bytes,
                                  .shape = shape,
                                  .seed = seed,
                                  .first_free = 0};
  for (std::uint64_t at = 0; at <= table.mask; ++at) {
    new (&table.index[at]) std::atomic<std::uint64_t>(0);
  }
  for (std::uint32_t number = 0; number < shape.series; ++number) {
    new (&table.owners[number]) std::atomic<std::uint32_t>(SeriesTable::kFree);
  }
  clear_series(table, shape.series);
  return table;
}

/// The table that was made in the memory, or nothing where it has another shape or layout.
inline std::optional<SeriesTable> find_series_table(std::span<std::byte> memory,
                                                    const SeriesShape& shape, std::uint32_t self) {
  if (memory.size() < series_bytes(shape)) return std::nullopt;
  SeriesTable table = view_of_series(memory, shape, self);
  const SeriesHeader& header = *table.header;
  if (header.magic != SeriesHeader::kMagic || header.version != SeriesHeader::kVersion ||
      header.bytes != series_layout(shape).bytes || header.shape != shape) {
    return std::nullopt;
  }
  table.seed = header.seed;
  return table;
}

/// Where a process may be killed, for tests.
enum class SeriesPoint { kReserved, kWritten, kPublished, kRefused };
using AtSeriesPoint = void (*)(SeriesPoint);
inline void go_on(SeriesPoint) {}

constexpr std::uint64_t kSeriesProbes = 32;
constexpr unsigned kSeriesNumberBits = 14;
constexpr std::uint64_t kSeriesNumber = (1U << kSeriesNumberBits) - 1;
static_assert(kSeriesMax < kSeriesNumber);

/// A record that is now this process's. Nothing where none is free, or none is found in a few
/// steps.
inline std::optional<std::uint32_t> reserve_series(const SeriesTable& table) {
  constexpr std::uint32_t kSteps = 64;
  std::atomic<std::uint32_t>& hint = table.header->first_free;
  std::uint32_t at = hint.load(std::memory_order_relaxed);
  const std::uint32_t end = std::min(at + kSteps, table.header->shape.series);
  if (at >= end) return std::nullopt;
  for (; at < end; ++at) {
    std::uint32_t nobody = SeriesTable::kFree;
    if (table.owners[at].load(std::memory_order_relaxed) == nobody &&
        table.owners[at].compare_exchange_strong(nobody, table.self)) {
      hint.store(at + 1, std::memory_order_relaxed);
      return at;
    }
  }
  hint.store(end, std::memory_order_relaxed);
  return std::nullopt;
}

inline void give_series(const SeriesTable& table, std::uint32_t number) {
  table.owners[number].store(SeriesTable::kFree, std::memory_order_release);
  std::atomic<std::uint32_t>& hint = table.header->first_free;
  if (number < hint.load(std::memory_order_relaxed)) {
    hint.store(number, std::memory_order_relaxed);
  }
}

/// Whether an entry of the index is of a hash. The labels themselves are not looked at: the hash is
/// keyed, and has 50 bits here and more by its place.
constexpr bool is_entry_of(std::uint64_t entry, std::uint64_t hash) {
  return (entry ^ hash) >> kSeriesNumberBits == 0;
}

/// Makes a series of a record that is this process's: as nobody sees it before it is in the index,
/// a series that is found has its labels.
inline void write_series(const SeriesTable& table, std::uint32_t number,
                         std::span<const std::string_view> labels) {
  clear_series(table, number);
  SeriesLabel* stored = table.labels(table.at(number)).data();
  for (std::string_view label : labels) {
    const std::string_view fits = prefix(label, kLabelMax);
    stored->size = static_cast<std::uint32_t>(fits.size());
    copy(fits, stored->text);
    ++stored;
  }
}

/// Adds a series, unless another process or thread was faster.
///
/// probe  where the search found the first empty entry.
template <AtSeriesPoint kAt>
[[gnu::noinline]] Series& add_series(const SeriesTable& table,
                                     std::span<const std::string_view> labels, std::uint64_t hash,
                                     std::uint64_t probe) {
  const std::optional<std::uint32_t> number = reserve_series(table);
  if (!number) return table.other();
  kAt(SeriesPoint::kReserved);
  write_series(table, *number, labels);
  kAt(SeriesPoint::kWritten);
  const std::uint64_t mine = (hash & ~kSeriesNumber) | (*number + 1);
  Series* found = &table.other();
  for (; probe < kSeriesProbes; ++probe) {
    std::atomic<std::uint64_t>& place = table.index[(hash + probe) & table.mask];
    std::uint64_t entry = place.load(std::memory_order_acquire);
    if (entry == 0 && place.compare_exchange_strong(entry, mine, std::memory_order_acq_rel,
                                                    std::memory_order_acquire)) {
      kAt(SeriesPoint::kPublished);
      table.owners[*number].store(SeriesTable::kLive, std::memory_order_release);
      return table.at(*number);
    }
    if (is_entry_of(entry, hash)) {
      found = &table.at((entry & kSeriesNumber) - 1);
      break;
    }
  }
  kAt(SeriesPoint::kRefused);
  give_series(table, *number);
  return *found;
}

/// find_series with a hash that is known.
template <AtSeriesPoint kAt = go_on>
Series& find_hashed_series(const SeriesTable& table, std::span<const std::string_view> labels,
                           std::uint64_t hash) {
  for (std::uint64_t probe = 0; probe < kSeriesProbes; ++probe) {
    const std::uint64_t entry =
        table.index[(hash + probe) & table.mask].load(std::memory_order_acquire);
    if (entry == 0) return add_series<kAt>(table, labels, hash, probe);
    if (is_entry_of(entry, hash)) {
      return table.at((entry & kSeriesNumber) - 1);
    }
  }
  return table.other();
}

/// The series of some labels, which is added where there is none: `other` where there is no room.
///
/// labels  as many as the table has, each from make_label.
[[gnu::always_inline]] inline Series& find_series(const SeriesTable& table,
                                                  std::span<const std::string_view> labels) {
  std::uint64_t hash = table.seed.first;
  for (std::string_view label : labels) hash = hash_text(table.seed, hash, label);
  return find_hashed_series(table, labels, hash);
}

/// What is counted of a request. What does not depend on the metric is worked out once for all.
struct CountedRequest {
  std::size_t status;  ///< its class
  std::size_t bin;
  std::int64_t duration_us;      ///< not negative
  std::int64_t time_us;          ///< of its end, since 1970
  const char* trace_id;          ///< 32 digits, or null
  std::span<const double> sums;  ///< as many as the table has; one that is not finite is none

  CountedRequest(int code, std::int64_t duration, std::int64_t end_us, const char* trace,
                 std::span<const double> values)
      : status(status_class(code)),
        bin(bin_of(duration)),
        duration_us(std::max<std::int64_t>(duration, 0)),
        time_us(end_us),
        trace_id(trace),
        sums(values) {}
};

/// Adds a value to a sum. Where it is no number, the sum would be infinite, or others add all the
/// time, it is left out, and is not counted either.
inline void add_to_sum(SeriesSum& sum, double value) {
  constexpr unsigned kTries = 16;
  double before = sum.value.load(std::memory_order_relaxed);
  for (unsigned tries = 0; tries < kTries && std::isfinite(before + value); ++tries) {
    if (sum.value.compare_exchange_weak(before, before + value, std::memory_order_relaxed)) {
      sum.count.fetch_add(1, std::memory_order_relaxed);
      return;
    }
  }
}

[[gnu::noinline]] inline void put_request(ExemplarSlot& slot, std::uint32_t self,
                                          const CountedRequest& request) {
  Exemplar exemplar = {
      .trace_id = {}, .duration_us = request.duration_us, .time_us = request.time_us};
  std::memcpy(exemplar.trace_id.data(), request.trace_id, exemplar.trace_id.size());
  put_exemplar(slot, self, exemplar);
}

/// Counts a request.
inline void count_request(const SeriesTable& table, Series& series, const CountedRequest& request) {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  series.classes[request.status].fetch_add(1, kRelaxed);
  series.duration_us.fetch_add(static_cast<std::uint64_t>(request.duration_us), kRelaxed);
  series.bins[request.bin].fetch_add(1, kRelaxed);
  auto* sum = reinterpret_cast<SeriesSum*>(&series + 1);
  for (double value : request.sums) add_to_sum(*sum++, value);
  if (!request.trace_id) return;
  if (is_slowest(series.slowest, request.duration_us, request.time_us)) {
    put_request(series.slowest, table.self, request);
  }
  if (request.status == 5) put_request(series.failed, table.self, request);
}

/// What stands in a series at one time.
struct SeriesCounts {
  std::array<std::uint64_t, kStatusClasses> classes;
  std::array<std::uint64_t, kBins> bins;
  std::uint64_t duration_us;
  std::array<std::uint64_t, kSumsMax> sum_counts;
  std::array<double, kSumsMax> sums;
};

/// Reads the series of a number, of those below the shape's `series`, and `other` behind them.
///
/// returns  null where there is none.
inline Series* find_live(const SeriesTable& table, std::uint32_t number) {
  if (number != table.header->shape.series &&
      table.owners[number].load(std::memory_order_acquire) != SeriesTable::kLive) {
    return nullptr;
  }
  return &table.at(number);
}

inline SeriesCounts read_series(const SeriesTable& table, Series& series) {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  SeriesCounts counts{};
  for (std::size_t at = 0; at < kStatusClasses; ++at) {
    counts.classes[at] = series.classes[at].load(kRelaxed);
  }
  for (std::size_t at = 0; at < kBins; ++at) counts.bins[at] = series.bins[at].load(kRelaxed);
  counts.duration_us = series.duration_us.load(kRelaxed);
  std::size_t at = 0;
  for (const SeriesSum& sum : table.sums(series)) {
    counts.sum_counts[at] = sum.count.load(kRelaxed);
    counts.sums[at] = sum.value.load(kRelaxed);
    ++at;
  }
  return counts;
}

/// The value of a label of a series; it stays as it is as long as the table.
inline std::string_view label_of(const SeriesTable& table, Series& series, std::size_t which) {
  const SeriesLabel& label = table.labels(series)[which];
  return {label.text, label.size};
}

/// Makes good what processes left that died inside: one that made a series, or wrote an exemplar.
/// By one process only, as often as it likes.
///
/// is_alive  tells whether there is a process with this ID.
template <class IsAlive>
void maintain_series(const SeriesTable& table, IsAlive is_alive) {
  const std::uint32_t size = table.header->shape.series;
  std::uint32_t first_free = size;
  for (std::uint32_t number = 0; number <= size; ++number) {
    std::uint32_t owner =
        number == size ? SeriesTable::kLive : table.owners[number].load(std::memory_order_acquire);
    if (owner != SeriesTable::kFree && owner != SeriesTable::kLive && !is_alive(owner)) {
      // It may have died behind the last step but one, and then others have counted in it.
      bool is_published = false;
      for (std::uint64_t at = 0; at <= table.mask; ++at) {
        const std::uint64_t entry = table.index[at].load(std::memory_order_acquire);
        if ((entry & kSeriesNumber) == number + 1) is_published = true;
      }
      owner = is_published ? SeriesTable::kLive : SeriesTable::kFree;
      table.owners[number].store(owner, std::memory_order_release);
    }
    if (owner == SeriesTable::kFree) first_free = std::min(first_free, number);
    if (owner != SeriesTable::kLive) continue;
    clear_dead_exemplar(table.at(number).slowest, is_alive);
    clear_dead_exemplar(table.at(number).failed, is_alive);
  }
  table.header->first_free.store(first_free, std::memory_order_relaxed);
}

}  // namespace reqnotes
