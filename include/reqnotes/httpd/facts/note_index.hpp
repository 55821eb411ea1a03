#pragma once

#include <apr_cstr.h>
#include <apr_tables.h>

#include <algorithm>
#include <bit>
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
  /// Hash tables: their size is a power of two, and 0 is an empty place.
  std::span<const std::uint32_t> checksums;  ///< those that some key has
  std::span<const std::uint32_t> places;     ///< by hash of the whole key: its index plus 1
};

/// Every bit counts for every bit of the result.
inline std::uint32_t spread(std::uint32_t value) {
  return static_cast<std::uint32_t>(value * 0x9E3779B97F4A7C15 >> 40);
}

/// Of the checksum, the last letters and the length of a key, without regard to case. `_` and DEL
/// count as the same too, which does no harm.
inline std::uint32_t hash_key(const char* key, std::uint32_t checksum) {
  const std::size_t size = std::strlen(key);
  std::uint32_t last = 0;
  const std::size_t letters = std::min(size, sizeof last);
  std::memcpy(&last, key + size - letters, letters);
  const std::uint32_t mixed =
      ((last | 0x20202020) ^ checksum * 31) + static_cast<std::uint32_t>(size);
  return spread(mixed);
}

inline bool has_checksum(const KeyIndex& index, std::uint32_t checksum) {
  const std::size_t mask = index.checksums.size() - 1;
  for (std::size_t at = spread(checksum) & mask; index.checksums[at] != 0; at = (at + 1) & mask) {
    if (index.checksums[at] == checksum) return true;
  }
  return false;
}

/// The key that the key of `entry` is, or the number of keys.
inline std::size_t find_key(const KeyIndex& index, const apr_table_entry_t& entry) {
  const std::size_t mask = index.places.size() - 1;
  std::size_t at = hash_key(entry.key, entry.key_checksum) & mask;
  for (; index.places[at] != 0; at = (at + 1) & mask) {
    const std::size_t found = index.places[at] - 1;
    const char* const key = index.keys[found];
    // Nearly always they are spelt alike, and that is told much faster.
    if (std::strcmp(entry.key, key) == 0 || apr_cstr_casecmp(entry.key, key) == 0) return found;
  }
  return index.keys.size();
}

/// `keys` are NUL-terminated, not empty, differ in more than case, and live as long as `pool`.
///
/// returns  an index without places where they are more than kIndexedKeys; it is of no use.
inline KeyIndex index_keys(apr_pool_t* pool, std::span<const char* const> keys) {
  KeyIndex index = {.keys = keys, .checksums = {}, .places = {}};
  if (keys.empty() || keys.size() > kIndexedKeys) return index;
  apr_table_t* table = apr_table_make(pool, static_cast<int>(keys.size()));
  for (const char* key : keys) apr_table_addn(table, key, "");
  const auto* entries = reinterpret_cast<const apr_table_entry_t*>(apr_table_elts(table)->elts);

  const std::size_t size = std::bit_ceil(4 * keys.size());
  auto* checksums = static_cast<std::uint32_t*>(apr_pcalloc(pool, size * sizeof(std::uint32_t)));
  auto* places = static_cast<std::uint32_t*>(apr_pcalloc(pool, size * sizeof(std::uint32_t)));
  index.checksums = {checksums, size};
  index.places = {places, size};
  const auto put = [size](std::uint32_t* to, std::size_t at, std::uint32_t value) {
    while (to[at & (size - 1)] != 0) ++at;
    to[at & (size - 1)] = value;
  };
  for (std::size_t key = 0; key < keys.size(); ++key) {
    const std::uint32_t checksum = entries[key].key_checksum;
    if (!has_checksum(index, checksum)) put(checksums, spread(checksum), checksum);
    put(places, hash_key(keys[key], checksum), static_cast<std::uint32_t>(key) + 1);
  }
  return index;
}

/// Two empty texts: a null value is found too, and those behind it are not looked at.
constexpr char kEmptyTexts[2] = {};

/// What apr_table_get gives for each key: the first value; an empty text where there is none, or
/// a null one.
///
/// values   as many as there are keys.
inline void find_keys(const KeyIndex& index, const apr_table_t* table,
                      std::span<const char*> values) {
  const char* const absent = kEmptyTexts;
  const char* const found_null = kEmptyTexts + 1;
  for (const char*& value : values) value = absent;
  const apr_array_header_t* entries = apr_table_elts(table);
  const auto* entry = reinterpret_cast<const apr_table_entry_t*>(entries->elts);
  for (const auto* const end = entry + entries->nelts; entry != end; ++entry) {
    if (!has_checksum(index, entry->key_checksum)) continue;
    const std::size_t key = find_key(index, *entry);
    if (key == index.keys.size()) continue;
    if (values[key] == absent) values[key] = entry->val ? entry->val : found_null;
  }
}

}  // namespace reqnotes
