#include "reqnotes/masks/mask.hpp"

#include <string>

#include "../mask_rules.hpp"
#include "fuzz.hpp"

// -max_len=300

namespace reqnotes {
namespace {

MaskRules& rules() {
  static TestRules test({"api_key", "*token", "*_p"}, {"/r/*", "/bot*/", "/a/*/b/*"});
  return test.rules();
}

/// All percent-encoding undone, however often it was done.
std::string decoded(std::string_view text) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    const EncodedChar c = read_encoded(text, at);
    result += c.value;
    at += c.size;
  }
  return result;
}

bool ends_with_word(std::string_view name, std::string_view word) {
  if (!name.ends_with(word)) return false;
  name.remove_suffix(word.size());
  return name.empty() || separates_words(name.back());
}

/// Whether a parser that reads a key so would hand the value to what asks for a masked name.
bool is_secret(std::string key) {
  key.erase(0, std::min(key.find_first_not_of(" +"), key.size()));
  for (char& c : key) c = fold_name_char(c);
  const std::string_view name = key;
  return name == "api_key" || name.ends_with("token") || ends_with_word(name, "p") ||
         ends_with_word(name, "pin") || name.ends_with("password");
}

/// Reads a query as PHP, Python and qs do, each in its simplest form, and finds no secret.
void check_query(std::string_view query) {
  for (std::string_view pair : split(query, '&')) {
    const auto check = [pair](std::size_t equals, std::string key) {
      promise(!is_secret(std::move(key)) || pair.substr(equals + 1).starts_with(kMask),
              "a masked name has no value");
    };
    const std::size_t equals = pair.find('=');
    if (equals == kNpos) continue;
    const std::string key = decoded(pair.substr(0, equals));
    check(equals, key);
    const std::string php = key.substr(0, key.find('\0'));
    check(equals, php.substr(0, php.find('[')));
    for (std::size_t open = key.find('['); open != kNpos; open = key.find('[', open + 1)) {
      const std::size_t close = key.find(']', open);
      if (close != kNpos) check(equals, key.substr(open + 1, close - open - 1));
    }
  }
}

/// The segment behind /r/ of a plain path is gone.
void check_path(std::string_view path) {
  const auto segments = split(prefix(path, path.find_first_of("?#")), '/');
  for (std::size_t at = 1; at + 1 < segments.size(); ++at) {
    promise(segments[at] != "r" || segments[at + 1].empty() || segments[at + 1] == "." ||
                segments[at + 1].find(kMask) != kNpos,
            "what a * stands for is gone");
  }
}

}  // namespace

/// Secrets are gone, everything else is as it was, and what is masked stays so.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const unsigned choice = input.byte();
  const auto place = static_cast<Place>(choice % 3);
  rules().defaults = choice < 128;
  const Text text = input.rest();
  // Without patterns of paths, a quick look comes first.
  MaskRules used = rules();
  if (choice & 64) used.path_count = 0;
  std::vector<char> buffer;
  const std::string_view shown = mask(text, place, used, [&buffer, &text](std::size_t most) {
    promise(most == masked_room(text.view().size()) && buffer.empty(), "room is asked for once");
    buffer.resize(most);
    return std::span(buffer);
  });
  const std::string result(shown);
  promise(result == mask_slowly(text, place, used), "the quick look misses nothing");
  promise((shown.data() == text.view().data()) == (result == text.view()),
          "what does not change is the text itself");
  // A hidden segment or user may take a quote or a `=` with it, and then the next pass may hide
  // more.
  MaskRules again = rules();
  again.path_count = 0;
  const std::string once = mask_text(text, place, again);
  const bool has_user = decoded(text).find('@') != std::string::npos;
  promise(has_user || mask_text(once, place, again) == once, "what is masked stays as it is");

  std::string whole;
  std::string want;
  for_each_masked(text, place, used, [&](std::string_view same, std::string_view value) {
    whole.append(same).append(value);
    want.append(same);
    if (value.data()) want.append(kMask);
  });
  promise(whole == text.view(), "the parts are the whole");
  promise(want == result, "what is not masked is unchanged");

  if (place == Place::kQuery && choice < 128) check_query(result);
  if (place == Place::kPath && used.path_count != 0) check_path(result);
  return 0;
}

}  // namespace reqnotes
