#include "reqnotes/metrics/busiest.hpp"

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "fuzz.hpp"

// -max_len=600

namespace reqnotes {

/// While the clock stands, a key weighs no more than its weight and no less than is certain, and
/// rows come in order. Whatever the clock does, weights stay finite.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const bool stands = input.byte() % 2 == 0;
  const std::size_t offset = input.byte() % 64;
  const BusiestShape shape = {.key = 1, .keys = 64};
  std::vector<std::byte> bytes(offset + busiest_bytes(shape), std::byte{0xA5});
  const std::span<std::byte> memory = std::span(bytes).subspan(offset);
  const BusiestTable table =
      create_busiest(memory, shape, {0x9FB21C651E98DF25, 0xC8F3DB2A5D4E7107}, 1);

  std::uint32_t now = static_cast<std::uint32_t>(input.up_to(65535)) << input.byte() % 17;
  std::map<std::string, double> model;
  while (!input.empty()) {
    const unsigned kind = input.byte();
    const std::string key(kind % 80, static_cast<char>('a' + input.byte() % 26));
    const auto weight = static_cast<std::int64_t>(input.up_to(999)) - 9;
    if (!stands) now += static_cast<std::uint32_t>(input.byte()) << input.byte() % 32;
    add_busiest(table, key, weight, now);
    model[key.substr(0, kBusiestKeyMax)] += static_cast<double>(std::max<std::int64_t>(weight, 0));
  }

  BusiestRow rows[30];
  const std::size_t count = read_busiest(table, now, rows);
  promise(count <= std::size(rows), "rows have room");
  for (std::size_t at = 0; at < count; ++at) {
    const BusiestRow& row = rows[at];
    promise(std::isfinite(row.weight) && row.error >= 0, "a weight is finite");
    promise(at == 0 || rows[at - 1].certain() >= row.certain(), "rows come in order");
    const auto known = model.find(std::string(row.key()));
    promise(known != model.end(), "a key was counted");
    if (!stands) continue;
    const double slack = 1e-9 * row.weight;
    promise(row.certain() <= known->second + slack, "no more is certain than was counted");
    promise(row.weight >= known->second - slack, "a key weighs at most its weight");
  }
  promise(table.header->skipped == 0, "nobody else has a set");
  return 0;
}

}  // namespace reqnotes
