#include "reqnotes/metrics/series.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace reqnotes {
namespace {

constexpr HashSeed kSeed = {0x0123456789ABCDEF, 0xFEDCBA9876543210};
constexpr char kTrace[] = "0123456789abcdef0123456789abcdef";
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

SeriesShape shape_of(std::uint32_t series, std::uint32_t labels = 1, std::uint32_t sums = 0) {
  return {.key = 7, .series = series, .labels = labels, .sums = sums};
}

/// Memory of exactly its size, 8 modulo 64 as httpd's is, with something in it.
class Memory {
 public:
  explicit Memory(std::size_t size)
      : size_(size), bytes_(new (std::align_val_t{64}) char[size + 8]) {
    std::memset(bytes_, 0xA5, size + 8);
  }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory() { operator delete[](bytes_, std::align_val_t{64}); }
  operator std::span<std::byte>() { return {reinterpret_cast<std::byte*>(bytes_ + 8), size_}; }

 private:
  std::size_t size_;
  char* bytes_;
};

/// Memory that forked processes have in common.
class SharedMemory {
 public:
  explicit SharedMemory(std::size_t size)
      : size_(size),
        at_(mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) {
    if (at_ == MAP_FAILED) std::abort();
  }
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;
  ~SharedMemory() { munmap(at_, size_); }
  operator std::span<std::byte>() { return {static_cast<std::byte*>(at_), size_}; }

