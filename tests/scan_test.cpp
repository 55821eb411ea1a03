#include "reqnotes/scan.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace reqnotes {
namespace {

constexpr auto kJsonOdd = [](auto c) { return (c < 0x20) | (c == '"') | (c == '\\'); };
constexpr auto kLogfmtOdd = [](auto c) { return (c <= 0x20) | (c == '"') | (c == '='); };
constexpr auto kNone = [](auto c) { return (c < 0) & (c > 0); };

template <class Odd>
std::size_t find_odd_bytewise(std::string_view text, Odd odd) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (odd(static_cast<signed char>(text[at]))) return at;
  }
  return text.size();
}

/// Compares on a copy of exactly the right size, so that ASan sees a read beyond it.
void expect_same(std::string_view text) {
  const std::vector<char> copy(text.begin(), text.end());
  const std::string_view exact(copy.data(), copy.size());
  EXPECT_EQ(find_odd(exact, kJsonOdd), find_odd_bytewise(exact, kJsonOdd)) << text;
  EXPECT_EQ(find_odd(exact, kLogfmtOdd), find_odd_bytewise(exact, kLogfmtOdd)) << text;
  EXPECT_EQ(find_odd(exact, kNone), text.size()) << text;
}

std::string clean_text(std::mt19937& random, std::size_t size) {
  std::string text(size, 'a');
  for (char& c : text) c = static_cast<char>('a' + random() % 26);
  return text;
}

TEST(FindOdd, FindsEachOddByteAtEachPlace) {
  constexpr char kBytes[] = {'\0', '\x1F', ' ', '!', '"', '=', '\\', '\x7F', '\x80', '\xFF'};
  std::mt19937 random(1);
  for (std::size_t size = 0; size <= 100; ++size) {
    const std::string clean = clean_text(random, size);
    expect_same(clean);
    for (std::size_t at = 0; at < size; ++at) {
      for (char odd : kBytes) {
        std::string text = clean;
        text[at] = odd;
        expect_same(text);
      }
    }
  }
}

TEST(FindOdd, FindsTheFirstOfMany) {
  std::mt19937 random(2);
  for (std::size_t round = 0; round < 20000; ++round) {
    std::string text = clean_text(random, random() % 101);
    for (std::size_t count = random() % 4; count != 0 && !text.empty(); --count) {
      text[random() % text.size()] = static_cast<char>(random());
    }
    expect_same(text);
  }
}

}  // namespace
}  // namespace reqnotes
