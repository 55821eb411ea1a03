#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <type_traits>

#include "reqnotes/metrics/key_value.hpp"
#include "reqnotes/text/decimal.hpp"
#include "reqnotes/text/parse.hpp"
#include "reqnotes/text/slice.hpp"

namespace reqnotes {

// Numbers that applications drop as files into one directory: what is there is read by one process
// once a second, and whatever lies there does no harm.

constexpr std::size_t kDroppedFilesMax = 64;
constexpr std::size_t kDroppedNumbersMax = 256;
constexpr std::size_t kDroppedBytesMax = 16'384;
constexpr std::size_t kFileNameMax = 64;
constexpr std::size_t kRefusedMax = 96;
constexpr std::uint32_t kNoOwner = 0xFFFFFFFF;
/// Entries of a directory that are looked at.
constexpr std::size_t kEntriesMax = 1024;
/// How far ahead the clock of who writes a file may be.
constexpr std::int64_t kAheadMaxUs = 60'000'000;
/// File systems count time in steps of up to this: what changed later may change unseen.
constexpr std::int64_t kUnsettledUs = 2'000'000;

struct DroppedNumber {
  char name[kNumberNameMax];
  std::uint8_t name_size;
  std::uint8_t family_size;  ///< see family_of
  std::uint8_t file;         ///< its place in Dropped::files
  double value;

  [[nodiscard]] std::string_view text() const { return {name, name_size}; }
  [[nodiscard]] std::string_view family() const { return {name, family_size}; }
};

struct DroppedFile {
  char name[kFileNameMax];  ///< with a ? for each byte that no name has
  std::uint8_t name_size;
  std::uint16_t first_number;  ///< the place of its numbers in Dropped::numbers
  std::uint16_t number_count;
  std::uint32_t owner;        ///< the user who has it, or kNoOwner
  std::int64_t time_us;       ///< when its numbers were written, since 1970; may be a minute ahead
  char refused[kRefusedMax];  ///< why it is not read, as the end of a sentence; or empty
  bool is_stale;              ///< and that is why

  // What was read last. No writer can set the second; an inode of 0: it is read again.
  std::uint64_t inode;
  std::int64_t changed_us;

  [[nodiscard]] std::string_view text() const { return {name, name_size}; }
};

/// What is in a directory; both lists are by the name of the file.
struct Dropped {
  DroppedNumber numbers[kDroppedNumbersMax];
  std::uint32_t number_count;
  DroppedFile files[kDroppedFilesMax];
  std::uint32_t file_count;
  std::uint32_t more_files;   ///< how many more were seen, and left alone
  std::int64_t stale_us;      ///< numbers that were written longer ago do not count
  char refused[kRefusedMax];  ///< what is wrong with the directory, or empty

  [[nodiscard]] std::span<const DroppedNumber> all_numbers() const {
    return {numbers, number_count};
  }
  [[nodiscard]] std::span<const DroppedFile> all_files() const { return {files, file_count}; }
};
static_assert(std::is_trivially_copyable_v<Dropped>);

/// How long ago a file was written, in seconds.
inline double age_seconds(const DroppedFile& file, std::int64_t now_us) {
  return static_cast<double>(std::max<std::int64_t>(now_us - file.time_us, 0)) / 1e6;
}

/// Whether a number does not count any more.
inline bool is_stale(const Dropped& dropped, const DroppedNumber& number, std::int64_t now_us) {
  return dropped.files[number.file].time_us < now_us - dropped.stale_us;
}

/// The number of a name: one that counts, otherwise one that did; or null.
inline const DroppedNumber* find_number(const Dropped& dropped, std::string_view name,
                                        std::int64_t now_us) {
  const DroppedNumber* found = nullptr;
  for (const DroppedNumber& number : dropped.all_numbers()) {
    if (number.text() == name && (!found || is_stale(dropped, *found, now_us))) found = &number;
  }
  return found;
}

constexpr bool is_file_name_char(char c) {
  return is_number_name_char(c) || c == '.' || c == '-';
}

/// Whether `name` is `[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}`.
constexpr bool is_file_name(std::string_view name) {
  return !name.empty() && name.size() <= kFileNameMax && name[0] != '.' && name[0] != '-' &&
         std::ranges::all_of(name, is_file_name_char);
}

/// What numbers have in common that are one family to a strict reader of OpenMetrics, who refuses
/// the whole answer when it is there twice: `x`, `x_total`, `x_created`.
constexpr std::string_view family_of(std::string_view name) {
  while (name.ends_with("_total") || name.ends_with("_created")) {
    name = prefix(name, name.rfind('_'));
  }
  return name;
}

inline void set_refused(std::initializer_list<std::string_view> parts, char (&out)[kRefusedMax]) {
  std::size_t size = 0;
  for (std::string_view part : parts) {
    part = prefix(part, kRefusedMax - 1 - size);
    std::ranges::copy(part, out + size);
    out[size + part.size()] = '\0';
    size += part.size();
  }
}

inline void set_refused(std::string_view before, std::int64_t number, std::string_view behind,
                        char (&out)[kRefusedMax]) {
  char digits[kDecimalMax];
  const auto size = static_cast<std::size_t>(put_decimal(number, digits) - digits);
  set_refused({before, " ", {digits, size}, " ", behind}, out);
}

/// Says why something could not be opened.
inline void set_open_error(int error, char (&out)[kRefusedMax]) {
  switch (error) {
    case ENOENT:
      return set_refused({"does not exist"}, out);
    case ENOTDIR:
      return set_refused({"is no directory"}, out);
    case EACCES:
      return set_refused({"may not be read by the user of the server"}, out);
    case ELOOP:
      return set_refused({"is a symbolic link"}, out);
    case ENXIO:  // a socket
      return set_refused({"is no regular file"}, out);
    default:
      return set_refused("fails with error", error, "when it is opened", out);
  }
}

/// A name in a directory, as it is shown.
struct FileName {
  char name[kFileNameMax];
  std::uint8_t size;

