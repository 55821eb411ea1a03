#include "reqnotes/metrics/dropped.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include <atomic>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace reqnotes {
namespace {

constexpr std::int64_t kSecondUs = 1'000'000;
using Numbers = std::map<std::string, double>;
using Told = std::vector<std::string>;

std::size_t reads;
std::function<void()> before_read;

ssize_t count_read(int fd, void* out, std::size_t size) {
  ++reads;
  if (before_read) before_read();
  return read(fd, out, size);
}

ssize_t fail_read(int, void*, std::size_t) {
  errno = EIO;
  return -1;
}

/// As a signal and a slow disk have it: nothing, then a few bytes at a time.
ssize_t slow_read(int fd, void* out, std::size_t size) {
  if (++reads % 2 == 1) {
    errno = EINTR;
    return -1;
  }
  return read(fd, out, std::min<std::size_t>(size, 3));
}

std::int64_t real_now() {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return micros_of(now);
}

class DroppedTest : public testing::Test {
 protected:
  DroppedTest() {
    EXPECT_NE(mkdtemp(path_), nullptr);
    umask(0022);
    reads = 0;
    before_read = nullptr;
    // What was just written is settled.
    now_ = real_now() + 10 * kSecondUs;
    alarm(120);  // what waits must not hang the tests
  }
  ~DroppedTest() override {
    alarm(0);
    std::filesystem::remove_all(path_);
  }

  std::string at(const std::string& name) const { return std::string(path_) + "/" + name; }

  void write(const std::string& name, const std::string& text, mode_t mode = 0644) const {
    std::ofstream(at(name), std::ios::binary) << text;
    EXPECT_EQ(chmod(at(name).c_str(), mode), 0);
  }
  /// As applications are told to.
  void drop(const std::string& name, const std::string& text) const {
    write(".new", text);
    std::filesystem::rename(at(".new"), at(name));
  }
  void remove(const std::string& name) const { std::filesystem::remove(at(name)); }
  void set_time(const std::string& name, std::int64_t time_us) const {
    const timespec time = {.tv_sec = time_us / kSecondUs, .tv_nsec = time_us % kSecondUs * 1000};
    const timespec times[] = {time, time};
    EXPECT_EQ(utimensat(AT_FDCWD, at(name).c_str(), times, 0), 0);
  }

  template <auto kRead = count_read>
  Told look() {
    Told told;
    read_dropped<kRead>(path_, now_, 300 * kSecondUs, dropped_,
                        [&](std::string_view name, const char* refused) {
                          told.push_back(std::string(name) + ": " + refused);
                        });
    check();
    return told;
  }

  /// What is promised of both lists.
  void check() const {
    ASSERT_LE(dropped_.file_count, kDroppedFilesMax);
    ASSERT_LE(dropped_.number_count, kDroppedNumbersMax);
    std::size_t next = 0;
    for (const DroppedFile& file : dropped_.all_files()) {
      ASSERT_EQ(file.first_number, next);
      for (std::size_t end = next + file.number_count; next < end; ++next) {
        ASSERT_EQ(&dropped_.files[dropped_.numbers[next].file], &file);
      }
      ASSERT_TRUE(&file == dropped_.files || (&file)[-1].text() < file.text());
    }
    ASSERT_EQ(next, dropped_.number_count);
  }

  /// Those that count.
  Numbers numbers() const {
    Numbers all;
    for (const DroppedNumber& number : dropped_.all_numbers()) {
      const DroppedNumber* const found = find_number(dropped_, number.text(), now_);
      if (is_stale(dropped_, number, now_)) {
        EXPECT_NE(found, nullptr) << "its age is known";
        continue;
      }
      EXPECT_EQ(found, &number) << "what counts is found";
      EXPECT_TRUE(all.emplace(number.text(), number.value).second) << "a name is there once";
    }
    return all;
  }
  const DroppedFile& file(std::string_view name) const {
    for (const DroppedFile& file : dropped_.all_files()) {
      if (file.text() == name) return file;
    }
    ADD_FAILURE() << name << " is not there";
    return dropped_.files[0];
  }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const DroppedFile& file : dropped_.all_files()) names.emplace_back(file.text());
    return names;
  }
  /// Drops numbers n0, n1, ...
  void drop_many(const std::string& name, std::size_t first, std::size_t count) const {
    std::string text;
    for (std::size_t number = first; number < first + count; ++number) {
      text += "n" + std::to_string(number) + " 1\n";
    }
    drop(name, text);
  }

  char path_[40] = "/tmp/reqnotes-dropped-XXXXXX";
  std::int64_t now_;
  Dropped dropped_ = {};
};

