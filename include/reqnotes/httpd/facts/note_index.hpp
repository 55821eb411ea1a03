#pragma once

#include <apr_cstr.h>
#include <apr_tables.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace reqnotes {

/// Most keys that one walk looks for.
constexpr std::size_t kIndexedKeys = 128;

/// Looks for many keys of a table in one walk over it, where apr_table_get would walk once for
/// each of them. APR keeps a checksum of each key beside it, of its first letters: it passes over
/// nearly all that other modules have put there. Those of `keys` are read off a table that has
/// them, so that how it is computed stays APR's own.
struct KeyIndex {
  std::span<const char* const> keys;
  /// The keys of each slot_of a checksum, as a chain: the index of its first one plus 1, or 0 as
  /// for nearly all that is no key; then by each index the next one.
  std::array<std::uint8_t, 256> first;
  std::array<std::uint8_t, kIndexedKeys> others;
};
static_assert(kIndexedKeys < 256);

/// Every bit of a checksum counts.
inline std::size_t slot_of(std::uint32_t checksum) {
  return (checksum * 0x9E3779B97F4A7C15 >> 40) & 255U;
}

/// Compares without regard to case. Nearly always they are spelt alike, and that is told faster.
inline bool is_same_word(const char* one, const char* other) {
  return std::strcmp(one, other) == 0 || apr_cstr_casecmp(one, other) == 0;
}

/// `keys` are NUL-terminated, not empty, differ in more than case, and live as long as `pool`.
///
/// returns  an index of no keys where they are more than kIndexedKeys.
inline KeyIndex index_keys(apr_pool_t* pool, std::span<const char* const> keys) {
  KeyIndex index = {.keys = {}, .first = {}, .others = {}};
  if (keys.empty() || keys.size() > kIndexedKeys) return index;
  apr_table_t* table = apr_table_make(pool, static_cast<int>(keys.size()));
  for (const char* key : keys) apr_table_addn(table, key, "");
  const auto* entries = reinterpret_cast<const apr_table_entry_t*>(apr_table_elts(table)->elts);
  for (std::size_t key = keys.size(); key-- != 0;) {
    std::uint8_t& first = index.first[slot_of(entries[key].key_checksum)];
    index.others[key] = first;
    first = static_cast<std::uint8_t>(key + 1);
  }
  index.keys = keys;
  return index;
}

/// Walks over a table, and calls `found(key, value)` for the first value of each key that it has:
/// what apr_table_get would give, and null where that value is null.
template <class Found>
[[gnu::always_inline]] inline void walk_keys(const KeyIndex& index, const apr_table_t* table,
                                             Found found) {
  const char* const* const keys = index.keys.data();
  std::uint64_t seen[kIndexedKeys / 64] = {};
  std::size_t next = 0;  // keys often come in their order
  const apr_array_header_t* entries = apr_table_elts(table);
  const auto* first = reinterpret_cast<const apr_table_entry_t*>(entries->elts);
  for (const apr_table_entry_t& entry :
       std::span(first, static_cast<std::size_t>(entries->nelts))) {
    std::size_t place = index.first[slot_of(entry.key_checksum)];
    if (place == 0) continue;
    if (index.others[place - 1] != 0 && next < index.keys.size() &&
        std::strcmp(entry.key, keys[next]) == 0) {
      place = next + 1;
    } else {
      while (place != 0 && !is_same_word(entry.key, keys[place - 1])) {
        place = index.others[place - 1];
      }
      if (place == 0) continue;
    }
    next = place;
    const std::size_t key = place - 1;
    const std::uint64_t bit = std::uint64_t{1} << (key % 64);
    if ((seen[key / 64] & bit) != 0) continue;
    seen[key / 64] |= bit;
    found(key, static_cast<const char*>(entry.val));
  }
}

}  // namespace reqnotes
