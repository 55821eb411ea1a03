// Faults for t/68-faults.t, by LD_PRELOAD: what the module sees of getrandom(), write(),
// pthread_create() and the clock, while httpd itself goes on undisturbed. A file below
// $REQNOTES_FAULTS says what happens while it is there:
//
// random: "fail" for a few bytes, and then none; "pieces" for three bytes at a time, a signal
// before each.
//
// write: a number for so many bytes of each write, where 0 is a full disk; "signal" for one before
// each.
//
// thread: anything for none that can be made.
//
// clock: seconds that the clock of the machine is set forward, or back, for everybody.
//
// pause: "always" for a process that is interrupted whenever the module reads that clock, or
// "once".

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>

namespace {

thread_local bool is_for_module;
thread_local bool had_signal;

bool is_module(void* address) {
  Dl_info info;
  return dladdr(address, &info) != 0 && info.dli_fname && strstr(info.dli_fname, "mod_reqnotes");
}

/// What the file says; empty when it is not there.
std::string fault(const char* name) {
  const char* folder = getenv("REQNOTES_FAULTS");
  if (!folder) return {};
  const int fd = open((std::string(folder) + "/" + name).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  std::array<char, 32> text;
  const ssize_t size = read(fd, text.data(), text.size());
  close(fd);
  return {text.data(), static_cast<std::size_t>(std::max(size, ssize_t{0}))};
}

template <class Function>
Function* next(Function*, const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

ssize_t fail(int error) {
  errno = error;
  return -1;
}

/// Longer than two clocks may be read apart.
void take_pause(const std::string& what) {
  if (what.empty()) return;
  usleep(3000);
  if (what == "once") unlink((std::string(getenv("REQNOTES_FAULTS")) + "/pause").c_str());
}

long clock_shift() {
  return std::strtol(fault("clock").c_str(), nullptr, 10);
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* now) noexcept {
  static const auto real = next(clock_gettime, "clock_gettime");
  const bool is_paused = clock == CLOCK_REALTIME && is_module(__builtin_return_address(0));
  const std::string pause = is_paused ? fault("pause") : "";
  take_pause(pause);
  const int status = real(clock, now);
  if (clock == CLOCK_REALTIME) now->tv_sec += clock_shift();
  take_pause(pause);
  return status;
}

int gettimeofday(timeval* now, void* zone) noexcept {
  static const auto real = next(gettimeofday, "gettimeofday");
  const int status = real(now, zone);
  now->tv_sec += clock_shift();
  return status;
}

ssize_t getrandom(void* data, size_t size, unsigned flags);
int apr_generate_random_bytes(unsigned char* data, size_t size);

int apr_generate_random_bytes(unsigned char* data, size_t size) {
  static const auto real = next(apr_generate_random_bytes, "apr_generate_random_bytes");
  is_for_module = is_module(__builtin_return_address(0));
  const int status = real(data, size);
  is_for_module = false;
  return status;
}

ssize_t getrandom(void* data, size_t size, unsigned flags) {
  static const auto real = next(getrandom, "getrandom");
  const std::string what = is_for_module ? fault("random") : "";
  if (what.empty()) return real(data, size, flags);
  had_signal = !had_signal;
  if (what == "fail")
    return had_signal ? real(data, std::min(size, size_t{7}), flags) : fail(ENOSYS);
  return had_signal ? fail(EINTR) : real(data, std::min(size, size_t{3}), flags);
}

ssize_t write(int fd, const void* data, size_t size) {
  static const auto real = next(write, "write");
  const std::string what = is_module(__builtin_return_address(0)) ? fault("write") : "";
  if (what.empty()) return real(fd, data, size);
  if (what == "signal") {
    had_signal = !had_signal;
    return had_signal ? fail(EINTR) : real(fd, data, size);
  }
  const size_t most = std::strtoul(what.c_str(), nullptr, 10);
  return most == 0 ? fail(ENOSPC) : real(fd, data, std::min(size, most));
}
int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*),
                   void* data) noexcept {
  static const auto real = next(pthread_create, "pthread_create");
  const bool fails = is_module(__builtin_return_address(0)) && !fault("thread").empty();
  return fails ? EAGAIN : real(thread, attributes, run, data);
}
}
