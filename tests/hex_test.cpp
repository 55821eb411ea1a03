#include "reqnotes/text/hex.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace reqnotes {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

// All of exactly the right size, so that ASan sees a step beyond; one byte further on, so that no
// block is aligned.

void expect_hex(std::string_view text, bool want) {
  for (std::size_t shift : {0U, 1U}) {
    std::vector<char> exact(shift + text.size());
    std::copy(text.begin(), text.end(), exact.begin() + static_cast<std::ptrdiff_t>(shift));
    EXPECT_EQ(is_hex({exact.data() + shift, text.size()}), want) << text;
  }
}

TEST(IsHex, LooksAtEachByteOfEachSize) {
  std::mt19937 random(1);
  for (std::size_t size = 0; size <= 35; ++size) {
    std::string clean(size, '0');
    for (char& c : clean) c = kDigits[random() % kDigits.size()];
    expect_hex(clean, true);
    for (std::size_t at = 0; at < size; ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string text = clean;
        text[at] = static_cast<char>(byte);
        expect_hex(text, kDigits.find(text[at]) != kNpos);
      }
    }
  }
}

TEST(PutHex, WritesEachByteAtEachPlaceOfEachSize) {
  for (std::size_t size = 0; size <= 40; ++size) {
    for (std::size_t shift : {0U, 1U}) {
      std::vector<unsigned char> bytes(shift + size);
      for (unsigned first = 0; first < 256; ++first) {
        std::string want(shift, '?');
        for (std::size_t at = 0; at < size; ++at) {
          const unsigned byte = (first + 37 * static_cast<unsigned>(at)) % 256;
          bytes[shift + at] = static_cast<unsigned char>(byte);
          want += kDigits[byte / 16];
          want += kDigits[byte % 16];
        }
        std::vector<char> hex(shift + 2 * size, '?');
        put_hex(std::span(bytes).subspan(shift), hex.data() + shift);
        EXPECT_EQ(std::string(hex.begin(), hex.end()), want);
      }
    }
  }
}

}  // namespace
}  // namespace reqnotes
