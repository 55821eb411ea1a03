#include "reqnotes/output/line_queue.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <array>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace reqnotes {
namespace {

template <Write kWrite = ::write>
bool put(LineQueue& queue, const std::string& line) {
  std::string buffer = "?" + line + "\n";
  return write_line<kWrite>(queue, std::string_view(buffer).substr(1));
}

/// A pipe whose writing end never waits, and a queue for it.
class LineQueueTest : public testing::Test {
 protected:
  LineQueueTest() {
    signal(SIGPIPE, SIG_IGN);  // as httpd does
    alarm(60);                 // a call that waits must not hang the tests
    if (pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) != 0) std::abort();
    void* memory =
        mmap(nullptr, sizeof(LineState), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    state = new (memory) LineState{};
    open_queue(queue, {ends[1], state}, true, nullptr);
  }
  ~LineQueueTest() override {
    close_queue(queue, now_ms());
    for (int fd : ends) close(fd);
    munmap(state, sizeof(LineState));
    alarm(0);
  }
  std::string read_some() {
    std::array<char, 65536> buffer;
    const ssize_t got = read(ends[0], buffer.data(), buffer.size());
    return {buffer.data(), got > 0 ? static_cast<std::size_t>(got) : 0};
  }
  /// Reads until so many lines are there.
  std::string read_lines(std::size_t count) {
    std::string text;
    std::size_t lines = 0;
    while (lines < count) {
      pollfd readable = {.fd = ends[0], .events = POLLIN, .revents = 0};
      poll(&readable, 1, 1000);
      const std::string more = read_some();
      lines += static_cast<std::size_t>(std::count(more.begin(), more.end(), '\n'));
      text += more;
    }
    return text;
  }
  std::size_t taken_chunks() const {
    return kChunks -
           static_cast<std::size_t>(std::count(state->owners, state->owners + kChunks, 0));
  }
  /// Waits until the thread has seen that nothing is left.
  void await_rest() {
    for (;;) {
      if (!queue.draining) return;
      usleep(1000);
    }
  }

