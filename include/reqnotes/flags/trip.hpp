#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

#include "reqnotes/flags/flags_file.hpp"
#include "reqnotes/flags/published_flags.hpp"
#include "reqnotes/metrics/key_value.hpp"
#include "reqnotes/metrics/series.hpp"
#include "reqnotes/metrics/watch.hpp"
#include "reqnotes/text/decimal.hpp"
#include "reqnotes/text/parse.hpp"
#include "reqnotes/text/sink.hpp"
#include "reqnotes/text/slice.hpp"

namespace reqnotes {

// What is counted of flags, and how errors turn one off: it stays off until a person changes its
// line, or removes the trip.

/// Labels of the series of a flag: its name, and one of these.
constexpr std::string_view kFlagStates[] = {"on", "off", "unanswered"};
/// Flags that can be counted as long as the table lives, whether they are still there or not.
constexpr std::uint32_t kCountedFlagsMax = 128;

/// The table that counts the requests of the flags of a file.
///
/// file  what it is known by.
constexpr SeriesShape flag_shape(std::uint64_t file) {
  return {.key = file, .series = 3 * kCountedFlagsMax, .labels = 2, .sums = 0};
}

/// The series of a flag, which are added where there are none. By the process that publishes flags.
/// Where there is no room, all are `other`.
inline FlagSeries find_flag_series(const SeriesTable& table, std::string_view name) {
  std::array<std::uint16_t, std::size(kFlagStates)> numbers{};
  for (std::size_t at = 0; at < numbers.size(); ++at) {
    const std::string_view labels[] = {name, kFlagStates[at]};
    const auto* const series = reinterpret_cast<const char*>(&find_series(table, labels));
    const auto bytes = static_cast<std::size_t>(series - table.records);
    numbers[at] = static_cast<std::uint16_t>(bytes / table.record);
    if (numbers[at] == table.header->shape.series) {
      numbers.fill(numbers[at]);
      break;
    }
  }
  return {.on = numbers[0], .off = numbers[1], .unanswered = numbers[2], .unused = 0};
}

/// How many requests there were, and how many of them failed.
struct Requests {
  std::uint64_t all = 0;
  std::uint64_t failed = 0;  ///< with a status of 500 or more

  /// Without some of them; what is read later may be less by a few.
  [[nodiscard]] constexpr Requests minus(const Requests& some) const {
    return {all - std::min(all, some.all), failed - std::min(failed, some.failed)};
  }
  [[nodiscard]] constexpr Requests plus(const Requests& more) const {
    return {all + more.all, failed + more.failed};
  }
  [[nodiscard]] constexpr double share() const {
    return all == 0 ? 0 : static_cast<double>(failed) / static_cast<double>(all);
  }
};

inline Requests requests_of(const Series& series) {
  Requests requests;
  for (const auto& status : series.classes) requests.all += status.load(std::memory_order_relaxed);
  requests.failed = series.classes[5].load(std::memory_order_relaxed);
  return requests;
}

/// What is known of the errors of a flag.
struct TripReading {
  Requests with;  ///< that had the flag
  Requests without;
  bool is_exceeded = false;  ///< the flag is to be turned off
};

/// Looks at what was counted in a window.
///
/// on          requests that asked and had the flag.
/// off         those that asked and had it not.
/// others      those that did not ask, as far as they could have: files that nothing makes never
///             fail, and would hide that everything else does.
/// unanswered  those that had it and failed before they could say what they asked.
constexpr TripReading judge_trip(const Trip& trip, const Requests& on, const Requests& off,
                                 const Requests& others, const Requests& unanswered) {
  TripReading reading = {.with = on, .without = others};
  Requests& same = trip.with_unanswered ? reading.with : reading.without;
  same = same.plus(unanswered);
  // Who takes the other way through the same code tells most.
  reading.without = off.all >= trip.least ? off : reading.without.plus(off);
  const double share = reading.with.share();
  reading.is_exceeded = trip.is_set() && reading.with.all >= trip.least &&
                        share * kWholeShare > trip.limit && share >= 2 * reading.without.share();
  return reading;
}

/// What had been counted of a flag at a time.
struct FlagCounts {
  std::uint64_t requests = 0;  ///< of all, as keep_counted() has it
  Requests on;
  Requests off;
  Requests others;
  Requests unanswered;
};

/// Reads what is counted of a flag.
///
/// all  requests that could have asked; with those that did.
inline FlagCounts read_flag(const SeriesTable& table, const FlagSeries& series,
                            const Requests& all) {
  FlagCounts counts;
  // What many flags have in common tells nothing of one.
  if (series.on == table.header->shape.series) return counts;
  counts.requests = all.all;
  counts.on = requests_of(table.at(series.on));
  counts.off = requests_of(table.at(series.off));
  counts.unanswered = requests_of(table.at(series.unanswered));
  counts.others = all.minus(counts.on).minus(counts.off).minus(counts.unanswered);
  return counts;
}

/// What is known of a flag that may trip, by the process that looks at it once a second.
struct TripMemory {
  static constexpr std::size_t kKept = 64;
  struct Kept {
    std::int64_t at_us;  ///< by the steady clock
    FlagCounts counted;
  };