  [[nodiscard]] std::string_view text() const { return {name, size}; }
  auto operator<=>(const FileName& other) const { return text() <=> other.text(); }
  bool operator==(const FileName& other) const { return text() == other.text(); }
};

/// What is no name of a file becomes a text that is none either.
inline FileName show_name(std::string_view name) {
  FileName shown = {};
  for (char c : prefix(name, kFileNameMax)) {
    shown.name[shown.size++] = is_file_name_char(c) ? c : '?';
  }
  if (name.size() > kFileNameMax) shown.name[kFileNameMax - 1] = '?';
  return shown;
}

/// The names in a directory, each once, in order.
struct FileNames {
  std::array<FileName, kEntriesMax + kDroppedFilesMax> names;
  std::size_t count;
  std::uint32_t listed;
  bool is_cut;  ///< there are more, of which nothing is known
};

inline void list_names(DIR* directory, const Dropped& last, FileNames& names) {
  names.count = 0;
  for (std::size_t entries = 0;; ++entries) {
    // Nobody else reads this directory. NOLINTNEXTLINE(concurrency-mt-unsafe)
    const dirent* entry = readdir(directory);
    names.is_cut = entry && entries == kEntriesMax;
    if (!entry || names.is_cut) break;
    const std::string_view name = entry->d_name;
    if (name.starts_with('.') || name.ends_with('~')) continue;
    names.names[names.count++] = show_name(name);
  }
  names.listed = static_cast<std::uint32_t>(names.count);
  // A file that is replaced meanwhile may be missing in the list, under both of its names.
  for (const DroppedFile& file : last.all_files()) {
    if (is_file_name(file.text())) names.names[names.count++] = show_name(file.text());
  }
  const auto begin = names.names.begin();
  const auto end = begin + static_cast<std::ptrdiff_t>(names.count);
  std::sort(begin, end);
  names.count = static_cast<std::size_t>(std::unique(begin, end) - begin);
}

/// A time in microseconds; one that is beyond all reason is only near.
inline std::int64_t micros_of(const timespec& time) {
  return std::clamp<std::int64_t>(time.tv_sec, 0, 9'000'000'000'000) * 1'000'000 +
         time.tv_nsec / 1000;
}

/// Says why a file is not read whatever it holds; null where it may be.
inline const char* judge_file(const struct stat& status, std::int64_t now_us) {
  if (!S_ISREG(status.st_mode)) return "is no regular file";
  // Another name may be where others can write. It has none when it was just replaced.
  if (status.st_nlink > 1) return "has several links";
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) return "is writable for its group or for others";
  if (micros_of(status.st_mtim) > now_us + kAheadMaxUs) return "has a time in the future";
  return nullptr;
}

/// What is done with one file.
struct DroppedReader {
  const Dropped& last;
  Dropped& next;
  std::int64_t now_us;
  std::int64_t stale_us;

  [[nodiscard]] bool is_stale(std::int64_t time_us) const { return time_us < now_us - stale_us; }

