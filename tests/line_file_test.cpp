#include "reqnotes/output/line_file.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace reqnotes {
namespace {

/// A line with the byte before it that write_line may use.
template <Write kWrite = ::write>
bool put(const LineFile& file, const std::string& line) {
  std::string buffer = "?" + line + "\n";
  return write_line<kWrite>(file, std::string_view(buffer).substr(1));
}

std::vector<std::string> split_lines(const std::string& text) {
  std::vector<std::string> lines(1);
  for (char c : text) {
    if (c == '\n') {
      lines.emplace_back();
    } else {
      lines.back() += c;
    }
  }
  return lines;  // the last one has no newline
}

/// What can be read without waiting.
std::string drain(int fd) {
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  std::string text;
  std::array<char, 65536> buffer;
  for (ssize_t got; (got = read(fd, buffer.data(), buffer.size())) > 0;) {
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return text;
}

/// A file of its own, which is gone at the end.
struct TemporaryFile {
  TemporaryFile() {
    close(mkstemp(path));
    fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
  }
  ~TemporaryFile() {
    close(fd);
    unlink(path);
  }
  std::string text() const {
    const int in = open(path, O_RDONLY | O_CLOEXEC);
    std::string content = drain(in);
    close(in);
    return content;
  }
  char path[32] = "/tmp/reqnotes-line-XXXXXX";
  int fd;
};

class LineFileTest : public testing::Test {
 protected:
  LineFileTest() {
    signal(SIGPIPE, SIG_IGN);  // as httpd does
    alarm(60);                 // a call that waits must not hang the tests
  }
  ~LineFileTest() override { alarm(0); }
  unsigned lost() const { return state.lost; }

  LineState state{};
};

TEST_F(LineFileTest, WritesALineAsItIs) {
  const TemporaryFile out;
  const LineFile file{out.fd, &state};
  EXPECT_TRUE(put(file, "one"));
  EXPECT_TRUE(put(file, "two"));
  EXPECT_EQ(out.text(), "one\ntwo\n");
  EXPECT_EQ(lost(), 0U);
}

TEST_F(LineFileTest, DoesNotWaitForAFullPipe) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
  const LineFile file{ends[1], &state};
  const std::string line(99, 'x');
  unsigned whole = 0;
  while (put(file, line)) ++whole;
  EXPECT_GT(whole, 10U);
  EXPECT_EQ(lost(), 1U);
  EXPECT_FALSE(put(file, line));
  EXPECT_FALSE(put(file, line));
  EXPECT_EQ(lost(), 3U);
  EXPECT_EQ(drain(ends[0]).size(), whole * 100);
  EXPECT_TRUE(put(file, "again"));
  EXPECT_EQ(drain(ends[0]), "again\n") << "a pipe takes a line or nothing, so nothing was torn";
  EXPECT_EQ(take_lost(file), 3U);
  EXPECT_EQ(take_lost(file), 0U);
  close(ends[0]);
  close(ends[1]);
}

TEST_F(LineFileTest, CountsWhatAPipeWithoutAReaderDoesNotTake) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
  close(ends[0]);
  const LineFile file{ends[1], &state};
  EXPECT_FALSE(put(file, "x"));
  EXPECT_EQ(errno, EPIPE);
  EXPECT_EQ(lost(), 1U);
  close(ends[1]);
}

TEST_F(LineFileTest, CountsWhatAFullDiskDoesNotTake) {
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  const LineFile file{full, &state};
  for (unsigned count = 1; count <= 3; ++count) {
    EXPECT_FALSE(put(file, "x"));
    EXPECT_EQ(errno, ENOSPC);
    EXPECT_EQ(lost(), count);
  }
  EXPECT_FALSE(state.torn);
  close(full);
}

TEST_F(LineFileTest, CountsWhatAClosedDescriptorDoesNotTake) {
  const int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
  close(fd);
  EXPECT_FALSE(put({fd, &state}, "x"));
  EXPECT_EQ(lost(), 1U);
}

