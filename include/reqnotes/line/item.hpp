#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

#include "reqnotes/facts/field.hpp"
#include "reqnotes/text/decimal.hpp"
#include "reqnotes/text/parse.hpp"

namespace reqnotes {

/// What may happen to a value when its line would become too long; see encode_cut.
enum class Cut : std::uint8_t {
  kNever,    ///< ids, numbers and words of this module
  kLate,     ///< declared fields, and what httpd or another module says
  kFirst,    ///< what the client sent
  kMessage,  ///< the message of an error line
};
constexpr std::size_t kCuts = 4;

/// What a value is, before any format.
enum class Form : std::uint8_t {
  kText,
  kHex,      ///< a text that nobody needs to look at
  kLiteral,  ///< a text that is JSON, and as short as JSON can be
  kNumber,
  kDigits,  ///< a number that is written as a text
  kTime
};

/// In place of a number that is absent.
constexpr std::int64_t kNoNumber = std::numeric_limits<std::int64_t>::min();

/// One name and value of a line. A record is a list of these, in the order of the line.
struct Item {
  std::string_view name;       ///< no format needs to escape anything of it
  std::string_view text = {};  ///< any bytes; empty is absent
  Form form = Form::kText;
  Type type = Type::kString;  ///< of a text
  Cut cut = Cut::kNever;
  bool shortened = false;  ///< `text` was cut to its maximum: the mark follows it
  /// Most bytes that are written of `text` and its mark, quotes and brackets not counted; `text`
  /// itself has no more. 0 is no maximum, and a word such as `false` has none.
  std::uint16_t max = 0;
  std::int64_t number = 0;  ///< in place of `text`: a number, or microseconds since 1970

  [[nodiscard]] bool is_absent() const {
    return form == Form::kText ? text.empty() : form != Form::kTime && number == kNoNumber;
  }
};

constexpr Item number_item(std::string_view name, std::int64_t value, Form form = Form::kNumber) {
  return {.name = name, .form = form, .number = value};
}

constexpr Item time_item(std::string_view name, std::int64_t time) {
  return {.name = name, .form = Form::kTime, .number = time};
}

constexpr Item text_item(std::string_view name, std::string_view text, Cut cut = Cut::kNever) {
  return {.name = name, .text = text, .cut = cut};
}

constexpr Item literal_item(std::string_view name, std::string_view text) {
  return {.name = name, .text = text, .type = Type::kJson};
}

/// What says that a line was cut, in this module's own words.
constexpr Called kTruncated = {.name = "truncated", .type = Type::kBoolean};

inline std::string_view digits_of(std::int64_t value, std::span<char, kDecimalMax> digits) {
  const char* end = put_decimal(value, digits.data());
  return {digits.data(), static_cast<std::size_t>(end - digits.data())};
}

/// What a request has of a declared field.
template <class Fact>
constexpr Item field_item(const Fact& fact, Naming naming) {
  const Called& called = fact.field->called[static_cast<std::size_t>(naming)];
  return {.name = called.name,
          .text = fact.text,
          .type = called.type,
          .cut = Cut::kLate,
          .shortened = fact.shortened,
          .max = fact.field->shown_max};
}

/// A number, or the text of a typed value that fits its type, as every format writes it; empty
/// when it does not fit, or is text anyway. `digits` may be used to hold it.
inline std::string_view literal_of(const Item& item, std::span<char, kDecimalMax> digits) {
  if (item.form == Form::kNumber) return digits_of(item.number, digits);
  if (item.shortened) return {};
  if (item.type == Type::kInteger) {
    const auto value = parse_integer(item.text);
    return value ? digits_of(*value, digits) : std::string_view();
  }
  if (item.type == Type::kNumber) return is_number(item.text) ? item.text : std::string_view();
  if (item.type == Type::kBoolean) {
    const auto value = parse_boolean(item.text);
    if (value) return *value ? "true" : "false";
  }
  return {};
}

}  // namespace reqnotes
