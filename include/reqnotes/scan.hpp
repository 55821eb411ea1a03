#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace reqnotes {

// The compiler's vector types need no intrinsics: SSE2, NEON or plain code, from one source.
using Bytes16 = signed char __attribute__((vector_size(16)));
using Bytes8 = signed char __attribute__((vector_size(8)));

inline bool any(Bytes16 mask) {
  using Halves = std::uint64_t __attribute__((vector_size(16)));
  const auto halves = std::bit_cast<Halves>(mask);
  return (halves[0] | halves[1]) != 0;
}
inline bool any(Bytes8 mask) {
  return std::bit_cast<std::uint64_t>(mask) != 0;
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
    if (any(odd(bytes))) return false;
    if (out) std::memcpy(out + at, &bytes, sizeof bytes);
    return true;
  };

  std::size_t at = 0;
  if (size >= sizeof(Bytes16)) {
    while (at + sizeof(Bytes16) <= size && pass(Bytes16{}, at)) at += sizeof(Bytes16);
    // The last bytes are passed together with some before them that are known to be clean.
    if (at + sizeof(Bytes16) > size && pass(Bytes16{}, size - sizeof(Bytes16))) return size;
  } else if (size >= sizeof(Bytes8)) {
    if (pass(Bytes8{}, 0)) {
      at = sizeof(Bytes8);
      if (pass(Bytes8{}, size - sizeof(Bytes8))) return size;
    }
  }
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
