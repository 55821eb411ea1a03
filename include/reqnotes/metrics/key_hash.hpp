#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace reqnotes {

/// What nobody outside knows, from the kernel: without it, keys that meet can be made.
struct HashSeed {
  std::uint64_t first;
  std::uint64_t second;
};

/// All bits of a product of two words, in one word.
inline std::uint64_t fold(std::uint64_t left, std::uint64_t right) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = Wide{left} * right;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

template <class Word>
[[gnu::always_inline]] inline std::uint64_t word_at(const char* at) {
  Word word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

/// Adds a text to a hash; its size counts too, so that "ab","c" is not "a","bc".
[[gnu::always_inline]] inline std::uint64_t hash_text(HashSeed seed, std::uint64_t hash,
                                                      std::string_view text) {
  const char* at = text.data();
  std::size_t left = text.size();
  hash ^= text.size() * 0x9E3779B97F4A7C15;
  for (; left > 16; left -= 16, at += 16) {
    hash = fold(word_at<std::uint64_t>(at) ^ seed.first, word_at<std::uint64_t>(at + 8) ^ hash);
  }
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  if (left >= 8) {
    low = word_at<std::uint64_t>(at);
    high = word_at<std::uint64_t>(at + left - 8);
  } else if (left >= 4) {
    low = word_at<std::uint32_t>(at);
    high = word_at<std::uint32_t>(at + left - 4);
  } else if (left > 0) {
    low = word_at<std::uint8_t>(at);
    high = word_at<std::uint8_t>(at + left / 2) << 8 | word_at<std::uint8_t>(at + left - 1);
  }
  return fold(low ^ seed.second, high ^ hash);
}

}  // namespace reqnotes
