#include "reqnotes/facts/header_note.hpp"

#include <string>

#include "fuzz.hpp"
#include "reqnotes/facts/field.hpp"

// -max_len=160

namespace reqnotes {
namespace {

/// Names that are taken, in place of those that lines have of themselves.
constexpr std::string_view kTaken[] = {"time", "client", "user_agent", "first", "truncated"};

std::string lower(std::string_view text) {
  constexpr std::string_view kUpper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  std::string result(text);
  for (char& c : result) {
    const std::size_t at = kUpper.find(c);
    if (at != kUpper.npos) c = "abcdefghijklmnopqrstuvwxyz"[at];
  }
  return result;
}

}  // namespace

/// A header names a note of harmless characters, or none. The first line of the input is a prefix,
/// what follows a header's name.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const Text start = input.line();
  const Text header = input.rest();
  const bool starts = lower(header).starts_with(lower(start));
  promise(has_prefix(header, start) == starts, "a prefix knows no case");

  const Text name(suffix(header, starts ? start.view().size() : 0));
  std::vector<char> buffer(kHeaderNoteMax, '?');
  const auto note = note_of_header(name, std::span<char, kHeaderNoteMax>(buffer));
  std::string want = lower(name);
  std::replace(want.begin(), want.end(), '-', '_');
  const bool good = !want.empty() && want.size() <= 64 &&
                    has_only(want, "abcdefghijklmnopqrstuvwxyz0123456789_.");
  promise(note.has_value() == good, "a name of letters, digits, dashes, underscores and dots");
  if (!note) return 0;
  promise(*note == want && is_within(*note, {buffer.data(), buffer.size()}), "in lower case");

  std::vector<char> again(kHeaderNoteMax);
  promise(note_of_header(*note, std::span<char, kHeaderNoteMax>(again)) == want,
          "a note stays one");
  const bool built_in = std::count(std::begin(kTaken), std::end(kTaken), want) != 0;
  const bool parts = want.ends_with('.') || want.find("..") != want.npos ||
                     std::ranges::any_of(kTaken, [&](auto other) { return clash(other, want); });
  promise(want[0] < 'a' || want[0] > 'z' || built_in || parts || !check_field_name(want, kTaken),
          "a field can be declared for it");
  return 0;
}

}  // namespace reqnotes
