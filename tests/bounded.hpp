#pragma once

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "json_reader.hpp"
#include "reqnotes/line/encode.hpp"
#include "reqnotes/line/formats.hpp"
#include "unicode.hpp"

// What a maximum lets be written, found byte by byte: slow, and by other means than the encoders.

namespace reqnotes {

/// Whether readers of JSON can read the format.
inline bool is_json(const Format& format) {
  return format.put_value == kJson.put_value;
}

/// Whether a value of the format shows its type.
inline bool has_types(const Format& format) {
  return is_json(format) || &format == &kOtlp;
}

/// Bytes by which values and their keys are longer than in other formats.
inline std::size_t more_of(const Format& format) {
  return &format == &kOtlp ? 1200 : 0;
}

/// Bytes that a list needs around its only element, and each element around itself, beyond JSON.
inline std::size_t more_around(const Format& format) {
  return &format == &kOtlp ? 48 : 0;
}

/// A line with one value, which is called v.
inline std::string line_with(const Format& format, std::string_view value) {
  std::string line(format.open);
  line.append(format.before_name).append("v").append(format.after_name);
  return line.append(value).append(format.close);
}

/// An attribute of OTLP as JSON has one: its value, which becomes a literal where it is no text.
inline Json attribute_value(const Json& attribute) {
  const auto fail = [](const char* what) { throw std::runtime_error(what); };
  const auto only = [&fail](const Json& json, std::size_t at, const char* name) -> const Json& {
    if (json.kind != Json::kObject || json.names.size() <= at || json.names[at] != name) fail(name);
    return json.elements[at];
  };
  const Json& value = only(attribute, 1, "value");
  if (attribute.names.size() != 2 || value.names.size() != 1) fail("one value");
  const std::string& type = value.names[0];
  Json json = value.elements[0];
  const bool is_text = json.kind == Json::kString;
  if (type == "intValue") {
    if (!is_text || json.text != std::to_string(std::stoll(json.text))) fail("an integer");
    json.kind = Json::kLiteral;
  } else if (type == "arrayValue") {
    json = only(json, 0, "values");
    for (Json& one : json.elements) one = Json(only(one, 0, "stringValue"));
  } else if (is_text != (type == "stringValue") ||
             (type != "stringValue" && type != "boolValue" && type != "doubleValue")) {
    fail("a type");
  }
  return json;
}

/// Whether a control character that is escaped stands at `at` of valid UTF-8.
inline bool is_control(std::string_view text, std::size_t at) {
  const unsigned char c = static_cast<unsigned char>(text[at]);
  if (c == 0xC2) return at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) < 0xA0;
  return c < 0x20 || c == 0x7F;
}

/// Bytes of `text` in a JSON string.
inline std::size_t escaped_size(std::string_view text) {
  const std::string fixed = repaired(text);
  std::size_t size = 0;
  for (std::size_t at = 0; at < fixed.size(); ++at) {
    if (std::string_view("\"\\\b\f\n\r\t").find(fixed[at]) != std::string_view::npos) {
      size += 2;
    } else if (is_control(fixed, at)) {
      size += 6;
      at += fixed[at] == '\xC2' ? 1 : 0;
    } else {
      size += 1;
    }
  }
  return size;
}

/// Whether logfmt writes `text` without quotes.
inline bool is_bare(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (is_control(text, at) || text[at] == ' ' || text[at] == '"' || text[at] == '=') return false;
  }
  return is_utf8(text) && text != "null";
}

/// What is written of `item` where it is no literal: as much of its text as its maximum allows.
inline Item bounded_slowly(const Format& format, Item item) {
  const std::size_t mark = item.shortened ? kCutMark.size() : 0;
  if (item.max == 0 || (&format == &kLogfmt && is_bare(item.text))) return item;
  if (escaped_size(item.text) + mark <= item.max) return item;
  const std::string full = repaired(item.text);
  for (std::size_t size = item.text.size(); size != 0; --size) {
    const std::string_view part = item.text.substr(0, size);
    const std::size_t needs = escaped_size(part) + kCutMark.size();
    if (needs > item.max) {
      size -= (needs - item.max - 1) / 6;  // no byte has more, and one by one takes seconds
      continue;
    }
    if (!full.starts_with(repaired(part))) continue;
    item.text = part;
    item.shortened = true;
    return item;
  }
  item.text = kCutMark;
  item.shortened = false;
  return item;
}

/// Bytes of a value as it was written, without what does not count for its maximum: quotes around
/// it, and around and between the elements of a list.
inline std::size_t counted_size(const Format& format, const Item& item, std::string_view written) {
  if (&format == &kOtlp && !written.empty()) {
    std::size_t texts = 0;
    const Json json = attribute_value(JsonReader::read(line_with(kOtlp, written)));
    if (json.kind == Json::kLiteral || json.kind == Json::kNumber) return json.text.size();
    if (json.kind == Json::kString) return written.size() - kOtlp.marks;
    for (const Json& one : json.elements) texts += escaped_size(one.text);
    return texts + json.elements.size() - 1;
  }
  const bool quoted = written.starts_with('"');
  if (item.type != Type::kList || !written.starts_with("[\"")) {
    return written.size() - (quoted ? 2 : 0);
  }
  std::size_t quotes = 0;
  for (std::size_t at = 0; at < written.size(); ++at) {
    if (written[at] == '\\') {
      ++at;
    } else if (written[at] == '"') {
      ++quotes;
    }
  }
  return written.size() - 2 - quotes;
}

}  // namespace reqnotes
