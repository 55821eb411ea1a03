// Counts the instructions of what is counted of a request, for t/03-count-cost.t: a child counts,
// and is single-stepped meanwhile, as in encode_cost.cpp.
//
// usage: count_cost WHICH COUNT    prints what is counted, by its number, and the instructions of a
//                                  child that does it COUNT times

#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include <array>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>

#include "reqnotes/flags/asked.hpp"
#include "reqnotes/flags/published_flags.hpp"
#include "reqnotes/metrics/busiest.hpp"
#include "reqnotes/metrics/series.hpp"
#include "reqnotes/metrics/window.hpp"

namespace {

using namespace reqnotes;

constexpr HashSeed kSeed = {0x9FB21C651E98DF25, 0xC8F3DB2A5D4E7107};
constexpr SeriesShape kShape = {.key = 1, .series = 200, .labels = 2, .sums = 0};
constexpr SeriesShape kOne = {.key = 2, .series = 1, .labels = 0, .sums = 0};
constexpr BusiestShape kBusiest = {.key = 1, .keys = 4096};
constexpr char kTrace[] = "0123456789abcdef0123456789abcdef";

alignas(64) std::byte memory[series_bytes(kShape)];
alignas(64) std::byte one_memory[series_bytes(kOne)];
alignas(64) std::byte window_memory[windows_bytes(kOne)];
alignas(64) std::byte busiest_memory[busiest_bytes(kBusiest)];
SeriesTable table;
SeriesTable one;
WindowTable windows;
BusiestTable busiest;

/// How the flags stand where none is on, where some are, and where one has a share.
PublishedFlags none_on;
PublishedFlags some_on;
PublishedFlags with_share;

[[gnu::noinline]] void count(std::string_view method, int status, std::int64_t duration_us) {
  const std::string_view labels[] = {"www.example.com", method};
  count_request(table, find_series(table, labels),
                {status, duration_us, 1'790'000'000'000'000, kTrace, {}});
}

/// Another name each time; short work, as it is counted too.
std::string_view new_name(int number) {
  static char name[] = "method_????";
  std::memcpy(name + 7, &number, sizeof number);
  return {name, sizeof name - 1};
}

/// What calls the rest, and hands it over.
[[gnu::noinline]] void pass(std::string_view method, int status, std::int64_t duration_us) {
  const std::string_view labels[] = {"www.example.com", method};
  const CountedRequest request = {status, duration_us, 1'790'000'000'000'000, kTrace, {}};
  asm volatile("" : : "r"(labels), "r"(&request) : "memory");
}

void nothing(int) {
  pass("photos.search", 200, 20'834);
}
void usual(int) {
  count("photos.search", 200, 20'834);
}
void failed(int) {
  count("photos.search", 503, 20'834);
}
void full(int number) {
  count(new_name(number), 200, 20'834);
}
void known(int) {
  add_busiest(busiest, "user_1234", {20'834, true, 1'790'000'000});
}
void unknown(int number) {
  add_busiest(busiest, new_name(number), {20'834, true, 1'790'000'000});
}

/// Of a table with one series, and `other`.
void snapshot(int number) {
  take_snapshot(one, windows, number);
}

[[gnu::noinline]] void get_flags(const PublishedFlags& flags, std::string_view visitor) {
  static char room[2 * kFlagsTextMax];
  const std::string_view got = flags_of(
      flags, [visitor] { return share_key(visitor); }, [](std::size_t) { return room; });
  asm volatile("" : : "r"(got.data()), "r"(got.size()) : "memory");
}
void flags_none(int) {
  get_flags(none_on, "2001:db8:85a3::8a2e:370:7334");
}
void flags_on(int) {
  get_flags(some_on, "2001:db8:85a3::8a2e:370:7334");
}
void flags_share(int) {
  get_flags(with_share, "2001:db8:85a3::8a2e:370:7334");
}

/// What a request asked; it is counted by count_request.
[[gnu::noinline]] void ask(std::string_view list) {
  const AskedFlags asked = read_asked(some_on, list);
  unsigned sum = 0;
  each_asked(some_on, asked,
             [&sum](FlagSeries series, bool is_on) { sum += is_on ? series.on : series.off; });
  asm volatile("" : : "r"(sum) : "memory");
}

void asked_none(int) {
  ask("");
}
void asked_one(int) {
  ask("search_v2");
}
void asked_three(int) {
  ask("search_v2 -comments feature_12");
}

struct Counted {
  const char* name;
  void (*run)(int number);
};
constexpr Counted kCounted[] = {{"nothing", nothing},        {"usual", usual},
                                {"failed", failed},          {"full", full},
                                {"busiest_known", known},    {"busiest_unknown", unknown},
                                {"snapshot", snapshot},      {"flags_none", flags_none},
                                {"flags_on", flags_on},      {"flags_share", flags_share},
                                {"asked_none", asked_none},  {"asked_one", asked_one},
                                {"asked_three", asked_three}};

void publish_flags(const std::string& text, PublishedFlags& flags) {
  const auto set = std::make_unique<FlagSet>();
  const auto view = std::make_unique<FlagsView>();
  const FlagSeries series[kFlagsMax] = {};
  std::size_t line = 0;
  if (read_flags(text, line, *set)) abort();
  make_view(*set, 0, series, *view);
  publish(flags, *view);
}

/// Tables as they are after a while.
void prepare() {
  table = create_series(memory, kShape, kSeed, 1);
  one = create_series(one_memory, kOne, kSeed, 1);
  windows = create_windows(window_memory, kOne);
  find_series(one, {});
  busiest = create_busiest(busiest_memory, kBusiest, kSeed, 1);
  count("photos.search", 200, 60'000'000);
  for (int number = 1000; number < 1500; ++number) count(new_name(number), 200, 1);
  for (int number = 1000; number < 9999; ++number) unknown(number);
  known(0);
  publish_flags("search_v2 off\ncomments off\n", none_on);
  std::string lines = "search_v2 on\ncomments off\n";
  for (int number = 10; number < 20; ++number)
    lines += "feature_" + std::to_string(number) + " on\n";
  publish_flags(lines, some_on);
  publish_flags("search_v2 on\nnew_upload 99.99%\n", with_share);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const auto which = static_cast<std::size_t>(atoi(argv[1]));
  const int times = atoi(argv[2]);
  if (which >= std::size(kCounted)) return 3;
  prepare();
  const pid_t child = fork();
  if (child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(77);
    raise(SIGSTOP);
    for (int number = 0; number < times; ++number) kCounted[which].run(number);
    _exit(0);
  }
  int status = 0;
  long steps = -1;
  do {
    ++steps;
    if (waitpid(child, &status, 0) != child) return 1;
  } while (WIFSTOPPED(status) && ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) == 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
    return printf("%s %ld\n", kCounted[which].name, steps) < 0;
  }
  kill(child, SIGKILL);
  return WIFEXITED(status) && WEXITSTATUS(status) == 77 ? 77 : 1;
}
