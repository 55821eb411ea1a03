#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string_view>

#include "reqnotes/text/hex.hpp"
#include "reqnotes/text/parse.hpp"
#include "reqnotes/text/slice.hpp"
#include "reqnotes/text/utf8.hpp"

namespace reqnotes {

/// How deep an object or array may be that stands in a line, and how many names an object may have.
constexpr int kEmbeddedDepth = 8;
constexpr std::size_t kEmbeddedNames = 32;

/// Reads JSON that is to stand in a line as it is, and so takes less than RFC 8259: no blank but
/// U+0020, no byte that this module would escape or repair, numbers as is_number has them, and
/// nothing at which some readers stop: half of a surrogate pair, a name twice in an object. Names
/// have no escapes, so that two of them can be compared.
class EmbeddedReader {
 public:
  explicit EmbeddedReader(std::string_view text) : text_(text) {}

  /// Whether all of the text is one object or array.
  bool read_all() {
    const bool is_nested = peek() == '{' || peek() == '[';
    return is_nested && read_value(0) && at_ == text_.size();
  }

 private:
  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }

  void skip_blanks() {
    while (peek() == ' ') ++at_;
  }

  bool read_value(int depth) {
    if (peek() == '"') return read_string();
    if (peek() == '{') return read_list('}', depth);
    if (peek() == '[') return read_list(']', depth);
    std::size_t end = at_;
    while (end < text_.size() && std::string_view(",]} ").find(text_[end]) == kNpos) ++end;
    const std::string_view word = slice(text_, at_, end - at_);
    at_ = end;
    return word == "true" || word == "false" || word == "null" || is_number(word);
  }

  /// The members of an object, or the elements of an array; see kEmbeddedDepth.
  bool read_list(char close, int depth) {
    if (depth == kEmbeddedDepth) return false;
    ++at_;
    skip_blanks();
    if (take(close)) return true;
    std::string_view names[kEmbeddedNames];
    std::size_t count = 0;
    for (;;) {
      if (close == '}' && !read_name(names, count)) return false;
      if (!read_value(depth + 1)) return false;
      skip_blanks();
      if (take(close)) return true;
      if (!take(',')) return false;
      skip_blanks();
    }
  }

  /// A name and its colon; `names` has the `count` before it in its object, and gets it.
  bool read_name(std::span<std::string_view, kEmbeddedNames> names, std::size_t& count) {
    const std::size_t begin = at_;
    if (count == kEmbeddedNames || !read_string()) return false;
    const std::string_view name = slice(text_, begin, at_ - begin);
    const auto before = names.first(count);
    if (name.find('\\') != kNpos || std::ranges::find(before, name) != before.end()) return false;
    names[count++] = name;
    skip_blanks();
    if (!take(':')) return false;
    skip_blanks();
    return true;
  }

  bool read_string() {
    if (!take('"')) return false;
    while (at_ < text_.size()) {
      if (take('"')) return true;
      if (take('\\')) {
        if (!read_escape()) return false;
        continue;
      }
      const std::string_view rest = suffix(text_, at_);
      const auto byte = static_cast<unsigned char>(rest[0]);
      const Utf8Step step = utf8_step(rest);
      const bool is_c1 = byte == 0xC2 && step.valid && static_cast<unsigned char>(rest[1]) < 0xA0;
      if (byte < 0x20 || byte == 0x7F || !step.valid || is_c1) return false;
      at_ += step.length;
    }
    return false;
  }

  /// What follows a backslash.
  bool read_escape() {
    if (!take('u')) {
      const bool is_known = std::string_view("\"\\/bfnrt").find(peek()) != kNpos;
      ++at_;
      return is_known;
    }
    const int unit = read_unit();
    if (unit < 0xD800 || unit > 0xDFFF) return unit >= 0;
    if (unit > 0xDBFF || !take('\\') || !take('u')) return false;
    const int second = read_unit();
    return second >= 0xDC00 && second <= 0xDFFF;
  }

  /// Four hex digits, or -1.
  int read_unit() {
    unsigned unit = 0;
    for (int digits = 0; digits < 4; ++digits, ++at_) {
      const auto digit = hex_digit(peek());
      if (!digit) return -1;
      unit = unit << 4 | *digit;
    }
    return static_cast<int>(unit);
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

/// Whether `text` is a JSON object or array that can stand in a line as it is; see EmbeddedReader.
/// Work is linear in it.
inline bool is_embeddable(std::string_view text) {
  return EmbeddedReader(text).read_all();
}

}  // namespace reqnotes