 private:
  std::size_t size_;
  void* at_;
};

std::uint32_t self() {
  return static_cast<std::uint32_t>(getpid());
}

SeriesTable create(std::span<std::byte> memory, const SeriesShape& shape) {
  return create_series(memory, shape, kSeed, self());
}

bool is_alive(std::uint32_t process) {
  return kill(static_cast<pid_t>(process), 0) == 0 || errno != ESRCH;
}

Series& find(const SeriesTable& table, std::string_view label) {
  return find_series(table, std::array{label});
}

void count(const SeriesTable& table, Series& series, int status = 200, std::int64_t us = 1000) {
  count_request(table, series, {status, us, 1, nullptr, {}});
}

std::uint64_t total(const SeriesTable& table, Series& series) {
  const SeriesCounts counts = read_series(table, series);
  std::uint64_t sum = 0;
  for (std::uint64_t bin : counts.bins) sum += bin;
  return sum;
}

/// What a reader sees: the labels of each series, and how often it was counted.
std::map<std::string, std::uint64_t> all(const SeriesTable& table) {
  std::map<std::string, std::uint64_t> seen;
  for (std::uint32_t number = 0; number < table.header->shape.series; ++number) {
    Series* const series = find_live(table, number);
    if (!series) continue;
    const std::string label(label_of(table, *series, 0));
    EXPECT_EQ(seen.count(label), 0U) << label << " is there twice";
    seen[label] = total(table, *series);
  }
  return seen;
}

TEST(StatusClass, HasEachStatus) {
  EXPECT_EQ(status_class(100), 1U);
  EXPECT_EQ(status_class(204), 2U);
  EXPECT_EQ(status_class(404), 4U);
  EXPECT_EQ(status_class(599), 5U);
  for (int status : {0, 99, 600, 999, -1, -200, INT32_MIN, INT32_MAX}) {
    EXPECT_EQ(status_class(status), 0U) << status;
  }
}

TEST(Series, AreFoundAgain) {
  const SeriesShape shape = shape_of(20, 2);
  Memory memory(series_bytes(shape));
  const SeriesTable table = create(memory, shape);
  const auto find2 = [&](std::string_view a, std::string_view b) {
    return &find_series(table, std::array{a, b});
  };
  const std::vector<Series*> found = {
      find2("a", "bc"),         find2("ab", "c"),    find2("abc", ""),
      find2("", "abc"),         find2("", ""),       find2("bc", "a"),
      find2("cbbb", "x"),       find2("cbbbb", "x"), find2("api_method_1", ""),
      find2("api_method_2", "")};
  EXPECT_EQ(std::set<Series*>(found.begin(), found.end()).size(), found.size());
  EXPECT_EQ(find2("ab", "c"), found[1]);
  EXPECT_EQ(find2("", ""), found[4]);
  EXPECT_EQ(label_of(table, *found[1], 0), "ab");
  EXPECT_EQ(label_of(table, *found[1], 1), "c");
  const std::string longest(kLabelMax, 'x');
  EXPECT_EQ(label_of(table, *find2("", longest), 1), longest);
}

TEST(Series, AreAsManyAsTheTableIsMadeFor) {
  for (std::uint32_t series : {1U, 2U, 7U, 64U, 200U, kSeriesMax}) {
    const SeriesShape shape = shape_of(series);
    Memory memory(series_bytes(shape));
    const SeriesTable table = create(memory, shape);
    for (std::uint32_t label = 0; label < series; ++label) {
      Series& found = find(table, std::to_string(label));
      ASSERT_NE(&found, &table.other()) << label << " of " << series;
      count(table, found);
    }
    for (unsigned label = 0; label < 5; ++label) {
      count(table, find(table, "more " + std::to_string(label)));
    }
    EXPECT_EQ(total(table, table.other()), 5U);
    EXPECT_EQ(all(table).size(), series);
    EXPECT_EQ(find_live(table, series), &table.other());
    EXPECT_EQ(total(table, find(table, "0")), 1U) << "what was there before stays";
  }
}

TEST(HashText, HasNoTwoAlike) {
  for (HashSeed seed : {kSeed, HashSeed{0x9FB21C651E98DF25, 0xC8F3DB2A5D4E7107}}) {
    std::set<std::uint64_t> seen;
    std::vector<unsigned> places(1024);
    for (unsigned number = 0; number < 100'000; ++number) {
      const std::string digits = std::to_string(number);
      for (const std::string& text : {digits, "user-" + digits + "-of-the-whole-country"}) {
        const std::uint64_t hash = hash_text(seed, seed.first, text);
        seen.insert(hash >> kSeriesNumberBits);
        ++places[hash % places.size()];
      }
    }
    EXPECT_EQ(seen.size(), 200'000U);
    EXPECT_LT(*std::max_element(places.begin(), places.end()), 195U + 100U);
    EXPECT_GT(*std::min_element(places.begin(), places.end()), 195U - 100U);
  }
}

TEST(Series, WithoutLabelsAreOne) {
  const SeriesShape shape = shape_of(1, 0, 1);
  Memory memory(series_bytes(shape));
  const SeriesTable table = create(memory, shape);
  Series& only = find_series(table, {});
  EXPECT_EQ(&only, &find_series(table, {}));
  EXPECT_NE(&only, &table.other());
}

TEST(Series, OfOneHashAreOneAndOfOnePlaceAreBounded) {
  const SeriesShape shape = shape_of(200);
  Memory memory(series_bytes(shape));
  const SeriesTable table = create(memory, shape);
  const auto hashed = [&](std::string_view label, std::uint64_t hash) {
    return &find_hashed_series(table, std::array{label}, hash);
  };
  for (std::uint64_t hash : {std::uint64_t{0}, UINT64_MAX}) {
    Series* const first = hashed("first", hash);
    EXPECT_EQ(hashed("second", hash), first);
    EXPECT_EQ(label_of(table, *first, 0), "first");
  }
  Memory another(series_bytes(shape));
  const SeriesTable same = create(another, shape);
  std::set<Series*> found;
  for (std::uint64_t high = 0; high < 100; ++high) {
    found.insert(&find_hashed_series(same, std::array<std::string_view, 1>{"x"}, high << 20 | 5));
  }
  EXPECT_EQ(found.size(), kSeriesProbes + 1) << "the last one is `other`";
  for (std::uint64_t left = 0; left < 200 - kSeriesProbes; ++left) {
    Series& series = find_hashed_series(same, std::array<std::string_view, 1>{"y"},
                                        (left + 100) << 20 | (4 * left + 100));
    EXPECT_NE(&series, &same.other()) << "no record was lost";
  }
}

TEST(Series, AreOfOneShapeAndVersion) {
  const SeriesShape shape = shape_of(20, 2, 1);
  Memory memory(series_bytes(shape) + 500);
  EXPECT_FALSE(find_series_table(memory, shape, self())) << "nothing was made yet";
  const SeriesTable table = create(memory, shape);
  Series& series = find_series(table, std::array<std::string_view, 2>{"a", "b"});
  const auto again = find_series_table(memory, shape, self());
  ASSERT_TRUE(again);
  EXPECT_EQ(&find_series(*again, std::array<std::string_view, 2>{"a", "b"}), &series);
  const std::span<std::byte> whole = memory;
  EXPECT_FALSE(find_series_table(whole.first(series_bytes(shape) - 1), shape, self()));
  for (const SeriesShape& other : {SeriesShape{8, 20, 2, 1}, SeriesShape{7, 21, 2, 1},
                                   SeriesShape{7, 20, 1, 1}, SeriesShape{7, 20, 2, 0}}) {
    EXPECT_FALSE(find_series_table(memory, other, self()));
  }
  ++table.header->version;
  EXPECT_FALSE(find_series_table(memory, shape, self()));
}

TEST(CountRequest, CountsWhatItSays) {
  const SeriesShape shape = shape_of(1, 1, 3);
  Memory memory(series_bytes(shape));
  const SeriesTable table = create(memory, shape);
  Series& series = find(table, "a");
  constexpr double kSums[][3] = {
      {41.5, kNone, 1}, {-1.5, kNone, 1e308}, {2, std::numeric_limits<double>::infinity(), 1e308}};
  constexpr int kStatus[] = {200, 503, 42};
  constexpr std::int64_t kDuration[] = {100, 101, -5};
  for (std::size_t at = 0; at < 3; ++at) {
    count_request(table, series, {kStatus[at], kDuration[at], 1, nullptr, kSums[at]});
  }
  const SeriesCounts counts = read_series(table, series);
  EXPECT_EQ(counts.classes, (std::array<std::uint64_t, 6>{1, 0, 1, 0, 0, 1}));
  EXPECT_EQ(counts.bins[0], 2U);
  EXPECT_EQ(counts.bins[1], 1U);
  EXPECT_EQ(counts.duration_us, 201U) << "a clock that was set back takes nothing away";
  EXPECT_EQ(counts.sums[0], 42.0);
  EXPECT_EQ(counts.sum_counts[0], 3U);
  EXPECT_EQ(counts.sum_counts[1], 0U) << "no number, no count";
  EXPECT_EQ(counts.sums[1], 0.0);
  EXPECT_EQ(counts.sums[2], 1e308) << "a sum never becomes infinite";
  EXPECT_EQ(counts.sum_counts[2], 2U);
}

Exemplar exemplar_of(std::int64_t number) {
  Exemplar exemplar = {.trace_id = {}, .duration_us = number, .time_us = number + 1};
  exemplar.trace_id.fill(static_cast<char>('a' + number % 26));
  return exemplar;
}

bool is_whole(const Exemplar& exemplar) {
  return exemplar.trace_id == exemplar_of(exemplar.duration_us).trace_id &&
         exemplar.time_us == exemplar.duration_us + 1;
}

TEST(CountRequest, RemembersTheSlowestAndTheLastThatFailed) {
  const SeriesShape shape = shape_of(1, 0);
  Memory memory(series_bytes(shape));
  const SeriesTable table = create(memory, shape);
  Series& series = find_series(table, {});
  EXPECT_FALSE(read_exemplar(series.slowest));
  const auto ask = [&](int status, std::int64_t us, std::int64_t seconds, bool has_trace = true) {
    count_request(table, series,
                  {status,
                   us,
                   1'790'000'000'000'000 + seconds * 1'000'000,
                   has_trace ? kTrace : nullptr,
                   {}});
    const auto slowest = read_exemplar(series.slowest);
    return slowest ? slowest->duration_us : -1;
  };
  EXPECT_EQ(ask(200, 5, 0, false), -1);
  EXPECT_EQ(ask(200, 50, 0), 50);
  EXPECT_EQ(ask(404, 40, 1), 50);
  EXPECT_FALSE(read_exemplar(series.failed)) << "404 is no failure";
  EXPECT_EQ(ask(500, 60, 2), 60);
  EXPECT_EQ(ask(503, 10, 3), 60);
  EXPECT_EQ(ask(200, 20, 62), 60) << "a minute old";
  EXPECT_EQ(ask(200, 20, 63), 20);
  EXPECT_EQ(ask(200, 10, 3), 10) << "the clock was set back";
  const auto failed = read_exemplar(series.failed);
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->duration_us, 10);
  EXPECT_EQ(std::string_view(failed->trace_id.data(), failed->trace_id.size()), kTrace);
}

// Another thread comes at each point.
const SeriesTable* other_thread = nullptr;
std::vector<Series*> found_there;
template <SeriesPoint kWhen>
void come_between(SeriesPoint at) {
  if (at == kWhen) found_there.push_back(&find(*other_thread, "same"));
}

template <SeriesPoint kWhen>
void add_together(std::uint32_t series) {
  const SeriesShape shape = shape_of(series);
  Memory memory(series_bytes(shape));
  const SeriesTable table = create(memory, shape);
  other_thread = &table;
  found_there.clear();
  const std::string_view labels[] = {"same"};
  std::uint64_t hash = hash_text(kSeed, kSeed.first, labels[0]);
  Series& here = find_hashed_series<come_between<kWhen>>(table, labels, hash);
  ASSERT_EQ(found_there.size(), 1U);
  const bool had_room = series > 1 || kWhen == SeriesPoint::kPublished;
  EXPECT_EQ(found_there[0], had_room ? &here : &table.other());
  EXPECT_EQ(all(table).size(), 1U);
  for (std::uint32_t more = 1; more < series; ++more) {
    EXPECT_NE(&find(table, std::to_string(more)), &table.other()) << "no record was lost";
  }
}

TEST(Series, AreAddedOnceByTwoAtATime) {
  for (std::uint32_t series : {1U, 2U, 5U}) {
    add_together<SeriesPoint::kReserved>(series);
    add_together<SeriesPoint::kWritten>(series);
    add_together<SeriesPoint::kPublished>(series);
  }
}

TEST(Series, AreCountedByManyThreads) {
  constexpr unsigned kThreads = 4;
  constexpr unsigned kRounds = 20'000;
  const SeriesShape shape = shape_of(40, 1, 1);
  Memory memory(series_bytes(shape));
  const SeriesTable table = create(memory, shape);
  std::atomic<bool> torn = false;
  std::atomic<unsigned> running = kThreads;
  {
    std::vector<std::jthread> threads;
    for (unsigned thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        std::mt19937 random(thread);
        for (unsigned round = 0; round < kRounds; ++round) {
          const Exemplar exemplar = exemplar_of(static_cast<std::int64_t>(random() % 1'000'000));
          count_request(table, find(table, std::to_string(random() % 50)),
                        {500, exemplar.duration_us, exemplar.time_us, exemplar.trace_id.data(),
                         std::array{1.0}});
        }
        --running;
      });
    }
    threads.emplace_back([&] {
      while (running != 0) {
        for (std::uint32_t number = 0; number <= shape.series; ++number) {
          Series* const series = find_live(table, number);
          if (!series) continue;
          for (const ExemplarSlot* slot : {&series->slowest, &series->failed}) {
            const auto exemplar = read_exemplar(*slot);
            if (exemplar && !is_whole(*exemplar)) torn = true;
          }
        }
        maintain_series(table, is_alive);
      }
    });
  }
  EXPECT_FALSE(torn);
  std::uint64_t sum = total(table, table.other());
  EXPECT_GT(sum, 0U);
  const auto seen = all(table);
  for (const auto& [label, times] : seen) sum += times;
  EXPECT_EQ(sum, std::uint64_t{kThreads} * kRounds);
  EXPECT_EQ(seen.size(), 40U);
}

