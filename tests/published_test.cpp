#include "reqnotes/metrics/published.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace reqnotes {
namespace {

/// What is the same in all of its bytes, in no whole number of words.
template <std::size_t kSize>
struct Same {
  std::uint8_t bytes[kSize];

  static Same of(std::uint64_t number) {
    Same same;
    for (std::uint8_t& byte : same.bytes) byte = static_cast<std::uint8_t>(number % 251);
    return same;
  }
  [[nodiscard]] bool is_whole() const {
    for (std::uint8_t byte : bytes) {
      if (byte != bytes[0]) return false;
    }
    return true;
  }
};

template <std::size_t kSize>
void expect_last_value() {
  const auto published = std::make_unique<Published<Same<kSize>>>();
  // Behind it is what must not be touched.
  std::vector<Same<kSize>> taken(1);
  EXPECT_FALSE(take(*published, taken[0])) << "there is none";
  for (std::uint64_t number = 1; number < 300; ++number) {
    publish(*published, Same<kSize>::of(number));
    ASSERT_TRUE(take(*published, taken[0]));
    ASSERT_TRUE(taken[0].is_whole()) << kSize;
    ASSERT_EQ(taken[0].bytes[0], number % 251);
    ASSERT_TRUE(take(*published, taken[0])) << "it stays";
  }
}

TEST(Published, IsTheLastValueOfAnySize) {
  expect_last_value<1>();
  expect_last_value<7>();
  expect_last_value<8>();
  expect_last_value<9>();
  expect_last_value<16>();
  expect_last_value<63>();
  expect_last_value<1001>();
}

TEST(Published, OutlivesAWriterThatDies) {
  using Value = Same<100>;
  for (std::uint64_t before : {0U, 1U, 2U, 5U}) {
    for (std::size_t written = 0; written <= Published<Value>::kWords; ++written) {
      const auto published = std::make_unique<Published<Value>>();
      for (std::uint64_t number = 1; number <= before; ++number) {
        publish(*published, Value::of(number));
      }
      // What a writer has stored that was killed so far: beside the value, and no count.
      for (std::size_t at = 0; at < written; ++at) {
        published->words[(before + 1) % 2][at].store(0xFFFF'FFFF'FFFF'FFFF);
      }
      Value value;
      ASSERT_EQ(take(*published, value), before != 0);
      if (before != 0) {
        ASSERT_TRUE(value.is_whole());
        ASSERT_EQ(value.bytes[0], before);
      }
      publish(*published, Value::of(77));  // by the one that comes after it
      ASSERT_TRUE(take(*published, value));
      ASSERT_TRUE(value.is_whole());
      ASSERT_EQ(value.bytes[0], 77);
    }
  }
}

TEST(Published, IsWholeWhileItIsWritten) {
  using Value = Same<4001>;
  const auto published = std::make_unique<Published<Value>>();
  publish(*published, Value::of(1));
  std::atomic<std::uint64_t> begun = 1;
  std::atomic<std::uint64_t> done = 1;
  std::atomic<bool> is_over = false;
  std::vector<std::thread> readers;
  std::atomic<std::uint64_t> taken = 0;
  for (unsigned reader = 0; reader < 2; ++reader) {
    readers.emplace_back([&] {
      const auto value = std::make_unique<Value>();
      while (!is_over) {
        const std::uint64_t first = done;
        if (!take(*published, *value)) continue;
        const std::uint64_t last = begun;
        ++taken;
        ASSERT_TRUE(value->is_whole());
        // It is one that was the last while it was read.
        if (last - first >= 250) continue;
        bool is_last = false;
        for (std::uint64_t number = first; number <= last; ++number) {
          is_last = is_last || value->bytes[0] == number % 251;
        }
        ASSERT_TRUE(is_last) << "an old value";
      }
    });
  }
  for (std::uint64_t number = 2; number < 5000 || (taken < 1000 && number < 100'000); ++number) {
    begun = number;
    publish(*published, Value::of(number));
    done = number;
    if (number % 4 == 0) std::this_thread::yield();
  }
  is_over = true;
  for (std::thread& reader : readers) reader.join();
}

/// Four words that are the same.
struct Meddled {
  std::uint64_t words[4];
};

TEST(Published, IsTakenWhileValuesFollowNowAndThen) {
  const auto published = std::make_unique<Published<Meddled>>();
  std::atomic<bool> is_over = false;
  publish(*published, Meddled{});
  std::thread writing([&] {
    for (std::uint64_t number = 1; !is_over; ++number) {
      publish(*published, Meddled{{number, number, number, number}});
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
  });
  unsigned failed = 0;
  for (unsigned round = 0; round < 20'000; ++round) {
    Meddled value;
    if (!take(*published, value)) {
      ++failed;
      continue;
    }
    ASSERT_EQ(value.words[0], value.words[3]);
  }
  is_over = true;
  writing.join();
  EXPECT_LT(failed, 20U) << "eight tries are enough for one who writes now and then";
}

}  // namespace
}  // namespace reqnotes
