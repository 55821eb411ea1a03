#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

#include "reqnotes/flags/flags_file.hpp"
#include "reqnotes/flags/share.hpp"
#include "reqnotes/metrics/published.hpp"
#include "reqnotes/text/sink.hpp"
#include "reqnotes/text/slice.hpp"

namespace reqnotes {

/// Most bytes of the names of flags, each with a comma or a NUL behind it.
constexpr std::size_t kFlagsTextMax = kFlagsMax * (kFlagNameMax + 1);

/// The numbers of the series that count a flag: of requests that asked and had it, that asked and
/// had it not, and that had it and failed before they could say what they asked.
struct FlagSeries {
  std::uint16_t on;
  std::uint16_t off;
  std::uint16_t unanswered;
  std::uint16_t unused;
};

/// What a request needs of the flags, in words: they are published as a whole, and a request reads
/// those few that it needs.
struct FlagsView {
  struct Sizes {
    std::uint32_t room;    ///< bytes for the names of all flags that are on for somebody
    std::uint16_t text;    ///< bytes
    std::uint16_t shares;  ///< flags
  };
  struct Share {
    std::uint64_t hash;
    std::uint32_t share;
    std::uint32_t name_size;
    char name[kFlagNameMax];
  };
  static constexpr std::size_t kEntries = 4 * kFlagsMax;
  /// Of an entry: the place of a flag in its set, and a bit that tells it from none. The rest is of
  /// its hash.
  static constexpr std::uint64_t kPlace = 2 * kFlagsMax - 1;

  Sizes sizes;
  char text[kFlagsTextMax];  ///< the flags that are on for all, `search_v2,new_upload`, and NULs
  Share shares[kFlagsMax];
  std::uint64_t index[kEntries];
  FlagSeries series[kFlagsMax];
};
static_assert(std::is_trivially_copyable_v<FlagsView> && kFlagsTextMax % 8 == 0);

using PublishedFlags = Published<FlagsView>;

/// Makes what is to be published.
///
/// tripped  a bit for each flag of the set: it is off, whatever its line says.
/// series   for each flag of the set.
inline void make_view(const FlagSet& set, std::uint64_t tripped, std::span<const FlagSeries> series,
                      FlagsView& view) {
  view = {};
  Sink text(view.text);
  std::uint32_t share_names = 0;
  for (std::size_t place = 0; place < set.count; ++place) {
    const Flag& flag = set.flags[place];
    const std::uint64_t hash = flag_hash(flag.text());
    view.series[place] = series[place];
    std::uint64_t at = hash;
    while (view.index[at % FlagsView::kEntries] != 0) ++at;
    view.index[at % FlagsView::kEntries] = (hash & ~FlagsView::kPlace) | kFlagsMax | place;
    if (flag.mode == Flag::Mode::kOff || (tripped >> place & 1) != 0) continue;
    if (flag.mode == Flag::Mode::kOn) {
      if (text.size() != 0) text.put(',');
      text.put(flag.text());
      continue;
    }
    FlagsView::Share& share = view.shares[view.sizes.shares++];
    share = {.hash = hash, .share = flag.share, .name_size = flag.name_size, .name = {}};
    copy(flag.text(), share.name);
    share_names += flag.name_size + 1U;
  }
  view.sizes.text = static_cast<std::uint16_t>(text.size());
  if (text.size() == 0 && view.sizes.shares == 0) return;
  // The text is copied by whole words, and the name of a share with all bytes it may have.
  view.sizes.room = view.sizes.text + share_names + kFlagNameMax;
}

/// A part of a view that was published: one word at a byte of it.
template <class T = std::uint64_t>
T view_word(const std::atomic<std::uint64_t>* words, std::size_t offset) {
  static_assert(sizeof(T) == sizeof(std::uint64_t));
  // Who sees a word of a later view sees its count too.
  return std::bit_cast<T>(words[offset / sizeof(T)].load(std::memory_order_acquire));
}

/// Copies some bytes of a view that was published, rounded up to words.
inline void copy_view(const std::atomic<std::uint64_t>* words, std::size_t offset,
                      std::size_t bytes, char* out) {
#pragma GCC unroll 8
  for (std::size_t at = 0; at < bytes; at += sizeof(std::uint64_t)) {
    const auto word = view_word(words, offset + at);
    std::memcpy(out + at, &word, sizeof word);
  }
}

/// Adds the flags with a share that are on for a key, and a NUL. Not inline, as what the key is
/// made of would be looked at where no flag has a share.
///
/// key      gives the share_key.
/// size     of the text that is there.
/// returns  its new size.
template <class Key>
[[gnu::noinline]] std::size_t add_shares(const std::atomic<std::uint64_t>* words,
                                         std::size_t shares, const Key& key, std::span<char> out,
                                         std::size_t size) {
  using Share = FlagsView::Share;
  struct ShareSize {
    std::uint32_t share;
    std::uint32_t name_size;
  };
  const std::uint64_t hash = key();
  for (std::size_t at = offsetof(FlagsView, shares); shares != 0; --shares, at += sizeof(Share)) {
    const auto share = view_word<ShareSize>(words, at + offsetof(Share, share));
    if (!is_in_share(hash, view_word(words, at + offsetof(Share, hash)), share.share)) continue;
    // The names of a later view may be longer.
    if (out.size() - size < 1 + kFlagNameMax + 1) break;
    if (size != 0) out[size++] = ',';
    copy_view(words, at + offsetof(Share, name), kFlagNameMax, &out[size]);
    size += share.name_size;
  }
  out[size] = '\0';
  return size;
}

/// The names of the flags that are on for a request, `search_v2,new_upload`, with a NUL behind
/// them; nothing where none is, or all change all the time.
///
/// key   gives the share_key of the visitor or the request; called where a flag has a share.
/// room  gives memory of so many bytes; called where a flag may be on.
template <class Key, class Room>
std::string_view flags_of(const PublishedFlags& published, const Key& key, const Room& room) {
  constexpr unsigned kTries = 8;
  for (unsigned tries = 0; tries < kTries; ++tries) {
    const std::uint64_t count = published.count.load(std::memory_order_acquire);
    const auto* words = published.words[count % 2];
    const auto sizes = view_word<FlagsView::Sizes>(words, offsetof(FlagsView, sizes));
    if (sizes.room == 0) return {};
    char* const out = room(std::size_t{sizes.room});
    std::size_t size = sizes.text;
    copy_view(words, offsetof(FlagsView, text), size + 1, out);
    if (sizes.shares != 0) size = add_shares(words, sizes.shares, key, {out, sizes.room}, size);
    // As in take().
    if (published.count.load(std::memory_order_relaxed) == count) return {out, size};
  }
  return {};
}

}  // namespace reqnotes
