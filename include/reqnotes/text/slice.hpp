#pragma once

#include <cstddef>
#include <string_view>

namespace reqnotes {

/// What a search gives where there is nothing to find.
constexpr std::size_t kNpos = std::string_view::npos;

// Parts of a text that clip at its end. string_view::substr would throw there, which drags the
// C++ runtime into httpd even where it cannot happen.

/// The first `count` bytes, or all of `text` where it is shorter.
constexpr std::string_view prefix(std::string_view text, std::size_t count) {
  return {text.data(), count < text.size() ? count : text.size()};
}

/// What follows the first `begin` bytes; empty where there is nothing.
constexpr std::string_view suffix(std::string_view text, std::size_t begin) {
  text.remove_prefix(begin < text.size() ? begin : text.size());
  return text;
}

/// At most `count` bytes from `begin` on.
constexpr std::string_view slice(std::string_view text, std::size_t begin, std::size_t count) {
  return prefix(suffix(text, begin), count);
}

}  // namespace reqnotes