  /// Adds a number of the file that is read, behind those of the files before.
  ///
  /// returns  null, or what is wrong, as the end of a sentence.
  const char* add(std::string_view name, double value, std::int64_t time_us) {
    constexpr const char* kTaken = "has a number that is there, here or in another file";
    const std::string_view family = family_of(name);
    // There are few, so that a look at each costs less than a table.
    for (const DroppedNumber& other : next.all_numbers()) {
      if (other.family() != family) continue;
      // What does not count any more holds no name, and needs none where another one counts.
      const bool is_of_other = other.file != next.file_count;
      if (is_of_other && is_stale(next.files[other.file].time_us)) continue;
      if (is_of_other && is_stale(time_us)) return nullptr;
      return kTaken;
    }
    // Files that come later keep theirs: a new file must not take a number from them by its name.
    const std::string_view file = next.files[next.file_count].text();
    std::size_t kept = 0;
    for (const DroppedNumber& other : last.all_numbers()) {
      const DroppedFile& its = last.files[other.file];
      if (its.text() <= file || is_stale(its.time_us)) continue;
      if (other.family() == family) return is_stale(time_us) ? nullptr : kTaken;
      ++kept;
    }
    if (next.number_count + kept >= kDroppedNumbersMax) return "has one number more than are read";
    DroppedNumber& number = next.numbers[next.number_count++];
    std::copy(name.begin(), name.end(), number.name);
    number.name_size = static_cast<std::uint8_t>(name.size());
    number.family_size = static_cast<std::uint8_t>(family.size());
    number.file = static_cast<std::uint8_t>(next.file_count);
    number.value = value;
    return nullptr;
  }

  /// Gives a file the numbers that it had, but those that a file before it has now.
  ///
  /// returns  whether it has them all.
  bool keep(const DroppedFile* old) {
    if (!old) return true;
    bool has_all = true;
    for (std::size_t at = 0; at < old->number_count; ++at) {
      const DroppedNumber& number = last.numbers[old->first_number + at];
      if (add(number.text(), number.value, old->time_us)) has_all = false;
    }
    return has_all;
  }

  /// Reads the numbers of a file, all or none.
  ///
  /// file     its `refused` becomes what is wrong.
  /// returns  whether it is as it was read until it is changed.
  bool read_text(std::string_view text, std::int64_t time_us, DroppedFile& file) {
    std::size_t line = 0;
    bool is_lasting = true;
    const char* error = read_key_values(
        text, line, [&](std::string_view name, std::string_view value) -> const char* {
          if (!is_number(value)) return "has no number behind its name";
          const double number = number_value(value);
          if (number < 0 && name.ends_with("_total")) return "has a _total that is negative";
          const char* conflict = add(name, number, time_us);
          if (conflict) is_lasting = false;
          return conflict;
        });
    file.refused[0] = '\0';
    if (!error) return true;
    next.number_count = file.first_number;
    if (line == 0) {
      set_refused({error}, file.refused);
    } else {
      set_refused("line", static_cast<std::int64_t>(line), error, file.refused);
    }
    return is_lasting;
  }

  /// Reads a file that is open, and may be read.
  ///
  /// returns  as read_text.
  template <auto kRead>
  bool read_whole(int fd, std::int64_t time_us, DroppedFile& file) {
    char text[kDroppedBytesMax + 1];
    std::size_t size = 0;
    ssize_t got = 0;
    do {
      got = kRead(fd, text + size, sizeof text - size);
      if (got > 0) size += static_cast<std::size_t>(got);
    } while (got < 0 ? errno == EINTR : got > 0 && size < sizeof text);
    if (got < 0) {
      set_refused("fails with error", errno, "when it is read", file.refused);
      return false;
    }
    if (size <= kDroppedBytesMax) return read_text({text, size}, time_us, file);
    set_refused({"has more than 16 KB"}, file.refused);
    return true;
  }

