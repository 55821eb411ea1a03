#pragma once

#include <apr_cstr.h>
#include <apr_tables.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace reqnotes {

/// Most keys that one walk looks for.
constexpr std::size_t kIndexedKeys = 128;

/// Looks for many keys of a table in one walk over it, where apr_table_get would walk once for
/// each of them. APR keeps a checksum of each key beside it, of its first letters: it passes over
/// nearly all that other modules have put there. Those of `keys` are read off a table that has
/// them, so that how it is computed stays APR's own.
struct KeyIndex {
  std::span<const char* const> keys;
  struct Place {
    std::string_view key;  ///< empty where there is none
    std::size_t index;     ///< among all keys
  };
  static constexpr std::uint8_t kSeveral = 255;
  /// By a part of the checksum: 0 where no key has it, as for nearly all that is no key; the index
  /// of the only one, plus 1; or kSeveral, which `places` tells apart.
  std::array<std::uint8_t, 256> slots;
  /// A hash table: its size is a power of two.
  std::span<const Place> places;
};

/// Every bit counts for every bit of the result.
inline std::uint32_t spread(std::uint32_t value) {
  return static_cast<std::uint32_t>(value * 0x9E3779B97F4A7C15 >> 40);
}

inline std::size_t slot_of(std::uint32_t checksum) {
  return spread(checksum) & 255U;
}

/// Of the checksum, the last letters and the length of a key, without regard to case. `_` and DEL
/// count as the same too, which does no harm.
inline std::uint32_t hash_key(std::string_view key, std::uint32_t checksum) {
  std::uint32_t last = 0;
  if (key.size() >= sizeof last) {
    std::memcpy(&last, key.data() + key.size() - sizeof last, sizeof last);
  }
  const std::uint32_t mixed =
      ((last | 0x20202020) ^ checksum * 31) + static_cast<std::uint32_t>(key.size());
  return spread(mixed);
}

/// Whether two texts of the same length are the same byte for byte.
inline bool is_same(std::string_view one, std::string_view other) {
  const auto differ = [&]<class Word>(Word first) {
    Word second;
    Word last[2];
    const std::size_t behind = one.size() - sizeof first;
    std::memcpy(&first, one.data(), sizeof first);
    std::memcpy(&second, other.data(), sizeof first);
    std::memcpy(&last[0], one.data() + behind, sizeof first);
    std::memcpy(&last[1], other.data() + behind, sizeof first);
    return ((first ^ second) | (last[0] ^ last[1])) != 0;
  };
  // Most keys are that short, and a call costs more than comparing them.
  if (one.size() < 4 || one.size() > 16) return one == other;
  return one.size() < 8 ? !differ(std::uint32_t{}) : !differ(std::uint64_t{});
}

/// Compares as APR does. Nearly always they are spelt alike, and that is told much faster.
inline bool is_same_key(const char* one, const char* other) {
  return std::strcmp(one, other) == 0 || apr_cstr_casecmp(one, other) == 0;
}

/// The place of the key that the key of `entry` is, or null.
///
/// places   of a KeyIndex.
inline const KeyIndex::Place* find_place(std::span<const KeyIndex::Place> places,
                                         const apr_table_entry_t& entry) {
  const std::string_view name = entry.key;
  const std::size_t mask = places.size() - 1;
  for (std::size_t at = hash_key(name, entry.key_checksum) & mask;; at = (at + 1) & mask) {
    const KeyIndex::Place& place = places[at];
    if (place.key.empty()) return nullptr;
    if (place.key.size() != name.size()) continue;
    if (is_same(name, place.key) || is_same_key(entry.key, place.key.data())) return &place;
  }
}

/// `keys` are NUL-terminated, not empty, differ in more than case, and live as long as `pool`.
///
/// returns  an index without places where they are more than kIndexedKeys; it is of no use.
inline KeyIndex index_keys(apr_pool_t* pool, std::span<const char* const> keys) {
  KeyIndex index = {.keys = keys, .slots = {}, .places = {}};
  if (keys.empty() || keys.size() > kIndexedKeys) return index;
  apr_table_t* table = apr_table_make(pool, static_cast<int>(keys.size()));
  for (const char* key : keys) apr_table_addn(table, key, "");
  const auto* entries = reinterpret_cast<const apr_table_entry_t*>(apr_table_elts(table)->elts);

  const std::size_t size = std::bit_ceil(4 * keys.size());
  auto* places = static_cast<KeyIndex::Place*>(apr_pcalloc(pool, size * sizeof(KeyIndex::Place)));
  for (std::size_t key = 0; key < keys.size(); ++key) {
    const std::uint32_t checksum = entries[key].key_checksum;
    std::uint8_t& slot = index.slots[slot_of(checksum)];
    slot = slot == 0 ? static_cast<std::uint8_t>(key + 1) : KeyIndex::kSeveral;
    std::size_t at = hash_key(keys[key], checksum);
    while (!places[at & (size - 1)].key.empty()) ++at;
    places[at & (size - 1)] = {keys[key], key};
  }
  index.places = {places, size};
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
    const std::uint8_t slot = index.slots[slot_of(entry.key_checksum)];
    if (slot == 0) continue;
    std::size_t key = slot - std::size_t{1};
    if (slot != KeyIndex::kSeveral) {
      if (!is_same_key(entry.key, keys[key])) continue;
    } else if (next < index.keys.size() && std::strcmp(entry.key, keys[next]) == 0) {
      key = next;
    } else {
      const KeyIndex::Place* place = find_place(index.places, entry);
      if (!place) continue;
      key = place->index;
    }
    next = key + 1;
    const std::uint64_t bit = std::uint64_t{1} << (key % 64);
    if ((seen[key / 64] & bit) != 0) continue;
    seen[key / 64] |= bit;
    found(key, static_cast<const char*>(entry.val));
  }
}

}  // namespace reqnotes
