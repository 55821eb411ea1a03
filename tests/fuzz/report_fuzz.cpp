#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "../exposition_reader.hpp"
#include "../html_reader.hpp"
#include "../json_reader.hpp"
#include "../made_report.hpp"
#include "fuzz.hpp"

// -max_len=600

namespace reqnotes {

constexpr std::string_view kFuzzedLabels[] = {"a", "b", "c"};
constexpr std::string_view kFuzzedSums[] = {"s", "t", "u", "v"};

/// Whatever is counted, and when, each of the answers is one of its kind, in chunks of any size,
/// and no value of a label becomes anything else.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const std::size_t chunk = 1 + input.byte();
  const std::size_t labels = input.byte() % (kLabelsMax + 1);
  const std::size_t sums = input.byte() % (kSumsMax + 1);
  const MadeMetric metric("http", {kFuzzedLabels, kFuzzedLabels + labels},
                          {kFuzzedSums, kFuzzedSums + sums}, 1 + input.byte() % 80);
  const MadeList list("user_id", input.byte() % 2 == 0 ? "" : "hash");
  MadeThreshold threshold(input.byte() % 2 == 0 ? "t file:x above=5" : "t errors(a) below=5");
  const std::size_t signal_size = input.byte();
  const Text signal = input.text(signal_size);
  char signal_room[kLabelMax];
  threshold.threshold.text = make_label(signal, signal_room);
  // What a file of flags may have in a comment.
  const std::size_t comment_size = input.byte();
  const Text comment = input.text(comment_size);
  std::string line(comment.view());
  std::ranges::replace_if(
      line, [](char c) { return c < 0x20 || c == 0x7F; }, ' ');
  const MadeFlagsFile flags("search_v2 on trip=20% # " + line + "\nnew 0.1%\n");
  if (input.byte() % 2 == 0) flags.trip(0, input.byte() / 255.0, input.byte());
  flags.refuse(threshold.threshold.text);
  const MadeDropped dropped;
  dropped.file("file", input.byte());
  std::int64_t now = 1;
  while (!input.empty()) {
    const unsigned what = input.byte();
    // The clock may be set back.
    now += (std::int64_t{input.byte()} - 16) << (what % 32);
    if (what % 4 == 0) metric.snapshot(now);
    if (what % 4 == 1) flags.snapshot(now);
    const int status = static_cast<int>(input.byte() * 3U);
    const std::int64_t duration = (std::int64_t{input.byte()} - 4) << (input.byte() % 40);
    const Text text = input.line();
    const std::vector<std::string> values(labels, std::string(text.view()));
    const std::vector<double> numbers(sums, static_cast<double>(duration) - 1e3);
    metric.count(values, status, duration, numbers, kMadeNow + now);
    const FlagSeries& asked = flags.series(what / 4 % 2);
    const std::uint16_t states[] = {asked.on, asked.off, asked.unanswered};
    flags.count(states[what / 8 % 3], status, duration);
    const std::string name = "n" + std::to_string(dropped.all->number_count);
    if (dropped.all->number_count < kDroppedNumbersMax) {
      dropped.number(what % 2 == 0 ? name : name + "_total",
                     std::abs(static_cast<double>(duration)) * std::pow(10.0, what));
    }
    char room[kLabelMax];
    add_busiest(list.view.table, make_label(text, room),
                {duration, status >= 500, static_cast<std::uint32_t>(now / 1'000'000)});
  }
  std::vector<RankedSeries> room(metric.view.table.header->shape.series + 1);
  const WorkerCount workers[] = {{"waiting", static_cast<std::uint32_t>(size)}};
  const ThresholdView views[] = {
      threshold.view(static_cast<State>(size % 3), static_cast<double>(now) / 7)};
  const std::uint8_t places[] = {0};
  const JobView jobs[] = {{"job", places}};
  const Report report = {.server = "server",
                         .version = "1",
                         .now_us = now,
                         .steady_us = now,
                         .metrics = {&metric.view, 1},
                         .busiest = {&list.view, 1},
                         .thresholds = views,
                         .jobs = jobs,
                         .flags = {&flags.view, 1},
                         .dropped = dropped.all.get(),
                         .workers = workers,
                         .busy = 1,
                         .max_workers = 2,
                         .monitor_age_s = static_cast<double>(now) / 1e6,
                         .room = room};
  const Answers answers(report, chunk);
  promise(ExpositionReader(answers.text, false).read(), "the text format");
  promise(ExpositionReader(answers.open, true).read(), "OpenMetrics");
  JsonReader::read(answers.json);
  promise(is_utf8(answers.page), "the page is UTF-8");
  HtmlReader html(answers.page);
  promise(html.read(), "the page has tags that end, and escapes");
  for (std::string_view tag : {"script", "img", "b ", "iframe", "link"}) {
    promise(!html.has_tag(tag), "no value is a tag");
  }
  return 0;
}

}  // namespace reqnotes