  std::array<int, 2> ends;
  LineState* state;
  LineQueue queue{};
};

TEST_F(LineQueueTest, LosesNothingOfABurstThatNobodyReads) {
  std::string want;
  for (unsigned number = 0; number < 10'000; ++number) {
    const std::string line = std::to_string(number) + std::string(700, 'x');
    ASSERT_TRUE(put(queue, line));
    want += line + "\n";
  }
  EXPECT_EQ(read_lines(10'000), want) << "in order";
  await_rest();
  EXPECT_EQ(state->lost, 0U);
  EXPECT_EQ(taken_chunks(), 0U) << "the memory is given back";
  EXPECT_TRUE(put(queue, "again"));
  EXPECT_EQ(read_lines(1), "again\n");
  EXPECT_FALSE(queue.draining) << "and the thread is gone";
}

TEST_F(LineQueueTest, CountsWhatHasNoRoom) {
  const std::string line(60'000, 'x');
  unsigned whole = 0;
  unsigned lost = 0;
  while (lost < 10) {
    put(queue, line) ? ++whole : ++lost;
  }
  EXPECT_EQ(taken_chunks(), kChunks);
  EXPECT_GT(whole * line.size(), std::size_t{28} * 1024 * 1024);
  EXPECT_LT(whole * line.size(), std::size_t{33} * 1024 * 1024);
  EXPECT_EQ(state->lost, lost);
  EXPECT_EQ(read_lines(whole).size(), whole * (line.size() + 1));
  await_rest();
  EXPECT_TRUE(put(queue, "again"));
}

TEST_F(LineQueueTest, EndsInTimeAndCountsTheRest) {
  for (unsigned number = 0; number < 1000; ++number) put(queue, std::string(999, 'x'));
  const std::int64_t before = now_ms();
  close_queue(queue, before + 50);
  EXPECT_LT(now_ms(), before + 30'000);
  const std::string text = read_some();
  EXPECT_EQ(state->lost + static_cast<unsigned>(text.size() / 1000), 1000U);
  EXPECT_EQ(taken_chunks(), 0U);
  EXPECT_TRUE(put(queue, "direct")) << "what comes after it is written if it can be";
  EXPECT_EQ(read_some(), "direct\n");
}

TEST_F(LineQueueTest, WaitsForItsReaderWhenItEnds) {
  for (unsigned number = 0; number < 1000; ++number) put(queue, std::string(999, 'x'));
  std::string text;
  {
    const std::jthread reader([&] { text = read_lines(1000); });
    close_queue(queue, now_ms() + 20'000);
  }
  EXPECT_EQ(text.size(), 1'000'000U);
  EXPECT_EQ(state->lost, 0U);
}

TEST_F(LineQueueTest, KeepsItsRoomFromNobodyWhoIsGone) {
  const pid_t child = fork();
  if (child == 0) {
    open_queue(queue, queue.file, true, nullptr);
    while (put(queue, std::string(60'000, 'x'))) {
    }
    _exit(0);  // gives nothing back
  }
  int status = -1;
  waitpid(child, &status, 0);
  ASSERT_EQ(status, 0);
  EXPECT_EQ(taken_chunks(), kChunks);
  // Each attempt looks at one of those who have it.
  unsigned attempts = 0;
  while (!put(queue, "mine") && attempts <= kChunks) ++attempts;
  EXPECT_LT(attempts, 3U);
}

TEST_F(LineQueueTest, LeavesTheQueueOfItsParentAlone) {
  for (unsigned number = 0; number < 200; ++number) put(queue, std::string(999, 'p'));
  const pid_t child = fork();
  if (child == 0) {
    // A script's process, for instance: it has only what fits, and waits for no mutex.
    const bool fits = put(queue, "child" + std::string(4000, 'c'));
    close_queue(queue, now_ms() + 10'000);
    _exit(fits ? 1 : 0);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(state->lost, 1U);
  EXPECT_EQ(read_lines(200).find("child"), std::string::npos);
}

LineQueue* interrupted = nullptr;

ssize_t interrupting(int fd, const void* data, std::size_t size) {
  raise(SIGUSR1);
  return ::write(fd, data, size);
}

// As prefork does when it is told to end.
TEST_F(LineQueueTest, EndsInAHandlerThatInterruptsIt) {
  interrupted = &queue;
  signal(SIGUSR1, [](int) {
    put(*interrupted, "last");
    close_queue(*interrupted, now_ms() + 10'000);
  });
  put<interrupting>(queue, "first");
  EXPECT_EQ(read_lines(2), "first\nlast\n");

  open_queue(queue, queue.file, true, nullptr);
  const std::string line(999, 'x');
  unsigned number = 0;
  while (queue.waiting < 100 && ++number != 0) put(queue, line);
  std::string text;
  {
    const std::jthread reader([&] { text = read_lines(number + 2); });
    std::string told = "?told\n";
    while (!try_line<interrupting>(queue, std::string_view(told).substr(1))) {
    }
  }
  EXPECT_EQ(text.size(), number * 1000 + 10);
  EXPECT_TRUE(text.ends_with("x\ntold\nlast\n"));
  EXPECT_EQ(state->lost, 0U);
  EXPECT_EQ(taken_chunks(), 0U);
  signal(SIGUSR1, SIG_DFL);
}

TEST_F(LineQueueTest, TellsOnlyWhereNothingWaits) {
  unsigned number = 0;
  while (queue.waiting == 0) {
    put(queue, std::string(999, 'x'));
    ++number;
  }
  std::string told = "?told\n";
  EXPECT_FALSE(try_line(queue, std::string_view(told).substr(1)));
  EXPECT_EQ(read_lines(number).size(), number * 1000);
  await_rest();
  EXPECT_TRUE(try_line(queue, std::string_view(told).substr(1)));
  EXPECT_EQ(read_lines(1), "told\n");
  EXPECT_EQ(state->lost, 0U);
}

TEST_F(LineQueueTest, TakesTheLinesOfManyThreadsWhole) {
  constexpr unsigned kThreads = 8;
  constexpr unsigned kLines = 500;
  std::string text;
  {
    std::vector<std::jthread> threads;
    threads.emplace_back([&] { text = read_lines(std::size_t{kThreads} * kLines); });
    for (unsigned thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([this, thread] {
        for (unsigned line = 0; line < kLines; ++line) {
          put(queue, std::to_string(thread) + " " + std::to_string(line) + std::string(800, ' '));
        }
      });
    }
  }
  EXPECT_EQ(state->lost, 0U);
  std::map<unsigned, unsigned> next;
  for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
    unsigned thread = 0;
    unsigned line = 0;
    ASSERT_EQ(sscanf(text.c_str() + at, "%u %u", &thread, &line), 2);  // NOLINT(cert-err34-c)
    ASSERT_EQ(line, next[thread]++) << "the lines of a thread are in order";
  }
  EXPECT_EQ(next.size(), kThreads);
}

// What each of the next calls does: takes so many bytes, or fails with -errno. A call that nothing
// is left for takes everything.
std::vector<int> script;
std::string taken;

ssize_t scripted(int, const void* data, std::size_t size) {
  const int step = script.empty() ? static_cast<int>(size) : script.front();
  if (!script.empty()) script.erase(script.begin());
  if (step < 0) {
    errno = -step;
    return -1;
  }
  const std::size_t takes = std::min(size, static_cast<std::size_t>(step));
  taken.append(static_cast<const char*>(data), takes);
  return static_cast<ssize_t>(takes);
}

// As a process without a thread has it, so that each step is known.
TEST_F(LineQueueTest, LosesExactlyWhatItSaysWhateverTheDescriptorDoes) {
  std::mt19937 random(20261125);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same ones each time
  const int errors[] = {-EINTR, -EAGAIN, -EAGAIN, -EAGAIN, -ENOSPC, -EPIPE};
  for (int round = 0; round < 3000; ++round) {
    close_queue(queue, now_ms());
    state->lost = state->torn = 0;
    open_queue(queue, queue.file, false, nullptr);
    taken.clear();
    unsigned refused = 0;
    constexpr int kLines = 30;
    for (int number = 0; number < kLines; ++number) {
      script.clear();
      for (unsigned step = random() % 4; step != 0; --step) {
        script.push_back(random() % 2 == 0 ? errors[random() % 6]
                                           : static_cast<int>(random() % 14));
      }
      if (random() % 2 == 0) script.push_back(-EAGAIN);
      refused += !put<scripted>(queue, "<" + std::to_string(1'000'000 + number) + ">");
      ASSERT_LE(queue.waiting, static_cast<std::size_t>(number) + 1);
    }
    script.clear();
    put<scripted>(queue, "<end>");
    ASSERT_EQ(queue.waiting, 0U);
    ASSERT_LE(refused, state->lost);

    std::map<std::string, unsigned> got;
    std::string last;
    for (std::size_t at = 0; at < taken.size();) {
      const std::size_t end = std::min(taken.find('\n', at), taken.size());
      const std::string line = taken.substr(at, end - at);
      ASSERT_EQ(line.find('<', 1), std::string::npos) << line << ": two lines in one";
      ASSERT_FALSE(line.empty()) << "an empty line in round " << round;
      if (line.ends_with('>')) {
        ASSERT_EQ(++got[line], 1U) << line;
        ASSERT_LT(last, line) << "in order";
        last = line;
      }
      at = end + 1;
    }
    ASSERT_EQ(got.size() + state->lost, kLines + 1U) << "in round " << round;
  }
}

}  // namespace
}  // namespace reqnotes
