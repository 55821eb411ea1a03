#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string_view>

#include "reqnotes/text/parse.hpp"
#include "reqnotes/text/slice.hpp"

namespace reqnotes {

/// Longest name of a parameter that can be masked, in bytes.
constexpr std::size_t kMaskedNameMax = 64;

/// How a pattern is compared with the name of a parameter.
enum class NameKind : std::uint8_t {
  kWhole,   ///< `pin`: the name, or a part of one such as `user[pin]`
  kEnding,  ///< `*pin`: what a name ends with
  kWord,    ///< `*_pin`: the same, but it begins the name or a word of it
};

/// What a name says of the value behind it.
enum class Secret : std::uint8_t {
  kNone,
  kValue,
  kLine,  ///< it is a header, whose whole line is a secret
};

struct NamePattern {
  std::string_view text;  ///< folded, without what tells its kind
  NameKind kind;
  bool has_mark;           ///< a `_`, which may be nothing
  bool is_common = false;  ///< see kSecretWords
  Secret means = Secret::kValue;
};

constexpr bool separates_words(char c) {
  return c == '_' || c == '-' || c == '.' || c == ' ' || c == '+' || c == '[';
}

/// What `of` says of each byte.
template <class Of>
constexpr auto table_of_bytes(Of of) {
  std::array<decltype(of('\0')), 256> table{};
  for (unsigned byte = 0; byte < 256; ++byte) table[byte] = of(static_cast<char>(byte));
  return table;
}
constexpr auto kFolded =
    table_of_bytes([](char c) { return separates_words(c) ? '_' : to_lower(c); });
constexpr auto kIsWordChar = table_of_bytes([](char c) {
  const char lower = to_lower(c);
  return (lower >= 'a' && lower <= 'z') || is_digit(c) || static_cast<unsigned char>(c) >= 0x80;
});

/// One letter of a name as names are compared: without case, and any mark between words is `_`.
/// PHP takes `api.key`, `api key` and `api[key` for `api_key`, and people write `api-key` too.
constexpr char fold_name_char(char c) {
  return kFolded[static_cast<unsigned char>(c)];
}

/// Whether `c` is a letter, a digit or a part of a letter beyond ASCII.
constexpr bool is_word_char(char c) {
  return kIsWordChar[static_cast<unsigned char>(c)];
}

constexpr unsigned bucket_of(char c) {
  return static_cast<unsigned char>(c) & 31U;
}

/// The last two letters of patterns, as bits by bucket_of. Most names end with two letters that no
/// pattern ends with, and are told apart by that alone.
struct LetterPairs {
  std::array<std::uint32_t, 32> before{};  ///< by the last letter

  constexpr void add(std::string_view text) {
    // A `_` may be nothing: `api_k` is `apiK` too.
    const bool any = text.size() < 2 || text[text.size() - 2] == '_';
    const std::uint32_t bits = any ? ~0U : 1U << bucket_of(text[text.size() - 2]);
    before[bucket_of(text.back())] |= bits;
  }
  /// Whether a name that ends with `last`, and with `second` before it, may be meant.
  [[nodiscard]] constexpr bool has(char second, char last) const {
    return (before[bucket_of(last)] >> bucket_of(second) & 1U) != 0;
  }
};

/// Patterns in the order of their last letters.
struct NameTable {
  const NamePattern* patterns = nullptr;
  std::array<std::uint32_t, 33> first{};  ///< by bucket_of; the last one is their number
  LetterPairs pairs;

