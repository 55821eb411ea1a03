#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>

#include "reqnotes/metrics/key_hash.hpp"
#include "reqnotes/metrics/key_value.hpp"
#include "reqnotes/metrics/metric.hpp"
#include "reqnotes/metrics/threshold.hpp"
#include "reqnotes/text/parse.hpp"
#include "reqnotes/text/slice.hpp"
#include "reqnotes/text/utf8.hpp"

namespace reqnotes {

// A file of feature flags, one on each line:
//
//   NAME on|off|SHARE% [trip=SHARE%[/LEAST[/WINDOWs]]] [unanswered]  # who and why
//
// NAME is `[a-z][a-z0-9_]{0,39}`. A share has up to two decimals. LEAST is 1 to 1000000 requests,
// 20 where it is not said; WINDOW is 10 to 3600 seconds, 30 where it is not said. `unanswered`: to
// the trip, a request that failed before it could say what it asked has asked every flag that it
// had.

constexpr std::size_t kFlagsMax = 64;
constexpr std::size_t kFlagsBytesMax = 16'384;
constexpr std::size_t kFlagNameMax = 40;
constexpr std::size_t kFlagNoteMax = 80;
/// A share of all, in hundredths of a percent.
constexpr std::uint32_t kWholeShare = 10'000;

/// When a flag is turned off by itself.
struct Trip {
  std::uint32_t limit = 0;  ///< failed requests above this share, in hundredths of a percent
  std::uint32_t least = 0;  ///< requests; 0 where the flag has no trip
  std::uint32_t window_s = 0;
  bool with_unanswered = false;

  [[nodiscard]] constexpr bool is_set() const { return least != 0; }
};

struct Flag {
  enum class Mode : std::uint8_t { kOff, kOn, kShare };

  char name[kFlagNameMax];
  std::uint8_t name_size;
  Mode mode;
  std::uint8_t note_size;
  char note[kFlagNoteMax];  ///< the comment, whole characters without control characters
  std::uint32_t share;      ///< in hundredths of a percent; neither 0 nor all, as those have a mode
  Trip trip;
  std::uint64_t line_hash;  ///< of the words of the line, without its comment

  [[nodiscard]] std::string_view text() const { return {name, name_size}; }
  [[nodiscard]] std::string_view why() const { return {note, note_size}; }
};

struct FlagSet {
  Flag flags[kFlagsMax];
  std::uint32_t count;

