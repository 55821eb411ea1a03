#pragma once

#include <cstddef>
#include <string_view>

#include "reqnotes/line/format.hpp"
#include "reqnotes/line/item.hpp"
#include "reqnotes/line/json.hpp"
#include "reqnotes/text/sink.hpp"

namespace reqnotes {

/// Attributes as OTLP/JSON has them: a list of key and value, where a value says its own type. The
/// end of a value also ends its attribute.
///
/// source  opentelemetry-proto, common.proto; protobuf's JSON, where an integer of 64 bits is a
///         string.

constexpr std::string_view kOtlpText = R"({"stringValue":)";
constexpr std::string_view kOtlpEnd = "}}";

/// See Format::put_short.
[[gnu::always_inline]] inline char* put_short_otlp(std::string_view text, char* out,
                                                   const char* end, std::size_t max) {
  char* const behind = put_short_json(text, copy(kOtlpText, out), end - kOtlpEnd.size(), max);
  return behind ? copy(kOtlpEnd, behind) : nullptr;
}

/// Where a value that fits its type stands between; empty for a text.
struct OtlpLiteral {
  std::string_view before;
  std::string_view after;
};
constexpr OtlpLiteral otlp_literal(const Item& item) {
  if (item.form == Form::kNumber || item.type == Type::kInteger)
    return {R"({"intValue":")", R"("}})"};
  return {item.type == Type::kNumber ? R"({"doubleValue":)" : R"({"boolValue":)", kOtlpEnd};
}

/// See Format::put_value. An array may only hold values that say their type, so JSON of others
/// stands in a text.
inline Put put_otlp_value(const Item& item, std::size_t room, Sink& out) {
  char digits[kDecimalMax];
  const std::string_view literal = literal_of(item, digits);
  if (!literal.empty()) {
    const auto [before, after] = otlp_literal(item);
    return put_between(before, after, room, out,
                       [&](std::size_t left) { return put_literal(literal, left, out); });
  }
  const Item fits = bounded(item);
  if (item.type == Type::kList) {
    return put_between(R"({"arrayValue":{"values":)", "}}}", room, out, [&](std::size_t left) {
      return put_json_list(fits, left, out, kOtlpText, "}");
    });
  }
  return put_between(kOtlpText, kOtlpEnd, room, out, [&](std::size_t left) {
    return put_json_string(fits.text, mark_of(fits), left, out);
  });
}

/// The attributes of a line, without their brackets: what stands around them is no list of values;
/// see otlp_frame.hpp.
constexpr Format kOtlp = {.word = "OTLP",
                          .naming = Naming::kOtlp,
                          .open = "",
                          .close = "",
                          .separator = ",",
                          .before_name = R"({"key":")",
                          .after_name = R"(","value":)",
                          .before_text = R"({"stringValue":")",
                          .after_text = R"("}})",
                          .before_number = R"({"intValue":")",
                          .after_number = R"("}})",
                          .marks = 19,
                          .truncated = {.name = "reqnotes.truncated", .type = Type::kBoolean},
                          .truncated_marks = 15,
                          .put_short = put_short_otlp,
                          .put_value = put_otlp_value};
static_assert(kOtlp.marks == kOtlp.before_text.size() + kOtlp.after_text.size() &&
              kOtlp.marks >= kOtlp.before_number.size() + kOtlp.after_number.size());

}  // namespace reqnotes