  std::uint64_t line_hash;
  std::uint64_t taken;
  Kept kept[kKept];
};

/// Takes what was counted by now, and looks at the window.
///
/// memory      of the flag of this name, zeros at first.
/// is_tripped  it is off already; what it did before does not count when it is on again.
inline TripReading look_at_flag(const Flag& flag, bool is_tripped, TripMemory& memory,
                                const FlagCounts& counted, std::int64_t now_us) {
  if (is_tripped || memory.line_hash != flag.line_hash) memory.taken = 0;
  memory.line_hash = flag.line_hash;
  if (is_tripped || !flag.trip.is_set() || flag.mode == Flag::Mode::kOff) return {};
  const std::int64_t over_us = std::int64_t{flag.trip.window_s} * 1'000'000;
  keep_counted(memory, counted, now_us, over_us);
  const FlagCounts& before = find_begin(memory, now_us, over_us)->counted;
  return judge_trip(flag.trip, counted.on.minus(before.on), counted.off.minus(before.off),
                    counted.others.minus(before.others),
                    counted.unanswered.minus(before.unanswered));
}

/// A flag that was turned off.
struct Tripped {
  char name[kFlagNameMax];
  std::uint8_t name_size;
  std::uint32_t share;      ///< of requests that failed, in hundredths of a percent
  std::uint64_t line_hash;  ///< of its line then
  std::int64_t time_s;      ///< since 1970

  [[nodiscard]] std::string_view text() const { return {name, name_size}; }
};

struct TripSet {
  Tripped trips[kFlagsMax];
  std::uint32_t count;

