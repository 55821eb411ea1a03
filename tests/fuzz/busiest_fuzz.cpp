#include "reqnotes/metrics/busiest.hpp"

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "fuzz.hpp"

// -max_len=600

namespace reqnotes {

/// While the clock stands, no more is certain of a key than was counted, and no more than the error
/// is hidden; of time, while all requests take the same. Rows come in order. Whatever the clock
/// does, numbers stay finite.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const unsigned mode = input.byte();
  const bool stands = mode % 2 == 0;
  const bool is_steady = mode / 2 % 2 == 0;
  const BusiestBy by = mode / 4 % 2 == 0 ? BusiestBy::kRequests : BusiestBy::kTime;
  const std::size_t offset = input.byte() % 64;
  const BusiestShape shape = {.key = 1, .keys = 64};
  std::vector<std::byte> bytes(offset + busiest_bytes(shape), std::byte{0xA5});
  const std::span<std::byte> memory = std::span(bytes).subspan(offset);
  const BusiestTable table =
      create_busiest(memory, shape, {0x9FB21C651E98DF25, 0xC8F3DB2A5D4E7107}, 1);

  std::uint32_t now = static_cast<std::uint32_t>(input.up_to(65535)) << input.byte() % 17;
  struct Counted {
    double requests = 0;
    double failed = 0;
    double time_us = 0;
  };
  std::map<std::string, Counted> model;
  while (!input.empty()) {
    const unsigned kind = input.byte();
    const std::string key(kind % 80, static_cast<char>('a' + input.byte() % 26));
    const auto duration = is_steady ? 500 : static_cast<std::int64_t>(input.up_to(999)) - 9;
    const bool failed = kind >= 160;
    if (!stands) now += static_cast<std::uint32_t>(input.byte()) << input.byte() % 32;
    add_busiest(table, key, {duration, failed, now});
    Counted& counted = model[key.substr(0, kBusiestKeyMax)];
    counted.requests += 1;
    counted.failed += failed ? 1 : 0;
    counted.time_us += static_cast<double>(std::max<std::int64_t>(duration, 0));
  }

  BusiestRow rows[30];
  const std::size_t count = read_busiest(table, now, by, rows);
  promise(count <= std::size(rows), "rows have room");
  for (std::size_t at = 0; at < count; ++at) {
    const BusiestRow& row = rows[at];
    for (double value : {row.requests, row.failed, row.time_us, row.error, row.time_error_us}) {
      promise(std::isfinite(value) && value >= 0, "a number is finite");
    }
    promise(row.failed <= row.requests, "what failed was a request");
    const auto ranked = by == BusiestBy::kTime ? &BusiestRow::time_us : &BusiestRow::requests;
    promise(at == 0 || rows[at - 1].*ranked >= row.*ranked, "rows come in order");
    const auto known = model.find(std::string(row.key()));
    promise(known != model.end(), "a key was counted");
    if (!stands) continue;
    const Counted& counted = known->second;
    const double slack = 1e-9 * (counted.requests + row.error);
    promise(row.requests <= counted.requests + slack, "no more is certain than was counted");
    promise(row.requests + row.error >= counted.requests - slack, "no more is hidden than said");
    promise(row.failed <= counted.failed + slack, "no more is certain than failed");
    promise(row.time_us <= counted.time_us * (1 + 1e-9), "no more time is certain than was taken");
    if (!is_steady) continue;
    promise(row.time_us + row.time_error_us >= counted.time_us - 500 * slack,
            "no more time is hidden than said");
  }
  promise(table.header->skipped == 0, "nobody else has a set");
  return 0;
}

}  // namespace reqnotes