TEST_F(DroppedTest, ReadsWhatIsDropped) {
  EXPECT_EQ(look(), Told());
  EXPECT_EQ(numbers(), Numbers());
  drop("thumbs", "queue 12\ndone_total=34  # since the start\n");
  drop("Mail-2.x_y", "mail_age -0.5e1\n");
  drop("empty", "");
  EXPECT_EQ(look(), Told());
  EXPECT_EQ(numbers(), (Numbers{{"queue", 12}, {"done_total", 34}, {"mail_age", -5}}));
  EXPECT_EQ(files(), (std::vector<std::string>{"Mail-2.x_y", "empty", "thumbs"}));
  EXPECT_EQ(file("thumbs").number_count, 2);
  EXPECT_EQ(file("thumbs").owner, geteuid());
  EXPECT_STREQ(file("thumbs").refused, "");
}

TEST_F(DroppedTest, KnowsTheirTime) {
  drop("a", "x 1\n");
  set_time("a", now_ - 7 * kSecondUs - 3);
  look();
  EXPECT_EQ(file("a").time_us, now_ - 7 * kSecondUs - 3);
  drop("a", "x 1");
  look();
  EXPECT_EQ(file("a").time_us, now_ - 7 * kSecondUs - 3) << "of the numbers that it still has";
  drop("b", "y 1");
  set_time("b", now_ - 9 * kSecondUs);
  look();
  EXPECT_EQ(file("b").time_us, now_ - 9 * kSecondUs) << "its own where it has none";
}

TEST_F(DroppedTest, ReadsOnlyWhatHasChanged) {
  drop("a", "x 1\n");
  drop("b", "y 1\n");
  drop("half", "z 1");
  look();
  // Two calls for what is whole: the second finds its end.
  EXPECT_EQ(reads, 6U);
  for (int second = 0; second < 5; ++second) {
    now_ += kSecondUs;
    EXPECT_EQ(look(), Told());
    EXPECT_EQ(numbers(), (Numbers{{"x", 1}, {"y", 1}}));
  }
  EXPECT_EQ(reads, 6U);
  drop("b", "y 2\n");
  now_ += 10 * kSecondUs;
  look();
  EXPECT_EQ(reads, 8U);
  EXPECT_EQ(numbers(), (Numbers{{"x", 1}, {"y", 2}}));
}

