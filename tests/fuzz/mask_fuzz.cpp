#include "reqnotes/mask.hpp"

#include <algorithm>
#include <string>

#include "fuzz.hpp"

// -max_len=300

namespace reqnotes {
namespace {

bool is_name(std::string_view name) {
  return name == "token" || name == "api_key" || name == "p";
}

/// All percent-encoding undone, however often it was done.
std::string decoded(std::string text) {
  for (std::size_t at = 0; at + 2 < text.size();) {
    const auto high = hex_digit(text[at + 1]);
    const auto low = hex_digit(text[at + 2]);
    if (text[at] != '%' || !high || !low) {
      ++at;
      continue;
    }
    text.replace(at, 3, 1, static_cast<char>(*high << 4 | *low));
    if (text[at] != '%') ++at;
  }
  return text;
}

std::string masked(std::string_view text, Place place) {
  std::vector<char> buffer(masked_room(text.size()));
  Sink out(buffer);
  put_masked(text, place, is_name, out);
  promise(!out.overflowed(), "there is room for what is masked");
  promise(out.size() == masked_size(text, place, is_name), "its size is known");
  return std::string(out.written());
}

/// A plain reader of queries finds no value of a masked name.
void check_query(std::string_view query) {
  for (std::string_view pair : split(query, '&')) {
    const std::size_t equals = pair.find('=');
    if (equals == kNpos) continue;
    std::string name = decoded(std::string(pair.substr(0, equals)));
    name = name.substr(std::min(name.find_first_not_of(" +"), name.size()));
    for (char& c : name) c = fold_name_char(c);
    promise(!is_name(name) || pair.substr(equals + 1) == kMask, "a masked name has no value");
  }
}

}  // namespace

/// Values of masked names are gone, and everything else is as it was.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const auto place = static_cast<Place>(input.byte() % 3);
  const Text text = input.rest();
  const std::string result = masked(text, place);
  promise(has_masked(text, place, is_name) == (result != text.view()), "found when it changes");
  promise(masked(result, place) == result, "what is masked stays as it is");

  const Places parts = places_of(text, place);
  promise(std::string(parts.text).append(parts.query) == text.view(), "the parts are the whole");
  std::string want;
  const auto add = [&](std::string_view part, Place where) {
    std::size_t at = 0;
    while (const auto value = find_masked(part, at, where, is_name)) {
      promise(at <= value->begin && value->begin <= value->end && value->end <= part.size(),
              "values come in order");
      const std::string before = decoded(std::string(part.substr(0, value->begin)));
      promise(before.ends_with('='), "a value stands behind its equals sign");
      want.append(part.substr(at, value->begin - at)).append(kMask);
      at = value->end;
    }
    want.append(part.substr(at));
  };
  add(parts.text, parts.place);
  add(parts.query, Place::kQuery);
  promise(result == want, "what is not masked is unchanged");
  if (place == Place::kQuery) check_query(result);
  return 0;
}

}  // namespace reqnotes
