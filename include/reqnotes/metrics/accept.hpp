#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string_view>

#include "reqnotes/text/parse.hpp"
#include "reqnotes/text/slice.hpp"

namespace reqnotes {

/// Takes what stands before `separator` off a text, without the blanks around it.
constexpr std::string_view take_part(std::string_view& rest, char separator) {
  const std::size_t end = rest.find(separator);
  std::string_view part = prefix(rest, end);
  rest = end == kNpos ? std::string_view() : suffix(rest, end + 1);
  while (!part.empty() && (part.front() == ' ' || part.front() == '\t')) part.remove_prefix(1);
  while (!part.empty() && (part.back() == ' ' || part.back() == '\t')) part.remove_suffix(1);
  return part;
}

/// A quality in thousandths; one that is malformed is 0, as nobody can have meant it.
///
/// source  RFC 9110, section 12.4.2.
constexpr int parse_quality(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return 0;
  int quality = text[0] - '0';
  for (std::size_t at = 2; at < 5; ++at) {
    const char digit = at < text.size() ? text[at] : '0';
    if (!is_digit(digit) || (text.size() > 1 && text[1] != '.')) return 0;
    quality = quality * 10 + (digit - '0');
  }
  return quality > 1000 ? 0 : quality;
}

/// Whether a scraper asks for OpenMetrics rather than for the text format: it must name it, in a
/// version that is written, and not want the other one more, for which the most specific of its
/// ranges counts. Without an Accept it gets the text.
constexpr bool wants_openmetrics(std::string_view accept) {
  constexpr std::string_view kTexts[] = {"*/*", "text/*", "text/plain"};
  int open = 0;
  int text = 0;
  std::size_t specific = 0;
  while (!accept.empty()) {
    std::string_view range = take_part(accept, ',');
    const std::string_view type = take_part(range, ';');
    int quality = 1000;
    bool is_known = true;
    while (!range.empty()) {
      const std::string_view parameter = take_part(range, ';');
      const std::string_view name = prefix(parameter, parameter.find('='));
      const std::string_view value = suffix(parameter, std::min(name.size() + 1, parameter.size()));
      if (equals_lower(name, "q")) quality = parse_quality(value);
      if (equals_lower(name, "version")) {
        is_known = value == "1.0.0" || value == "0.0.1" || value == "0.0.4";
      }
    }
    if (!is_known) continue;
    if (equals_lower(type, "application/openmetrics-text")) open = std::max(open, quality);
    for (std::size_t at = specific; at < std::size(kTexts); ++at) {
      if (!equals_lower(type, kTexts[at])) continue;
      text = at == specific ? std::max(text, quality) : quality;
      specific = at;
      break;
    }
  }
  return open > 0 && open >= text;
}

}  // namespace reqnotes
