#pragma once

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "unicode.hpp"

namespace reqnotes {

/// A JSON value.
struct Json {
  enum Kind { kLiteral, kNumber, kString, kArray, kObject } kind = kLiteral;
  std::string text;                ///< of a string, unescaped; of literals and numbers, as written
  std::vector<std::string> names;  ///< of an object's members, in their order
  std::vector<Json> elements;      ///< of an array, or the values of an object's members
};

/// The grammar of RFC 8259, section 6.
inline bool is_json_number(std::string_view text) {
  const auto accept = [&text](std::string_view signs) {
    if (text.empty() || signs.find(text[0]) == signs.npos) return false;
    text.remove_prefix(1);
    return true;
  };
  const auto accept_digits = [&accept] {
    bool any = false;
    while (accept("0123456789")) any = true;
    return any;
  };
  accept("-");
  if (!accept("0") && !accept_digits()) return false;
  if (accept(".") && !accept_digits()) return false;
  if (accept("eE")) {
    accept("+-");
    if (!accept_digits()) return false;
  }
  return text.empty();
}

/// Reads RFC 8259 and nothing beyond it. Stricter than that in three points, where our lines are:
/// no name twice in an object, only UTF-8, and no half of a pair of surrogates.
class JsonReader {
 public:
  /// The value that is all of `text`; throws where there is none.
  static Json read(std::string_view text) {
    if (!is_utf8(text)) throw std::runtime_error("not UTF-8");
    JsonReader reader(text);
    const Json json = reader.value();
    if (!reader.rest_.empty()) reader.fail("more after the value");
    return json;
  }

 private:
  explicit JsonReader(std::string_view text) : rest_(text) { skip_blanks(); }

  [[noreturn]] void fail(const char* what) const {
    throw std::runtime_error(std::string(what) + " before: " + std::string(rest_));
  }
  void skip_blanks() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size()));
  }
  bool accept(std::string_view token) {
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }
  bool accept_sign(std::string_view sign) {
    const bool accepted = accept(sign);
    if (accepted) skip_blanks();
    return accepted;
  }

  Json value() {
    Json json;
    if (accept_sign("{")) {
      json.kind = Json::kObject;
      list(json, "}");
    } else if (accept_sign("[")) {
      json.kind = Json::kArray;
      list(json, "]");
    } else if (rest_.starts_with('"')) {
      json.kind = Json::kString;
      json.text = string();
    } else {
      json.text = rest_.substr(0, rest_.find_first_of(" \t\r\n,]}"));
      if (json.text != "true" && json.text != "false" && json.text != "null") {
        if (!is_json_number(json.text)) fail("no value");
        json.kind = Json::kNumber;
      }
      rest_.remove_prefix(json.text.size());
    }
    skip_blanks();
    return json;
  }

  void list(Json& json, std::string_view end) {
    if (accept_sign(end)) return;
    do {
      if (json.kind == Json::kObject) {
        const std::string name = string();
        if (std::ranges::count(json.names, name) != 0) fail("the same name twice");
        json.names.push_back(name);
        skip_blanks();
        if (!accept_sign(":")) fail("no colon");
      }
      json.elements.push_back(value());
    } while (accept_sign(","));
    if (!accept_sign(end)) fail("no end");
  }

  std::string string() {
    if (!accept("\"")) fail("no string");
    std::string text;
    while (!accept("\"")) {
      if (rest_.empty() || static_cast<unsigned char>(rest_[0]) < 0x20) fail("no end of a string");
      if (accept("\\")) {
        text += escape();
      } else {
        text += rest_[0];
        rest_.remove_prefix(1);
      }
    }
    return text;
  }

  std::string escape() {
    constexpr std::string_view kLetters = "\"\\/bfnrt";
    if (rest_.empty()) fail("half an escape");
    if (const std::size_t at = kLetters.find(rest_[0]); at != kLetters.npos) {
      rest_.remove_prefix(1);
      return {"\"\\/\b\f\n\r\t"[at]};
    }
    unsigned code = unit();
    if (code >= 0xDC00 && code < 0xE000) fail("a surrogate");
    if (code >= 0xD800 && code < 0xE000) {
      if (!accept("\\")) fail("half a pair");
      const unsigned second = unit();
      if (second < 0xDC00 || second >= 0xE000) fail("half a pair");
      code = 0x10000 + ((code - 0xD800) << 10) + (second - 0xDC00);
    }
    const auto tail = [](unsigned bits) { return static_cast<char>(0x80 | (bits & 0x3F)); };
    if (code < 0x80) return {static_cast<char>(code)};
    if (code < 0x800) return {static_cast<char>(0xC0 | code >> 6), tail(code)};
    if (code < 0x10000) return {static_cast<char>(0xE0 | code >> 12), tail(code >> 6), tail(code)};
    return {static_cast<char>(0xF0 | code >> 18), tail(code >> 12), tail(code >> 6), tail(code)};
  }

  /// `uXXXX`, of which the backslash was taken.
  unsigned unit() {
    const std::string hex(rest_.substr(std::min<std::size_t>(1, rest_.size()), 4));
    if (!accept("u") || hex.size() != 4 ||
        hex.find_first_not_of("0123456789abcdefABCDEF") != hex.npos) {
      fail("no such escape");
    }
    rest_.remove_prefix(4);
    return static_cast<unsigned>(std::stoul(hex, nullptr, 16));
  }

  std::string_view rest_;
};

}  // namespace reqnotes
