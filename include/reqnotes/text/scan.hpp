#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace reqnotes {

// The compiler's vector types need no intrinsics: SSE2, NEON or plain code, from one source.
using Bytes16 = signed char __attribute__((vector_size(16)));

/// One bit for each lane of `mask`, the first one lowest. Each lane has all its bits set or none,
/// as comparisons give it.
inline unsigned lane_bits_plainly(Bytes16 mask) {
  std::uint64_t halves[2];
  std::memcpy(halves, &mask, sizeof halves);
  unsigned bits = 0;
  for (unsigned at = 0; at < 2; ++at) {
    std::uint64_t half = halves[at];
    if constexpr (std::endian::native == std::endian::big) half = __builtin_bswap64(half);
    // One bit of each byte, each another one; the product has their sum in its highest byte.
    half = (half & 0x8040201008040201U) * 0x0101010101010101U;
    bits |= static_cast<unsigned>(half >> 56) << 8 * at;
  }
  return bits;
}

inline unsigned lane_bits(Bytes16 mask) {
#ifdef __SSE2__
  using Chars = char __attribute__((vector_size(16)));
  return static_cast<unsigned>(__builtin_ia32_pmovmskb128(reinterpret_cast<Chars>(mask)));
#else
  return lane_bits_plainly(mask);
#endif
}

/// Looks at 16 bytes, and copies them to `out`, unless that is null; see copy_until.
///
/// returns  one bit for each byte, the first one lowest: set where it is odd.
template <class Odd>
[[gnu::always_inline]] inline unsigned odd_block(const char* in, Odd odd, char* out) {
  Bytes16 bytes;
  std::memcpy(&bytes, in, sizeof bytes);
  if (out) std::memcpy(out, &bytes, sizeof bytes);
  return lane_bits(odd(bytes));
}

using Words8 = std::uint64_t __attribute__((vector_size(16)));
using Words4 = std::uint32_t __attribute__((vector_size(16)));

/// The same for one to two words, by the first and the last one, which may overlap.
template <class Words, class Odd>
[[gnu::always_inline]] inline unsigned odd_ends(std::string_view text, Odd odd, char* out) {
  std::remove_cvref_t<decltype(Words{}[0])> first;
  auto last = first = 0;
  constexpr unsigned kLanes = sizeof first;
  const std::size_t behind = text.size() - kLanes;
  std::memcpy(&first, text.data(), kLanes);
  std::memcpy(&last, text.data() + behind, kLanes);
  if (out) {
    std::memcpy(out, &first, kLanes);
    std::memcpy(out + behind, &last, kLanes);
  }
  const unsigned bits = lane_bits(odd(std::bit_cast<Bytes16>(Words{first, last})));
  if (bits == 0) return 0;
  constexpr unsigned kAll = (1U << kLanes) - 1;
  return (bits & kAll) | (bits >> kLanes & kAll) << behind;
}

/// The same for less than 16 bytes.
template <class Odd>
[[gnu::always_inline]] inline unsigned odd_rest(std::string_view text, Odd odd, char* out) {
  if (text.size() >= 8) return odd_ends<Words8>(text, odd, out);
  if (text.size() >= 4) return odd_ends<Words4>(text, odd, out);
  char few[4] = {};
  const auto pass = [&](std::size_t at) {
    few[at] = text[at];
    if (out) out[at] = text[at];
  };
  if (text.size() > 1) {
    pass(0);
    pass(1);
  }
  if (text.size() % 2 != 0) pass(text.size() - 1);
  const auto word = std::bit_cast<std::uint32_t>(few);
  const unsigned bits = lane_bits(odd(std::bit_cast<Bytes16>(Words4{word})));
  return bits & ((1U << text.size()) - 1);
}

constexpr std::size_t first_bit(unsigned bits) {
  return static_cast<std::size_t>(std::countr_zero(bits));
}

/// Most bytes of a text that odd_bits looks at.
constexpr std::size_t kBitsMax = 32;

/// One bit for each byte of a text of at most kBitsMax bytes, the first one lowest: set where it
/// is odd; see copy_until.
template <class Odd>
[[gnu::always_inline]] inline std::uint32_t odd_bits(std::string_view text, Odd odd) {
  constexpr std::size_t kSize = sizeof(Bytes16);
  if (text.size() < kSize) return odd_rest(text, odd, nullptr);
  const std::size_t behind = text.size() - kSize;
  return odd_block(text.data(), odd, nullptr) | odd_block(text.data() + behind, odd, nullptr)
                                                    << behind;
}

/// Walks over `text` up to its first odd byte, and copies what it has passed to `out`, unless
/// that is null.
///
/// odd      a generic lambda over one byte, `[](auto c) { return (c < 0x20) | (c == '"'); }`. It
///          is called with one signed char and with several at once, hence `|` and never `||`. A
///          byte from 0x80 on is negative there.
/// out      room for all of `text`; more than what was passed may be written.
/// returns  the index of the first odd byte, or the size of `text`.
template <class Odd>
[[gnu::always_inline]] inline std::size_t copy_until(std::string_view text, Odd odd, char* out) {
  constexpr std::size_t kSize = sizeof(Bytes16);
  const char* const in = text.data();
  const std::size_t size = text.size();
  std::size_t at = 0;
  unsigned bits = 0;
  if (size < kSize) {
    bits = odd_rest(text, odd, out);
  } else {
    for (; at + kSize <= size; at += kSize) {
      bits = odd_block(in + at, odd, out ? out + at : out);
      if (bits != 0) return at + first_bit(bits);
    }
    if (at == size) return size;
    // What is left is seen together with bytes before it, which were clean.
    at = size - kSize;
    bits = odd_block(in + at, odd, out ? out + at : out);
  }
  return bits != 0 ? at + first_bit(bits) : size;
}

/// Index of the first byte of `text` for which `odd` holds, or its size; see copy_until.
template <class Odd>
std::size_t find_odd(std::string_view text, Odd odd) {
  return copy_until(text, odd, nullptr);
}

/// Whether `judge` holds for the index of one of the odd bytes of `text`; see copy_until. It is
/// asked in their order, until it does.
template <class Odd, class Judge>
[[gnu::always_inline]] inline bool any_odd(std::string_view text, Odd odd, Judge judge) {
  constexpr std::size_t kSize = sizeof(Bytes16);
  const std::size_t size = text.size();
  for (std::size_t at = 0; at < size; at += kSize) {
    unsigned bits = 0;
    if (at + kSize <= size) {
      bits = odd_block(text.data() + at, odd, nullptr);
    } else if (size < kSize) {
      bits = odd_rest(text, odd, nullptr);
    } else {
      bits = odd_block(text.data() + size - kSize, odd, nullptr) >> (at + kSize - size);
    }
    for (; bits != 0; bits &= bits - 1) {
      if (judge(at + first_bit(bits))) return true;
    }
  }
  return false;
}

}  // namespace reqnotes
