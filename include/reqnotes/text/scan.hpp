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
using Bytes8 = signed char __attribute__((vector_size(8)));
using Bytes4 = signed char __attribute__((vector_size(4)));

/// The index of the first lane of `mask` that is not zero, or the number of lanes. Each lane has
/// all its bits set or none, as comparisons give it.
template <class Lanes>
std::size_t first_set(Lanes mask) {
  if constexpr (sizeof mask == sizeof(Bytes16)) {
    using Halves = std::uint64_t __attribute__((vector_size(16)));
    const auto halves = std::bit_cast<Halves>(mask);
    if ((halves[0] | halves[1]) == 0) return sizeof mask;
    const std::size_t low = first_set(std::bit_cast<Bytes8>(std::uint64_t{halves[0]}));
    return low != sizeof(Bytes8) ? low
                                 : low + first_set(std::bit_cast<Bytes8>(std::uint64_t{halves[1]}));
  } else {
    using Bits = std::conditional_t<sizeof mask == sizeof(Bytes8), std::uint64_t, std::uint32_t>;
    const Bits bits = std::bit_cast<Bits>(mask);
    const int zeros = std::endian::native == std::endian::little ? std::countr_zero(bits)
                                                                 : std::countl_zero(bits);
    return static_cast<std::size_t>(zeros) / 8;
  }
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
std::size_t copy_until(std::string_view text, Odd odd, char* out) {
  const char* const in = text.data();
  const std::size_t size = text.size();
  const auto pass = [in, out, odd]<class Bytes>(Bytes bytes, std::size_t at) {
    std::memcpy(&bytes, in + at, sizeof bytes);
    if (out) std::memcpy(out + at, &bytes, sizeof bytes);
    return first_set(odd(bytes));
  };
  // A text of one to two blocks is passed by its first and its last block, which may overlap: what
  // is looked at twice was clean the first time.
  const auto pass_ends = [&pass, size]<class Bytes>(Bytes bytes) {
    const std::size_t first = pass(bytes, 0);
    return first != sizeof bytes ? first : size - sizeof bytes + pass(bytes, size - sizeof bytes);
  };

  if (size >= sizeof(Bytes16)) {
    for (std::size_t at = 0; at + sizeof(Bytes16) <= size; at += sizeof(Bytes16)) {
      const std::size_t first = pass(Bytes16{}, at);
      if (first != sizeof(Bytes16)) return at + first;
    }
    return size - sizeof(Bytes16) + pass(Bytes16{}, size - sizeof(Bytes16));
  }
  if (size >= sizeof(Bytes8)) return pass_ends(Bytes8{});
  if (size >= sizeof(Bytes4)) return pass_ends(Bytes4{});
  std::size_t at = 0;
  for (; at < size && !odd(static_cast<signed char>(in[at])); ++at) {
    if (out) out[at] = in[at];
  }
  return at;
}

/// Index of the first byte of `text` for which `odd` holds, or its size; see copy_until.
template <class Odd>
std::size_t find_odd(std::string_view text, Odd odd) {
  return copy_until(text, odd, nullptr);
}

}  // namespace reqnotes
