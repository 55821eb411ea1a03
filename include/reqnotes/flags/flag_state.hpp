#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "reqnotes/flags/flags_file.hpp"
#include "reqnotes/flags/published_flags.hpp"
#include "reqnotes/flags/trip.hpp"

namespace reqnotes {

constexpr std::size_t kFlagRefusedMax = 160;

/// What is known of a file of flags.
struct FlagState {
  FlagSet set;
  TripSet trips;
  FlagSeries series[kFlagsMax];   ///< of each flag of the set
  std::int64_t read_us;           ///< since 1970; 0 where it was never read
  char refused[kFlagRefusedMax];  ///< why it is not read as it is, or empty
  bool is_unwritten;              ///< there are trips that their file has not
};
static_assert(std::is_trivially_copyable_v<FlagState>);

/// How a flag stands: `on`, `off`, `share` or `tripped`.
inline std::string_view state_of(const FlagState& state, const Flag& flag) {
  constexpr std::string_view kModes[] = {"off", "on", "share"};
  return find_trip(state.trips, flag) ? "tripped" : kModes[static_cast<std::size_t>(flag.mode)];
}

}  // namespace reqnotes
