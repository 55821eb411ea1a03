#pragma once

#include <cstddef>
#include <string_view>

#include "reqnotes/text/parse.hpp"
#include "reqnotes/text/slice.hpp"

namespace reqnotes {

/// A message, and the code that it begins with.
struct CodedMessage {
  std::string_view code;  ///< "AH01071", "RN0006"; empty where there is none
  std::string_view text;  ///< what follows the code
};

/// Takes the code off a message: two to four capitals and four to six digits, then ": ".
constexpr CodedMessage split_code(std::string_view message) {
  std::size_t at = 0;
  while (at < message.size() && message[at] >= 'A' && message[at] <= 'Z') ++at;
  const std::size_t letters = at;
  while (at < message.size() && is_digit(message[at])) ++at;
  const std::size_t digits = at - letters;
  if (letters < 2 || letters > 4 || digits < 4 || digits > 6) return {{}, message};
  if (!suffix(message, at).starts_with(": ")) return {{}, message};
  return {prefix(message, at), suffix(message, at + 2)};
}

}  // namespace reqnotes
