#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "reqnotes/text/parse.hpp"
#include "reqnotes/text/percent.hpp"
#include "reqnotes/text/scan.hpp"
#include "reqnotes/text/slice.hpp"

namespace reqnotes {

/// Longest pattern of ReqNotesMaskPath, in bytes.
constexpr std::size_t kMaskedPathMax = 256;
/// Most parts that one of them can hide.
constexpr std::size_t kMaskedPathStars = 8;

/// What a text with secrets is: that tells where their values end.
enum class Place : std::uint8_t {
  kPath,     ///< or a whole URL: from a `?` or `#` on it is taken as a query
  kQuery,    ///< with or without its `?`
  kMessage,  ///< a sentence that may hold a URL
};

/// A part of a text.
struct Range {
  std::size_t begin;
  std::size_t end;
};

/// Patterns such as `/reset/*` and `/bot*/`: segments of a path, where a `*` stands for all that
/// is left of its segment, and is hidden.
struct PathTable {
  std::span<const std::string_view> patterns;
};

constexpr bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/// Finds what is hidden of the paths in a text, wherever in it a pattern begins. Letters may be
/// percent-encoded and in any case, slashes may be doubled, `.` may stand among them: httpd
/// takes all that for the same path. Behind `..` everything is hidden.
class PathFinder {
 public:
  PathFinder(std::string_view text, Place place, std::span<const PathTable* const> tables)
      : text_(text), place_(place), tables_(tables) {}

  /// The next range, which begins behind those before.
  std::optional<Range> next() {
    while (at_ < text_.size() && (found_count_ == 0 || at_ < found_[0].end)) {
      at_ += find_odd(suffix(text_, at_), [](auto c) { return (c == '/') | (c == '%'); });
      if (at_ == text_.size()) break;
      const EncodedChar c = read_encoded(text_, at_);
      at_ += c.size;
      // Of several slashes the last one counts, or a row of them would be walked again and again.
      if (c.value != '/' || is_slash(at_)) continue;
      for (const PathTable* table : tables_) {
        for (std::string_view pattern : table->patterns) match(pattern, c.size);
      }
    }
    if (found_count_ == 0) return std::nullopt;
    const Range first = found_[0];
    std::copy(found_ + 1, found_ + found_count_, found_);
    --found_count_;
    return first;
  }

 private:
  [[nodiscard]] bool is_slash(std::size_t at) const {
    return at < text_.size() && read_encoded(text_, at).value == '/';
  }

  /// Whether a segment ends with what stands at `at`. Behind a slash that was encoded n times, an
  /// encoded one is a slash as well.
  [[nodiscard]] bool ends_segment(std::size_t at, std::size_t slash_size) const {
    if (at == text_.size()) return true;
    const EncodedChar c = read_encoded(text_, at);
    if (c.size > slash_size) return false;
    if (c.value == '/' || c.value == '?' || c.value == '#') return true;
    return place_ == Place::kQuery ? text_[at] == '&'
                                   : place_ == Place::kMessage && is_blank(text_[at]);
  }

  [[nodiscard]] bool ends_escaped(std::size_t at) const {
    return place_ == Place::kMessage && text_[at] == '\\';
  }

  [[nodiscard]] std::size_t segment_end(std::size_t at, std::size_t slash_size) const {
    while (!ends_segment(at, slash_size)) at += read_encoded(text_, at).size;
    return at;
  }

  /// Skips slashes, and `.` between them; false where there is none.
  bool skip_slashes(std::size_t& at) const {
    const std::size_t begin = at;
    while (at < text_.size()) {
      const EncodedChar c = read_encoded(text_, at);
      const bool is_dot = c.value == '.' && at != begin && is_slash(at + c.size);
      // JSON may have `\/`.
      const bool is_escape = ends_escaped(at) && is_slash(at + 1);
      if (c.value != '/' && !is_dot && !is_escape) break;
      at += c.size;
    }
    return at != begin;
  }