TEST_F(LineFileTest, TouchesNothingOnceTheLogIsClosed) {
  const LineFile file{-1, nullptr};
  EXPECT_FALSE(put(file, "x"));
  EXPECT_EQ(take_lost(file), 0U);
}

// The nearest to a disk that fills that needs no mount: the last write is short, as ENOSPC's is.
TEST_F(LineFileTest, EndsATornLineBeforeTheNextOne) {
  const TemporaryFile out;
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    const LineFile file{out.fd, &state};
    rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    const rlimit small{.rlim_cur = 14, .rlim_max = limit.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    const bool filled = put(file, "one") && !put(file, "two is too long") && state.torn &&
                        !put(file, "three") && lost() == 2;
    setrlimit(RLIMIT_FSIZE, &limit);
    const bool again = put(file, "four") && !state.torn && put(file, "five") && lost() == 2;
    _exit(filled && again ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(out.text(), "one\ntwo is too\nfour\nfive\n");
}

// A stream takes what has room, which a pipe never does with a line.
TEST_F(LineFileTest, EndsALineThatAStreamTookInPart) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
  const LineFile file{ends[1], &state};
  const std::string line(4'000'000, 'x');
  EXPECT_FALSE(put(file, line));
  EXPECT_TRUE(state.torn);
  EXPECT_FALSE(put(file, "no room"));
  EXPECT_EQ(lost(), 2U);
  const std::string part = drain(ends[0]);
  EXPECT_TRUE(!part.empty() && part.size() < line.size()) << part.size();
  EXPECT_TRUE(put(file, "next"));
  EXPECT_TRUE(put(file, "after"));
  EXPECT_EQ(drain(ends[0]), "\nnext\nafter\n");
  close(ends[0]);
  close(ends[1]);
}

// What each of the next calls of `scripted` does: takes so many bytes, or fails with -errno. A call
// that nothing is left for takes everything.
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

struct Scripted {
  const char* why;
  std::vector<int> script;
  const char* lines;  ///< one letter each; capitals are those that are reported as written
  const char* want;
};

TEST_F(LineFileTest, KeepsItsPromisesForEachOutcome) {
  const Scripted cases[] = {
      {"a signal", {-EINTR, -EINTR}, "A", "aaaa\n"},
      {"a signal, then a full disk", {-EINTR, -ENOSPC}, "aB", "bbbb\n"},
      {"a signal, then a part", {-EINTR, 2}, "aB", "aa\nbbbb\n"},
      {"a signal before a torn line is ended", {2, -EINTR}, "aB", "aa\nbbbb\n"},
      {"a full pipe", {-EAGAIN, -EAGAIN}, "abC", "cccc\n"},
      {"nothing is taken", {0}, "aB", "bbbb\n"},
      {"torn, then full, then free", {3, -ENOSPC, -ENOSPC}, "abcD", "aaa\ndddd\n"},
      {"torn twice", {3, 3}, "abC", "aaa\nbb\ncccc\n"},
      {"a torn line is ended, and no more", {3, 1}, "abC", "aaa\ncccc\n"},
      {"all but the newline", {4}, "AB", "aaaa\nbbbb\n"},
      {"all but the newline, twice", {4, 5}, "ABC", "aaaa\nbbbb\ncccc\n"},
      {"all but the newline, then full", {4, -ENOSPC}, "AbC", "aaaa\ncccc\n"},
      {"an error of the device", {-EIO}, "aB", "bbbb\n"},
  };
  for (const Scripted& c : cases) {
    LineState of_case{};
    const LineFile file{0, &of_case};
    script = c.script;
    taken.clear();
    unsigned want_lost = 0;
    for (char letter : std::string_view(c.lines)) {
      const bool whole = letter < 'a';
      want_lost += whole ? 0 : 1;
      const std::string line(4, static_cast<char>(letter | 0x20));
      EXPECT_EQ(put<scripted>(file, line), whole) << c.why << ", " << letter;
    }
    EXPECT_TRUE(script.empty()) << c.why;
    EXPECT_EQ(taken, c.want) << c.why;
    EXPECT_EQ(of_case.lost, want_lost) << c.why;
    EXPECT_FALSE(of_case.torn) << c.why;
  }
}

TEST_F(LineFileTest, LosesExactlyWhatItSaysAndWritesNothingTwice) {
  std::mt19937 random(20261123);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same ones each time
  const int errors[] = {-EINTR, -EAGAIN, -ENOSPC, -EIO, -EPIPE};
  for (int round = 0; round < 3000; ++round) {
    LineState of_round{};
    const LineFile file{0, &of_round};
    taken.clear();
    std::map<std::string, unsigned> want;
    unsigned want_lost = 0;
    for (int number = 0; number < 30; ++number) {
      script.clear();
      for (unsigned step = random() % 4; step != 0; --step) {
        script.push_back(random() % 2 == 0 ? errors[random() % 5]
                                           : static_cast<int>(random() % 14));
      }
      const std::string line = "<" + std::to_string(1'000'000 + number) + ">";
      if (put<scripted>(file, line)) {
        ++want[line];
      } else {
        ++want_lost;
      }
    }
    script.clear();
    put<scripted>(file, "<end>");
    ++want["<end>"];

    std::map<std::string, unsigned> got;
    for (const std::string& line : split_lines(taken)) {
      if (line.ends_with('>')) {
        ++got[line];
      } else {
        EXPECT_EQ(line.find('<', 1), std::string::npos) << line << ": two lines in one";
      }
    }
    ASSERT_EQ(got, want) << "in round " << round;
    ASSERT_EQ(of_round.lost, want_lost) << "in round " << round;
    ASSERT_EQ(taken.find("\n\n"), std::string::npos) << "an empty line in round " << round;
  }
}

ssize_t write_three(int fd, const void* data, std::size_t) {
  return ::write(fd, data, 3);
}

TEST_F(LineFileTest, TellsOtherProcessesWhatIsTornAndLost) {
  const TemporaryFile out;
  void* memory =
      mmap(nullptr, sizeof(LineState), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  const LineFile file{out.fd, new (memory) LineState{}};
  const pid_t child = fork();
  if (child == 0) {
    put<write_three>(file, "torn");
    _exit(0);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(put(file, "next"));
  EXPECT_EQ(out.text(), "tor\nnext\n");
  EXPECT_EQ(take_lost(file), 1U);
  munmap(memory, sizeof(LineState));
}

std::atomic<unsigned> calls;

ssize_t write_two_of_three(int fd, const void* data, std::size_t size) {
  if (++calls % 3 != 0) return ::write(fd, data, size);
  errno = ENOSPC;
  return -1;
}

TEST_F(LineFileTest, CountsTheLossesOfManyThreadsAndTearsNoLineOfTheirs) {
  const TemporaryFile out;
  const LineFile file{out.fd, &state};
  constexpr unsigned kThreads = 8;
  constexpr unsigned kLines = 2000;
  std::atomic<unsigned> whole = 0;
  {
    std::vector<std::jthread> threads;
    for (unsigned thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&file, &whole] {
        for (unsigned line = 0; line < kLines; ++line) {
          whole += put<write_two_of_three>(file, std::string(40, 'x'));
        }
      });
    }
  }
  EXPECT_EQ(whole + lost(), kThreads * kLines);
  EXPECT_EQ(lost(), kThreads * kLines / 3);
  EXPECT_EQ(out.text().size(), whole * 41);
}

TEST_F(LineFileTest, FindsALineThatAnEarlierProcessLeftTorn) {
  const TemporaryFile out;
  EXPECT_FALSE(ends_torn(out.fd, out.path)) << "empty";
  ASSERT_EQ(write(out.fd, "one\n", 4), 4);
  EXPECT_FALSE(ends_torn(out.fd, out.path));
  ASSERT_EQ(write(out.fd, "tw", 2), 2);
  EXPECT_TRUE(ends_torn(out.fd, out.path));
  EXPECT_FALSE(ends_torn(out.fd, "/nowhere/at all"));
  const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
  EXPECT_FALSE(ends_torn(null, "/dev/null")) << "no file";
  close(null);
}

}  // namespace
}  // namespace reqnotes