TEST_F(DroppedTest, SeesAChangeWithinASecondOfTheSameSize) {
  const std::int64_t time = real_now() - 5 * kSecondUs;
  write("a", "x 1\n");
  set_time("a", time);
  look();
  const std::uint64_t inode = file("a").inode;
  ASSERT_NE(inode, 0U);
  usleep(20'000);
  write("a", "x 2\n");
  set_time("a", time);
  look();
  EXPECT_EQ(numbers(), (Numbers{{"x", 2}}));
  EXPECT_EQ(file("a").inode, inode) << "the same file";
}

TEST_F(DroppedTest, DoesNotTrustATimeThatMayNotHaveMovedYet) {
  write("a", "x 1\n");
  now_ = real_now();
  look();
  const std::size_t once = reads;
  // A clock that stands still: it is what a file system with steps of a second looks like.
  now_ += kSecondUs;
  look();
  EXPECT_EQ(reads, 2 * once);
  now_ += 2 * kSecondUs;
  look();
  look();
  EXPECT_EQ(reads, 3 * once);
}

TEST_F(DroppedTest, RefusesWhatIsNoFileOfItsOwn) {
  write(".kept", "x 1\n");
  std::filesystem::create_symlink(at(".kept"), at("link"));
  std::filesystem::create_symlink("/nowhere", at("link_to_nothing"));
  write("linked", "y 1\n");
  std::filesystem::create_hard_link(at("linked"), at(".other"));
  ASSERT_EQ(mkfifo(at("pipe").c_str(), 0644), 0);
  ASSERT_EQ(mkdir(at("directory").c_str(), 0755), 0);
  sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
  std::ranges::copy(at("socket"), address.sun_path);
  const int socket_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(bind(socket_fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  const bool has_device = mknod(at("zero").c_str(), S_IFCHR | 0644, makedev(1, 5)) == 0;
  Told want = {"directory: is no regular file",
               "link: is a symbolic link",
               "link_to_nothing: is a symbolic link",
               "linked: has several links",
               "pipe: is no regular file",
               "socket: is no regular file"};
  // A kernel may not let it be opened.
  const Told told = look();
  if (has_device) {
    ASSERT_EQ(told.size(), want.size() + 1);
    EXPECT_TRUE(told.back().starts_with("zero: ")) << told.back();
  }
  EXPECT_EQ(Told(told.begin(), told.begin() + 6), want);
  EXPECT_EQ(numbers(), Numbers());
  EXPECT_EQ(reads, 0U);
  EXPECT_EQ(file("link").owner, geteuid());
  EXPECT_EQ(look(), Told()) << "it is told once";
  close(socket_fd);
}

TEST_F(DroppedTest, RefusesWhatOthersMayWrite) {
  write("group", "x 1\n", 0664);
  write("others", "y 1\n", 0646);
  write("executable", "z 1\n", 0755);
  EXPECT_EQ(look(), (Told{"group: is writable for its group or for others",
                          "others: is writable for its group or for others"}));
  EXPECT_EQ(numbers(), (Numbers{{"z", 1}}));
  ASSERT_EQ(chmod(at("group").c_str(), 0644), 0);
  EXPECT_EQ(look(), Told{"group: "});
  EXPECT_EQ(numbers(), (Numbers{{"x", 1}, {"z", 1}}));
}

TEST_F(DroppedTest, RefusesWhatItMayNotRead) {
  write("a", "x 1\n", 0000);
  ASSERT_EQ(chmod(path_, 0755), 0);
  const uid_t user = geteuid();
  if (user == 0) {
    ASSERT_EQ(seteuid(65534), 0);
  }
  const Told told = look();
  if (user == 0) {
    ASSERT_EQ(seteuid(0), 0);
  }
  EXPECT_EQ(told, Told{"a: may not be read by the user of the server"});
  EXPECT_EQ(file("a").owner, user);
}

TEST_F(DroppedTest, ReadsAtMost16KB) {
  const std::string line = "x 1\n";
  write("exact", line + std::string(kDroppedBytesMax - line.size() - 1, '#') + "\n");
  write("more", "y 1\n" + std::string(kDroppedBytesMax - line.size(), '#') + "\n");
  write("huge", "z 1\n" + std::string(1'000'000, '#') + "\n");
  EXPECT_EQ(look(), (Told{"huge: has more than 16 KB", "more: has more than 16 KB"}));
  EXPECT_EQ(numbers(), (Numbers{{"x", 1}}));
  const std::size_t once = reads;
  EXPECT_EQ(look(), Told());
  EXPECT_EQ(reads, once) << "it is not read again";
}

TEST_F(DroppedTest, ReadsHoweverLittleComesAtOnce) {
  drop("a", "queue 12\ndone_total 34\n");
  look<slow_read>();
  EXPECT_EQ(numbers(), (Numbers{{"queue", 12}, {"done_total", 34}}));
}

TEST_F(DroppedTest, TriesAgainWhatADiskDoesNotGive) {
  drop("a", "x 1\n");
  look();
  drop("a", "x 2\n");
  EXPECT_EQ(look<fail_read>(), Told{"a: fails with error 5 when it is read"});
  EXPECT_EQ(numbers(), (Numbers{{"x", 1}}));
  EXPECT_EQ(look<fail_read>(), Told());
  EXPECT_EQ(look(), Told{"a: "});
  EXPECT_EQ(numbers(), (Numbers{{"x", 2}}));
}

TEST_F(DroppedTest, RefusesABadName) {
  drop("a b", "x 1\n");
  drop("-a", "x 1\n");
  drop("caf\xC3\xA9", "x 1\n");
  drop("\x1B[31m", "x 1\n");
  const std::string longest(64, 'a');
  drop(longest, "y 1\n");
  drop(longest + "b", "x 1\n");
  drop(std::string(255, 'c'), "x 1\n");
  drop(".hidden", "x 1\n");
  drop("backup~", "x 1\n");
  const std::string why =
      ": has a name that is not 1 to 64 letters, digits, _, . and -, or begins with -";
  EXPECT_EQ(look(), (Told{"-a" + why, "??31m" + why, "a?b" + why, std::string(63, 'a') + "?" + why,
                          "caf??" + why, std::string(63, 'c') + "?" + why}));
  EXPECT_EQ(numbers(), (Numbers{{"y", 1}}));
  EXPECT_EQ(file("a?b").owner, kNoOwner);
  EXPECT_EQ(look(), Told());
}

TEST_F(DroppedTest, RefusesAFileForOneLine) {
  const std::map<std::string, std::string> reasons = {
      {"y 1", "is not whole: it has no newline at its end"},
      {"y 1\ny2", "is not whole: it has no newline at its end"},
      {"y 1\n# \xFF\n", "line 2 is no UTF-8, or has a control character"},
      {"y 1\n\nz-z 1\n", "line 3 does not begin with a name of letters, digits and _, at most 64"},
      {"y\n", "line 1 has no number behind its name"},
      {"y 1 2\n", "line 1 has no number behind its name"},
      {"y 0x10\n", "line 1 has no number behind its name"},
      {"y NaN\n", "line 1 has no number behind its name"},
      {"y 1e999\n", "line 1 has no number behind its name"},
      {"y 1\nz_total -1\n", "line 2 has a _total that is negative"},
      {"y 1\ny 2\n", "line 2 has a number that is there, here or in another file"},
      {"y 1\ny_total 2\n", "line 2 has a number that is there, here or in another file"},
      {"y_created 1\ny_total 2\n", "line 2 has a number that is there, here or in another file"},
  };
  for (const auto& [text, reason] : reasons) {
    drop("a", "x 1\n");
    look();
    drop("a", text);
    EXPECT_EQ(look(), Told{"a: " + reason}) << text;
    EXPECT_EQ(numbers(), (Numbers{{"x", 1}})) << "it keeps what it had: " << text;
    now_ += kSecondUs;
    EXPECT_EQ(look(), Told()) << "it is told once: " << text;
    drop("a", "x 1\n");
    EXPECT_EQ(look(), Told{"a: "}) << "and that it is over: " << text;
  }
  drop("a", "x_total -0\n");
  EXPECT_EQ(look(), Told());
}

TEST_F(DroppedTest, TellsAnotherReason) {
  drop("a", "x");
  EXPECT_EQ(look().size(), 1U);
  drop("a", "y");
  EXPECT_EQ(look(), Told()) << "the same once more";
  drop("a", "x\n");
  EXPECT_EQ(look(), Told{"a: line 1 has no number behind its name"});
  remove("a");
  EXPECT_EQ(look(), Told());
  EXPECT_EQ(files(), std::vector<std::string>());
}

TEST_F(DroppedTest, LeavesOutWhatIsStaleAlsoWhenNothingChanges) {
  drop("a", "x 1\n");
  set_time("a", now_ - 300 * kSecondUs);
  drop("b", "y 1\n");
  EXPECT_EQ(look(), Told());
  EXPECT_EQ(numbers(), (Numbers{{"x", 1}, {"y", 1}}));
  now_ += 1;
  EXPECT_EQ(look(), Told{"a: is older than 300 s"});
  EXPECT_EQ(numbers(), (Numbers{{"y", 1}}));
  EXPECT_EQ(file("a").time_us, now_ - 300 * kSecondUs - 1);
  now_ += kSecondUs;
  EXPECT_EQ(look(), Told());
  drop("c", "x 3\n");
  EXPECT_EQ(look(), Told());
  EXPECT_EQ(numbers(), (Numbers{{"x", 3}, {"y", 1}})) << "it takes no name from others";
  remove("c");
  look();
  set_time("a", now_);
  EXPECT_EQ(look(), Told{"a: "});
  EXPECT_EQ(numbers(), (Numbers{{"x", 1}, {"y", 1}}));
}

TEST_F(DroppedTest, KeepsTheNumbersOfARefusedFileUntilTheyAreStale) {
  drop("a", "x 1\n");
  set_time("a", now_ - 200 * kSecondUs);
  look();
  const std::vector<std::function<void()>> breaks = {
      [&] { drop("a", "x 2"); },
      [&] { write("a", "x 2\n", 0666); },
      [&] {
        remove("a");
        std::filesystem::create_symlink("/dev/null", at("a"));
      },
      [&] {
        remove("a");
        mkfifo(at("a").c_str(), 0600);
      },
  };
  for (const auto& broken : breaks) {
    broken();
    EXPECT_EQ(look().size(), 1U);
    EXPECT_EQ(numbers(), (Numbers{{"x", 1}}));
    EXPECT_EQ(file("a").time_us, now_ - 200 * kSecondUs);
  }
  now_ += 100 * kSecondUs;
  EXPECT_EQ(look(), Told());
  EXPECT_EQ(numbers(), (Numbers{{"x", 1}}));
  now_ += 1;
  EXPECT_EQ(look(), Told());
  EXPECT_EQ(numbers(), Numbers());
}

TEST_F(DroppedTest, RefusesATimeInTheFuture) {
  drop("a", "x 1\n");
  set_time("a", now_ + 60 * kSecondUs);
  drop("b", "y 1\n");
  set_time("b", now_ + 60 * kSecondUs + 1);
  EXPECT_EQ(look(), Told{"b: has a time in the future"});
  EXPECT_EQ(numbers(), (Numbers{{"x", 1}}));
  now_ += 1;
  EXPECT_EQ(look(), Told{"b: "});
  EXPECT_EQ(numbers(), (Numbers{{"x", 1}, {"y", 1}}));
}

TEST_F(DroppedTest, StandsAClockThatIsSetBack) {
  drop("a", "x 1\n");
  EXPECT_EQ(look(), Told());
  now_ -= 120 * kSecondUs;
  EXPECT_EQ(look(), Told{"a: has a time in the future"});
  now_ += 120 * kSecondUs;
  EXPECT_EQ(look(), Told{"a: "});
  EXPECT_EQ(numbers(), (Numbers{{"x", 1}}));
  now_ += 300 * kSecondUs;
  EXPECT_EQ(look(), Told{"a: is older than 300 s"});
  now_ -= 300 * kSecondUs;
  EXPECT_EQ(look(), Told{"a: "});
  EXPECT_EQ(numbers(), (Numbers{{"x", 1}}));
}

TEST_F(DroppedTest, StandsAnyTime) {
  EXPECT_EQ(micros_of({.tv_sec = -5, .tv_nsec = 0}), 0);
  EXPECT_GT(micros_of({.tv_sec = INT64_MAX, .tv_nsec = 999'999'999}), 8'000'000'000'000'000'000);
  for (const time_t time : {INT64_MIN, INT64_MAX, std::int64_t{-1}, std::int64_t{0}}) {
    drop("a", "x 1\n");
    const timespec times[] = {{.tv_sec = time, .tv_nsec = 0}, {.tv_sec = time, .tv_nsec = 0}};
    if (utimensat(AT_FDCWD, at("a").c_str(), times, 0) != 0) continue;
    look();
    EXPECT_EQ(numbers(), Numbers()) << time;
  }
}

TEST_F(DroppedTest, LeavesANumberToTheFileThatHasIt) {
  drop("b", "y 1\nx 1\n");
  EXPECT_EQ(look(), Told());
  // Whoever may drop files must not make up the numbers of others by a name before theirs.
  drop("a", "x_total 2\n");
  const std::string why = "has a number that is there, here or in another file";
  EXPECT_EQ(look(), Told{"a: line 1 " + why});
  EXPECT_EQ(numbers(), (Numbers{{"x", 1}, {"y", 1}}));
  drop("b", "y 3\nx 3\n");
  EXPECT_EQ(look(), Told());
  EXPECT_EQ(numbers(), (Numbers{{"x", 3}, {"y", 3}}));
  drop("c", "z 1\nY_total 1\ny_total 1\n");
  EXPECT_EQ(look(), Told{"c: line 3 " + why});
  EXPECT_EQ(numbers(), (Numbers{{"x", 3}, {"y", 3}})) << "of a new file all or nothing";
  remove("b");
  EXPECT_EQ(look(), Told{"c: "});
  EXPECT_EQ(look(), Told{"a: "})
      << "one look later, as its name is before that of the file that had it";
  EXPECT_EQ(numbers(), (Numbers{{"x_total", 2}, {"z", 1}, {"Y_total", 1}, {"y_total", 1}}));
}

TEST_F(DroppedTest, GivesANumberToTheFirstFileByNameAtFirst) {
  drop("b", "x 1\n");
  drop("a", "x 2\n");
  EXPECT_EQ(look(), Told{"b: line 1 has a number that is there, here or in another file"});
  EXPECT_EQ(numbers(), (Numbers{{"x", 2}}));
}

TEST(FamilyOf, IsWhatOpenMetricsTakesForOne) {
  for (const char* name : {"x", "x_total", "x_created", "x_total_total", "x_created_total"}) {
    EXPECT_EQ(family_of(name), "x") << name;
  }
  for (const char* name : {"x_totals", "xtotal", "x_Total", "x_total_", "total", "x_count"}) {
    EXPECT_EQ(family_of(name), name);
  }
  EXPECT_EQ(family_of("_total"), "");
}

TEST_F(DroppedTest, HasRoomFor256Numbers) {
  drop_many("a", 0, 256);
  EXPECT_EQ(look(), Told());
  EXPECT_EQ(numbers().size(), 256U);
  drop("b", "one_more 1\n");
  EXPECT_EQ(look(), Told{"b: line 1 has one number more than are read"});
  EXPECT_EQ(look(), Told());
  drop_many("a", 0, 257);
  EXPECT_EQ(look(), Told{"a: line 257 has one number more than are read"});
  EXPECT_EQ(numbers().size(), 256U) << "as before";
  drop_many("a", 0, 255);
  EXPECT_EQ(look(), (Told{"a: ", "b: "}));
  EXPECT_EQ(numbers().size(), 256U);
  EXPECT_TRUE(numbers().contains("one_more"));
}

TEST_F(DroppedTest, LeavesTheirRoomToNumbersThatAreThere) {
  drop("b", "x 1\ny 1\n");
  EXPECT_EQ(look(), Told());
  drop_many("a", 0, 255);
  EXPECT_EQ(look(), Told{"a: line 255 has one number more than are read"});
  drop_many("a", 0, 254);
  EXPECT_EQ(look(), Told{"a: "});
  EXPECT_EQ(numbers().size(), 256U);
  EXPECT_TRUE(numbers().contains("y"));
}

TEST_F(DroppedTest, TellsOfNamesThatItCannotLookAt) {
  for (int number = 0; number < 1100; ++number) write(".old" + std::to_string(number), "");
  EXPECT_EQ(look(), Told{": has more than 1024 names, also of old temporary files"});
  EXPECT_EQ(look(), Told());
  for (int number = 0; number < 100; ++number) remove(".old" + std::to_string(number));
  EXPECT_EQ(look(), Told{": "});
}

TEST_F(DroppedTest, ReadsTheFirst64) {
  const auto name = [](int number) { return "f" + std::to_string(1000 + number); };
  for (int number = 64; number >= 1; --number) drop(name(number), name(number) + " 1\n");
  EXPECT_EQ(look(), Told());
  EXPECT_EQ(numbers().size(), 64U);
  EXPECT_EQ(dropped_.more_files, 0U);
  drop(name(0), name(0) + " 1\n");
  EXPECT_EQ(look(), Told{": has more than 64 files, of which those that came later are not read"});
  EXPECT_EQ(numbers().size(), 64U);
  EXPECT_FALSE(numbers().contains(name(0))) << "by its name alone it takes nobody's place";
  EXPECT_TRUE(numbers().contains(name(64)));
  EXPECT_EQ(dropped_.more_files, 1U);
  EXPECT_EQ(look(), Told());
  remove(name(7));
  EXPECT_EQ(look(), Told{": "});
  EXPECT_EQ(look(), Told());
  EXPECT_TRUE(numbers().contains(name(0)));
  EXPECT_EQ(dropped_.more_files, 0U);
}

TEST_F(DroppedTest, Stands2000Files) {
  for (int number = 0; number < 2000; ++number) write("f" + std::to_string(number), "x 1");
  const Told told = look();
  EXPECT_EQ(told.size(), 65U);
  EXPECT_EQ(dropped_.more_files, 1024U - 2 - 64U) << ". and .. are entries too";
  EXPECT_EQ(look(), Told());
  EXPECT_EQ(reads, 128U);
}

TEST_F(DroppedTest, TellsOfADirectoryThatCannotBeOpened) {
  drop("a", "x 1\n");
  look();
  const std::string aside = std::string(path_) + ".aside";
  std::filesystem::rename(path_, aside);
  EXPECT_EQ(look(), Told{": does not exist"});
  EXPECT_EQ(numbers(), Numbers());
  EXPECT_EQ(files(), std::vector<std::string>());
  EXPECT_EQ(look(), Told());
  std::ofstream(path_) << "x 1\n";
  EXPECT_EQ(look(), Told{": is no directory"});
  std::filesystem::remove(path_);
  std::filesystem::rename(aside, path_);
  EXPECT_EQ(look(), Told{": "});
  EXPECT_EQ(numbers(), (Numbers{{"x", 1}}));
}

TEST_F(DroppedTest, ReadsAFileThatIsReplacedMeanwhile) {
  drop("a", "x 1\ny 1\n");
  // The name has another file when this one is read.
  before_read = [&] { drop("a", "x 2\ny 2\n"); };
  look();
  EXPECT_EQ(numbers(), (Numbers{{"x", 1}, {"y", 1}}));
  before_read = nullptr;
  look();
  EXPECT_EQ(numbers(), (Numbers{{"x", 2}, {"y", 2}}));
}

TEST_F(DroppedTest, NeverSeesHalfOfAFileOrNoneWhileItIsReplaced) {
  drop("a", "x 0\ny 0\n");
  std::atomic<bool> ends = false;
  std::thread writer([&] {
    for (int number = 0; !ends; ++number) {
      const std::string value = std::to_string(number);
      drop("a", "x " + value + "\n# " + std::string(5000, '.') + "\ny " + value + "\n");
    }
  });
  for (int turn = 0; turn < 2000; ++turn) {
    EXPECT_EQ(look(), Told());
    const Numbers seen = numbers();
    EXPECT_EQ(seen.size(), 2U) << turn;
    if (seen.size() == 2) {
      EXPECT_EQ(seen.at("x"), seen.at("y"));
    }
  }
  ends = true;
  writer.join();
}

TEST_F(DroppedTest, LooksForWhatADirectoryDoesNotListWhileItIsReplaced) {
  drop("a", "x 1\n");
  drop("b", "y 1\n");
  drop("bad name", "");
  look();
  remove("a");
  remove("bad name");
  DIR* const all = opendir(path_);
  FileNames names;
  list_names(all, dropped_, names);
  closedir(all);
  ASSERT_EQ(names.count, 2U);
  EXPECT_EQ(names.names[0].text(), "a");
  EXPECT_EQ(names.names[1].text(), "b");
  EXPECT_EQ(names.listed, 1U);
}

TEST_F(DroppedTest, LeavesNoDescriptorOpen) {
  drop("a", "x 1\n");
  drop("b", "y 1");
  ASSERT_EQ(mkfifo(at("pipe").c_str(), 0644), 0);
  const auto open_count = [] {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return std::distance(begin(all), end(all));
  };
  const auto before = open_count();
  for (int turn = 0; turn < 5; ++turn) look();
  EXPECT_EQ(open_count(), before);
}

}  // namespace
}  // namespace reqnotes