  /// Adds what one pattern hides behind the slash that ends at at_.
  void match(std::string_view pattern, std::size_t slash_size) {
    std::size_t at = at_;
    Range hidden[kMaskedPathStars];
    std::size_t count = 0;
    for (pattern.remove_prefix(1); !pattern.empty();) {
      const std::size_t length = std::min(pattern.find('/'), pattern.size());
      std::string_view segment = prefix(pattern, length);
      pattern.remove_prefix(length);
      const bool has_star = segment.ends_with('*');
      if (has_star) segment.remove_suffix(1);
      for (char want : segment) {
        if (at == text_.size()) return;
        const EncodedChar c = read_encoded(text_, at);
        if (to_lower(c.value) != to_lower(want)) return;
        at += c.size;
      }
      if (has_star) {
        const std::size_t begin = at;
        at = segment_end(at, slash_size);
        if (at == begin) return;
        hidden[count++] = {begin, at};
      } else if (at < text_.size() && text_[at] == ';') {
        at = segment_end(at, slash_size);
      } else if (at < text_.size() && !ends_escaped(at) && !ends_segment(at, slash_size)) {
        return;
      }
      if (pattern.empty()) break;
      if (!skip_slashes(at)) return;
      pattern.remove_prefix(1);
    }
    if (count == 0) return;
    if (place_ == Place::kQuery || last_dots() >= hidden[0].begin) {
      hidden[0].end = path_end(hidden[0].end);
      count = 1;
    }
    for (const Range& range : std::span(hidden, count)) add(range);
  }

  /// Puts a range into what was found, in order, and together with those that it touches. Of more
  /// than there is room for, the last one gets all that is left.
  void add(Range range) {
    std::size_t first = 0;
    while (first < found_count_ && found_[first].end < range.begin) ++first;
    std::size_t last = first;
    for (; last < found_count_ && found_[last].begin <= range.end; ++last) {
      range = {std::min(range.begin, found_[last].begin), std::max(range.end, found_[last].end)};
    }
    if (first == last && found_count_ == kMost) {
      found_[kMost - 1] = {std::min(found_[kMost - 1].begin, range.begin), text_.size()};
      return;
    }
    if (first == last) {
      std::copy_backward(found_ + first, found_ + found_count_, found_ + found_count_ + 1);
      ++found_count_;
    } else {
      std::copy(found_ + last, found_ + found_count_, found_ + first + 1);
      found_count_ -= last - first - 1;
    }
    found_[first] = range;
  }

  /// The end of the path that `at` is within. Many patterns may match in one path.
  std::size_t path_end(std::size_t at) {
    if (place_ == Place::kPath) return text_.size();
    if (at > path_end_ || path_end_ == 0) {
      path_end_ = at;
      while (path_end_ < text_.size() &&
             (place_ == Place::kQuery ? text_[path_end_] != '&' : !is_blank(text_[path_end_]))) {
        ++path_end_;
      }
    }
    return path_end_;
  }

  /// Where the last `..` stands, as far as it matters: 0 where there is none.
  std::size_t last_dots() {
    if (last_dots_ != kNpos) return last_dots_;
    last_dots_ = 0;
    bool is_second = false;
    for (std::size_t at = 0; at < text_.size();) {
      const EncodedChar c = read_encoded(text_, at);
      if (c.value == '.' && is_second) last_dots_ = at;
      is_second = c.value == '.';
      at += c.size;
    }
    return last_dots_;
  }

  std::string_view text_;
  Place place_;
  std::span<const PathTable* const> tables_;
  std::size_t at_ = 0;
  std::size_t last_dots_ = kNpos;
  std::size_t path_end_ = 0;
  static constexpr std::size_t kMost = 32;
  Range found_[kMost];
  std::size_t found_count_ = 0;
};

/// What is wrong with a word of ReqNotesMaskPath, or null. What passes can be found.
constexpr const char* check_masked_path(std::string_view word) {
  constexpr const char* kUsage =
      "give segments of a path, with * for what is hidden at the end of one, such as /reset/* or "
      "/bot*/, or None";
  if (word.size() < 3 || word.size() > kMaskedPathMax || word[0] != '/') return kUsage;
  if (word[1] == '*') return "the first segment must say more than *, which every path has";
  std::size_t stars = 0;
  for (std::size_t at = 1; at < word.size(); ++at) {
    const char c = word[at];
    const bool ends = at + 1 == word.size() || word[at + 1] == '/';
    if (c == '*') {
      if (!ends) return "a * must be the end of its segment, as in /bot*/ or /reset/*";
      ++stars;
    }
    if (c == '/' && word[at - 1] == '/') return "the path has two slashes in a row";
    if (c == '.' && ends && (word[at - 1] == '/' || (word[at - 1] == '.' && word[at - 2] == '/'))) {
      return "the path has a segment . or .., which httpd takes away";
    }
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= ' ' || byte == 0x7F || c == '%' || c == '?' || c == '#' || c == '\\' || c == ';') {
      return "give the path as it is when nothing is percent-encoded, without ?, #, ; and \\";
    }
  }
  if (stars > kMaskedPathStars) return "a path can hide at most 8 segments";
  return stars != 0 ? nullptr : "a * must stand for what is hidden, as in /reset/* or /bot*/";
}

}  // namespace reqnotes