template <SeriesPoint kWhen>
void die_at(SeriesPoint at) {
  if (at == kWhen) raise(SIGKILL);
}
template <SeriesPoint kWhen>
void come_between_and_die(SeriesPoint at) {
  come_between<SeriesPoint::kWritten>(at);
  die_at<kWhen>(at);
}

void die() {
  raise(SIGKILL);
}

void await(pid_t child) {
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/// A child is killed while it adds a series to a table that has no room for two.
template <AtSeriesPoint kAt>
void die_adding(bool is_published) {
  const SeriesShape shape = shape_of(2);
  SharedMemory memory(series_bytes(shape));
  SeriesTable table = create(memory, shape);
  const std::string_view labels[] = {"same"};
  const std::uint64_t hash = hash_text(kSeed, kSeed.first, labels[0]);
  const pid_t child = fork();
  if (child == 0) {
    table.self = self();
    other_thread = &table;
    find_hashed_series<kAt>(table, labels, hash);
    _exit(0);
  }
  await(child);
  EXPECT_EQ(&find(table, "same") == &table.at(0), is_published);
  maintain_series(table, [child](std::uint32_t process) {
    EXPECT_EQ(process, static_cast<std::uint32_t>(child));
    return true;
  });
  EXPECT_EQ(table.owners[0], static_cast<std::uint32_t>(child)) << "it may still be going on";
  maintain_series(table, is_alive);
  EXPECT_NE(&find(table, "same"), &table.other());
  EXPECT_NE(&find(table, "more"), &table.other());
  EXPECT_EQ(all(table).size(), 2U);
}

TEST(Series, OutliveAProcessThatWasKilledAddingOne) {
  die_adding<die_at<SeriesPoint::kReserved>>(false);
  die_adding<die_at<SeriesPoint::kWritten>>(false);
  die_adding<die_at<SeriesPoint::kPublished>>(true);
  die_adding<come_between_and_die<SeriesPoint::kRefused>>(false);
}

TEST(ExemplarSlot, OutlivesAProcessThatWasKilledInside) {
  const SeriesShape shape = shape_of(1, 0);
  SharedMemory memory(series_bytes(shape));
  const SeriesTable table = create(memory, shape);
  Series& series = find_series(table, {});
  put_exemplar(series.failed, self(), exemplar_of(1));
  const pid_t child = fork();
  if (child == 0) {
    put_exemplar<die>(series.failed, self(), exemplar_of(2));
    _exit(0);
  }
  await(child);
  EXPECT_FALSE(read_exemplar(series.failed)) << "half of it";
  put_exemplar(series.failed, self(), exemplar_of(3));
  EXPECT_FALSE(read_exemplar(series.failed)) << "nobody waits";
  maintain_series(table, [](std::uint32_t) { return true; });
  EXPECT_FALSE(read_exemplar(series.failed));
  maintain_series(table, is_alive);
  EXPECT_FALSE(read_exemplar(series.failed)) << "empty again";
  put_exemplar(series.failed, self(), exemplar_of(4));
  EXPECT_TRUE(read_exemplar(series.failed));
}

TEST(Series, OutliveProcessesThatAreKilledAnywhere) {
  const SeriesShape shape = shape_of(60);
  SharedMemory memory(series_bytes(shape));
  SeriesTable table = create(memory, shape);
  for (unsigned round = 0; round < 60; ++round) {
    std::array<pid_t, 2> children;
    for (pid_t& child : children) {
      child = fork();
      if (child != 0) continue;
      table.self = self();
      for (unsigned number = 0;; ++number) {
        const Exemplar exemplar = exemplar_of(number % 1000);
        const std::string label = std::to_string(number % 3 == 0 ? round : number % 80);
        count_request(table, find(table, label),
                      {500, exemplar.duration_us, exemplar.time_us, exemplar.trace_id.data(), {}});
      }
    }
    usleep(500 + round * 37 % 1000);
    for (pid_t child : children) {
      kill(child, SIGKILL);
      await(child);
    }
    maintain_series(table, is_alive);
    const std::size_t live = all(table).size();
    for (std::uint32_t number = 0; number < shape.series; ++number) {
      const std::uint32_t owner = table.owners[number];
      ASSERT_TRUE(owner == SeriesTable::kFree || owner == SeriesTable::kLive);
      Series* const series = find_live(table, number);
      if (!series) continue;
      ASSERT_EQ(&find(table, label_of(table, *series, 0)), series);
      const auto failed = read_exemplar(series->failed);
      ASSERT_TRUE(!failed || is_whole(*failed));
    }
    ASSERT_EQ(all(table).size(), live);
    ASSERT_TRUE(round < 50 || live == 60) << live;
  }
}

}  // namespace
}  // namespace reqnotes