  [[nodiscard]] std::span<const Flag> all() const { return {flags, count}; }
};
static_assert(std::is_trivially_copyable_v<FlagSet>);

/// The flag of a name, or null.
inline const Flag* find_flag(const FlagSet& set, std::string_view name) {
  const auto all = set.all();
  const auto found = std::ranges::find(all, name, &Flag::text);
  return found == all.end() ? nullptr : &*found;
}

/// Reads `12.25%` as hundredths of a percent, up to the whole.
constexpr std::optional<std::uint32_t> parse_share(std::string_view text) {
  if (!text.ends_with('%')) return std::nullopt;
  text.remove_suffix(1);
  const std::size_t point = text.find('.');
  const std::string_view whole = prefix(text, point);
  const std::string_view decimals = point == kNpos ? "0" : suffix(text, point + 1);
  if (whole.empty() || whole.size() > 3 || (whole.size() > 1 && whole[0] == '0') ||
      decimals.empty() || decimals.size() > 2 || !std::ranges::all_of(whole, is_digit) ||
      !std::ranges::all_of(decimals, is_digit)) {
    return std::nullopt;
  }
  std::uint32_t share = 0;
  for (char digit : whole) share = share * 10 + static_cast<std::uint32_t>(digit - '0');
  for (std::size_t at = 0; at < 2; ++at) {
    share = share * 10 + static_cast<std::uint32_t>(at < decimals.size() ? decimals[at] - '0' : 0);
  }
  return share <= kWholeShare ? std::optional(share) : std::nullopt;
}

/// Reads what stands behind `trip=`.
///
/// returns  null, or what is wrong, as the end of a sentence.
inline const char* parse_trip(std::string_view text, Trip& trip) {
  const std::size_t first = std::min(text.find('/'), text.size());
  const std::size_t second = std::min(text.find('/', first + 1), text.size());
  const std::optional<std::uint32_t> limit = parse_share(prefix(text, first));
  // No share of failed requests is above all of them.
  if (!limit || *limit == kWholeShare) {
    return "needs trip= with a share below 100%, such as trip=20% or trip=20%/50/30s";
  }
  trip.limit = *limit;
  trip.least = 20;
  trip.window_s = 30;
  if (first < text.size()) {
    if (const char* error =
            parse_whole(slice(text, first + 1, second - first - 1), 1, 1'000'000,
                        "needs 1 to 1000000 requests behind trip=SHARE%/", trip.least)) {
      return error;
    }
  }
  if (second == text.size()) return nullptr;
  constexpr const char* kSeconds = "needs 10s to 3600s behind trip=SHARE%/REQUESTS/";
  std::string_view window = suffix(text, second + 1);
  if (!window.ends_with('s')) return kSeconds;
  window.remove_suffix(1);
  return parse_whole(window, 10, 3600, kSeconds, trip.window_s);
}

/// The hash of a text that is kept in files, or is the same on several hosts: it must never become
/// another one. Nobody gains by texts that meet.
inline std::uint64_t stable_hash(std::uint64_t before, std::string_view text) {
  constexpr HashSeed kSeed = {0x9FB21C651E98DF25, 0xC8F3DB2A5D4E7107};
  return hash_text(kSeed, before, text);
}

/// Reads how a flag stands.
///
/// returns  null, or what is wrong, as the end of a sentence.
inline const char* parse_mode(std::string_view word, Flag& flag) {
  const std::optional<std::uint32_t> share = word == "on"    ? kWholeShare
                                             : word == "off" ? 0
                                                             : parse_share(word);
  if (!share) return "needs on, off or a percentage such as 10% behind the name";
  flag.mode = *share == 0             ? Flag::Mode::kOff
              : *share == kWholeShare ? Flag::Mode::kOn
                                      : Flag::Mode::kShare;
  flag.share = *share;
  return nullptr;
}

/// Reads what stands behind the name of a flag, which is there.
///
/// returns  null, or what is wrong, as the end of a sentence.
inline const char* parse_flag(std::string_view value, Flag& flag) {
  flag.line_hash = stable_hash(0, flag.text());
  for (bool is_first = true; is_first || !value.empty(); is_first = false) {
    const std::string_view word = prefix(value, value.find_first_of(" \t"));
    value = trim(suffix(value, word.size()));
    flag.line_hash = stable_hash(flag.line_hash, word);
    if (is_first) {
      if (const char* error = parse_mode(word, flag)) return error;
    } else if (word.starts_with("trip=")) {
      if (flag.trip.is_set()) return "has trip= twice";
      if (const char* error = parse_trip(suffix(word, 5), flag.trip)) return error;
    } else if (word == "unanswered") {
      flag.trip.with_unanswered = true;
    } else {
      return "can have trip= and unanswered behind on, off or a percentage, and comments behind #";
    }
  }
  if (flag.trip.with_unanswered && !flag.trip.is_set()) return "has unanswered without trip=";
  return nullptr;
}

/// Reads a file of flags, all or nothing.
///
/// line     becomes the number of the line that is wrong, from 1 on, or 0 where it is the text.
/// returns  null, or what is wrong, as the end of a sentence; `set` is then as it was.
inline const char* read_flags(std::string_view text, std::size_t& line, FlagSet& set) {
  line = 0;
  if (text.size() > kFlagsBytesMax) return "has more than 16 KB";
  FlagSet next = {};
  const char* error =
      read_key_values(text, line,
                      [&next](std::string_view name, std::string_view value,
                              std::string_view comment) -> const char* {
                        if (!is_metric_name(name)) {
                          return "needs a name of a-z, 0-9 and _ that begins with a letter, at "
                                 "most 40";
                        }
                        if (find_flag(next, name)) return "has a flag that a line before has";
                        if (next.count == kFlagsMax) return "has a flag more than the 64";
                        Flag& flag = next.flags[next.count];
                        flag.name_size = static_cast<std::uint8_t>(name.size());
                        std::ranges::copy(name, flag.name);
                        const std::string_view note = cut_utf8(comment, kFlagNoteMax);
                        flag.note_size = static_cast<std::uint8_t>(note.size());
                        std::ranges::copy(note, flag.note);
                        ++next.count;
                        return parse_flag(value, flag);
                      });
  if (!error) set = next;
  return error;
}

}  // namespace reqnotes
