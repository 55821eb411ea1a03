// Counts the instructions of a line, for t/03-encode-cost.t: a child encodes one record, and is
// single-stepped meanwhile, which needs neither a package nor a privilege.
//
// usage: encode_cost json|logfmt COUNT    prints the instructions of a child with COUNT lines

#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "reqnotes/line/encode.hpp"

namespace {

using namespace reqnotes;

// What depends on the interface of the encoders is here.
#define KEY(name) \
  { ",\"" name "\":", " " name "=" }
constexpr Key kKeys[] = {KEY("time"),    KEY("trace_id"),   KEY("span_id"),    KEY("user_id"),
                         KEY("api_key"), KEY("api_method"), KEY("session"),    KEY("order_id"),
                         KEY("vhost"),   KEY("client"),     KEY("method"),     KEY("path"),
                         KEY("query"),   KEY("protocol"),   KEY("referer"),    KEY("user_agent"),
                         KEY("status"),  KEY("bytes"),      KEY("duration_us")};
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

void encode_lines(const Format& format, int count) {
  static char buffer[4096];
  Item items[std::size(kKeys)];
  char digits[3][20];
  for (std::size_t at = 0; at < std::size(kKeys); ++at) {
    const bool is_text = at < std::size(kTexts);
    items[at] = is_text ? Item{.key = &kKeys[at], .text = kTexts[at]}
                        : number_item(kKeys[at], 20834, digits[at - std::size(kTexts)]);
  }
  std::size_t size = 0;
  while (count-- > 0) size += encode_whole(format, items, buffer);
  _exit(size == 0);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const Format& format = strcmp(argv[1], "json") == 0 ? kJson : kLogfmt;
  const pid_t child = fork();
  if (child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(77);
    raise(SIGSTOP);
    encode_lines(format, atoi(argv[2]));
  }
  int status = 0;
  long steps = -1;
  do {
    ++steps;
    if (waitpid(child, &status, 0) != child) return 1;
  } while (WIFSTOPPED(status) && ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) == 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return printf("%ld\n", steps) < 0;
  kill(child, SIGKILL);
  return WIFEXITED(status) && WEXITSTATUS(status) == 77 ? 77 : 1;
}
