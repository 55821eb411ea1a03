#include "reqnotes/httpd/facts/note_index.hpp"

#include <apr_general.h>
#include <apr_strings.h>
#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace reqnotes {
namespace {

class KeyIndexTest : public testing::Test {
 protected:
  void SetUp() override {
    apr_initialize();
    apr_pool_create(&pool_, nullptr);
  }
  void TearDown() override {
    apr_pool_destroy(pool_);
    apr_terminate();
  }

  const char* copy(const std::string& text) {
    return apr_pstrmemdup(pool_, text.data(), text.size());
  }

  /// A key of few letters, so that many are alike but for their case, their end or their length;
  /// of a long one, one letter.
  const char* random_key() {
    std::string key;
    for (std::size_t size = 1 + random_() % 7; key.size() < size;) key += "aAbB_"[random_() % 5];
    if (random_() % 3 == 0) {
      const char letter = key[0];
      key.assign(8 + random_() % 12, 'a');
      key[random_() % key.size()] = letter;
    }
    return copy(key);
  }

  apr_table_t* random_table(std::size_t size) {
    apr_table_t* table = apr_table_make(pool_, 4);
    while (size-- != 0) {
      const char* value = random_() % 8 == 0 ? nullptr : copy(std::to_string(random_() % 100));
      apr_table_addn(table, random_key(), value);
    }
    return table;
  }

  void expect_same(const KeyIndex& index, std::span<const char* const> keys,
                   const apr_table_t* table) {
    std::vector<const char*> values(keys.size());
    std::vector<int> times(keys.size());
    walk_keys(index, table, [&](std::size_t key, const char* value) {
      values[key] = value;
      ++times[key];
    });
    for (std::size_t at = 0; at < values.size(); ++at) {
      const char* want = apr_table_get(table, keys[at]);
      EXPECT_STREQ(values[at], want) << keys[at];
      EXPECT_LE(times[at], 1) << keys[at];
    }
  }

  apr_pool_t* pool_ = nullptr;
  std::mt19937 random_{1};
};

TEST_F(KeyIndexTest, FindsWhatAprFinds) {
  for (int round = 0; round < 2000; ++round) {
    std::vector<const char*> keys;
    for (std::size_t count = random_() % 70; keys.size() < count;) {
      const char* key = random_key();
      bool is_new = true;
      for (const char* other : keys) is_new = is_new && apr_cstr_casecmp(key, other) != 0;
      if (is_new || random_() % 4 == 0) count -= is_new ? 0 : 1;
      if (is_new) keys.push_back(key);
    }
    const KeyIndex index = index_keys(pool_, keys);
    if (keys.empty()) {
      EXPECT_TRUE(index.keys.empty());
      continue;
    }
    apr_table_t* table = random_table(random_() % 40);
    expect_same(index, keys, table);
    apr_table_unset(table, keys[random_() % keys.size()]);
    expect_same(index, keys, table);
    expect_same(index, keys, apr_table_overlay(pool_, table, random_table(random_() % 20)));
    apr_table_compress(table, APR_OVERLAP_TABLES_SET);
    expect_same(index, keys, table);
    if (round % 100 == 0) {
      TearDown();
      SetUp();
    }
  }
}

TEST_F(KeyIndexTest, HasNoneOfTooManyKeys) {
  std::vector<const char*> keys;
  while (keys.size() <= kIndexedKeys) keys.push_back(copy("key" + std::to_string(keys.size())));
  EXPECT_TRUE(index_keys(pool_, keys).keys.empty());
  keys.pop_back();
  const KeyIndex index = index_keys(pool_, keys);
  apr_table_t* table = apr_table_make(pool_, 4);
  for (const char* key : keys) apr_table_addn(table, key, key);
  expect_same(index, keys, table);
}

}  // namespace
}  // namespace reqnotes