  [[nodiscard]] constexpr std::span<const NamePattern> ending_like(char c) const {
    const unsigned bucket = bucket_of(c);
    return {patterns + first[bucket], patterns + first[bucket + 1]};
  }
};

/// Sorts `patterns`, which must outlive the table. Each has at least one letter.
constexpr NameTable index_names(std::span<NamePattern> patterns) {
  const auto bucket = [](const NamePattern& pattern) { return bucket_of(pattern.text.back()); };
  std::ranges::sort(patterns, {}, bucket);
  NameTable table = {.patterns = patterns.data(), .first = {}, .pairs = {}};
  for (const NamePattern& pattern : patterns) {
    ++table.first[bucket(pattern) + 1];
    table.pairs.add(pattern.text);
  }
  for (std::size_t at = 1; at < table.first.size(); ++at) table.first[at] += table.first[at - 1];
  return table;
}

constexpr NamePattern parse_name(std::string_view folded) {
  const bool is_word = folded.starts_with("*_");
  const bool is_ending = !is_word && folded.starts_with('*');
  const std::string_view text = suffix(folded, is_word ? 2 : is_ending ? 1 : 0);
  const NameKind kind = is_word     ? NameKind::kWord
                        : is_ending ? NameKind::kEnding
                                    : NameKind::kWhole;
  return {.text = text, .kind = kind, .has_mark = text.find('_') != kNpos};
}

/// What is masked where nothing else is said, in the words of ReqNotesMaskQuery and in the order of
/// their last letters, as a table has them.
constexpr std::string_view kSecretEndings[] = {"*passwd",
                                               "*password",
                                               "*sessid",
                                               "*sessionid",
                                               "*session_id",
                                               "*passphrase",
                                               "*passcode",
                                               "*signature",
                                               "*samlresponse",
                                               "*credential",
                                               "*password_confirm",
                                               "*password_again",
                                               "*password_confirmation",
                                               "*assertion",
                                               "*token",
                                               "*verifier",
                                               "*credentials",
                                               "*secret",
                                               "*password_repeat",
                                               "*authkey",
                                               "*privatekey",
                                               "*secretkey",
                                               "*accesskey",
                                               "*access_key",
                                               "*apikey",
                                               "*api_key"};
/// Common words mean much else too: only as a word of a name, and not before the colon of a
/// sentence.
constexpr std::string_view kSecretWords[] = {"*_mfa",  "*_cvc",    "*_hmac", "*_sid",    "*_pwd",
                                             "*_code", "*_xsrf",   "*_csrf", "*_sig",    "*_auth",
                                             "*_pin",  "*_otp",    "*_totp", "*_bearer", "*_pass",
                                             "*_jwt",  "*_ticket", "*_cvv",  "*_pw",     "*_key"};
/// Headers whose whole line is a secret.
constexpr std::string_view kSecretHeaders[] = {"*authorization", "*cookie"};

/// All of them.
constexpr auto kDefaultPatterns = [] {
  std::array<NamePattern,
             std::size(kSecretEndings) + std::size(kSecretWords) + std::size(kSecretHeaders)>
      patterns{};
  NamePattern* next = patterns.data();
  for (std::string_view word : kSecretEndings) *next++ = parse_name(word);
  for (std::string_view word : kSecretWords) (*next++ = parse_name(word)).is_common = true;
  for (std::string_view word : kSecretHeaders) (*next++ = parse_name(word)).means = Secret::kLine;
  index_names(patterns);
  return patterns;
}();
constexpr NameTable kDefaultTable = [] {
  auto patterns = kDefaultPatterns;
  NameTable table = index_names(patterns);
  table.patterns = kDefaultPatterns.data();  // they are in its order already
  return table;
}();

/// Whether a word of camelCase begins at `at`: the K of `apiKey`, of `APIKey` and of `api2Key`.
constexpr bool is_hump(std::string_view name, std::size_t at) {
  const auto is_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  if (at == 0 || at >= name.size() || !is_upper(name[at])) return false;
  if (!is_upper(name[at - 1])) return is_word_char(name[at - 1]);
  return at + 1 < name.size() && !is_upper(name[at + 1]) && is_word_char(name[at + 1]);
}

/// Whether what ends at `at` is an escape of httpd's error log, such as `\n` or `\x0a`.
constexpr bool ends_escape(std::string_view text, std::size_t at) {
  if (at >= 2 && text[at - 2] == '\\') return true;
  return at >= 4 && text[at - 4] == '\\' && text[at - 3] == 'x';
}

/// Whether a name begins at `at`: at the beginning, or behind a mark that no name has. PHP drops
/// blanks before a name, and options of a program have dashes there.
constexpr bool begins_name(std::string_view text, std::size_t at, bool in_message) {
  if (in_message && at != 0 && (text[at - 1] == ' ' || ends_escape(text, at))) return true;
  while (at != 0 && (text[at - 1] == ' ' || text[at - 1] == '+' || text[at - 1] == '-')) {
    --at;
    if (in_message && text[at] == ' ') return true;
  }
  if (at == 0 || text[at - 1] == '[') return true;
  return !is_word_char(text[at - 1]) && !separates_words(text[at - 1]);
}

constexpr bool begins_word(std::string_view text, std::size_t at, bool in_message) {
  return at == 0 || !is_word_char(text[at - 1]) || is_hump(text, at) ||
         (in_message && ends_escape(text, at));
}

/// Whether the name at the end of `text` is what `pattern` means.
constexpr bool matches(const NamePattern& pattern, std::string_view text, bool in_message) {
  std::size_t at = text.size();
  const std::size_t size = pattern.text.size();
  // Most that end alike begin otherwise.
  if (!pattern.has_mark && (at < size || fold_name_char(text[at - size]) != pattern.text[0])) {
    return false;
  }
  for (std::size_t left = pattern.text.size(); left != 0; --left) {
    const char want = pattern.text[left - 1];
    if (at != 0 && fold_name_char(text[at - 1]) == want) {
      --at;
    } else if (want != '_' || !is_hump(text, at)) {
      return false;
    }
  }
  if (pattern.kind == NameKind::kWhole) return begins_name(text, at, in_message);
  return pattern.kind == NameKind::kEnding || begins_word(text, at, in_message);
}

/// What a name table has to say of a name.
///
/// text         ends with the name and no mark behind it. Digits there do not count for endings:
///              `password2` is a `*password`.
/// with_common  whether common words count too.
constexpr Secret look_up(const NameTable& table, std::string_view text, bool with_common,
                         bool in_message) {
  const auto find = [&](bool whole) {
    for (const NamePattern& pattern : table.ending_like(text.back())) {
      if ((pattern.is_common && !with_common) || (!whole && pattern.kind == NameKind::kWhole)) {
        continue;
      }
      if (matches(pattern, text, in_message)) return pattern.means;
    }
    return Secret::kNone;
  };
  if (text.empty()) return Secret::kNone;
  if (text.size() == 1 || table.pairs.has(text[text.size() - 2], text.back())) {
    const Secret secret = find(true);
    if (secret != Secret::kNone) return secret;
  }
  constexpr std::size_t kDigits = 8;
  std::size_t digits = 0;
  while (digits < kDigits && digits < text.size() && is_digit(text[text.size() - digits - 1])) {
    ++digits;
  }
  if (digits == 0) return Secret::kNone;
  text.remove_suffix(digits);
  if (!text.empty() && separates_words(text.back())) text.remove_suffix(1);
  return text.empty() ? Secret::kNone : find(false);
}

/// What is wrong with a word of ReqNotesMaskQuery, or null. What passes can be found.
constexpr const char* check_masked_name(std::string_view word) {
  const bool has_star = word.starts_with('*');
  std::string_view name = suffix(word, has_star ? 1 : 0);
  if (name.find('*') != kNpos) {
    return "a * stands for what a name begins with, and nowhere else: *password means all names "
           "that end with it, *_pin those with that last word";
  }
  if (word.starts_with('!') || word.starts_with('-')) {
    return "no name can be taken away; None masks none, and names of inner sections count again";
  }
  for (std::string_view no : {"on", "off", "all"}) {
    if (equals_lower(word, no)) return "give names of parameters, or None to mask none";
  }
  bool plain = !name.empty() && name.size() <= kMaskedNameMax;
  for (char c : name) {
    const bool separates = separates_words(c) && c != '[' && c != ' ' && c != '+';
    plain = plain && (is_word_char(c) || separates);
  }
  if (!plain || !is_word_char(name.back())) {
    return "give plain names with blanks between them, such as password for user[password]: "
           "letters, digits, and between them _ - or ., without percent-encoding, at most 64 "
           "bytes each";
  }
  return nullptr;
}

}  // namespace reqnotes
