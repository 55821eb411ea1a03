#pragma once

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../bounded.hpp"
#include "../json_reader.hpp"
#include "../unicode.hpp"
#include "fuzz.hpp"
#include "reqnotes/line/encode.hpp"

// Reading lines and values back. The readers throw, which ends a run as an abort does.

namespace reqnotes {

/// A value as a reader sees it; a list has one part for each element.
struct Value {
  enum Kind { kLiteral, kText, kList } kind;
  std::vector<std::string> parts;

  bool operator==(const Value&) const = default;
};
using Line = std::vector<std::pair<std::string, Value>>;

/// Whether `text` holds nothing that a terminal obeys or that ends a line.
inline bool is_harmless(std::string_view text) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (static_cast<unsigned char>(text[at]) < 0x20 || text[at] == 0x7F) return false;
    if (text[at] == '\xC2' && at + 1 < text.size() && text[at + 1] < '\xA0') return false;
  }
  return true;
}

/// A value as a reader of JSON has it.
inline Value value_of(const Json& json) {
  if (json.kind != Json::kArray) {
    return {json.kind == Json::kString ? Value::kText : Value::kLiteral, {json.text}};
  }
  Value value{Value::kList, {}};
  for (const Json& part : json.elements) value.parts.push_back(part.text);
  return value;
}

inline Line read_json(std::string_view text) {
  const Json json = JsonReader::read(text);
  promise(json.kind == Json::kObject, "a line is an object");
  Line line;
  for (std::size_t at = 0; at < json.names.size(); ++at) {
    line.emplace_back(json.names[at], value_of(json.elements[at]));
  }
  return line;
}

/// The attributes of a span or of a log record.
inline Line read_otlp(std::string_view text) {
  const Json json = JsonReader::read("[" + std::string(text) + "]");
  Line line;
  for (const Json& one : json.elements) {
    promise(one.kind == Json::kObject && one.names.at(0) == "key", "an attribute has a key");
    line.emplace_back(one.elements[0].text, value_of(attribute_value(one)));
  }
  return line;
}

/// Pairs with one blank between them. Types do not show, so that all is text.
inline Line read_logfmt(std::string_view text) {
  Line line;
  while (!text.empty()) {
    if (!line.empty()) {
      if (!text.starts_with(' ')) throw std::runtime_error("no blank between pairs");
      text.remove_prefix(1);
    }
    const std::string_view name = text.substr(0, text.find('='));
    if (name.empty() || name.size() == text.size() || name.find_first_of(" \"") != name.npos) {
      throw std::runtime_error("no name");
    }
    text.remove_prefix(name.size() + 1);

    std::size_t size = std::min(text.find(' '), text.size());
    std::string value(text.substr(0, size));
    if (text.starts_with('"')) {
      for (size = 1; size < text.size() && text[size] != '"'; ++size) size += text[size] == '\\';
      value = JsonReader::read(text.substr(0, ++size)).text;
    } else if (value.empty() || value == "null" || value.find_first_of("=\"") != value.npos ||
               !is_utf8(value)) {
      throw std::runtime_error("no value");
    }
    text.remove_prefix(std::min(size, text.size()));
    line.emplace_back(name, Value{Value::kText, {value}});
  }
  return line;
}

inline Line read_line(const Format& format, std::string_view text) {
  promise(is_harmless(text), "a line has no control characters");
  if (&format == &kOtlp) return read_otlp(text);
  return is_json(format) ? read_json(text) : read_logfmt(text);
}

