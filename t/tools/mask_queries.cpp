#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <random>
#include <string>

#include "mask_rules.hpp"

// Writes random queries and what masking leaves of each, for mask-parsers.t: seed, then count.

namespace {

constexpr const char* kNames[] = {
    "password", "token",  "secret", "api_key", "apikey", "signature", "session_id", "code",
    "pin",      "otp",    "key",    "auth",    "ticket", "pass",      "zipcode",    "author",
    "page",     "format", "monkey", "user",    "a",      "next",      "tokenizer",  "q",
};
constexpr const char* kMarks[] = {
    "",       "",
    "",       "",
    "[",      "]",
    "[]",     "[a]",
    "[0]",    "[b][",
    "%5B",    "%5D",
    "%5B%5D", ".",
    "-",      "_",
    "+",      "%20",
    "%00",    "%2500",
    "/",      "%2F",
    "?",      "%3F",
    "%26",    "%00%26",
    ";",      "#",
    "%23",    "=",
    "%3D",    "%3D%5D",
    "]=",     "]=]",
    "%",      "%zz",
    "%0a",    "\"",
    "1",      "x",
    "my_",    "user[",
    "][",     "%C3%A9",
    "://",    "http://u@h/?",
    "@",
};

}  // namespace

int main(int count, char** words) {
  if (count != 3) return 1;
  std::minstd_rand random(static_cast<unsigned>(std::strtoul(words[1], nullptr, 10)));
  const auto below = [&random](std::size_t most) { return random() / 7 % most; };
  const auto mark = [&] { return std::string(kMarks[below(std::size(kMarks))]); };
  // As people write them, and then some letters encoded, doubly, or in the other case.
  const auto name = [&] {
    std::string spelt;
    const std::size_t odd = below(4);
    for (const char* at = kNames[below(std::size(kNames))]; *at != '\0'; ++at) {
      char c = *at;
      if (c == '_' && odd != 0) {
        constexpr const char* kBlanks[] = {"_", "-", ".", "+", "%20", "[", "%5b", "%2E"};
        spelt += kBlanks[below(std::size(kBlanks))];
      } else if (odd == 1 && below(4) == 0) {
        char encoded[8];
        std::snprintf(encoded, sizeof encoded, "%%%02x", static_cast<unsigned char>(c));
        spelt += encoded;
      } else {
        spelt += odd == 2 ? static_cast<char>(c - 'a' + 'A') : c;
      }
    }
    return spelt;
  };
  unsigned marker = 0;
  for (unsigned long left = std::strtoul(words[2], nullptr, 10); left != 0; --left) {
    std::string query;
    for (std::size_t pairs = below(3) + 1; pairs != 0; --pairs) {
      if (!query.empty()) query += '&';
      query += mark();
      if (below(4) == 0) query += name() + mark();
      query += name() + mark();
      if (below(4) == 0) query += mark() + mark();
      query += '=';
      if (below(3) == 0) query += mark();
      query += 'M' + std::to_string(++marker) + 'M';
      if (below(3) == 0) query += mark() + 'M' + std::to_string(++marker) + 'M';
    }
    const std::string masked = reqnotes::mask_text(query, reqnotes::Place::kQuery, {});
    std::printf("%s\t%s\n", query.c_str(), masked.c_str());
  }
  return 0;
}
