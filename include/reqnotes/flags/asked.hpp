#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "reqnotes/flags/published_flags.hpp"
#include "reqnotes/flags/share.hpp"
#include "reqnotes/text/scan.hpp"
#include "reqnotes/text/slice.hpp"

namespace reqnotes {

/// Which flags a request asked for, a bit for each place of the set that was published.
struct AskedFlags {
  std::uint64_t published = 0;  ///< how often something had been published
  std::uint64_t asked = 0;
  std::uint64_t on = 0;       ///< of those that were asked
  std::uint32_t unknown = 0;  ///< names that are no flags
};

/// A bit for the place of a flag in the set that was published; none where there is no such flag.
/// Of its name only the hash is looked at: 57 bits there, and more by its entry.
inline std::uint64_t find_place(const std::atomic<std::uint64_t>* words, std::string_view name) {
  const std::uint64_t hash = flag_hash(name);
  // A view that is written over may look full.
  for (std::uint64_t at = hash; at != hash + FlagsView::kEntries; ++at) {
    const auto entry = view_word(
        words, offsetof(FlagsView, index) + at % FlagsView::kEntries * sizeof(std::uint64_t));
    if (entry == 0) break;
    if ((entry ^ hash) <= FlagsView::kPlace) return std::uint64_t{1} << entry % kFlagsMax;
  }
  return 0;
}

/// Reads what a request asked: names with blanks or commas between them, and a `-` before those
/// that were off. A flag that was on once was on.
///
/// list  any bytes.
inline AskedFlags read_asked(const PublishedFlags& published, std::string_view list) {
  const std::uint64_t count = published.count.load(std::memory_order_acquire);
  const auto* words = published.words[count % 2];
  AskedFlags asked = {.published = count};
  const auto take = [words, &asked](const char* begin, const char* end) {
    const bool is_on = begin == end || *begin != '-';
    if (!is_on) ++begin;
    if (begin == end) return;
    const std::uint64_t place = find_place(words, {begin, static_cast<std::size_t>(end - begin)});
    asked.asked |= place;
    if (is_on) asked.on |= place;
    asked.unknown += place == 0 ? 1 : 0;
  };
  const char* begin = list.data();
  any_odd(
      list, [](auto c) { return (c == ',') | (c == ' '); },
      [&](std::size_t at) {
        take(begin, list.data() + at);
        begin = list.data() + at + 1;
        return false;
      });
  take(begin, list.data() + list.size());
  return asked;
}

/// Calls `each` with the series of each flag that was asked, and whether it was on; with none any
/// more where the flags have changed meanwhile.
template <class Each>
void each_asked(const PublishedFlags& published, const AskedFlags& asked, const Each& each) {
  const auto* words = published.words[asked.published % 2];
  for (std::uint64_t left = asked.asked; left != 0; left &= left - 1) {
    const auto place = static_cast<unsigned>(std::countr_zero(left));
    const auto series =
        view_word<FlagSeries>(words, offsetof(FlagsView, series) + place * sizeof(FlagSeries));
    // What was read of the list is good too then.
    if (published.count.load(std::memory_order_relaxed) != asked.published) return;
    each(series, (asked.on >> place & 1) != 0);
  }
}

}  // namespace reqnotes
