#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "reqnotes/hex.hpp"
#include "reqnotes/scan.hpp"
#include "reqnotes/sink.hpp"
#include "reqnotes/text.hpp"
#include "reqnotes/value.hpp"

namespace reqnotes {

/// What stands for a masked value.
constexpr std::string_view kMask = "***";

/// The parameters that are masked where nothing else is said.
constexpr std::string_view kMaskedNames[] = {
    "password", "passwd", "token", "access_token", "api_key", "secret", "signature",
};

/// Longest name of a parameter that can be masked, in bytes.
constexpr std::size_t kMaskedNameMax = 64;

/// What a text with parameters is: that tells where their values end.
enum class Place : std::uint8_t {
  kPath,     ///< or a whole URL: from a `?` or `#` on it is taken as a query
  kQuery,    ///< with or without its `?`
  kMessage,  ///< a sentence that may hold a URL
};

/// A character that may be percent-encoded, once or more: `=`, `%3D` and `%253D` are the same.
struct EncodedChar {
  char value;
  std::size_t size;  ///< bytes of its text
};

constexpr EncodedChar read_encoded(std::string_view text, std::size_t at) {
  EncodedChar read = {text[at], 1};
  while (read.value == '%' && at + read.size + 2 <= text.size()) {
    const auto high = hex_digit(text[at + read.size]);
    const auto low = hex_digit(text[at + read.size + 1]);
    if (!high || !low) break;
    read = {static_cast<char>(*high << 4 | *low), read.size + 2};
  }
  return read;
}

/// One letter of a name as names are compared: without case, and as PHP has it, which takes
/// `api.key` and `api key` for `api_key`.
constexpr char fold_name_char(char c) {
  return c == '.' || c == ' ' || c == '+' ? '_' : to_lower(c);
}

/// What a character means where names are looked for, as bits.
enum CharRole : std::uint8_t {
  kBeginsName = 1,        ///< behind it a name may begin
  kBeginsNameInText = 2,  ///< the same, in a message alone
  kEndsText = 4,          ///< no URL in a message has it, unless a module has decoded it
  kSubscript = 8,         ///< parts of a name, as in `user[password]`; PHP ends one at a NUL
  kEquals = 16,
  kEncodes = 32,
};

constexpr auto kCharRoles = [] {
  std::array<std::uint8_t, 256> roles{};
  const auto add = [&roles](std::string_view chars, std::uint8_t role) {
    for (char c : chars) roles[static_cast<unsigned char>(c)] |= role;
  };
  add("?&;#/", kBeginsName);
  add(" \t\r\n\"'`<>(){},:|", kBeginsNameInText);
  add(" \t\r\n", kEndsText);
  add({"[]\0", 3}, kSubscript);
  add("=", kEquals);
  add("%", kEncodes);
  return roles;
}();

constexpr std::uint8_t role_of(char c) {
  return kCharRoles[static_cast<unsigned char>(c)];
}

/// The end of the value that begins at `at`. Nothing encoded ends it, and only what surely does:
/// rather too much is masked than too little.
constexpr std::size_t value_end(std::string_view text, std::size_t at, Place place) {
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (place == Place::kPath && (c == '/' || c == ';')) break;
    if (place == Place::kQuery && c == '&') break;
    if (place == Place::kMessage && (role_of(c) & kEndsText) != 0) break;
  }
  return at;
}

/// Whether a name may begin behind a byte of the text, or the byte encodes one.
constexpr auto kMayBeginName = [](auto c) {
  return (c == '?') | (c == '&') | (c == ';') | (c == '#') | (c == '/') | (c == '%');
};

/// A part of a text.
struct Range {
  std::size_t begin;
  std::size_t end;
};

