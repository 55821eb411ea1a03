#pragma once

#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <new>
#include <string_view>

#include "reqnotes/output/line_file.hpp"
#include "reqnotes/text/slice.hpp"

namespace reqnotes {

/// Bytes of a chunk, in which the longest line has room: 32 MB in kChunks of them.
constexpr std::size_t kChunkBytes = std::size_t{128} * 1024;

/// Lines that wait, one behind the other. Its memory is the process's own; its place among the
/// chunks of all processes is what bounds their sum.
struct LineChunk {
  std::atomic<LineChunk*> next;  ///< set when nothing more is put into this one
  std::atomic<std::size_t> end;  ///< of what was put into `bytes`
  std::size_t place;             ///< in LineState::owners
  char bytes[kChunkBytes - 3 * sizeof(std::size_t)];  ///< a newline, then the lines
};
static_assert(sizeof(LineChunk) == kChunkBytes);

/// The lines of one process that a descriptor which is no regular file does not take at once. They
/// wait in memory, so that no request waits; a thread that ends when none is left writes them.
struct LineQueue {
  LineFile file;
  /// Called by the thread when all lines are written, to tell of those that were lost; may be null.
  void (*tell)(LineQueue& queue);
  std::atomic<pid_t> owner;            ///< the process whose queue this is; 0 when it is closed
  bool has_thread;                     ///< false in a process that must have none, as it forks
  std::atomic<std::size_t> waiting;    ///< lines
  std::atomic<std::int64_t> deadline;  ///< when writing ends, in ms of now_ms(); 0 is never
  pthread_mutex_t mutex;
  // Held with the mutex.
  LineChunk* last;
  std::atomic<bool> draining;  ///< by the thread
  std::atomic<bool> joinable;
  pthread_t thread;
  std::size_t suspect;  ///< whose life is looked at next, in LineState::owners
  // Of who drains; nobody else touches them while a line waits.
  LineChunk* first;
  std::size_t begin;  ///< of the first line in `first`, or of what is left of it
  bool inside;        ///< whether a part of that line was written
};

/// Holds the mutex, and keeps signals off meanwhile: prefork ends a child in a handler, which
/// writes what its request still holds and closes the queue.
class QueueLock {
 public:
  explicit QueueLock(LineQueue& queue) : queue_(queue) {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
    pthread_mutex_lock(&queue_.mutex);
  }
  QueueLock(const QueueLock&) = delete;
  QueueLock& operator=(const QueueLock&) = delete;
  ~QueueLock() {
    pthread_mutex_unlock(&queue_.mutex);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  LineQueue& queue_;
  sigset_t before_;
};

inline std::int64_t now_ms() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

/// Makes a queue that is this process's own, and empty; what it had before a fork is the parent's.
///
/// file  its `state` is of this log alone; its descriptor never waits.
inline void open_queue(LineQueue& queue, const LineFile& file, bool has_thread,
                       void (*tell)(LineQueue&)) {
  queue.file = file;
  queue.tell = tell;
  queue.has_thread = has_thread;
  queue.waiting.store(0);
  queue.deadline.store(0);
  pthread_mutex_init(&queue.mutex, nullptr);
  queue.first = queue.last = nullptr;
  queue.draining = queue.joinable = false;
  queue.inside = false;
  queue.owner.store(getpid());
}

/// Whether this process may put lines into the queue.
inline bool is_open(const LineQueue& queue) {
  return queue.owner.load(std::memory_order_relaxed) == getpid();
}

/// A chunk, or null where all are taken or there is no memory.
inline LineChunk* take_chunk(LineQueue& queue) {
  std::atomic<pid_t>* const owners = queue.file.state->owners;
  const pid_t self = getpid();
  // Each time one owner is looked at, as a process that was killed gave nothing back.
  pid_t suspect = owners[queue.suspect].load();
  if (suspect != 0 && kill(suspect, 0) != 0 && errno == ESRCH) {
    owners[queue.suspect].compare_exchange_strong(suspect, 0);
  }
  queue.suspect = (queue.suspect + 1) % kChunks;

  for (std::size_t place = 0; place < kChunks; ++place) {
    pid_t nobody = 0;
    if (owners[place].load(std::memory_order_relaxed) != 0) continue;
    if (!owners[place].compare_exchange_strong(nobody, self)) continue;
    void* memory =
        mmap(nullptr, kChunkBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
      owners[place].store(0);
      return nullptr;
    }
    // Without a value, which would touch all of the memory.
    auto* chunk = new (memory) LineChunk;
    chunk->place = place;
    chunk->bytes[0] = '\n';
    chunk->end.store(1, std::memory_order_relaxed);
    return chunk;
  }
  return nullptr;
}

inline void give_chunk(LineQueue& queue, LineChunk* chunk) {
  std::atomic<pid_t>& owner = queue.file.state->owners[chunk->place];
  munmap(chunk, kChunkBytes);
  owner.store(0);
}

/// Puts what is left of a line behind the others.
///
/// returns  false when there is no room.
inline bool push_line(LineQueue& queue, std::string_view rest, bool begun) {
  LineChunk* chunk = queue.last;
  std::size_t end = chunk ? chunk->end.load(std::memory_order_relaxed) : 0;
  if (!chunk || rest.size() > sizeof chunk->bytes - end) {
    LineChunk* const fresh = take_chunk(queue);
    if (!fresh) return false;
    end = 1;
    if (chunk) {
      chunk->next.store(fresh, std::memory_order_release);
    } else {
      queue.first = fresh;
      queue.begin = end;
    }
    queue.last = chunk = fresh;
  }
  // Only the first line can have been begun, and nobody drains an empty queue.
  if (begun) queue.inside = true;
  std::memcpy(chunk->bytes + end, rest.data(), rest.size());
  queue.waiting.fetch_add(1);
  chunk->end.store(end + rest.size(), std::memory_order_release);
  return true;
}

/// As POSIX has it.
using Poll = int (*)(pollfd* fds, nfds_t count, int timeout_ms);

/// Waits until a line may be taken.
///
/// returns  false when writing ends.
template <Poll kPoll = ::poll>
bool wait_writable(const LineQueue& queue) {
  // Not longer, as `deadline` may come at any time.
  constexpr std::int64_t kSlice = 100;
  const std::int64_t deadline = queue.deadline.load();
  const std::int64_t left = deadline == 0 ? kSlice : std::min(kSlice, deadline - now_ms());
  if (left <= 0) return false;
  pollfd writable = {.fd = queue.file.fd, .events = POLLOUT, .revents = 0};
  kPoll(&writable, 1, static_cast<int>(left));
  return true;
}

/// Writes the lines that wait, in order. One that cannot be written is lost, but not because the
/// descriptor has no room.
///
/// waits    whether to wait until there is room.
/// returns  false when lines still wait.
template <Write kWrite = ::write, Poll kPoll = ::poll>
bool drain(LineQueue& queue, bool waits) {
  while (LineChunk* const chunk = queue.first) {
    // In this order: `end` is final where there is a next chunk.
    LineChunk* const next = chunk->next.load(std::memory_order_acquire);
    const std::size_t end = chunk->end.load(std::memory_order_acquire);
    if (queue.begin == end) {
      if (!next) return true;
      queue.first = next;
      queue.begin = 1;
      give_chunk(queue, chunk);
      continue;
    }
    std::string_view rest(chunk->bytes + queue.begin, end - queue.begin);
    rest = prefix(rest, rest.find('\n') + 1);
    const std::size_t left = write_rest<kWrite>(queue.file, rest, !queue.inside);
    if (left == rest.size() && errno == EAGAIN) {
      if (!waits || !wait_writable<kPoll>(queue)) return false;
    } else if (left != 0 && left != rest.size()) {
      queue.inside = true;
      queue.begin += rest.size() - left;
    } else {
      end_line(queue.file, queue.inside, left);
      queue.inside = false;
      queue.begin += rest.size();
      queue.waiting.fetch_sub(1);
    }
  }
  return true;
}

/// The thread: ends when no line is left, or at the deadline.
inline void* drain_all(void* data) {
  LineQueue& queue = *static_cast<LineQueue*>(data);
  for (;;) {
    drain(queue, true);
    if (queue.deadline.load() != 0) return nullptr;
    if (queue.tell) queue.tell(queue);
    const QueueLock lock(queue);
    if (queue.waiting.load() != 0) continue;
    if (queue.first) give_chunk(queue, queue.first);
    queue.first = queue.last = nullptr;
    queue.draining = false;
    return nullptr;
  }
}

/// Starts the thread where lines wait, if it can be; otherwise the next line tries again. Called
/// with the lock, so that the thread gets no signals: they are for the threads that expect them.
inline void start_draining(LineQueue& queue) {
  if (!queue.has_thread || queue.draining || queue.waiting.load() == 0) return;
  if (queue.joinable) pthread_join(queue.thread, nullptr);  // it has ended
  queue.draining = true;
  constexpr std::size_t kStack = std::size_t{256} * 1024;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStack);
  queue.joinable = pthread_create(&queue.thread, &attributes, drain_all, &queue) == 0;
  pthread_attr_destroy(&attributes);
  queue.draining = queue.joinable.load();
}

/// Writes what waits and needs no waiting, where no thread does: there is none, or it could not be
/// started. Called with the lock.
///
/// returns  false when lines still wait.
template <Write kWrite = ::write>
bool drain_some(LineQueue& queue) {
  return queue.draining ? queue.waiting.load() == 0 : drain<kWrite>(queue, false);
}

/// Writes a line at once, or puts it behind those that wait. Never waits for a reader.
///
/// line     as in write_rest, and at most 65,536 bytes; it has one newline, at its end.
/// returns  false when it is lost; it is then counted.
template <Write kWrite = ::write>
bool write_line(LineQueue& queue, std::string_view line) {
  // A process that was forked without being told, such as a script's, has only what fits.
  if (!is_open(queue)) return write_line<kWrite>(queue.file, line);
  const QueueLock lock(queue);
  std::size_t left = line.size();
  bool waits = !drain_some<kWrite>(queue);
  if (!waits) {
    left = write_rest<kWrite>(queue.file, line, true);
    waits = left != 0 && (left != line.size() || errno == EAGAIN);
  }
  const bool begun = left != line.size();
  const bool pushed = waits && push_line(queue, suffix(line, line.size() - left), begun);
  const bool good = pushed || end_line(queue.file, begun, left);
  start_draining(queue);
  return good;
}

/// Writes a line where none waits and it is taken at once. It is not counted otherwise: it tells of
/// those that are, and what it tells must not be lost with the queue.
template <Write kWrite = ::write>
bool try_line(LineQueue& queue, std::string_view line) {
  if (!is_open(queue)) return try_line<kWrite>(queue.file, line);
  const QueueLock lock(queue);
  bool good = drain_some<kWrite>(queue);
  if (good) {
    const std::size_t left = write_rest<kWrite>(queue.file, line, true);
    const bool begun = left != line.size();
    good = left == 0 || (begun && push_line(queue, suffix(line, line.size() - left), true));
    if (begun && !good) queue.file.state->torn.fetch_add(1);
  }
  start_draining(queue);
  return good;
}

/// Writes what waits where that needs no waiting, in a process without a thread.
inline void pump_queue(LineQueue& queue) {
  if (!is_open(queue) || queue.has_thread || queue.waiting.load() == 0) return;
  const QueueLock lock(queue);
  drain_some(queue);
}

/// Ends a queue with its process: writes what waits, until `deadline_ms` of now_ms(), and counts
/// the rest as lost.
inline void close_queue(LineQueue& queue, std::int64_t deadline_ms) {
  if (!is_open(queue)) return;
  queue.owner.store(0);
  queue.deadline.store(deadline_ms);
  bool ended = !queue.draining;
  if (queue.joinable) {
    // The thread looks at the deadline every 100 ms.
    const std::int64_t left = std::max(deadline_ms - now_ms(), std::int64_t{0}) + 500;
    timespec limit = {};
    clock_gettime(CLOCK_REALTIME, &limit);
    const std::int64_t nanoseconds = limit.tv_nsec + left * 1'000'000;
    limit.tv_sec += nanoseconds / 1'000'000'000;
    limit.tv_nsec = nanoseconds % 1'000'000'000;
    ended = pthread_timedjoin_np(queue.thread, nullptr, &limit) == 0;
  }
  if (ended) drain(queue, true);
  const std::size_t waiting = queue.waiting.load();
  if (waiting != 0 && queue.inside) queue.file.state->torn.fetch_add(1);
  queue.file.state->lost.fetch_add(static_cast<unsigned>(waiting));
  while (ended && queue.first) {
    LineChunk* const next = queue.first->next.load();
    give_chunk(queue, queue.first);
    queue.first = next;
  }
}

}  // namespace reqnotes
