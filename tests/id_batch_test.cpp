#include "reqnotes/trace/id_batch.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace reqnotes {
namespace {

constexpr std::size_t kSize = 8;
constexpr std::size_t kCount = 16;
using Batch = IdBatch<kSize, kCount>;
using Id = std::array<unsigned char, kSize>;

std::atomic<std::uint32_t> next_number;
std::atomic<int> fills;

/// Counts instead of drawing: each four bytes are a number that was never given before.
bool counting_fill(std::span<unsigned char> out) noexcept {
  ++fills;
  for (; !out.empty(); out = out.subspan(4)) {
    const std::uint32_t number = ++next_number;
    std::memcpy(out.data(), &number, 4);
  }
  return true;
}

/// Writes something, and then finds that there is no more.
bool failing_fill(std::span<unsigned char> out) noexcept {
  std::memset(out.data(), 0x55, out.size());
  return false;
}

class IdBatchTest : public testing::Test {
 protected:
  IdBatchTest() {
    next_number = 0;
    fills = 0;
  }
};

std::array<std::uint32_t, 2> numbers_of(const Id& id) {
  std::array<std::uint32_t, 2> numbers;
  std::memcpy(numbers.data(), id.data(), kSize);
  return numbers;
}

TEST_F(IdBatchTest, HandsOutEveryByteOnce) {
  Batch batch;
  std::vector<std::uint32_t> got;
  for (std::size_t taken = 0; taken < 3 * kCount; ++taken) {
    Id id;
    ASSERT_TRUE(batch.take(id, counting_fill));
    for (std::uint32_t number : numbers_of(id)) got.push_back(number);
  }
  std::ranges::sort(got);
  std::vector<std::uint32_t> want;
  for (std::uint32_t number = 1; number <= 3 * kCount * 2; ++number) want.push_back(number);
  EXPECT_EQ(got, want);
  EXPECT_EQ(fills, 3);
}

TEST_F(IdBatchTest, GivesZeroesWithoutRandomness) {
  Batch batch;
  Id id;
  id.fill(0xAA);
  EXPECT_FALSE(batch.take(id, failing_fill));
  EXPECT_EQ(id, Id{});
}

TEST_F(IdBatchTest, GivesNoOldBytesWhenARefillFails) {
  Batch batch;
  Id id;
  for (std::size_t taken = 0; taken < kCount; ++taken) {
    ASSERT_TRUE(batch.take(id, counting_fill));
  }
  for (int round = 0; round < 3; ++round) {
    id.fill(0xAA);
    EXPECT_FALSE(batch.take(id, failing_fill));
    EXPECT_EQ(id, Id{});
  }
}

TEST_F(IdBatchTest, UsesWhatItHasBeforeItNeedsARefill) {
  Batch batch;
  Id id;
  ASSERT_TRUE(batch.take(id, counting_fill));
  for (std::size_t taken = 1; taken < kCount; ++taken) {
    EXPECT_TRUE(batch.take(id, failing_fill));
    EXPECT_NE(id, Id{});
  }
  EXPECT_FALSE(batch.take(id, failing_fill));
}

TEST_F(IdBatchTest, RecoversWhenRandomnessIsBack) {
  Batch batch;
  Id id;
  ASSERT_FALSE(batch.take(id, failing_fill));
  ASSERT_TRUE(batch.take(id, counting_fill));
  EXPECT_NE(numbers_of(id)[0], 0x55555555U);
}

TEST_F(IdBatchTest, DrawsAnewAfterAReset) {
  Batch batch;
  Id id;
  ASSERT_TRUE(batch.take(id, counting_fill));
  batch.reset();
  ASSERT_TRUE(batch.take(id, counting_fill));
  EXPECT_EQ(fills, 2);
  EXPECT_GT(numbers_of(id)[0], kCount * 2) << "from the second filling";
  batch.reset();
  EXPECT_FALSE(batch.take(id, failing_fill));
}

Batch* busy_batch;
Id inner_id;
bool inner_done;

/// Comes back while the batch is being filled, as another thread may.
template <Batch::Fill kInner>
bool reentering_fill(std::span<unsigned char> out) noexcept {
  if (out.size() != kSize) inner_done = busy_batch->take(inner_id, kInner);
  return counting_fill(out);
}

TEST_F(IdBatchTest, GivesAnIdOfItsOwnToAThreadThatFindsAnotherOne) {
  Batch batch;
  busy_batch = &batch;
  Id id;
  ASSERT_TRUE(batch.take(id, reentering_fill<counting_fill>));
  EXPECT_TRUE(inner_done);
  EXPECT_EQ(numbers_of(inner_id)[0], 1U);
  EXPECT_GT(numbers_of(id)[0], 2U);
}

TEST_F(IdBatchTest, GivesZeroesToAThreadThatFindsAnotherOneAndNoRandomness) {
  Batch batch;
  busy_batch = &batch;
  inner_id.fill(0xAA);
  Id id;
  ASSERT_TRUE(batch.take(id, reentering_fill<failing_fill>));
  EXPECT_FALSE(inner_done);
  EXPECT_EQ(inner_id, Id{});
}

// A child is forked while a thread of its parent is inside, and that thread is not in the child.
TEST_F(IdBatchTest, ServesAChildAfterAResetEvenWhenItWasBusy) {
  static int status;
  Batch batch;
  busy_batch = &batch;
  Id id;
  ASSERT_TRUE(batch.take(id, [](std::span<unsigned char> out) noexcept {
    const pid_t child = fork();
    if (child == 0) {
      fills = 0;
      busy_batch->reset();
      Id first;
      Id second;
      const bool served =
          busy_batch->take(first, counting_fill) && busy_batch->take(second, counting_fill);
      _exit(served && fills == 1 ? 0 : 1);  // one filling for both
    }
    waitpid(child, &status, 0);
    return counting_fill(out);
  }));
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(IdBatchTest, GivesDistinctIdsToManyThreads) {
  constexpr std::size_t kThreads = 8;
  constexpr std::size_t kIds = 20000;
  Batch batch;
  std::vector<std::uint32_t> numbers(kThreads * kIds * 2);
  {
    std::vector<std::jthread> threads;
    for (std::size_t thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&batch, out = numbers.data() + thread * kIds * 2]() mutable {
        for (std::size_t taken = 0; taken < kIds; ++taken, out += 2) {
          Id id;
          if (batch.take(id, counting_fill)) std::memcpy(out, id.data(), kSize);
        }
      });
    }
  }
  std::ranges::sort(numbers);
  EXPECT_EQ(std::ranges::count(numbers, 0U), 0);
  EXPECT_EQ(std::ranges::adjacent_find(numbers), numbers.end());
}

}  // namespace
}  // namespace reqnotes
