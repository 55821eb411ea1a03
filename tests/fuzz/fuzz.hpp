#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

// What the fuzz targets share. Each target names its longest input in a comment for run.sh.

namespace reqnotes {

/// Ends the run where a promise is broken.
inline void promise(bool kept, const char* what) {
  if (kept) return;
  std::fprintf(stderr, "broken promise: %s\n", what);
  std::abort();
}

/// Bytes in memory of exactly their size, so that ASan sees a step beyond them.
class Text {
 public:
  explicit Text(std::string_view text) : bytes_(text.begin(), text.end()) {}
  operator std::string_view() const { return {bytes_.data(), bytes_.size()}; }
  [[nodiscard]] std::string_view view() const { return *this; }

 private:
  std::vector<char> bytes_;
};

/// Takes the bytes of a fuzzer apart.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size)
      : rest_(reinterpret_cast<const char*>(data), size) {}

  [[nodiscard]] bool empty() const { return rest_.empty(); }
  /// The next byte; 0 at the end.
  unsigned byte() { return rest_.empty() ? 0 : static_cast<unsigned char>(take(1)[0]); }
  /// A number from two bytes.
  std::size_t up_to(std::size_t most) {
    const std::size_t high = byte();
    return (high << 8 | byte()) % (most + 1);
  }
  /// At most `most` bytes.
  Text text(std::size_t most) { return Text(take(most)); }
  /// What stands before the next newline, which is dropped.
  Text line() {
    const Text line(take(rest_.find('\n')));
    take(1);
    return line;
  }
  Text rest() { return Text(take(rest_.size())); }

 private:
  std::string_view take(std::size_t most) {
    const std::string_view taken = rest_.substr(0, most);
    rest_.remove_prefix(taken.size());
    return taken;
  }

  std::string_view rest_;
};

/// `text` up to its first NUL, and the NUL: what httpd hands over.
inline std::vector<char> c_string(std::string_view text) {
  text = text.substr(0, text.find('\0'));
  std::vector<char> string(text.begin(), text.end());
  string.push_back('\0');
  string.shrink_to_fit();
  return string;
}

/// Whether `part` lies within `whole`, or has no place at all.
inline bool is_within(std::string_view part, std::string_view whole) {
  return part.data() == nullptr ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

/// The pieces of `text` between `mark`s; one more than there are marks.
inline std::vector<std::string_view> split(std::string_view text, char mark) {
  std::vector<std::string_view> pieces;
  for (auto at = text.begin();; ++at) {
    const auto end = std::find(at, text.end(), mark);
    pieces.push_back(text.substr(static_cast<std::size_t>(at - text.begin()),
                                 static_cast<std::size_t>(end - at)));
    if (end == text.end()) return pieces;
    at = end;
  }
}

/// `text` without blanks and tabs at its ends.
inline std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

/// Whether `text` has bytes of `allowed` only.
inline bool has_only(std::string_view text, std::string_view allowed) {
  return text.find_first_not_of(allowed) == text.npos;
}

}  // namespace reqnotes
