#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace reqnotes {

/// Index of the first byte of `text` for which `odd` holds, or its size.
///
/// odd  a generic lambda over one byte, `[](auto c) { return (c < 0x20) | (c == '"'); }`. It is
///      called with one signed char and with sixteen at once, hence `|` and never `||`. A byte
///      from 0x80 on is negative there.
template <class Odd>
std::size_t find_odd(std::string_view text, Odd odd) {
  // The compiler's vector type needs no intrinsics: SSE2, NEON or plain code, from one source.
  using Block = signed char __attribute__((vector_size(16)));
  constexpr std::size_t kBlock = sizeof(Block);

  const auto any_odd = [&text, odd](std::size_t at) {
    Block block;
    std::memcpy(&block, text.data() + at, kBlock);
    using Halves = std::uint64_t __attribute__((vector_size(16)));
    const Halves hit = (Halves)odd(block);
    return (hit[0] | hit[1]) != 0;
  };

  const std::size_t size = text.size();
  std::size_t at = 0;
  while (at + kBlock <= size && !any_odd(at)) at += kBlock;
  // The last bytes of a long text are looked at together with clean ones before them.
  if (at + kBlock > size && size >= kBlock && !any_odd(size - kBlock)) return size;
  while (at < size && !odd(static_cast<signed char>(text[at]))) ++at;
  return at;
}

}  // namespace reqnotes
