#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "reqnotes/text/slice.hpp"

namespace reqnotes {

/// How a field's value is written in JSON. A value that does not fit its type is a string.
enum class Type : std::uint8_t { kString, kInteger, kNumber, kBoolean, kList, kJson };

struct TypeName {
  std::string_view name;
  Type type;
};
constexpr TypeName kTypes[] = {
    {"string", Type::kString},   {"integer", Type::kInteger}, {"number", Type::kNumber},
    {"boolean", Type::kBoolean}, {"list", Type::kList},       {"json", Type::kJson},
};

/// Whose names the values of a line have: this module's, or those of a schema that others read.
enum class Naming : std::uint8_t { kOwn, kEcs, kOtlp };
constexpr std::size_t kNamings = 3;

/// What a field is on the lines of one naming.
struct Called {
  std::string_view name;  ///< no format needs to escape anything of it
  Type type;
};

/// The logs that a field is written to, as bits.
enum Log : unsigned { kAccessLog = 1, kErrorLog = 2 };

/// How much of a value is shown.
enum class Privacy : std::uint8_t { kPlain, kHash, kLast4 };

/// The options of a field, at their defaults.
struct FieldOptions {
  Type type = Type::kString;
  std::size_t max = 256;  ///< bytes of a value, with the mark of a cut
  Privacy privacy = Privacy::kPlain;
  unsigned logs = kAccessLog | kErrorLog;
  std::string_view ecs = {};   ///< its name in ECS; empty where that follows from its own
  std::string_view otel = {};  ///< its name as an attribute of OpenTelemetry, if it has another
};

constexpr std::size_t kFieldMaxLow = 4;  ///< one byte and the mark `…`
constexpr std::size_t kFieldMaxHigh = 65535;

/// Whether a reader that splits names at their dots can keep only one of the two, as `user` beside
/// `user.id`.
constexpr bool clash(std::string_view one, std::string_view other) {
  const std::string_view outer = one.size() < other.size() ? one : other;
  const std::string_view inner = one.size() < other.size() ? other : one;
  return inner.size() > outer.size() && inner.starts_with(outer) && inner[outer.size()] == '.';
}

/// Checks the name of a field: `[a-z][a-z0-9_.]{0,63}`, without empty parts between its dots, and
/// neither one of `built_in` nor a part of one.
///
/// returns  null, or what is wrong, as the end of a sentence.
constexpr const char* check_field_name(std::string_view name,
                                       std::span<const std::string_view> built_in) {
  constexpr const char* kShape =
      "a field's name is a lower-case letter and up to 63 more of a-z, 0-9, _ and .";
  if (name.empty() || name.size() > 64 || name[0] < 'a' || name[0] > 'z') return kShape;
  for (char c : name) {
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.')) return kShape;
  }
  if (name.ends_with('.') || name.find("..") != kNpos) {
    return "a dot in a field's name stands between two other characters, as in order.id";
  }
  for (std::string_view taken : built_in) {
    if (name == taken) return "this name is built in; choose another one";
    if (clash(name, taken)) {
      return "what stands before a dot is built in, and a reader that splits names at dots could "
             "keep only one of the two; choose another name";
    }
  }
  return nullptr;
}

/// Reads decimal digits, all of `text`. A zero in front is refused: to some it means octal.
inline std::optional<std::size_t> parse_size(std::string_view text) {
  if (text.size() > 1 && text[0] == '0') return std::nullopt;
  std::size_t size = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, size);
  if (error != std::errc() || at != end) return std::nullopt;
  return size;
}

/// Reads one `OPTION=value` word of ReqNotesField into `options`. Of `ecs` the name is still to be
/// checked.
///
/// returns  null, or what is wrong, as the end of a sentence.
inline const char* parse_field_option(std::string_view word, FieldOptions& options) {
  const std::size_t equals = word.find('=');
  const std::string_view name = prefix(word, equals);
  std::string_view value = equals == kNpos ? std::string_view() : suffix(word, equals + 1);

  if (equals == kNpos || (name != "type" && name != "max" && name != "privacy" && name != "logs" &&
                          name != "ecs" && name != "otel")) {
    return "the options are type=, max=, privacy=, logs=, ecs= and otel=";
  }
  if (name == "otel") {
    const char* const error = check_field_name(value, {});
    if (!error) options.otel = value;
    return error;
  }
  if (name == "ecs") return options.ecs = value, nullptr;
  if (name == "type") {
    for (const TypeName& row : kTypes) {
      if (value == row.name) return options.type = row.type, nullptr;
    }
    return "the type must be string, integer, number, boolean, list or json";
  }
  if (name == "max") {
    const std::size_t max = parse_size(value).value_or(0);
    if (max < kFieldMaxLow || max > kFieldMaxHigh) {
      return "max must be a number of bytes from 4 to 65535";
    }
    return options.max = max, nullptr;
  }

  if (name == "privacy") {
    if (value == "plain") return options.privacy = Privacy::kPlain, nullptr;
    if (value == "hash") return options.privacy = Privacy::kHash, nullptr;
    if (value == "last4") return options.privacy = Privacy::kLast4, nullptr;
    return "privacy must be plain, hash or last4";
  }

  unsigned logs = 0;
  for (bool more = true; more;) {
    const std::size_t comma = value.find(',');
    const std::string_view log = prefix(value, comma);
    more = comma != kNpos;
    if (more) value.remove_prefix(comma + 1);
    const unsigned bit = log == "access" ? kAccessLog : log == "error" ? kErrorLog : 0U;
    if (bit == 0 || (logs & bit) != 0) return "logs must be access, error or access,error";
    logs |= bit;
  }
  return options.logs = logs, nullptr;
}

/// Whether every quote of a directive's arguments is closed; see next_word.
constexpr bool closes_quotes(std::string_view args) {
  bool quoted = false;
  for (std::size_t at = 0; at < args.size(); ++at) {
    if (args[at] == '"') {
      quoted = !quoted;
    } else if (quoted && args[at] == '\\' && at + 1 < args.size() &&
               (args[at + 1] == '"' || args[at + 1] == '\\')) {
      ++at;
    }
  }
  return !quoted;
}

/// Takes the next word off a directive's arguments, in place. Quotes may begin anywhere in a
/// word (`expr:"%{A} b"`); inside them `\"` and `\\` stand for the character itself.
///
/// rest     NUL-terminated; left behind the word. The word is written over it.
/// returns  the word, or null at the end.
inline char* next_word(char*& rest) {
  constexpr auto kBlank = [](char c) { return c == ' ' || c == '\t'; };
  char* from = rest;
  while (kBlank(*from)) ++from;
  if (*from == '\0') return nullptr;

  char* const word = from;
  char* to = word;
  bool quoted = false;
  for (; *from != '\0' && (quoted || !kBlank(*from)); ++from) {
    if (*from == '"') {
      quoted = !quoted;
    } else {
      if (quoted && *from == '\\' && (from[1] == '"' || from[1] == '\\')) ++from;
      *to++ = *from;
    }
  }
  rest = *from == '\0' ? from : from + 1;
  *to = '\0';
  return word;
}

}  // namespace reqnotes
