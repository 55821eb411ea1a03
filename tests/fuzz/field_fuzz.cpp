#include "reqnotes/facts/field.hpp"

#include <string>

#include "fuzz.hpp"

// -max_len=128

namespace reqnotes {
namespace {

/// Names that are taken, in place of those that lines have of themselves.
constexpr std::string_view kTaken[] = {"time", "client", "user_agent", "first", "truncated"};

/// The words of a directive's arguments, and whether a quote is left open.
struct Words {
  std::vector<std::string> words;
  bool open = false;
};

/// Reads them character by character, with a state for each.
Words words_of(std::string_view args) {
  Words result;
  enum { kBetween, kWord, kQuoted } state = kBetween;
  for (std::size_t at = 0; at < args.size(); ++at) {
    const char c = args[at];
    if (state != kQuoted && (c == ' ' || c == '\t')) {
      state = kBetween;
      continue;
    }
    if (state == kBetween) {
      result.words.emplace_back();
      state = kWord;
    }
    const bool escape = state == kQuoted && c == '\\' && at + 1 < args.size() &&
                        (args[at + 1] == '\\' || args[at + 1] == '"');
    if (c == '"') {
      state = state == kQuoted ? kWord : kQuoted;
    } else {
      result.words.back() += escape ? args[++at] : c;
    }
  }
  result.open = state == kQuoted;
  return result;
}

void check_words(std::string_view text) {
  std::vector<char> line = c_string(text);
  const Words want = words_of(line.data());
  promise(closes_quotes(line.data()) != want.open, "an open quote is told");

  std::vector<const char*> got;
  char* rest = line.data();
  while (const char* word = next_word(rest)) {
    promise(rest > word && rest < line.data() + line.size(), "the rest lies behind the word");
    got.push_back(word);
  }
  // Compared at the end, so that no word has overwritten an earlier one.
  promise(std::equal(got.begin(), got.end(), want.words.begin(), want.words.end()),
          "each word is as it was written");
  promise(line.back() == '\0' && next_word(rest) == nullptr, "and the end stays the end");
}

void check_name(std::string_view name) {
  const bool shape = !name.empty() && name.size() <= 64 &&
                     has_only(name.substr(0, 1), "abcdefghijklmnopqrstuvwxyz") &&
                     has_only(name, "abcdefghijklmnopqrstuvwxyz0123456789_.");
  const bool parts = !name.ends_with('.') && name.find("..") == name.npos;
  const std::string first(name.substr(0, name.find('.')));
  const bool taken = std::count(std::begin(kTaken), std::end(kTaken), first) != 0;
  promise((check_field_name(name, kTaken) == nullptr) == (shape && parts && !taken),
          "a name of the right shape");
}

void check_option(std::string_view word) {
  constexpr auto kUnset = static_cast<Privacy>(99);
  const FieldOptions before{Type::kNumber, 77, kUnset, 0, {}};
  FieldOptions options = before;
  const bool accepted = parse_field_option(word, options) == nullptr;
  FieldOptions want = before;
  const std::string copy(word);
  for (const TypeName& row : kTypes) {
    if (copy == "type=" + std::string(row.name)) want.type = row.type;
  }
  if (copy == "privacy=plain") want.privacy = Privacy::kPlain;
  if (copy == "privacy=hash") want.privacy = Privacy::kHash;
  if (copy == "privacy=last4") want.privacy = Privacy::kLast4;
  if (copy == "logs=access") want.logs = kAccessLog;
  if (copy == "logs=error") want.logs = kErrorLog;
  if (copy == "logs=access,error" || copy == "logs=error,access") want.logs = 3;
  if (copy.starts_with("max=") && copy.size() > 4 && copy[4] != '0' &&
      has_only(word.substr(4), "0123456789")) {
    const unsigned long max = copy.size() > 13 ? 0 : std::strtoul(copy.c_str() + 4, nullptr, 10);
    if (max >= 4 && max <= 65535) want.max = max;
  }
  if (copy.starts_with("ecs=")) want.ecs = word.substr(4);
  promise(options.ecs == want.ecs, "a name in ECS is what follows");
  promise(options.type == want.type && options.max == want.max && options.privacy == want.privacy &&
              options.logs == want.logs,
          "an option sets what it names, and a refused one nothing");
  promise(accepted || (want.type == before.type && want.max == before.max &&
                       want.privacy == kUnset && want.logs == 0),
          "a right option is taken");
  promise(!accepted || copy == "type=number" || want.type != before.type ||
              want.max != before.max || want.privacy != kUnset || want.logs != 0 ||
              copy.starts_with("ecs=") ||
              std::strtoul(copy.substr(4).c_str(), nullptr, 10) == before.max,
          "a wrong one is not");
}

}  // namespace

/// Directive arguments are taken apart as a plain reader does, within their own bytes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Text text = Input(data, size).rest();
  check_words(text);
  check_name(text);
  check_option(text);
  return 0;
}

}  // namespace reqnotes
