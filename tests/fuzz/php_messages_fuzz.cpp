#include "reqnotes/errors/php_messages.hpp"

#include <string>
#include <vector>

#include "../mask_rules.hpp"
#include "fuzz.hpp"

// -max_len=2000

namespace reqnotes {
namespace {

constexpr std::string_view kBefore = PhpMessages::kBefore;
constexpr std::string_view kBetween = PhpMessages::kBetween;

MaskRules& rules() {
  static TestRules test({"*token", "message"}, {"/r/*"});
  return test.rules();
}

/// What stands in a text for each byte of it when it is masked: itself, or the number of its mask.
struct Seen {
  std::string text;
  std::vector<std::size_t> mask;  ///< 0 is none
};

Seen seen_of(std::string_view text) {
  Seen seen = {std::string(text), std::vector<std::size_t>(text.size(), 0)};
  std::size_t count = 0;
  std::size_t at = 0;
  for_each_masked(text, Place::kMessage, rules(),
                  [&](std::string_view same, std::string_view value) {
                    at += same.size();
                    if (!value.data()) return;
                    ++count;
                    for (std::size_t end = at + value.size(); at < end; ++at) seen.mask[at] = count;
                  });
  return seen;
}

/// Put together, the messages and what was between them are the text.
void check_whole(const PhpMessages& php, std::string_view text) {
  promise(php.size() <= PhpMessages::kMost, "there are few");
  if (php.size() == 0) {
    const std::string_view said = text.starts_with(kBefore) ? suffix(text, kBefore.size()) : "";
    promise(!said.starts_with(PhpMessages::kMark) && said.find(kBetween) == kNpos,
            "what is of PHP-FPM has messages");
    return;
  }
  std::string whole(kBefore);
  const std::string_view said = suffix(text, kBefore.size());
  if (said.starts_with(PhpMessages::kMark)) {
    whole += PhpMessages::kMark;
  } else if (said.starts_with(kBetween)) {
    whole += kBetween;
  }
  for (std::size_t at = 0; at < php.size(); ++at) {
    const std::string_view part = php.text(at, text);
    const bool is_last = at + 1 == php.size();
    promise(is_within(part, text), "a message is a part of the text");
    promise(part.find(kBetween) == kNpos || (is_last && php.size() == PhpMessages::kMost),
            "none has another");
    promise(part.find(kBetween) == kNpos || php.level(at) == PhpLevel::kUnknown,
            "what may be several has no level");
    promise(php.level(at) == PhpLevel::kError || !part.starts_with("PHP Fatal error:  ") ||
                php.level(at) == PhpLevel::kUnknown,
            "a fatal error is one");
    whole += part;
    if (!is_last) whole += kBetween;
  }
  if (text.ends_with('\'') || text.ends_with('\n')) whole += text.back();
  promise(whole == text, "nothing is lost");
}

/// Masked, each has what the whole has in its place, and no more.
void check_masked(PhpMessages php, std::string_view text) {
  const Seen seen = seen_of(text);
  std::vector<char> room(masked_room(text.size()));
  const std::string_view whole =
      put_masked(text, Place::kMessage, rules(), [&](std::size_t) { return std::span(room); });
  std::vector<std::string_view> plain;
  for (std::size_t at = 0; at < php.size(); ++at) plain.push_back(php.text(at, text));
  php.move_to_masked(text, rules());
  for (std::size_t at = 0; at < php.size(); ++at) {
    const std::string_view part = php.text(at, whole);
    promise(is_within(part, whole), "a masked message is a part of the masked text");
    std::string want;
    const auto from = static_cast<std::size_t>(plain[at].data() - text.data());
    std::size_t mask = 0;
    for (std::size_t byte = from; byte < from + plain[at].size(); ++byte) {
      if (seen.mask[byte] == 0) want += text[byte];
      if (seen.mask[byte] != 0 && seen.mask[byte] != mask) want += kMask;
      mask = seen.mask[byte];
    }
    promise(part.size() >= want.size(), "none lacks a mask");
    // Where a secret is empty, the mask stands for no byte.
    std::string shown(part);
    for (std::string* each : {&shown, &want}) {
      for (std::size_t found; (found = each->find(kMask)) != kNpos;) each->erase(found, 3);
    }
    promise(shown == want, "each shows what is no secret");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const unsigned flags = input.byte();
  // Most inputs would have no message, and few more than one.
  std::string made((flags & 1) != 0 ? kBefore : "");
  while (!input.empty()) {
    const unsigned next = input.byte();
    if (next == 1) made += PhpMessages::kMark;
    if (next == 2) made += kBetween;
    if (next == 3) made += "PHP Fatal error:  ";
    if (next == 4) made += "Cookie: ";
    if (next == 5) made += "token=";
    if (next == 6) {
      for (std::size_t at = 0; at < 70; ++at) made += kBetween;
    }
    if (next > 6) made += static_cast<char>(next);
  }
  const Text text(made);
  const PhpMessages php(text);
  check_whole(php, text);
  check_masked(php, text);
  return 0;
}

}  // namespace reqnotes