/// What a reader finds where nothing was cut; nullopt where there is nothing.
inline std::optional<Value> full_value(const Format& format, const Item& given) {
  const Value::Kind literal = has_types(format) ? Value::kLiteral : Value::kText;
  if (given.form == Form::kNumber) return Value{literal, {std::to_string(given.number)}};
  if (given.text.empty()) return std::nullopt;
  if (!given.shortened && given.type == Type::kInteger) {
    if (const auto value = parse_integer(given.text)) {
      return Value{literal, {std::to_string(*value)}};
    }
  }
  if (!given.shortened && given.type == Type::kBoolean) {
    if (const auto value = parse_boolean(given.text)) {
      return Value{literal, {*value ? "true" : "false"}};
    }
  }
  if (!given.shortened && given.type == Type::kNumber && is_number(given.text)) {
    return Value{literal, {std::string(given.text)}};
  }
  if (is_json(format) && given.type == Type::kJson && !given.shortened &&
      is_embeddable(given.text)) {
    return value_of(JsonReader::read(given.text));
  }
  const Item item = bounded_slowly(format, given);
  const std::string_view mark = item.shortened ? kCutMark : std::string_view();
  if (item.type != Type::kList || !has_types(format)) {
    return Value{Value::kText, {repaired(item.text).append(mark)}};
  }

  Value list{Value::kList, {}};
  const std::vector<std::string_view> pieces = split(item.text, ',');
  for (std::string_view piece : pieces) {
    if (!trimmed(piece).empty()) list.parts.push_back(repaired(trimmed(piece)));
  }
  if (item.shortened && (list.parts.empty() || trimmed(item.text).ends_with(','))) {
    list.parts.emplace_back(mark);
  } else if (!list.parts.empty()) {
    list.parts.back().append(mark);
  }
  if (list.parts.empty()) return std::nullopt;
  return list;
}

/// Whether `part` is what is left of `full` when its end is cut off, and not nothing.
inline bool is_beginning(const Value& part, const Value& full) {
  if (part.kind != full.kind || part.kind == Value::kLiteral || part.parts.empty()) return false;
  const std::size_t last = part.parts.size() - 1;
  return last < full.parts.size() && !part.parts[last].empty() &&
         full.parts[last].starts_with(part.parts[last]) &&
         std::equal(part.parts.begin(), part.parts.end() - 1, full.parts.begin());
}

/// A maximum that the text itself keeps, as it was cut by it; escapes may not.
inline std::uint16_t max_of(const Item& item, unsigned more) {
  const std::size_t size = item.text.size() + (item.shortened ? kCutMark.size() : 0);
  return static_cast<std::uint16_t>(std::max(kFieldMaxLow, size + more % 40));
}

/// Writes one value of any type with any room, and checks all that is promised of it.
inline void check_value(const Format& format, Input input) {
  const unsigned flags = input.byte();
  const bool limited = (flags & 1) != 0;
  const std::size_t room = input.up_to(200);
  const Text text(input.rest());
  if (text.view().empty()) return;
  Item item{.name = "v",
            .text = text,
            .type = kTypes[(flags >> 3) % std::size(kTypes)].type,
            .shortened = (flags & 2) != 0};
  if ((flags & 64) != 0) item.max = max_of(item, flags);
  const auto full = full_value(format, item);

  std::vector<char> all(24 * text.view().size() + 64);
  Sink whole(all);
  const Put put_whole = put_value(format, item, kNoLimit, whole);
  promise(put_whole == (full ? Put::kWhole : Put::kNone), "without a limit a value is whole");
  const bool is_word = item.type == Type::kBoolean && !item.shortened && parse_boolean(item.text);
  promise(item.max == 0 || is_word || counted_size(format, item, whole.written()) <= item.max,
          "a value keeps its maximum");

  // With a limit there is room for that; without one a buffer may be too small.
  std::vector<char> buffer(limited || (flags & 4) != 0 ? room : all.size());
  Sink out(buffer);
  const Put put = put_value(format, item, limited ? room : kNoLimit, out);
  promise(whole.written().starts_with(out.written()) || limited, "a sink holds a true beginning");
  promise(!limited || !out.overflowed(), "a value stays within its room");
  if (out.overflowed()) return;
  if (put == Put::kNone) {
    promise(out.size() == 0, "nothing was written");
    promise(!full || room < kNumberMax + more_around(format),
            "a value has a beginning where there is room");
    return;
  }

  const Line got = read_line(format, line_with(format, out.written()));
  promise(got.size() == 1 && full, "a value is one value");
  if (put == Put::kWhole) {
    promise(got[0].second == *full, "a whole value reads back");
  } else {
    promise(got[0].second != *full && is_beginning(got[0].second, *full), "a part is a beginning");
    // No escape has more bytes than six; in a list, two quotes and a comma are around it.
    promise(room - out.size() < 10 + more_around(format), "a value is cut no more than it must be");
  }
}

}  // namespace reqnotes
