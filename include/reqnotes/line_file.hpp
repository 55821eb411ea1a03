#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <string_view>

namespace reqnotes {

/// What all processes that write to one log know of it; it lies in memory that they share.
struct LineState {
  /// Lines that could not be written, and that nobody has told of yet.
  std::atomic<unsigned> lost;
  /// Not 0 when only the beginning of the last line was written, as when a disk is full.
  std::atomic<unsigned> torn;
};
static_assert(std::atomic<unsigned>::is_always_lock_free);

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

/// Writes one line, its newline included, with one call. Never waits where the descriptor does
/// not, and never logs.
///
/// line     not empty; at least one byte stands before it that may be overwritten.
/// returns  false when it was not written as a whole; it is then counted as lost.
template <Write kWrite = ::write>
bool write_line(const LineFile& file, std::string_view line) {
  if (file.fd < 0) return false;
  LineState& state = *file.state;
  const char* begin = line.data();
  std::size_t size = line.size();
  // What was torn ends here, so that it spoils no other line.
  unsigned torn = state.torn.load(std::memory_order_relaxed);
  if (torn != 0) {
    char* const before = const_cast<char*>(begin) - 1;
    *before = '\n';
    begin = before;
    ++size;
  }
  ssize_t result = 0;
  do {
    result = kWrite(file.fd, begin, size);
  } while (result < 0 && errno == EINTR);

  const std::size_t written = result > 0 ? static_cast<std::size_t>(result) : 0;
  if (written != 0) {
    if (begin[written - 1] != '\n') {
      state.torn.fetch_add(1, std::memory_order_relaxed);
    } else if (torn != 0) {
      // Who has ended what was torn says so, but not of what another process has torn since.
      state.torn.compare_exchange_strong(torn, 0, std::memory_order_relaxed);
    }
  }
  // A line that lacks its newline alone is not lost: the next one brings it.
  if (written + 1 >= size) return true;
  state.lost.fetch_add(1, std::memory_order_relaxed);
  return false;
}

/// Takes the number of lost lines, for someone who tells of them or gives it back.
inline unsigned take_lost(const LineFile& file) {
  if (file.fd < 0 || file.state->lost.load(std::memory_order_relaxed) == 0) return 0;
  return file.state->lost.exchange(0, std::memory_order_relaxed);
}

}  // namespace reqnotes
