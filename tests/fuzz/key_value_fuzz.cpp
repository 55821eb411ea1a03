#include "reqnotes/metrics/key_value.hpp"

#include <cctype>
#include <string>
#include <utility>

#include "../unicode.hpp"
#include "fuzz.hpp"

// -max_len=300

namespace reqnotes {
namespace {

using Pair = std::pair<std::string, std::string>;

bool is_control(std::string_view character) {
  const auto lead = static_cast<unsigned char>(character[0]);
  if (lead < 0x80) return character != "\t" && std::iscntrl(lead) != 0;
  return character >= "\xC2\x80" && character < "\xC2\xA0";
}

/// Whether a line is clean, a character after the other.
bool is_text(const std::string& line) {
  for (std::size_t at = 0, size = 1; at < line.size(); at += size, size = 1) {
    while (size < 4 && !is_character(line.substr(at, size))) ++size;
    const std::string character = line.substr(at, size);
    if (!is_character(character) || is_control(character)) return false;
  }
  return true;
}

bool is_name(const std::string& text) {
  if (text.empty() || text.size() > 64 || std::isdigit(static_cast<unsigned char>(text[0]))) {
    return false;
  }
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c == '_' || (c >= 0 && std::isalnum(static_cast<unsigned char>(c)));
  });
}

/// Reads a line by itself, as the words of the manual have it.
///
/// returns  false when it is wrong; `pairs` then has what its caller was to judge.
bool read_line(std::string line, std::vector<Pair>& pairs) {
  if (line.ends_with('\r')) line.pop_back();
  if (!is_text(line)) return false;
  const std::string said(trimmed(line.substr(0, line.find('#'))));
  if (said.empty()) return true;
  const std::size_t size = std::min(said.find_first_of(" \t="), said.size());
  if (!is_name(said.substr(0, size))) return false;
  std::string_view value = trimmed(std::string_view(said).substr(size));
  if (value.starts_with('=')) value = trimmed(value.substr(1));
  pairs.emplace_back(said.substr(0, size), value);
  return value != "wrong";
}

}  // namespace

/// Each line is what it is by itself, up to the first that is wrong; half a text is nothing.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Text text = Input(data, size).rest();
  std::vector<Pair> pairs;
  std::size_t line = 99;
  const char* error = read_key_values(
      text, line, [&](std::string_view name, std::string_view value) -> const char* {
        promise(is_within(name, text) && is_within(value, text), "parts of the text");
        pairs.emplace_back(name, value);
        return value == "wrong" ? "is wrong" : nullptr;
      });

  std::vector<Pair> want;
  std::size_t want_line = 0;
  bool is_wrong = false;
  const std::vector<std::string_view> lines = split(text, '\n');
  if (!lines.back().empty()) {
    is_wrong = true;
  } else {
    for (; !is_wrong && want_line + 1 < lines.size(); ++want_line) {
      is_wrong = !read_line(std::string(lines[want_line]), want);
    }
  }
  promise((error != nullptr) == is_wrong, "what is wrong is refused, and nothing else");
  promise(line == want_line, "the first line that is wrong, or the last");
  promise(pairs == want, "what the lines say");
  return 0;
}

}  // namespace reqnotes
