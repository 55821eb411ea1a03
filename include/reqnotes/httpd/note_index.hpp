#pragma once

#include <apr_cstr.h>
#include <apr_tables.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace reqnotes {

/// Most keys that one walk looks for.
constexpr std::size_t kIndexedKeys = 128;

/// Looks for many keys of a table in one walk over it, where apr_table_get would walk once for
/// each of them. APR keeps a checksum of each key beside it; those of `keys` are read off a table
/// that has them, so that how it is computed stays APR's own.
struct KeyIndex {
  struct Place {
    std::uint32_t checksum;
    std::uint32_t key;  ///< its index, plus 1; 0 is an empty place
  };
  std::span<const char* const> keys;
  std::span<const Place> places;  ///< by checksum: a power of two, most of them empty
  int shift;                      ///< of a mixed checksum, to the index of a place

  [[nodiscard]] std::size_t first_place(std::uint32_t checksum) const {
    return checksum * 0x9E3779B1 >> shift;
  }
};

/// `keys` are NUL-terminated, differ in more than case, and live as long as `pool`.
///
/// returns  an index without places where they are more than kIndexedKeys; it is of no use.
inline KeyIndex index_keys(apr_pool_t* pool, std::span<const char* const> keys) {
  KeyIndex index = {.keys = keys, .places = {}, .shift = 0};
  if (keys.empty() || keys.size() > kIndexedKeys) return index;
  apr_table_t* table = apr_table_make(pool, static_cast<int>(keys.size()));
  for (const char* key : keys) apr_table_addn(table, key, "");
  const apr_array_header_t* entries = apr_table_elts(table);

  const std::size_t size = std::bit_ceil(4 * keys.size());
  auto* places = static_cast<KeyIndex::Place*>(apr_pcalloc(pool, size * sizeof(KeyIndex::Place)));
  index.places = {places, size};
  index.shift = std::countl_zero(static_cast<std::uint32_t>(size - 1));
  for (std::size_t key = 0; key < keys.size(); ++key) {
    const std::uint32_t checksum =
        reinterpret_cast<const apr_table_entry_t*>(entries->elts)[key].key_checksum;
    std::size_t at = index.first_place(checksum);
    while (places[at].key != 0) at = (at + 1) & (size - 1);
    places[at] = {.checksum = checksum, .key = static_cast<std::uint32_t>(key) + 1};
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
    for (std::size_t at = index.first_place(entry->key_checksum); index.places[at].key != 0;
         at = (at + 1) & (index.places.size() - 1)) {
      if (index.places[at].checksum != entry->key_checksum) continue;
      const std::size_t key = index.places[at].key - 1;
      if (apr_cstr_casecmp(entry->key, index.keys[key]) != 0) continue;
      if (values[key] == absent) values[key] = entry->val ? entry->val : found_null;
      break;
    }
  }
}

}  // namespace reqnotes
