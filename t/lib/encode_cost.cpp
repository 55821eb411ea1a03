// Counts the instructions of a line, for t/02-encode-cost.t: a child encodes one record, and is
// single-stepped meanwhile, which needs neither a package nor a privilege.
//
// usage: encode_cost WHICH COUNT    prints the format, by its number, and the instructions of a
//                                   child with COUNT lines

#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include <array>
#include <utility>

#include "reqnotes/line/formats.hpp"

namespace {

using namespace reqnotes;

constexpr std::string_view kNames[] = {
    "time",     "trace_id",   "span_id", "user_id", "api_key",    "api_method", "session",
    "order_id", "vhost",      "client",  "method",  "path",       "query",      "protocol",
    "referer",  "user_agent", "status",  "bytes",   "duration_us"};
constexpr std::string_view kTexts[] = {
    "2026-11-23T19:53:18.436157Z",
    "b44d3574ed98f833d6d4f01cf4f0373a",
    "441267cbac634bf0",
    "value-user_id",
    "value-api_key",
    "value-api_method",
    "value-session",
    "value-order_id",
    "www.example.com",
    "192.0.2.7",
    "GET",
    "/services/rest",
    "format=json&page=4",
    "HTTP/1.1",
    "https://www.example.com/photos/albums/2026/11/summer?page=4&sort=newest",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Safari/537.36"};

template <const Format& kFormat>
void encode_lines(int count) {
  static char buffer[4096];
  std::size_t size = 0;
  while (count-- > 0) {
    LineWriter<kFormat> line(buffer);
    for (std::size_t at = 0; at < std::size(kNames); ++at) {
      if (at < std::size(kTexts)) {
        line.text(kNames[at], kTexts[at], Cut::kNever);
      } else {
        line.number(kNames[at], 20834);
      }
    }
    size += line.end();
  }
  _exit(size == 0);
}

template <std::size_t... kAt>
auto encoders(std::index_sequence<kAt...>) {
  return std::array{encode_lines<kFormats[kAt].format>...};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const auto which = static_cast<std::size_t>(atoi(argv[1]));
  if (which >= std::size(kFormats)) return 3;
  const pid_t child = fork();
  if (child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(77);
    raise(SIGSTOP);
    encoders(std::make_index_sequence<std::size(kFormats)>())[which](atoi(argv[2]));
  }
  int status = 0;
  long steps = -1;
  do {
    ++steps;
    if (waitpid(child, &status, 0) != child) return 1;
  } while (WIFSTOPPED(status) && ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) == 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
    return printf("%s %ld\n", kFormats[which].format.word.data(), steps) < 0;
  }
  kill(child, SIGKILL);
  return WIFEXITED(status) && WEXITSTATUS(status) == 77 ? 77 : 1;
}
