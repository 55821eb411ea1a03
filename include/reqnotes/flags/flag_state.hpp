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

/// Why files are not read as they are, each empty where it is.
struct FlagRefusals {
  char flags[kFlagRefusedMax];
  char trips[kFlagRefusedMax];

  bool operator==(const FlagRefusals&) const = default;
};

/// What is known of a file of flags.
struct FlagState {
  FlagSet set;
  TripSet trips;
  FlagSeries series[kFlagsMax];  ///< of each flag of the set
  std::int64_t read_us;          ///< since 1970; 0 where it was never read
  FlagRefusals refused;
  bool is_unwritten;       ///< there are trips that their file has not
  bool are_trips_unknown;  ///< their file could not be read yet: no flag that may trip is on
};
static_assert(std::is_trivially_copyable_v<FlagState>);

/// Whether a flag is off because nobody knows whether errors have turned it off before.
inline bool is_held(const FlagState& state, const Flag& flag) {
  return state.are_trips_unknown && flag.trip.is_set();
}

/// The flags that are off whatever their lines say, as bits.
inline std::uint64_t places_off(const FlagState& state) {
  std::uint64_t places = tripped_places(state.trips, state.set);
  for (std::size_t at = 0; at < state.set.count; ++at) {
    places |= std::uint64_t{is_held(state, state.set.flags[at])} << at;
  }
  return places;
}

/// How a flag stands: `on`, `off`, `share`, `tripped` or `held`.
inline std::string_view state_of(const FlagState& state, const Flag& flag) {
  constexpr std::string_view kModes[] = {"off", "on", "share"};
  if (find_trip(state.trips, flag)) return "tripped";
  return is_held(state, flag) ? "held" : kModes[static_cast<std::size_t>(flag.mode)];
}

}  // namespace reqnotes
