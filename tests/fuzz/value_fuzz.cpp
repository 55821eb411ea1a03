#include "reqnotes/text/parse.hpp"

#include <cerrno>
#include <cmath>
#include <string>

#include "../json_reader.hpp"
#include "fuzz.hpp"

// -max_len=64

namespace reqnotes {

/// Numbers are those of RFC 8259 that strtod finds finite, integers those that strtoll can hold,
/// and lists are what stands between commas.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Text text = Input(data, size).rest();
  const std::string copy(text.view());

  const bool finite = is_json_number(text) && std::isfinite(std::strtod(copy.c_str(), nullptr));
  promise(is_number(text) == (finite && size <= kNumberMax), "a number is finite, and JSON's");

  std::string_view digits = text;
  if (digits.starts_with('-')) digits.remove_prefix(1);
  errno = 0;
  const long long value = std::strtoll(copy.c_str(), nullptr, 10);
  const bool integer = !digits.empty() && has_only(digits, "0123456789") && errno == 0;
  const auto parsed = parse_integer(text);
  promise(parsed.has_value() == integer, "an integer is digits within 64 bits");
  promise(!integer || *parsed == value, "an integer has its value");

  std::string lower = copy;
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  const bool yes = lower == "true" || lower == "1" || lower == "yes" || lower == "on";
  const bool no = lower == "false" || lower == "0" || lower == "no" || lower == "off";
  promise(parse_boolean(text) == (yes || no ? std::optional(yes) : std::nullopt), "a boolean");

  std::string_view list = text;
  for (std::string_view piece : split(text, ',')) {
    if (trimmed(piece).empty()) continue;
    const std::string_view element = next_element(list);
    promise(element == trimmed(piece) && is_within(element, text), "elements come in order");
  }
  promise(next_element(list).empty() && list.empty(), "a list has an end");
  return 0;
}

}  // namespace reqnotes
