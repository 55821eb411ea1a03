#include "reqnotes/metrics/series.hpp"

#include <map>
#include <string>
#include <vector>

#include "fuzz.hpp"

// -max_len=400

namespace reqnotes {
namespace {

// As the kernel may give it: one of few bits makes few bits of a hash.
constexpr HashSeed kSeed = {0x9FB21C651E98DF25, 0xC8F3DB2A5D4E7107};

/// What a series should have.
struct Model {
  std::array<std::uint64_t, kStatusClasses> classes{};
  std::array<std::uint64_t, kBins> bins{};
  std::uint64_t duration_us = 0;
  std::array<double, kSumsMax> sums{};
  std::array<std::uint64_t, kSumsMax> sum_counts{};
  std::int64_t slowest = -1;
  std::int64_t failed = -1;
};
using Labels = std::vector<std::string>;

void check(const SeriesTable& table, Series& series, const Model& model) {
  const SeriesCounts counts = read_series(table, series);
  promise(counts.classes == model.classes, "classes of status are counted");
  promise(counts.bins == model.bins, "durations are counted in their bins");
  promise(counts.duration_us == model.duration_us, "durations are added up");
  promise(counts.sum_counts == model.sum_counts && counts.sums == model.sums, "sums are added up");
  const auto of = [](const ExemplarSlot& slot) {
    const auto exemplar = read_exemplar(slot);
    return exemplar ? exemplar->duration_us : -1;
  };
  promise(of(series.slowest) == model.slowest, "the slowest is known");
  promise(of(series.failed) == model.failed, "the last that failed is known");
}

std::size_t slow_bin(std::int64_t duration_us) {
  std::size_t bin = 0;
  while (bin < kBounds.size() && duration_us > kBounds[bin]) ++bin;
  return bin;
}

}  // namespace

/// Whatever is counted stands under its labels, in a table that is found again, or in `other`.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const SeriesShape shape = {.key = input.byte(),
                             .series = 1 + input.byte() % 8,
                             .labels = input.byte() % (kLabelsMax + 1),
                             .sums = input.byte() % (kSumsMax + 1)};
  const std::size_t offset = input.byte() % 64;
  std::vector<std::byte> bytes(offset + series_bytes(shape), std::byte{0xA5});
  const std::span<std::byte> memory = std::span(bytes).subspan(offset);
  SeriesTable table = create_series(memory, shape, kSeed, 1);

  std::map<Labels, Model> model;
  Model other;
  while (!input.empty()) {
    Labels labels;
    std::vector<std::string_view> views;
    for (std::uint32_t at = 0; at < shape.labels; ++at) {
      labels.emplace_back(input.byte() % 12, static_cast<char>(input.byte() % 3));
    }
    for (const std::string& label : labels) views.emplace_back(label);
    const bool fits = model.count(labels) != 0 || model.size() < shape.series;
    Model& want = fits ? model[labels] : other;
    Series& series = find_series(table, views);
    promise((&series == &table.other()) == !fits, "a table takes what it is made for");

    const int status = static_cast<int>(input.byte()) * 4 - 20;
    const auto duration = static_cast<std::int64_t>(input.up_to(65535)) << input.byte() % 20;
    std::vector<double> sums;
    for (std::uint32_t at = 0; at < shape.sums; ++at) {
      sums.push_back(input.byte() % 4 == 0 ? NAN : static_cast<double>(input.byte()) - 100);
      if (std::isnan(sums.back())) continue;
      want.sums[at] += sums.back();
      ++want.sum_counts[at];
    }
    const std::string trace(32, 'a');
    const bool has_trace = input.byte() % 2 == 0;
    constexpr std::int64_t kNow = 1'790'000'000'000'000;
    count_request(table, series,
                  {status, duration, kNow, has_trace ? trace.data() : nullptr, sums});
    const std::size_t status_of =
        status >= 100 && status < 600 ? static_cast<std::size_t>(status / 100) : 0;
    ++want.classes[status_of];
    ++want.bins[slow_bin(duration)];
    want.duration_us += static_cast<std::uint64_t>(duration);
    if (has_trace && duration > want.slowest) want.slowest = duration;
    if (has_trace && status_of == 5) want.failed = duration;
    if (input.byte() % 4 == 0) maintain_series(table, [](std::uint32_t) { return false; });
    const auto again = find_series_table(memory, shape, 1);
    promise(again.has_value(), "a table is found again");
    table = *again;
  }

  check(table, table.other(), other);
  std::size_t live = 0;
  for (std::uint32_t number = 0; number < shape.series; ++number) {
    Series* const series = find_live(table, number);
    if (!series) continue;
    ++live;
    Labels labels;
    for (std::uint32_t at = 0; at < shape.labels; ++at)
      labels.emplace_back(label_of(table, *series, at));
    promise(model.count(labels) == 1, "a series has its labels");
    check(table, *series, model[labels]);
  }
  promise(live == model.size(), "a series for all labels that had room");
  return 0;
}

}  // namespace reqnotes
