#include "reqnotes/flags/share.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace reqnotes {
namespace {

constexpr unsigned kKeys = 10'000;

/// Keys as cookies, users and addresses have them: alike but for their end, or hardly alike.
const std::function<std::string(unsigned)> kKinds[] = {
    [](unsigned number) { return std::to_string(number); },
    [](unsigned number) { return "user_" + std::to_string(number); },
    [](unsigned number) {
      return "10.0." + std::to_string(number / 256) + "." + std::to_string(number % 256);
    },
    [](unsigned number) { return "2001:db8:85a3::8a2e:370:" + std::to_string(number); },
    [](unsigned number) { return std::to_string(number) + std::string(28, '0'); },
};

bool is_on(std::string_view name, std::uint32_t share, std::string_view key) {
  return is_in_share(share_key(key), flag_hash(name), share);
}

/// Five standard deviations: once in two million times by chance.
double bound(double share) {
  return 5 * std::sqrt(kKeys * share * (1 - share));
}

TEST(IsInShare, IsExactForNothingAndAll) {
  for (unsigned number = 0; number < kKeys; ++number) {
    const std::string key = std::to_string(number);
    ASSERT_FALSE(is_on("a", 0, key));
    ASSERT_TRUE(is_on("a", kWholeShare, key));
  }
}

TEST(IsInShare, HoldsWithinChance) {
  for (const auto& kind : kKinds) {
    for (const char* name : {"a", "b", "search_v2", "new_upload", "flag_1", "flag_2"}) {
      for (std::uint32_t share : {100U, 1000U, 3333U, 5000U, 9000U}) {
        unsigned on = 0;
        for (unsigned number = 0; number < kKeys; ++number) {
          on += is_on(name, share, kind(number)) ? 1 : 0;
        }
        const double part = share / double{kWholeShare};
        EXPECT_NEAR(on, kKeys * part, bound(part)) << name << " " << share << " " << kind(1);
      }
    }
  }
}

TEST(IsInShare, OnlyAddsVisitorsAsItGrows) {
  for (unsigned number = 0; number < 500; ++number) {
    const std::string key = std::to_string(number);
    bool was_on = false;
    for (std::uint32_t share = 0; share <= kWholeShare; ++share) {
      const bool is_in = is_on("a", share, key);
      ASSERT_TRUE(is_in || !was_on) << key << " " << share;
      was_on = is_in;
    }
    ASSERT_TRUE(was_on);
  }
}

TEST(IsInShare, HasOtherVisitorsForEachFlag) {
  const char* const names[] = {"a", "b", "search_v2", "search_v3", "new_upload", "flag_1"};
  for (const auto& kind : kKinds) {
    for (const char* one : names) {
      for (const char* other : names) {
        if (one == other) continue;
        unsigned both = 0;
        for (unsigned number = 0; number < kKeys; ++number) {
          const std::string key = kind(number);
          both += is_on(one, 5000, key) && is_on(other, 5000, key) ? 1 : 0;
        }
        EXPECT_NEAR(both, kKeys / 4, bound(0.25)) << one << " " << other << " " << kind(1);
      }
    }
  }
}

TEST(IsInShare, IsTheSameForever) {
  std::string on;
  for (char key = 'a'; key <= 'z'; ++key) {
    if (is_on("search_v2", 3000, {&key, 1})) on += key;
  }
  EXPECT_EQ(on, "abcdfghijmprw") << "another version, or another host, must decide the same";
}

}  // namespace
}  // namespace reqnotes
