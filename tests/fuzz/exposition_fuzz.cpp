#include "reqnotes/metrics/exposition.hpp"

#include <map>
#include <string>
#include <vector>

#include "../exposition_reader.hpp"
#include "fuzz.hpp"

// -max_len=400

namespace reqnotes {

/// Whatever values labels and help have, an answer is as its grammar says, in chunks of any size,
/// reads back, and adds up.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const bool is_open = input.byte() % 2 == 0;
  std::vector<char> buffer(1 + input.byte());
  std::string all;
  ExpositionWriter writer(
      is_open ? Exposition::kOpenMetrics : Exposition::kText, buffer,
      [](void* to, std::string_view text) { *static_cast<std::string*>(to) += text; }, &all);
  SeriesCounts counts{};
  std::uint64_t count = 0;
  for (std::uint64_t& bin : counts.bins) count += bin = input.byte();
  for (std::uint64_t& of_class : counts.classes) of_class = input.byte();
  counts.duration_us = input.byte() * std::uint64_t{999'983};
  std::uint64_t bits = 0;
  for (unsigned at = 0; at < 8; ++at) bits = bits << 8 | input.byte();
  const auto gauge = std::bit_cast<double>(bits);
  std::vector<std::size_t> bounds;
  for (std::size_t at = input.byte() % 61; at < kBounds.size(); at += 1 + input.byte() % 9) {
    bounds.push_back(at);
  }
  Exemplar exemplar = {
      .trace_id = {}, .duration_us = std::int64_t{input.byte()} << input.byte() % 24, .time_us = 1};
  exemplar.trace_id.fill('a');
  const Text first = input.line();
  const Text second = input.rest();
  char room[2][kLabelMax];
  const LabelPair labels[] = {{"a", make_label(first, room[0])},
                              {"b", make_label(second, room[1])}};

  writer.begin({"x_seconds", FamilyType::kHistogram, "seconds", labels[0].value});
  writer.durations(labels, counts, bounds, exemplar, std::nullopt);
  writer.begin({"requests", FamilyType::kCounter, "", labels[1].value});
  writer.requests(labels, counts, exemplar);
  writer.begin({"gauge", FamilyType::kGauge, "", ""});
  writer.sample(labels, gauge);
  writer.end();

  ExpositionReader reader(all, is_open);
  promise(reader.read(), "an answer is as its grammar says");
  promise(reader.types.size() == 3, "a family has a type");
  std::size_t exemplars = 0;
  double before = 0;
  for (const ReadSample& sample : reader.samples) {
    promise(sample.labels.at("a") == labels[0].value && sample.labels.at("b") == labels[1].value,
            "labels read back");
    exemplars += sample.exemplar.empty() ? 0 : 1;
    if (sample.name == "x_seconds_bucket") {
      promise(sample.value >= before, "buckets rise");
      before = sample.value;
      const std::string& le = sample.labels.at("le");
      promise(sample.exemplar.empty() || le == "+Inf" || sample.exemplar_value <= std::stod(le),
              "an exemplar is within its bucket");
    }
    if (sample.name == "x_seconds_count") promise(sample.value == before, "the count is the last");
    if (sample.name == "gauge") {
      promise(sample.value == gauge || (std::isnan(gauge) && std::isnan(sample.value)), "a number");
    }
  }
  promise(before == static_cast<double>(count), "all are counted");
  promise(exemplars == (is_open ? 2 : 0), "exemplars are there once");
  return 0;
}

}  // namespace reqnotes
