#include "reqnotes/text/scan.hpp"

#include "fuzz.hpp"
#include "reqnotes/line/json.hpp"
#include "reqnotes/line/logfmt.hpp"

// -max_len=160

namespace reqnotes {
namespace {

template <class Odd>
void check(std::string_view text, Odd odd) {
  std::size_t want = 0;
  while (want < text.size() && !odd(static_cast<signed char>(text[want]))) ++want;

  std::vector<char> out(text.size());
  promise(copy_until(text, odd, out.data()) == want, "copy_until stops at the first odd byte");
  promise(std::equal(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(want), text.begin()),
          "copy_until copies what it passes");
  promise(find_odd(text, odd) == want, "find_odd finds the first odd byte");

  std::size_t next = want;
  const auto judge = [&](std::size_t at) {
    promise(at == next, "any_odd meets each odd byte");
    ++next;
    while (next < text.size() && !odd(static_cast<signed char>(text[next]))) ++next;
    return false;
  };
  promise(!any_odd(text, odd, judge) && next == text.size(), "any_odd meets them all");
}

}  // namespace

/// Both scans find what a plain loop finds, wherever the text lies in memory.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const auto wanted = static_cast<signed char>(input.byte());
  const unsigned skipped = input.byte() % 17;
  const Text owner = input.rest();
  const std::string_view text = suffix(owner, skipped);
  check(text, kJsonOdd);
  check(text, kLogfmtOdd);
  check(text, [wanted](auto c) { return c == wanted; });
  return 0;
}

}  // namespace reqnotes