  [[nodiscard]] std::span<const Tripped> all() const { return {trips, count}; }
};
static_assert(std::is_trivially_copyable_v<TripSet>);

/// The trip of a flag whose line is as it was then, or null.
inline const Tripped* find_trip(const TripSet& set, const Flag& flag) {
  const auto all = set.all();
  const auto found = std::ranges::find(all, flag.text(), &Tripped::text);
  return found == all.end() || found->line_hash != flag.line_hash ? nullptr : &*found;
}

/// A bit for each flag of a set that is turned off, as make_view() has it.
inline std::uint64_t tripped_places(const TripSet& trips, const FlagSet& flags) {
  std::uint64_t places = 0;
  for (std::size_t at = 0; at < flags.count; ++at) {
    if (find_trip(trips, flags.flags[at])) places |= std::uint64_t{1} << at;
  }
  return places;
}

/// Forgets the trips of flags that are gone, or whose lines have changed.
///
/// flags    as they were read from a file that is whole.
/// returns  whether there was one.
inline bool forget_trips(TripSet& trips, const FlagSet& flags) {
  const auto is_gone = [&](const Tripped& trip) {
    const Flag* const flag = find_flag(flags, trip.text());
    return !flag || flag->line_hash != trip.line_hash;
  };
  Tripped* const end = trips.trips + trips.count;
  const auto kept = std::remove_if(trips.trips, end, is_gone) - trips.trips;
  const bool has_gone = kept != end - trips.trips;
  trips.count = static_cast<std::uint32_t>(kept);
  return has_gone;
}

/// Adds a trip of a flag that has none; others were forgotten.
///
/// share  of requests that failed, 0 to 1.
inline void add_trip(TripSet& trips, const Flag& flag, double share, std::int64_t time_s) {
  if (trips.count == kFlagsMax) return;
  Tripped& trip = trips.trips[trips.count++];
  trip = {
      .name = {},
      .name_size = flag.name_size,
      // Rounded by hand, as lround is in another library.
      .share = (static_cast<std::uint32_t>(std::clamp(share, 0.0, 1.0) * kWholeShare * 2) + 1) / 2,
      .line_hash = flag.line_hash,
      .time_s = time_s};
  std::ranges::copy(flag.text(), trip.name);
}

// A file of trips has a line `NAME LINE SECONDS SHARE%` for each: LINE is the hash of the flag's
// line in hex, SECONDS are since 1970.

/// Takes a whole number of a base off a text, up to a blank or its end.
template <class Number>
std::optional<Number> take_number(std::string_view& rest, int base) {
  const std::string_view word = prefix(rest, rest.find_first_of(" \t"));
  rest = trim(suffix(rest, word.size()));
  Number number = 0;
  const char* const end = word.data() + word.size();
  const auto [at, error] = std::from_chars(word.data(), end, number, base);
  return error != std::errc() || at != end ? std::nullopt : std::optional(number);
}

/// Reads a file of trips, all or nothing.
///
/// line     becomes the number of the line that is wrong, from 1 on, or 0 where it is the text.
/// returns  null, or what is wrong, as the end of a sentence; `set` is then as it was.
inline const char* read_trips(std::string_view text, std::size_t& line, TripSet& set) {
  line = 0;
  if (text.size() > kFlagsBytesMax) return "has more than 16 KB";
  TripSet next = {};
  const char* error = read_key_values(
      text, line, [&next](std::string_view name, std::string_view rest) -> const char* {
        // So far a calendar goes.
        constexpr std::int64_t kTimeMax = 253'402'300'799;
        const auto hash = take_number<std::uint64_t>(rest, 16);
        const auto time_s = take_number<std::int64_t>(rest, 10);
        const auto share = parse_share(rest);
        if (!is_metric_name(name) || !hash || !time_s || *time_s < 0 || *time_s > kTimeMax ||
            !share) {
          return "is no trip: NAME LINE SECONDS SHARE%";
        }
        const auto all = next.all();
        if (std::ranges::find(all, name, &Tripped::text) != all.end()) {
          return "has a flag that a line before has";
        }
        if (next.count == kFlagsMax) return "has a flag more than the 64";
        Tripped& trip = next.trips[next.count++];
        trip = {.name = {},
                .name_size = static_cast<std::uint8_t>(name.size()),
                .share = *share,
                .line_hash = *hash,
                .time_s = *time_s};
        std::ranges::copy(name, trip.name);
        return nullptr;
      });
  if (!error) set = next;
  return error;
}

/// Room for a file of trips, in bytes.
constexpr std::size_t kTripsTextMax = 128 * (kFlagsMax + 1);

/// Writes a file of trips.
///
/// out  room for kTripsTextMax bytes.
inline void write_trips(const TripSet& set, Sink& out) {
  out.put("# Flags that errors turned off. They are on again without their line here.\n");
  for (const Tripped& trip : set.all()) {
    char digits[64];
    const auto put = [&](const char* end) {
      out.put({digits, static_cast<std::size_t>(end - digits)});
    };
    out.put(trip.text());
    out.put(' ');
    put(std::to_chars(digits, digits + sizeof digits, trip.line_hash, 16).ptr);
    out.put(' ');
    put(put_decimal(trip.time_s, digits));
    out.put(' ');
    put(put_decimal(trip.share / 100, digits));
    out.put('.');
    put(put_pair(trip.share % 100, digits));
    out.put("%\n");
  }
}

}  // namespace reqnotes
