#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "reqnotes/flags/published_flags.hpp"

namespace reqnotes {

/// What a file of flags becomes.
struct MadeFlags {
  explicit MadeFlags(const std::string& text, std::uint64_t tripped = 0) {
    std::size_t line = 0;
    if (const char* error = read_flags(text, line, *set)) {
      throw std::runtime_error("line " + std::to_string(line) + " " + error);
    }
    // Each series has a number of its own.
    std::vector<FlagSeries> series;
    for (unsigned place = 0; place < set->count; ++place) {
      const auto number = static_cast<std::uint16_t>(3 * place);
      series.push_back({.on = number,
                        .off = static_cast<std::uint16_t>(number + 1),
                        .unanswered = static_cast<std::uint16_t>(number + 2),
                        .unused = 0});
    }
    make_view(*set, tripped, series, *view);
    publish(*published, *view);
  }

  std::unique_ptr<FlagSet> set = std::make_unique<FlagSet>();
  std::unique_ptr<FlagsView> view = std::make_unique<FlagsView>();
  std::unique_ptr<PublishedFlags> published = std::make_unique<PublishedFlags>();
};

}  // namespace reqnotes
