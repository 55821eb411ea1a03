#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <string_view>

namespace reqnotes {

/// Chunks of memory for the lines that wait for one log, in all its processes together.
constexpr std::size_t kChunks = 256;

/// What all processes that write to one log know of it; it lies in memory that they share.
struct LineState {
  /// Lines that could not be written, and that nobody has told of yet.
  std::atomic<unsigned> lost;
  /// Not 0 when only the beginning of the last line was written, as when a disk is full.
  std::atomic<unsigned> torn;
  /// The process that has each chunk, or 0; see line_queue.hpp.
  std::atomic<pid_t> owners[kChunks];
};
static_assert(std::atomic<unsigned>::is_always_lock_free);
static_assert(std::atomic<pid_t>::is_always_lock_free);

/// A descriptor that takes whole lines.
struct LineFile {
  int fd;  ///< -1 when it is closed, and `state` may be gone
  LineState* state;
};

/// Whether a file of this name ends within a line, as an earlier process may have left it. `fd` is
/// the same file, open for writing.
inline bool ends_torn(int fd, const char* path) {
  struct stat status;
  if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size == 0) return false;
  char last = '\n';
  const int reader = open(path, O_RDONLY | O_CLOEXEC);
  if (reader < 0) return false;
  const bool reads = pread(reader, &last, 1, status.st_size - 1) == 1;
  close(reader);
  return reads && last != '\n';
}

/// As POSIX has it.
using Write = ssize_t (*)(int fd, const void* data, std::size_t size);

/// Writes what is left of a line, with one call. What was torn before a new line is ended first, so
/// that it spoils no other line.
///
/// rest     not empty; at least one byte stands before it that may be overwritten.
/// is_new   whether nothing of the line was written yet.
/// returns  the number of bytes that are still left; where these are all, errno says why.
template <Write kWrite = ::write>
std::size_t write_rest(const LineFile& file, std::string_view rest, bool is_new) {
  std::atomic<unsigned>& state = file.state->torn;
  unsigned torn = is_new ? state.load(std::memory_order_relaxed) : 0;
  const std::size_t before = torn != 0 ? 1 : 0;
  if (torn != 0) const_cast<char*>(rest.data())[-1] = '\n';
  ssize_t result = 0;
  do {
    errno = 0;
    result = kWrite(file.fd, rest.data() - before, rest.size() + before);
  } while (result < 0 && errno == EINTR);
  if (result <= 0) return rest.size();
  // Who has ended what was torn says so, but not of what another process has torn since.
  if (torn != 0) state.compare_exchange_strong(torn, 0, std::memory_order_relaxed);
  return rest.size() + before - static_cast<std::size_t>(result);
}

/// Says what became of a line that nothing more of will be written.
///
/// begun    whether a part of it was written.
/// left     bytes that were not.
/// returns  false when it is lost; it is then counted.
inline bool end_line(const LineFile& file, bool begun, std::size_t left) {
  if (begun && left != 0) file.state->torn.fetch_add(1, std::memory_order_relaxed);
  // A line that lacks its newline alone is not lost: the next one brings it.
  if (left <= 1) return true;
  file.state->lost.fetch_add(1, std::memory_order_relaxed);
  return false;
}

/// Writes one line, its newline included, with one call. Never waits where the descriptor does
/// not, and never logs.
///
/// line     as in write_rest.
/// returns  false when it was not written as a whole; it is then counted as lost.
template <Write kWrite = ::write>
bool write_line(const LineFile& file, std::string_view line) {
  if (file.fd < 0) return false;
  const std::size_t left = write_rest<kWrite>(file, line, true);
  return end_line(file, left != line.size(), left);
}

/// Writes one line, as write_line does, but does not count it: it tells of those that are counted.
template <Write kWrite = ::write>
bool try_line(const LineFile& file, std::string_view line) {
  if (file.fd < 0) return false;
  const std::size_t left = write_rest<kWrite>(file, line, true);
  if (left != 0 && left != line.size()) file.state->torn.fetch_add(1, std::memory_order_relaxed);
  return left <= 1;
}

/// Takes the number of lost lines, for someone who tells of them or gives it back.
inline unsigned take_lost(const LineFile& file) {
  if (file.fd < 0 || file.state->lost.load(std::memory_order_relaxed) == 0) return 0;
  return file.state->lost.exchange(0, std::memory_order_relaxed);
}

}  // namespace reqnotes