/// Finds the next value of a parameter whose name is masked; it may be empty.
///
/// A name begins with the text, or behind one of `? & ; # /`, encoded or not, so that a URL in the
/// query of another one is seen too. It ends with `=`.
///
/// from        0, or the end of the range that was found before.
/// place       what all of `text` is.
/// is_masked   tells of a folded name, or of a part of one such as `user[password]`, whether its
///             value is masked: at most kMaskedNameMax bytes.
template <class IsMasked>
std::optional<Range> find_masked(std::string_view text, std::size_t from, Place place,
                                 const IsMasked& is_masked) {
  // Most texts have no parameter at all.
  const auto ends_name = [](auto c) { return (c == '=') | (c == '%'); };
  if (find_odd(suffix(text, from), ends_name) == text.size() - from) return std::nullopt;

  const std::uint8_t begins =
      place == Place::kMessage ? kBeginsName | kBeginsNameInText : kBeginsName;
  char name[kMaskedNameMax];
  std::size_t length = 0;
  const auto add = [&](char c) {
    if (length == 0 && (c == ' ' || c == '+')) return;
    if (length < kMaskedNameMax) name[length] = fold_name_char(c);
    ++length;
  };
  bool in_name = from == 0;
  bool masked = false;
  for (std::size_t at = from; at < text.size();) {
    const std::size_t begin = at;
    if (in_name) {
      while (at < text.size() && role_of(text[at]) == 0) ++at;
    } else if (place != Place::kMessage) {
      at += find_odd(suffix(text, at), kMayBeginName);
    }
    if (at == text.size()) break;
    const std::size_t end = at;
    const EncodedChar c = read_encoded(text, at);
    const std::uint8_t role = role_of(c.value);
    at += c.size;
    if ((role & begins) != 0) {
      in_name = true;
      masked = false;
      length = 0;
      continue;
    }
    if (!in_name) continue;
    for (char plain : slice(text, begin, end - begin)) add(plain);
    if ((role & (kSubscript | kEquals)) == 0) {
      add(c.value);
      continue;
    }
    masked = masked || (length != 0 && length <= kMaskedNameMax && is_masked({name, length}));
    length = 0;
    if (role == kEquals) {
      if (masked) return Range{at, value_end(text, at, place)};
      in_name = place == Place::kMessage;  // which may say `args=token=...`
    }
  }
  return std::nullopt;
}

/// The parts of `text` that are looked at by themselves: a path and a query, or all of it.
struct Places {
  std::string_view text;
  Place place;
  std::string_view query;
};

inline Places places_of(std::string_view text, Place place) {
  if (place != Place::kPath) return {text, place, {}};
  const std::size_t mark = find_odd(text, [](auto c) { return (c == '?') | (c == '#'); });
  return {prefix(text, mark), Place::kPath, suffix(text, mark)};
}

/// Calls `pass(unchanged, value)` for each masked value of `text` and what stands before it, and
/// `pass(unchanged, {})` with a null value for what is left.
template <class IsMasked, class Pass>
void for_each_masked(std::string_view text, Place place, const IsMasked& is_masked, Pass pass) {
  const Places parts = places_of(text, place);
  const auto walk = [&](std::string_view part, Place where) {
    std::size_t at = 0;
    while (const auto value = find_masked(part, at, where, is_masked)) {
      pass(slice(part, at, value->begin - at),
           slice(part, value->begin, value->end - value->begin));
      at = value->end;
    }
    pass(suffix(part, at), std::string_view());
  };
  walk(parts.text, parts.place);
  walk(parts.query, Place::kQuery);
}

/// Whether put_masked would change anything.
template <class IsMasked>
bool has_masked(std::string_view text, Place place, const IsMasked& is_masked) {
  bool changes = false;
  for_each_masked(text, place, is_masked, [&](std::string_view, std::string_view value) {
    changes = changes || (value.data() && value != kMask);
  });
  return changes;
}

/// Bytes that put_masked writes.
template <class IsMasked>
std::size_t masked_size(std::string_view text, Place place, const IsMasked& is_masked) {
  std::size_t size = 0;
  for_each_masked(text, place, is_masked, [&](std::string_view same, std::string_view value) {
    size += same.size() + (value.data() ? kMask.size() : 0);
  });
  return size;
}

/// Most bytes that `size` bytes have when they are masked: an empty value becomes three, and its
/// name, the `=` and what stands before them are three at least.
constexpr std::size_t masked_room(std::size_t size) {
  return 2 * size + kMask.size();
}

/// Writes `text` with kMask for each value that find_masked finds.
template <class IsMasked>
void put_masked(std::string_view text, Place place, const IsMasked& is_masked, Sink& out) {
  for_each_masked(text, place, is_masked, [&](std::string_view same, std::string_view value) {
    out.put(same);
    if (value.data()) out.put(kMask);
  });
}

/// What may be given as a name to mask: one that can be found.
constexpr bool is_maskable(std::string_view name) {
  if (name.empty() || name.size() > kMaskedNameMax) return false;
  for (char c : name) {
    const bool is_control = static_cast<unsigned char>(c) < ' ' || c == 0x7F;
    if (is_control || c == '+' || role_of(c) != 0) return false;
  }
  return true;
}

}  // namespace reqnotes
