#pragma once

#include <cstdint>
#include <string_view>

#include "reqnotes/flags/flags_file.hpp"
#include "reqnotes/metrics/key_hash.hpp"

namespace reqnotes {

/// What a share is decided by: a visitor, or a request.
inline std::uint64_t share_key(std::string_view key) {
  return stable_hash(1, key);
}

/// What a flag is known by. It makes its visitors others than those of another flag with the same
/// share.
inline std::uint64_t flag_hash(std::string_view name) {
  return stable_hash(2, name);
}

/// Whether a flag is on for a key. A key that is in a share is in every larger one, on every host
/// and after every restart. Whoever chooses his key chooses whether he is in it.
///
/// key    its share_key.
/// flag   its flag_hash.
/// share  in hundredths of a percent; 0 is never, kWholeShare is always.
inline bool is_in_share(std::uint64_t key, std::uint64_t flag, std::uint32_t share) {
  // Once is too little: flags then had a tenth more or fewer visitors in common than by chance.
  const std::uint64_t mixed = fold(fold(key ^ flag, 0x9E3779B97F4A7C15), flag ^ 0xD6E8FEB86659FD93);
  return (mixed >> 32) * kWholeShare >> 32 < share;
}

}  // namespace reqnotes
