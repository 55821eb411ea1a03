#include "reqnotes/text/scan.hpp"

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

template <class Odd>
void expect_same(std::string_view text, Odd odd) {
  // All of exactly the right size, so that ASan sees a step beyond.
  const std::vector<char> source(text.begin(), text.end());
  std::vector<char> copy(text.size());
  const std::string_view exact(source.data(), source.size());
  const std::size_t want = find_odd_bytewise(text, odd);
  EXPECT_EQ(find_odd(exact, odd), want) << text;
  EXPECT_EQ(copy_until(exact, odd, copy.data()), want) << text;
  EXPECT_EQ(std::string_view(copy.data(), want), text.substr(0, want));

  std::vector<std::size_t> all;
  for (std::size_t at = want; at < text.size(); ++at) {
    if (odd(static_cast<signed char>(text[at]))) all.push_back(at);
  }
  std::vector<std::size_t> met;
  const auto meet = [&met](std::size_t at) {
    met.push_back(at);
    return met.size() == 5;
  };
  EXPECT_EQ(any_odd(exact, odd, meet), all.size() >= 5) << text;
  if (all.size() > 5) all.resize(5);
  EXPECT_EQ(met, all) << text;
}

void expect_same(std::string_view text) {
  expect_same(text, kJsonOdd);
  expect_same(text, kLogfmtOdd);
  expect_same(text, kNone);
}

std::string clean_text(std::mt19937& random, std::size_t size) {
  std::string text(size, 'a');
  for (char& c : text) c = static_cast<char>('a' + random() % 26);
  return text;
}

TEST(Scan, FindsEachOddByteAtEachPlace) {
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

TEST(Scan, FindsTheFirstOfMany) {
  std::mt19937 random(2);
  for (std::size_t round = 0; round < 20000; ++round) {
    std::string text = clean_text(random, random() % 101);
    for (std::size_t count = random() % 4; count != 0 && !text.empty(); --count) {
      text[random() % text.size()] = static_cast<char>(random());
    }
    expect_same(text);
  }
}

TEST(Scan, HasABitForEachLane) {
  for (unsigned want = 0; want < 0x10000; ++want) {
    Bytes16 lanes{};
    for (unsigned at = 0; at < 16; ++at) lanes[at] = (want >> at & 1U) != 0 ? -1 : 0;
    ASSERT_EQ(lane_bits(lanes), want);
    ASSERT_EQ(lane_bits_plainly(lanes), want);
  }
}

}  // namespace
}  // namespace reqnotes