  /// Gives a file its numbers: those it has, or where it is refused those it had.
  template <auto kRead>
  void read_open(int fd, const DroppedFile* old, DroppedFile& file) {
    struct stat status = {};
    const char* refused = fstat(fd, &status) == 0 ? judge_file(status, now_us) : "cannot be read";
    const std::int64_t time_us = micros_of(status.st_mtim);
    const std::int64_t changed_us = micros_of(status.st_ctim);
    const bool is_same = old && old->inode == status.st_ino && old->changed_us == changed_us;
    file.owner = status.st_uid;
    if (refused) {
      set_refused({refused}, file.refused);
      keep(old);
    } else if (is_same && keep(old)) {
      file.inode = status.st_ino;
      if (file.is_stale) file.refused[0] = '\0';
    } else {
      next.number_count = file.first_number;
      const bool is_lasting = read_whole<kRead>(fd, time_us, file);
      if (is_lasting && changed_us < now_us - kUnsettledUs) file.inode = status.st_ino;
      file.changed_us = changed_us;
      if (file.refused[0] != '\0') {
        keep(old);
      } else {
        file.time_us = time_us;
      }
    }
    if (next.number_count == file.first_number) file.time_us = time_us;
    // Its numbers stay known, as somebody may ask for their age.
    file.is_stale = file.refused[0] == '\0' && is_stale(file.time_us);
    if (file.is_stale) {
      set_refused("is older than", stale_us / 1'000'000, "s", file.refused);
    }
  }

  /// returns  false when the file is gone.
  template <auto kRead>
  bool read_file(int directory, const DroppedFile* old, DroppedFile& file) {
    file.first_number = static_cast<std::uint16_t>(next.number_count);
    file.inode = 0;
    char path[kFileNameMax + 1];
    *std::ranges::copy(file.text(), path).out = '\0';
    if (!is_file_name(file.text())) {
      set_refused({"has a name that is not 1 to 64 letters, digits, _, . and -, or begins with -"},
                  file.refused);
      file.owner = kNoOwner;
    } else if (const int fd = openat(directory, path,
                                     O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
               fd >= 0) {
      read_open<kRead>(fd, old, file);
      close(fd);
    } else if (errno == ENOENT) {
      return false;
    } else {
      set_open_error(errno, file.refused);
      struct stat status = {};
      const bool is_known = fstatat(directory, path, &status, AT_SYMLINK_NOFOLLOW) == 0;
      file.owner = is_known ? status.st_uid : kNoOwner;
      keep(old);
    }
    file.number_count = static_cast<std::uint16_t>(next.number_count - file.first_number);
    return true;
  }
};

template <auto kRead, class Tell>
void read_files(DIR* directory, DroppedReader reader, const Tell& tell) {
  FileNames names;
  list_names(directory, reader.last, names);
  Dropped& next = reader.next;
  const DroppedFile* old = reader.last.files;
  const DroppedFile* const end = old + reader.last.file_count;
  for (std::size_t at = 0; at < names.count && next.file_count < kDroppedFilesMax; ++at) {
    const FileName& name = names.names[at];
    while (old != end && old->text() < name.text()) ++old;
    const bool is_old = old != end && old->text() == name.text();
    // Those that were there before have their places.
    const auto kept = static_cast<std::size_t>(end - old);
    if (!is_old && next.file_count + kept >= kDroppedFilesMax) continue;
    DroppedFile& file = next.files[next.file_count];
    file = is_old ? *old : DroppedFile{};
    std::copy_n(name.name, name.size, file.name);
    file.name_size = name.size;
    if (!reader.read_file<kRead>(dirfd(directory), is_old ? old : nullptr, file)) continue;
    ++next.file_count;
    const std::string_view refused = file.refused;
    if (refused != (is_old ? old->refused : "")) tell(file.text(), file.refused);
  }
  if (names.is_cut)
    set_refused({"has more than 1024 names, also of old temporary files"}, next.refused);
  if (names.listed <= kDroppedFilesMax) return;
  next.more_files = names.listed - static_cast<std::uint32_t>(kDroppedFilesMax);
  set_refused({"has more than 64 files, of which those that came later are not read"},
              next.refused);
}

/// Reads what has changed in a directory since the last time: at most 64 files, 256 numbers, and
/// 16 KB of a file. Waits for nothing but the disk.
///
/// now_us    since 1970.
/// stale_us  numbers that were written longer ago do not count, and their file is refused.
/// dropped   what this gave the last time for this directory; all zero before the first.
/// tell      is called with the name of a file, or an empty one for the directory, and why it is
///           refused, when that has changed; with an empty text when it is refused no more.
template <auto kRead = ::read, class Tell>
void read_dropped(const char* directory, std::int64_t now_us, std::int64_t stale_us,
                  Dropped& dropped, const Tell& tell) {
  Dropped next = {};
  next.stale_us = stale_us;
  if (DIR* const all = opendir(directory)) {
    read_files<kRead>(all, {dropped, next, now_us, stale_us}, tell);
    closedir(all);
  } else {
    set_open_error(errno, next.refused);
  }
  if (std::string_view(next.refused) != dropped.refused) tell(std::string_view(""), next.refused);
  dropped = next;
}

}  // namespace reqnotes
