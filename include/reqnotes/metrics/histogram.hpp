#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace reqnotes {

/// Upper bounds of all bins but the last, in microseconds: ten for each decade from 100 us on, and
/// 100 s. Each belongs to its bin, as Prometheus's `le` has it.
constexpr auto kBounds = [] {
  constexpr std::int64_t kOfDecade[] = {100, 125, 150, 200, 250, 300, 400, 500, 600, 800};
  std::array<std::int64_t, 61> bounds{};
  std::size_t at = 0;
  for (std::int64_t decade = 1; decade <= 100'000; decade *= 10) {
    for (std::int64_t bound : kOfDecade) bounds[at++] = bound * decade;
  }
  bounds[at] = 100'000'000;
  return bounds;
}();

/// One below all bounds, 60 between them, and one above, which has no upper bound.
constexpr std::size_t kBins = kBounds.size() + 1;

// An octave is divided into eight parts, so that no part has more than one bound: a part is at most
// 1/8 wide, and bounds differ by 1/5 or more. Durations below the first octave with a bound are
// as good as its first, those above the last one as good as its last.
constexpr std::int64_t kFirstOctave = 64;
constexpr std::int64_t kBehindOctaves = 1 << 27;
constexpr unsigned kPartBits = 3;

/// The part of a duration that is within the octaves.
constexpr std::size_t part_of(std::uint32_t value) {
  constexpr unsigned kOffset = 8U * (std::bit_width(unsigned{kFirstOctave}) - kPartBits);
  const auto shift = static_cast<unsigned>(std::bit_width(value)) - 1 - kPartBits;
  return 8U * shift + (value >> shift) - kOffset;
}

/// The bin that each part begins in.
constexpr auto kPartBins = [] {
  std::array<std::uint8_t, part_of(kBehindOctaves - 1) + 1> bins{};
  for (std::uint32_t value = kBehindOctaves - 1; value >= kFirstOctave; --value) {
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - 1 - kPartBits;
    value = value >> shift << shift;
    std::uint8_t bin = 0;
    while (bin < kBounds.size() && kBounds[bin] <= value) ++bin;
    bins[part_of(value)] = bin;
  }
  return bins;
}();

/// The bin of a duration. What a clock that was set makes of it, such as a negative one, has a bin
/// too.
constexpr std::size_t bin_of(std::int64_t duration_us) {
  // One less, as a bound belongs to the bin below it.
  const std::int64_t within = std::clamp(duration_us, kFirstOctave + 1, kBehindOctaves) - 1;
  const std::size_t bin = kPartBins[part_of(static_cast<std::uint32_t>(within))];
  // The last one has no bound, and none of its parts has one either.
  return bin + (bin < kBounds.size() && within >= kBounds[bin] ? 1 : 0);
}

/// The bin whose upper bound this is, or nothing where it is no bound.
constexpr std::optional<std::size_t> find_bound(std::int64_t bound_us) {
  const std::size_t bin = bin_of(bound_us);
  if (bin == kBounds.size() || kBounds[bin] != bound_us) return std::nullopt;
  return bin;
}

/// Estimates a quantile as Prometheus does: the durations of a bin lie evenly in it.
///
/// share    0.95 for p95.
/// returns  microseconds; the last bound where it lies above it, nothing where nothing was counted.
constexpr std::optional<double> quantile(std::span<const std::uint64_t, kBins> counts,
                                         double share) {
  double total = 0;
  for (std::uint64_t count : counts) total += static_cast<double>(count);
  if (total == 0) return std::nullopt;
  double left = share * total;
  for (std::size_t bin = 0; bin < kBounds.size(); ++bin) {
    const auto count = static_cast<double>(counts[bin]);
    if (count > 0 && left <= count) {
      const double low = bin == 0 ? 0 : static_cast<double>(kBounds[bin - 1]);
      return low + (static_cast<double>(kBounds[bin]) - low) * std::max(left, 0.0) / count;
    }
    left -= count;
  }
  return static_cast<double>(kBounds.back());
}

}  // namespace reqnotes
