#include "reqnotes/line/encode.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "bounded.hpp"
#include "json_reader.hpp"
#include "reqnotes/line/formats.hpp"
#include "unicode.hpp"

namespace reqnotes {
namespace {

/// A list of items that owns what they borrow.
class Record {
 public:
  Item& add(const std::string& name, std::string text, Type type = Type::kString,
            Cut cut = Cut::kNever) {
    return items_.emplace_back(Item{.name = texts_.emplace_back(name),
                                    .text = texts_.emplace_back(std::move(text)),
                                    .type = type,
                                    .cut = cut});
  }
  Item& add_number(const std::string& name, std::int64_t value) {
    return items_.emplace_back(number_item(texts_.emplace_back(name), value));
  }
  std::vector<Item>& items() { return items_; }
  [[nodiscard]] std::span<const Item> items() const { return items_; }

 private:
  std::deque<std::string> texts_;
  std::vector<Item> items_;
};

std::string whole(const Format& format, const Record& record, std::size_t size = 65536) {
  std::vector<char> buffer(size);
  return {buffer.data(), encode_whole(format, record.items(), buffer)};
}

std::string cut(const Format& format, const Record& record, std::size_t size) {
  std::vector<char> buffer(size);
  return {buffer.data(), encode_cut(format, record.items(), buffer)};
}

// Reading a line back.

/// A value as a reader sees it. A text is one part, a list has one part for each element.
struct Value {
  enum Kind { kLiteral, kText, kList } kind;
  std::vector<std::string> parts;

  bool operator==(const Value&) const = default;
};
using Line = std::vector<std::pair<std::string, Value>>;

Value value_of(const Json& json) {
  if (json.kind != Json::kArray) {
    return {json.kind == Json::kString ? Value::kText : Value::kLiteral, {json.text}};
  }
  Value value{Value::kList, {}};
  for (const Json& part : json.elements) value.parts.push_back(part.text);
  return value;
}

Line read_json(std::string_view line) {
  const Json json = JsonReader::read(line);
  if (json.kind != Json::kObject) throw std::runtime_error("no object");
  Line values;
  for (std::size_t at = 0; at < json.names.size(); ++at) {
    values.emplace_back(json.names[at], value_of(json.elements[at]));
  }
  return values;
}

/// The attributes of a span or of a log record.
Line read_otlp(std::string_view line) {
  const Json json = JsonReader::read("[" + std::string(line) + "]");
  Line values;
  for (const Json& one : json.elements) {
    if (one.names.at(0) != "key") throw std::runtime_error("no key");
    values.emplace_back(one.elements[0].text, value_of(attribute_value(one)));
  }
  return values;
}

/// Pairs with one blank between them. Types do not show in logfmt, so that all is text.
Line read_logfmt(std::string_view line) {
  Line values;
  const auto fail = [line](const char* what) {
    throw std::runtime_error(std::string(what) + " in: " + std::string(line));
  };
  while (!line.empty()) {
    if (!values.empty()) {
      if (line[0] != ' ') fail("no blank");
      line.remove_prefix(1);
    }
    const std::size_t equals = line.find('=');
    if (equals == line.npos || equals == 0) fail("no name");
    const std::string name(line.substr(0, equals));
    if (name.find_first_of(" \"") != name.npos) fail("a wrong name");
    line.remove_prefix(equals + 1);

    std::size_t size = std::min(line.find(' '), line.size());
    std::string text(line.substr(0, size));
    if (line.starts_with('"')) {
      for (size = 1; size < line.size() && line[size] != '"'; ++size) size += line[size] == '\\';
      if (size >= line.size()) fail("an open quote");
      text = JsonReader::read(line.substr(0, ++size)).text;
    } else if (text.empty() || text == "null" || text.find_first_of("=\"") != text.npos ||
               !is_utf8(text) ||
               std::ranges::any_of(text, [](char c) { return (c > 0 && c < 32) || c == 127; })) {
      fail("a wrong value");
    }
    line.remove_prefix(size);
    values.emplace_back(name, Value{Value::kText, {text}});
  }
  return values;
}

/// The formats that a server can write, with what reads them back: a format without a reader fails
/// the tests.
const std::vector<const Format*> kAll = [] {
  std::vector<const Format*> formats;
  for (const FormatTag& row : kFormats) formats.push_back(&row.format);
  return formats;
}();

Line read(const Format& format, std::string_view line) {
  if (is_json(format)) return read_json(line);
  if (&format == &kLogfmt) return read_logfmt(line);
  if (&format == &kOtlp) return read_otlp(line);
  throw std::runtime_error("no reader for " + std::string(format.word));
}

std::vector<std::string> names_of(const Line& line) {
  std::vector<std::string> names;
  for (const auto& [name, value] : line) names.push_back(name);
  return names;
}

TEST(LogfmtReader, RefusesEachCase) {
  for (std::string_view line :
       {"a", "a=", "=a", " a=b", "a=b ", "a=b  c=d", "a=b c", "a=\"b", "a=\"b\"c", "a=b\"",
        "a=null", "a=b=c", "a=\xFF", "a=\"\xFF\"", "a=\x01", "a=\"\x01\"", "a=\"b\\\""}) {
    EXPECT_ANY_THROW(read_logfmt(line)) << line;
  }
  EXPECT_EQ(read_logfmt(R"(a=b c="d e\"\\" f="")").size(), 3U);
}

// Whole lines.

TEST(EncodeWhole, KeepsTheOrderOfTheItems) {
  Record record;
  record.add("b", "1");
  record.add("a.c", "2");
  record.add("a", "3");
  EXPECT_EQ(whole(kJson, record), R"({"b":"1","a.c":"2","a":"3"})");
  EXPECT_EQ(whole(kLogfmt, record), "b=1 a.c=2 a=3");
}

TEST(EncodeWhole, LeavesOutWhatIsAbsent) {
  Record record;
  record.add("first", "");
  record.add("a", "1");
  record.add("middle", "", Type::kInteger, Cut::kLate);
  record.add("b", "2");
  record.add("last", "", Type::kList, Cut::kFirst);
  EXPECT_EQ(whole(kJson, record), R"({"a":"1","b":"2"})");
  EXPECT_EQ(whole(kLogfmt, record), "a=1 b=2");
}

TEST(EncodeWhole, WritesNothingOfAnEmptyRecord) {
  Record record;
  EXPECT_EQ(whole(kLogfmt, record), "");
  EXPECT_EQ(whole(kJson, record), "{}");
  record.add("absent", "");
  EXPECT_EQ(whole(kLogfmt, record), "");
  EXPECT_EQ(whole(kJson, record), "{}");
}

TEST(EncodeWhole, WritesEachTypeInBothFormats) {
  struct Case {
    const char* why;
    Type type;
    std::string_view text;
    std::string_view json;
    std::string_view logfmt;
  };
  constexpr Case kCases[] = {
      {"a string", Type::kString, "5555", R"("5555")", "5555"},
      {"a string with a blank", Type::kString, "a b", R"("a b")", R"("a b")"},
      {"a string with a quote", Type::kString, "a\"b", R"("a\"b")", R"("a\"b")"},
      {"a string with a backslash is bare", Type::kString, R"(a\b)", R"("a\\b")", R"(a\b)"},
      {"but not beside a blank", Type::kString, R"(a\b c)", R"("a\\b c")", R"("a\\b c")"},
      {"a string with an equals sign", Type::kString, "a=b", R"("a=b")", R"("a=b")"},
      {"a newline ends no line", Type::kString, "a\nb=c", R"("a\nb=c")", R"("a\nb=c")"},
      {"a C1 control is escaped", Type::kString, "\xC2\x9B", R"("\u009b")", R"("\u009b")"},
      {"UTF-8 stays", Type::kString, "caf\xC3\xA9", "\"caf\xC3\xA9\"", "caf\xC3\xA9"},
      {"invalid bytes are repaired", Type::kString, "a\xFF", "\"a\xEF\xBF\xBD\"",
       "\"a\xEF\xBF\xBD\""},
      {"null is a string", Type::kString, "null", R"("null")", R"("null")"},
      {"so is true", Type::kString, "true", R"("true")", "true"},

      {"an integer", Type::kInteger, "-42", "-42", "-42"},
      {"the smallest integer", Type::kInteger, "-9223372036854775808", "-9223372036854775808",
       "-9223372036854775808"},
      {"an integer loses what JSON forbids", Type::kInteger, "007", "7", "7"},
      {"minus zero is zero", Type::kInteger, "-0", "0", "0"},
      {"no integer: a sign", Type::kInteger, "+5", R"("+5")", "+5"},
      {"no integer: too large", Type::kInteger, "9223372036854775808", R"("9223372036854775808")",
       "9223372036854775808"},
      {"no integer: a fraction", Type::kInteger, "1.5", R"("1.5")", "1.5"},
      {"no integer: a sentence", Type::kInteger, "not \"one\"", R"("not \"one\"")",
       R"("not \"one\"")"},

      {"a number, as it came", Type::kNumber, "-1.50e+3", "-1.50e+3", "-1.50e+3"},
      {"a number is not rounded", Type::kNumber, "3.14159265358979323846", "3.14159265358979323846",
       "3.14159265358979323846"},
      {"no number: leading zeros", Type::kNumber, "01", R"("01")", "01"},
      {"no number: beyond a double", Type::kNumber, "1e309", R"("1e309")", "1e309"},
      {"no number: a comma", Type::kNumber, "1,5", R"("1,5")", "1,5"},
      {"no number: null", Type::kNumber, "null", R"("null")", R"("null")"},
      {"no number: a blank", Type::kNumber, "1 ", R"("1 ")", R"("1 ")"},

      {"a boolean", Type::kBoolean, "true", "true", "true"},
      {"in other words", Type::kBoolean, "ON", "true", "true"},
      {"a negative one", Type::kBoolean, "No", "false", "false"},
      {"in figures", Type::kBoolean, "0", "false", "false"},
      {"no boolean", Type::kBoolean, "maybe", R"("maybe")", "maybe"},
      {"no boolean: invalid bytes", Type::kBoolean, "\xFF", "\"\xEF\xBF\xBD\"", "\"\xEF\xBF\xBD\""},

      {"a list", Type::kList, "a,b", R"(["a","b"])", "a,b"},
      {"a list of one", Type::kList, "a", R"(["a"])", "a"},
      {"blanks around elements, which logfmt keeps", Type::kList, " a , b ", R"(["a","b"])",
       R"(" a , b ")"},
      {"empty elements", Type::kList, ",a,,b,", R"(["a","b"])", ",a,,b,"},
      {"elements are strings", Type::kList, "1,true,null", R"(["1","true","null"])", "1,true,null"},
      {"an object", Type::kJson, R"({"id":7,"roles":["a","b"]})", R"({"id":7,"roles":["a","b"]})",
       R"("{\"id\":7,\"roles\":[\"a\",\"b\"]}")"},
      {"an array", Type::kJson, "[1, true,null]", "[1, true,null]", R"("[1, true,null]")"},
      {"no object: it is cut", Type::kJson, R"({"id":7)", R"("{\"id\":7")", R"("{\"id\":7")"},
      {"no object: a line end", Type::kJson, "[1,\n2]", R"("[1,\n2]")", R"("[1,\n2]")"},
      {"no object: a word", Type::kJson, "true", R"("true")", "true"},
      {"no object: a string", Type::kJson, "\"a\"", R"("\"a\"")", R"("\"a\"")"},

      {"elements are escaped", Type::kList, "a\"b,\\,\xFF",
       "[\"a\\\"b\",\"\\\\\",\"\xEF\xBF\xBD\"]", "\"a\\\"b,\\\\,\xEF\xBF\xBD\""},
  };
  for (const Case& c : kCases) {
    Record record;
    record.add("v", std::string(c.text), c.type);
    EXPECT_EQ(whole(kJson, record), "{\"v\":" + std::string(c.json) + "}") << c.why;
    EXPECT_EQ(whole(kLogfmt, record), "v=" + std::string(c.logfmt)) << c.why;
  }
}

TEST(EncodeWhole, LeavesOutAListWithoutElements) {
  Record record;
  record.add("a", "1");
  record.add("list", " , ,", Type::kList);
  record.add("b", "2");
  EXPECT_EQ(whole(kJson, record), R"({"a":"1","b":"2"})");
}

TEST(EncodeWhole, MarksWhatWasShortened) {
  struct Case {
    const char* why;
    Type type;
    std::string_view text;
    std::string_view json;
    std::string_view logfmt;
  };
  constexpr Case kCases[] = {
      {"a string", Type::kString, "abc", "\"abc…\"", "abc…"},
      {"a string in quotes", Type::kString, "a b", "\"a b…\"", "\"a b…\""},
      {"null is no absent value", Type::kString, "null", "\"null…\"", "\"null…\""},
      {"half an integer is none", Type::kInteger, "123", "\"123…\"", "123…"},
      {"half a number is none", Type::kNumber, "1.5", "\"1.5…\"", "1.5…"},
      {"half a word is no boolean", Type::kBoolean, "no", "\"no…\"", "no…"},
      {"the last element of a list", Type::kList, "a,b", "[\"a\",\"b…\"]", "a,b…"},
      {"a list cut behind a comma", Type::kList, "a,b,", "[\"a\",\"b\",\"…\"]", "a,b,…"},
      {"a list cut behind a comma and a blank", Type::kList, "a, b, ", "[\"a\",\"b\",\"…\"]",
       "\"a, b, …\""},
  };
  for (const Case& c : kCases) {
    Record record;
    record.add("v", std::string(c.text), c.type).shortened = true;
    EXPECT_EQ(whole(kJson, record), "{\"v\":" + std::string(c.json) + "}") << c.why;
    EXPECT_EQ(whole(kLogfmt, record), "v=" + std::string(c.logfmt)) << c.why;
  }
}

TEST(EncodeWhole, LeavesOutANumberThatIsAbsent) {
  Record record;
  record.add_number("a", 1);
  record.add_number("b", kNoNumber);
  EXPECT_EQ(whole(kJson, record), R"({"a":1})");
  EXPECT_EQ(whole(kLogfmt, record), "a=1");
}

TEST(EncodeWhole, WritesNumbersOfItsOwn) {
  for (std::int64_t value : {std::int64_t{0}, std::int64_t{200}, INT64_MIN + 1, INT64_MAX}) {
    Record record;
    record.add_number("n", value);
    EXPECT_EQ(whole(kJson, record), "{\"n\":" + std::to_string(value) + "}");
    EXPECT_EQ(whole(kLogfmt, record), "n=" + std::to_string(value));
  }
}

// Whoever made a text, it is looked at byte by byte: there is no way to say that it is harmless.
TEST(EncodeWhole, EscapesWhateverAnItemIsCut) {
  for (Cut cut : {Cut::kNever, Cut::kLate, Cut::kFirst, Cut::kMessage}) {
    Record record;
    record.add("client", "a\",\"user_id\":\"5555\",\"z\":\"b\x7F", Type::kString, cut);
    const std::string text = R"("a\",\"user_id\":\"5555\",\"z\":\"b\u007f")";
    EXPECT_EQ(whole(kJson, record), "{\"client\":" + text + "}");
    EXPECT_EQ(whole(kLogfmt, record), "client=" + text);
  }
}

// A caller's own id may be a word or have a character that logfmt quotes.
TEST(EncodeWhole, QuotesIdsWhereLogfmtNeedsIt) {
  for (std::string_view id : {"null", "a=b"}) {
    Record record;
    record.add("id", std::string(id));
    const std::string want = "id=\"" + std::string(id) + "\"";
    EXPECT_EQ(whole(kLogfmt, record), want);
    for (std::size_t size = 0; size < want.size(); ++size) {
      EXPECT_EQ(whole(kLogfmt, record, size), "") << id << " in " << size;
    }
  }
}

/// A record with a value of each kind; logfmt writes `last` without quotes.
Record record_of_each_kind() {
  Record record;
  record.add("id", "0af7651916cd43dd");
  record.add_number("status", 200);
  record.add("text", "say \"\xC3\xA9\"\n\xFF");
  record.add("list", "a,b", Type::kList).shortened = true;
  record.add("number", "1.5", Type::kNumber);
  record.add("flag", "yes", Type::kBoolean);
  record.add("last", "word");
  return record;
}

TEST(EncodeWhole, NeedsTheExactSizeAndGivesNothingInLess) {
  const Record record = record_of_each_kind();
  for (const Format* format : kAll) {
    const std::string line = whole(*format, record);
    for (std::size_t size = 0; size < line.size(); ++size) {
      EXPECT_EQ(whole(*format, record, size), "") << size;
    }
    EXPECT_EQ(whole(*format, record, line.size()), line);
  }
}

// A value is not tried as one thing where the room is only for the other.
TEST(EncodeWhole, NeedsTheExactSizeWhenTheLastValueDoesNotFitItsType) {
  for (Type type : {Type::kInteger, Type::kNumber, Type::kBoolean}) {
    Record record;
    record.add("a", "1");
    record.add("v", R"(a\b)", type);
    const std::string line = whole(kLogfmt, record);
    ASSERT_EQ(line, R"(a=1 v=a\b)");
    EXPECT_EQ(whole(kLogfmt, record, line.size()), line);
  }
}

// Single values in little room.

struct Written {
  Put put;
  std::string text;
};

Written value_in(const Format& format, const Item& item, std::size_t room) {
  std::vector<char> buffer(1024);
  Sink out(buffer);
  const Put put = put_value(format, item, room, out);
  EXPECT_FALSE(out.overflowed());
  return {put, std::string(out.written())};
}

/// Whether `part` is a beginning of `full`, with something in it. The mark at the end of `full` may
/// also stand where it was cut once more.
bool is_beginning(Value part, const Value& full) {
  if (part == full) return true;
  if (part.kind != full.kind || part.kind == Value::kLiteral || part.parts.empty()) return false;
  std::string& end = part.parts.back();
  if (end.ends_with(kCutMark) && full.parts.back().ends_with(kCutMark)) {
    end.resize(end.size() - kCutMark.size());
  }
  const std::size_t last = part.parts.size() - 1;
  return last < full.parts.size() && !end.empty() && full.parts[last].starts_with(end) &&
         std::equal(part.parts.begin(), part.parts.end() - 1, full.parts.begin());
}

/// What a reader finds where nothing was cut.
Value full_value(const Format& format, const Item& given) {
  const Value::Kind literal = has_types(format) ? Value::kLiteral : Value::kText;
  if (given.form == Form::kNumber) return {literal, {std::to_string(given.number)}};
  if (!given.shortened && given.type == Type::kInteger) {
    if (const auto value = parse_integer(given.text)) return {literal, {std::to_string(*value)}};
  }
  if (!given.shortened && given.type == Type::kBoolean) {
    if (const auto value = parse_boolean(given.text)) return {literal, {*value ? "true" : "false"}};
  }
  if (!given.shortened && given.type == Type::kNumber && is_number(given.text)) {
    return {literal, {std::string(given.text)}};
  }
  const Item item = bounded_slowly(format, given);
  const std::string_view mark = item.shortened ? kCutMark : std::string_view();
  if (item.type != Type::kList || !has_types(format)) {
    return {Value::kText, {repaired(item.text).append(mark)}};
  }
  Value value{Value::kList, {}};
  std::string_view list = item.text;
  for (std::string_view element; !(element = next_element(list)).empty();) {
    value.parts.push_back(repaired(element));
  }
  if (item.shortened &&
      (value.parts.empty() || item.text[item.text.find_last_not_of(" \t")] == ',')) {
    value.parts.emplace_back(mark);
  } else {
    value.parts.back().append(mark);
  }
  return value;
}

std::size_t length_of(const Format& format, const Item& item) {
  std::vector<char> buffer(24 * item.text.size() + 64);
  Sink out(buffer);
  put_value(format, item, kNoLimit, out);
  return out.size();
}

TEST(PutValue, WritesABeginningInAnyRoom) {
  struct Case {
    const char* why;
    Type type;
    std::string_view text;
  };
  constexpr Case kCases[] = {
      {"a bare word", Type::kString, "0123456789"},
      {"a bare word of wide characters", Type::kString, "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"},
      {"escapes", Type::kString, "a\x01\"\\\n b\x02\xC2\x9B c"},
      {"invalid bytes", Type::kString, "\xFF\xE2\x82z\xC0\xAF"},
      {"an integer", Type::kInteger, "-123456"},
      {"no integer", Type::kInteger, "about 12"},
      {"a bare word that is no integer", Type::kInteger, "twelve"},
      {"a number", Type::kNumber, "1.25e10"},
      {"a boolean", Type::kBoolean, "false"},
      {"a list", Type::kList, "one,two,three"},
      {"a list of short elements", Type::kList, "a,b,c,d"},
      {"a list of escapes", Type::kList, "aaa\x01,b,\x02,c"},
      {"a list with a comma at its end", Type::kList, "one,\x01,"},
  };
  for (const Format* format : kAll) {
    for (const Case& c : kCases) {
      for (bool shortened : {false, true}) {
        Record record;
        Item& item = record.add("v", std::string(c.text), c.type);
        item.shortened = shortened;
        const std::string full = value_in(*format, item, kNoLimit).text;
        const auto read_value = [format](const std::string& text) {
          return read(*format, line_with(*format, text))[0].second;
        };
        for (std::size_t room = 0; room <= full.size() + 1; ++room) {
          const Written got = value_in(*format, item, room);
          EXPECT_TRUE(got.text == full || room < full.size()) << c.why;
          EXPECT_EQ(got.put == Put::kWhole, got.text == full) << c.why << ", " << room;
          EXPECT_EQ(got.put == Put::kNone, got.text.empty()) << c.why << ", " << room;
          if (got.put == Put::kNone) continue;
          EXPECT_LE(got.text.size(), room) << c.why;
          ASSERT_NO_THROW(read_value(got.text)) << c.why << ", " << room << ": " << got.text;
          EXPECT_TRUE(is_beginning(read_value(got.text), read_value(full)))
              << c.why << ", " << room << ": " << got.text;
        }
      }
    }
  }
}

TEST(PutValue, GivesUpOnlyWhereNothingFits) {
  struct Case {
    const char* why;
    const Format& format;
    Type type;
    std::string_view text;
    std::size_t least;
  };
  const Case cases[] = {
      {"quotes and a byte", kJson, Type::kString, "abc", 3},
      {"quotes and an escape", kJson, Type::kString, "\x01", 8},
      {"all of an integer", kJson, Type::kInteger, "12345", 5},
      {"all of a number", kJson, Type::kNumber, "1.5e3", 5},
      {"all of a boolean", kJson, Type::kBoolean, "off", 5},
      {"brackets, quotes and a byte", kJson, Type::kList, "abc,d", 5},
      {"a byte", kLogfmt, Type::kString, "abc", 1},
      {"a byte in its type", kOtlp, Type::kString, "abc", 20},
      {"all of an integer in its type", kOtlp, Type::kInteger, "12345", 21},
      {"a byte in both types", kOtlp, Type::kList, "abc,d", 48},
      {"a character", kLogfmt, Type::kString, "\xE2\x82\xAC", 3},
      {"quotes and a byte where it needs them", kLogfmt, Type::kString, "a b", 3},
      {"all of an integer", kLogfmt, Type::kInteger, "12345", 5},
  };
  for (const Case& c : cases) {
    Record record;
    const Item& item = record.add("v", std::string(c.text), c.type);
    EXPECT_EQ(value_in(c.format, item, 0).put, Put::kNone) << c.why;
    EXPECT_EQ(value_in(c.format, item, c.least - 1).put, Put::kNone) << c.why;
    EXPECT_NE(value_in(c.format, item, c.least).put, Put::kNone) << c.why;
  }
}

TEST(PutValue, DropsTheMarkWhereItDoesNotFit) {
  Record record;
  Item& item = record.add("v", "abc");
  item.shortened = true;
  EXPECT_EQ(value_in(kJson, item, 7).text, "\"abc\"");
  EXPECT_EQ(value_in(kJson, item, 8).text, "\"abc…\"");
  EXPECT_EQ(value_in(kLogfmt, item, 5).text, "abc");
  EXPECT_EQ(value_in(kLogfmt, item, 6).text, "abc…");
}

TEST(PutValue, WritesANumberOfItsOwnWholeOrNotAtAll) {
  Record record;
  const Item& item = record.add_number("v", 123);
  for (const Format* format : kAll) {
    const std::string text =
        std::string(format->before_number) + "123" + std::string(format->after_number);
    EXPECT_EQ(value_in(*format, item, text.size() - 1).put, Put::kNone);
    EXPECT_EQ(value_in(*format, item, text.size()).text, text);
  }
}

TEST(PutValue, WritesNoMoreThanTheMaximum) {
  struct Case {
    const char* why;
    Type type;
    std::size_t max;
    std::string_view text;
    std::string_view json;
    std::string_view logfmt;
  };
  constexpr Case kCases[] = {
      {"it fits as it is", Type::kString, 8, "01234567", R"("01234567")", "01234567"},
      {"it fits with its escapes", Type::kString, 8, "0\x01z", R"("0\u0001z")", R"("0\u0001z")"},
      {"one more does not", Type::kString, 8, "01\x01z", "\"01…\"", "\"01…\""},
      {"an escape stays whole", Type::kString, 8, "\x01\x01", "\"…\"", "\"…\""},
      {"so does a short one", Type::kString, 8, "0123\n567", "\"0123…\"", "\"0123…\""},
      {"only where it is written", Type::kString, 8, R"(012\4567)", "\"012\\\\…\"", R"(012\4567)"},
      {"a character stays whole", Type::kString, 8, "\xE2\x82\xAC\xE2\x82\xAC \"",
       "\"\xE2\x82\xAC…\"", "\"\xE2\x82\xAC…\""},
      {"what is repaired counts", Type::kString, 8, "\xFF\xFF\xFF", "\"\xEF\xBF\xBD…\"",
       "\"\xEF\xBF\xBD…\""},
      {"DEL and C1 count as others", Type::kString, 8, "\x7F\xC2\x9B", "\"…\"", "\"…\""},
      {"nothing fits beside the mark", Type::kString, 4, "\x01", "\"…\"", "\"…\""},
      {"no integer", Type::kInteger, 4, "a\x01", "\"a…\"", "\"a…\""},
      {"a list", Type::kList, 8, "a,\x01,b", "[\"a\",\"…\"]", "\"a,…\""},
      {"a list of which no element is left", Type::kList, 8, "\x01\x01,b", "[\"…\"]", "\"…\""},
      {"a list of which blanks are left", Type::kList, 8, "   \x01,b", "[\"…\"]", "\"   …\""},
      {"quotes of a list do not count", Type::kList, 8, "a,b,c,d", R"(["a","b","c","d"])",
       "a,b,c,d"},
  };
  for (const Case& c : kCases) {
    Record record;
    Item& item = record.add("v", std::string(c.text), c.type);
    item.max = static_cast<std::uint16_t>(c.max);
    EXPECT_EQ(value_in(kJson, item, kNoLimit).text, c.json) << c.why;
    EXPECT_EQ(value_in(kLogfmt, item, kNoLimit).text, c.logfmt) << c.why;
  }
}

// Every value, every maximum: not a byte more is written, and not many fewer.
TEST(PutValue, KeepsAnyMaximum) {
  const std::string nasty = "a\x01\"\\ \n,\x7F\xC2\x9B\xC3\xA9,\xFF\xE2\x82\xAC\xF0\x9F\x98\x80,z";
  for (const Format* format : kAll) {
    for (Type type : {Type::kString, Type::kList, Type::kInteger}) {
      for (std::size_t begin = 0; begin < nasty.size(); ++begin) {
        for (std::uint16_t max = kFieldMaxLow; max < 6 * nasty.size(); ++max) {
          for (bool shortened : {false, true}) {
            Record record;
            Item& item = record.add("v", nasty.substr(begin, max - (shortened ? 3 : 0)), type);
            item.max = max;
            item.shortened = shortened;
            const std::string written = value_in(*format, item, kNoLimit).text;
            EXPECT_LE(counted_size(*format, item, written), max) << written;
            const std::string line = line_with(*format, written);
            EXPECT_TRUE(read(*format, line)[0].second == full_value(*format, item)) << line;
          }
        }
      }
    }
  }
}

// An element that was cut is the last one, or the list would lie about what stood in it.
TEST(PutValue, WritesNoElementBehindOneThatWasCut) {
  Record record;
  const Item& item = record.add("v", "aaa\x01,b", Type::kList);
  for (std::size_t room : {10U, 11U, 12U}) {
    EXPECT_EQ(value_in(kJson, item, room).text, R"(["aaa"])") << room;
  }
}

// Readers take it for an absent value.
TEST(PutValue, CutsNoWordToNull) {
  Record record;
  const Item& item = record.add("v", "nullable");
  EXPECT_NE(value_in(kLogfmt, item, 4).text, "null");
  EXPECT_EQ(value_in(kLogfmt, item, 5).text, "nulla");
}

// Lines that must be cut.

TEST(CommonLimit, CutsTheLongestFirst) {
  struct Case {
    const char* why;
    std::vector<std::size_t> lengths;
    std::size_t budget;
    std::size_t want;
  };
  const Case cases[] = {
      {"nothing to cut", {}, 10, kNoLimit},
      {"all fits", {3, 4}, 7, kNoLimit},
      {"one value gets everything", {100}, 30, 30},
      {"equals share alike", {100, 100}, 31, 15},
      {"the short one stays whole", {10, 100}, 60, 50},
      {"in any order", {100, 10}, 60, 50},
      {"several short ones", {1, 100, 2, 100, 3}, 60, 27},
      {"no room at all", {5, 5}, 0, 0},
      {"less than a byte for each", {5, 5, 5}, 2, 0},
      {"a value that is just as long as its share", {5, 9}, 10, 5},
  };
  for (const Case& c : cases) {
    std::vector<std::size_t> lengths = c.lengths;
    EXPECT_EQ(common_limit(lengths, c.budget), c.want) << c.why;
  }
}

TEST(EncodeCut, CutsTheLongestValueOfTheClientAndSaysSo) {
  Record record;
  record.add("id", "0af7651916cd43dd");
  record.add("field", std::string(200, 'f'), Type::kString, Cut::kLate);
  record.add("path", std::string(50, 'p'), Type::kString, Cut::kFirst);
  record.add("query", std::string(500, 'q'), Type::kString, Cut::kFirst);
  record.add_number("status", 200);

  const std::string fields = std::string(200, 'f') + R"(","path":")" + std::string(50, 'p');
  const std::string begin = R"({"id":"0af7651916cd43dd","field":")" + fields + R"(","query":")";
  const std::string end = R"(","status":200,"truncated":true})";
  // One byte of the room is for a comma that the first item does not need.
  EXPECT_EQ(cut(kJson, record, 512),
            begin + std::string(511 - begin.size() - end.size(), 'q') + end);
}

// A hundred bytes of the path are far less than its quarter.
TEST(EncodeCut, CutsFieldsWhereTheClientsValuesHaveNoMoreThanTheirShare) {
  const std::string path(100, 'p');
  Record record;
  record.add("id", "0af7651916cd43dd");
  record.add("long", std::string(5000, 'l'), Type::kString, Cut::kLate);
  record.add("short", "s", Type::kString, Cut::kLate);
  record.add("path", path, Type::kString, Cut::kFirst);
  record.add_number("status", 200);

  const std::string begin = "id=0af7651916cd43dd long=";
  const std::string end = " short=s path=" + path + " status=200 truncated=true";
  // Here it is a blank.
  EXPECT_EQ(cut(kLogfmt, record, 512),
            begin + std::string(511 - begin.size() - end.size(), 'l') + end);
}

/// The bytes of the line that `name` has, with its key.
std::size_t share_of(const Format& format, const std::string& line, const std::string& name) {
  const std::string key = std::string(format.before_name) + name + std::string(format.after_name);
  const std::string next = std::string(format.separator) + std::string(format.before_name);
  const std::size_t begin = line.find(key);
  if (begin == line.npos) return 0;
  return std::min(line.find(next, begin), line.size()) - begin + 1;
}

bool is_near(std::size_t share, std::size_t want) {
  return share + 2 >= want && share <= want + 2;
}

// Each of the three would take the whole line.
TEST(EncodeCut, SharesTheRoomAmongFieldsClientAndMessage) {
  for (const Format* format : kAll) {
    Record record;
    record.add("field", std::string(5000, 'f'), Type::kString, Cut::kLate);
    record.add("path", std::string(5000, 'p'), Type::kString, Cut::kFirst);
    record.add("message", std::string(5000, 'm'), Type::kString, Cut::kMessage);
    const std::size_t frame = format->open.size() + truncated_size(*format) + format->close.size();
    const std::size_t room = 2000 - frame;
    const std::string line = cut(*format, record, 2000);
    EXPECT_TRUE(is_near(share_of(*format, line, "path"), room / 4)) << line;
    EXPECT_TRUE(is_near(share_of(*format, line, "message"), room / 4)) << line;
    EXPECT_TRUE(is_near(share_of(*format, line, "field"), room / 2)) << line;
  }
}

// What one does not need is for the fields first, then for the message.
TEST(EncodeCut, GivesTheMessageWhatFieldsLeave) {
  Record record;
  record.add("field", std::string(100, 'f'), Type::kString, Cut::kLate);
  record.add("path", std::string(5000, 'p'), Type::kString, Cut::kFirst);
  record.add("message", std::string(5000, 'm'), Type::kString, Cut::kMessage);
  const std::string line = cut(kLogfmt, record, 2015);
  EXPECT_EQ(share_of(kLogfmt, line, "field"), 107U);
  EXPECT_EQ(share_of(kLogfmt, line, "path"), 500U);
  EXPECT_TRUE(is_near(share_of(kLogfmt, line, "message"), 2000 - 107 - 500));
}

/// A record as a request has it: any declared fields, and any values of the client.
Record record_of_request(const std::vector<std::string>& fields, const std::string& method,
                         const std::string& path) {
  Record record;
  record.add("time", "2026-11-23T06:43:48.123456Z");
  record.add("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736");
  record.add("span_id", "00f067aa0ba902b7");
  record.add("request_id", std::string(128, 'r'));
  record.add("parent_span_id", "00f067aa0ba902b8");
  for (const std::string& value : fields) {
    record.add("f" + std::to_string(record.items().size()), value, Type::kString, Cut::kLate);
  }
  record.add("vhost", std::string(255, 'v'), Type::kString, Cut::kLate);
  record.add("client", "2001:db8:1111:2222:3333:4444:5555:6666");
  record.add("method", method, Type::kString, Cut::kFirst);
  record.add("path", path, Type::kString, Cut::kFirst);
  record.add("query", std::string(3000, '"'), Type::kString, Cut::kFirst);
  record.add("protocol", "HTTP/1.1", Type::kString, Cut::kFirst);
  record.add_number("status", 200);
  record.add_number("bytes", INT64_MAX);
  record.add_number("duration_us", INT64_MAX);
  record.add("user_agent", std::string(3000, '\x01'), Type::kString, Cut::kFirst);
  return record;
}

// A client chooses its cookies, and with them fields, so that it could hide what it has done.
TEST(EncodeCut, KeepsWhatWasAskedForWhateverTheFieldsHold) {
  const std::string controls(300, '\x01');
  const std::vector<std::vector<std::string>> all_fields = {
      {controls, controls, controls},
      std::vector<std::string>(6, std::string(4000, 'c')),
      std::vector<std::string>(64, "short"),
      std::vector<std::string>(64, std::string(4000, '\x7F')),
  };
  for (const Format* format : kAll) {
    for (const auto& fields : all_fields) {
      for (const auto& [method, path] :
           {std::pair("DELETE", "/a/path"), std::pair("DELETE", "/\x01\x02\x03\x04\x05")}) {
        for (std::size_t least : {511U, 700U, 1023U, 4095U}) {
          std::size_t size = least + more_of(*format);
          // The bounds are those of this module's own words.
          size +=
              truncated_size(*format) - std::min(truncated_size(*format), truncated_size(kJson));
          const Record record = record_of_request(fields, method, path);
          const std::string text = cut(*format, record, size);
          const Line line = read(*format, text);
          ASSERT_LE(text.size(), size);
          std::size_t found = 0;
          for (const auto& [name, value] : line) {
            const std::string& part = value.parts[0];
            found += name == "trace_id" || name == "client" || name == "status";
            if (name == "request_id") found += part.size() == 128;
            if (name == "method")
              found += part.size() >= 3 && std::string(method).starts_with(part);
            if (name == "path") found += part[0] == '/' && std::string(path).starts_with(part);
          }
          EXPECT_EQ(found, 6U) << size << ": " << text;
          // In the default limit what was asked for is whole, and the long values have their part.
          if (size < kLineLimit - 1) continue;
          for (const char* name : {"method", "path", "query", "user_agent", "protocol"}) {
            const auto at = std::ranges::find(line, name, &Line::value_type::first);
            ASSERT_NE(at, line.end()) << name << " in " << text;
            const std::string& part = at->second.parts[0];
            EXPECT_TRUE(name != std::string_view("method") || part == method) << text;
            EXPECT_TRUE(name != std::string_view("path") || part == path) << text;
          }
        }
      }
    }
  }
}

// A module may set the address of a client to what that has sent.
TEST(EncodeCut, CutsAnIdThatIsTooLong) {
  for (const Format* format : kAll) {
    for (std::size_t length : {std::size_t{200}, std::size_t{5000}}) {
      Record record = record_of_request({"fact"}, "GET", "/");
      record.add("client2", std::string(length, '"'));
      const std::string text = cut(*format, record, 1023 + more_of(*format));
      const Line line = read(*format, text);
      for (const char* name : {"request_id", "f5", "vhost", "client", "method", "path", "status",
                               "bytes", "user_agent", "client2"}) {
        EXPECT_NE(std::ranges::find(line, name, &Line::value_type::first), line.end())
            << name << " in " << text;
      }
    }
  }
}

// The least line, with every id at its longest, and one more that is as long as may be.
TEST(EncodeCut, CutsIdsBeforeALineBreaksOff) {
  for (const Format* format : kAll) {
    Record record;
    for (int at = 0; at < 12; ++at) record.add("id" + std::to_string(at), std::string(128, 'i'));
    record.add("path", "/", Type::kString, Cut::kFirst);
    record.add_number("status", 200);
    const Line line = read(*format, cut(*format, record, 511 + more_of(*format)));
    EXPECT_EQ(line[0].second.parts[0], std::string(128, 'i'));
    EXPECT_EQ(line[line.size() - 3].first, "path");
    EXPECT_EQ(line[line.size() - 2].first, "status");
  }
}

TEST(EncodeCut, KeepsANumberWholeOrNotAtAll) {
  Record record;
  record.add("id", "0af7651916cd43dd");
  for (int at = 0; at < 40; ++at) {
    record.add("n" + std::to_string(at), "1234567890", Type::kInteger, Cut::kLate);
  }
  for (const auto& [name, value] : read_json(cut(kJson, record, 512))) {
    EXPECT_TRUE(name[0] != 'n' || value.parts[0] == "1234567890") << name;
  }
}

// A name that is left out must not take the room of what follows it.
TEST(EncodeCut, KeepsAnIdBehindANameThatNoLongerFits) {
  for (const Format* format : kAll) {
    Record record;
    record.add("id", "0af7651916cd43dd");
    record.add("field", std::string(600, 'f'), Type::kString, Cut::kLate);
    record.add(std::string(200, 'c'), "client", Type::kString, Cut::kFirst);
    record.add("n", "7", Type::kInteger);
    EXPECT_EQ(names_of(read(*format, cut(*format, record, 512))),
              (std::vector<std::string>{"id", "field", "n", std::string(format->truncated.name)}));
  }
}

// Such a value was tried in quotes first, where there was room for it only without.
TEST(EncodeCut, KeepsTheFirstFieldsWhereNotAllNamesFit) {
  for (const Format* format : kAll) {
    Record record;
    record.add("id", "0af7651916cd43dd");
    for (int field = 0; field < 64; ++field) {
      record.add("f" + std::string(29, 'f') + std::to_string(10 + field), std::string(40, 'v'),
                 Type::kString, Cut::kLate);
    }
    const std::vector<std::string> names =
        names_of(read(*format, cut(*format, record, 2048 + 2 * more_of(*format))));
    ASSERT_GT(names.size(), 40U) << "as many as fit";
    EXPECT_EQ(names[1], "f" + std::string(29, 'f') + "10") << "from the first on";
  }
}

TEST(EncodeCut, KeepsTheLineReadableWhenTheLastValueDoesNotFitItsType) {
  Record record;
  record.add("id", "0af7651916cd43dd");
  record.add("client", std::string(600, 'c'), Type::kString, Cut::kFirst);
  record.add("n", "x\xC3\xA9", Type::kInteger, Cut::kLate);
  const Line line = read_logfmt(cut(kLogfmt, record, 512));
  ASSERT_EQ(names_of(line), (std::vector<std::string>{"id", "client", "n", "truncated"}));
  EXPECT_EQ(line[2].second.parts[0], "x\xC3\xA9");
}

TEST(EncodeCut, SaysThatALineOfEcsWasCutWithALabel) {
  Record record;
  record.add("url.path", std::string(600, 'p'), Type::kString, Cut::kFirst);
  record.add("http.response.status_code", "200", Type::kInteger);
  const std::string end = R"(","http.response.status_code":200,"labels.truncated":"true"})";
  EXPECT_EQ(cut(kEcs, record, 512),
            R"({"url.path":")" + std::string(511 - 13 - end.size(), 'p') + end);
}

TEST(EncodeCut, TakesAsManyItemsAsARecordCanHold) {
  for (const Format* format : kAll) {
    Record record;
    for (std::size_t at = 0; at < kMaxItems; ++at) {
      record.add(std::to_string(at), std::string(at, 'x'), Type::kString, Cut::kFirst);
    }
    EXPECT_EQ(read(*format, cut(*format, record, 2000 + 6 * more_of(*format))).size(),
              kMaxItems);  // the first is absent
  }
}

// Forty names are more than 512 bytes, so that no value is left.
TEST(EncodeCut, KeepsTheLineReadableWhenNothingIsLeft) {
  for (const Format* format : kAll) {
    Record record;
    for (int at = 0; at < 40; ++at) {
      record.add("a_rather_long_name_" + std::to_string(at), "1", Type::kString, Cut::kLate);
    }
    const std::string line = cut(*format, record, 512);
    ASSERT_NO_THROW(read(*format, line)) << line;
    EXPECT_EQ(names_of(read(*format, line)).back(), format->truncated.name);
  }
}

// Any record.

/// Draws records of any values, with ids and numbers of the sizes that they have in real lines.
class Draw {
 public:
  explicit Draw(unsigned seed) : random_(seed) {}

  std::size_t up_to(std::size_t most) { return random_() % (most + 1); }

  Record record() {
    Record record;
    record.add("time", "2026-11-23T06:43:48.123456Z");
    record.add("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736");
    record.add("span_id", "00f067aa0ba902b7");
    if (up_to(2) == 0) record.add("request_id", std::string(up_to(128), 'r'));
    record.add_number("status", 200);
    record.add_number("bytes", random_());
    record.add("truth", "on", Type::kBoolean);
    for (std::size_t left = up_to(60), most = up_to(3); left != 0; --left) {
      std::string name(1 + up_to(up_to(62)), 'n');
      name += std::to_string(left);
      const Type type = kTypes[up_to(4)].type;
      constexpr Cut kCut[] = {Cut::kLate, Cut::kLate, Cut::kFirst, Cut::kMessage};
      Item& item = record.add(name, value(type, most), type, kCut[up_to(3)]);
      item.shortened = up_to(9) == 0;
      if (up_to(2) == 0) limit(item);
    }
    std::ranges::shuffle(record.items(), random_);
    return record;
  }

 private:
  /// Gives a maximum, which the text itself keeps.
  void limit(Item& item) {
    item.max = static_cast<std::uint16_t>(kFieldMaxLow + up_to(up_to(300)));
    item.text = item.text.substr(0, item.max - (item.shortened ? kCutMark.size() : 0));
  }

  std::string value(Type type, std::size_t most) {
    constexpr std::string_view kFitting[] = {"-5555", "0042", "1.25e-7", "true", "OFF", "9"};
    if (type != Type::kString && type != Type::kList && up_to(1)) {
      return std::string(kFitting[up_to(std::size(kFitting) - 1)]);
    }
    constexpr std::size_t kMost[] = {8, 40, 300, 3000};
    std::string text;
    // Empty values are absent; lists have an element, as an empty one is not declared present.
    if (type == Type::kList) text = "x";
    const bool nasty = up_to(1) != 0;
    for (std::size_t left = up_to(up_to(kMost[most])); left != 0; --left) text += piece(nasty);
    return text;
  }

  std::string piece(bool nasty) {
    constexpr std::string_view kNasty[] = {
        "\"",
        "\\",
        " ",
        "=",
        "\n",
        "\x01",
        "\x7F",
        "\xC2\x9B",
        "\xFF",
        "\xC3\xA9",
        "\xE2\x82",
        "\xE2\x82\xAC",
        "\xF0\x9F\x98\x80",
        "\xED\xA0\x80",
    };
    if (nasty && up_to(1)) return std::string(kNasty[up_to(std::size(kNasty) - 1)]);
    if (nasty && up_to(7) == 0) return {static_cast<char>(random_())};
    return {"abcdefghijklmnop,"[up_to(16)]};
  }

  std::mt19937 random_;
};

/// Checks what encode_cut promises of one line.
void expect_good_cut(const Format& format, const Record& record, std::size_t size) {
  const std::string text = cut(format, record, size);
  ASSERT_LE(text.size(), size);
  Line line;
  ASSERT_NO_THROW(line = read(format, text)) << text;
  ASSERT_EQ(line.back().first, format.truncated.name) << text;
  EXPECT_EQ(line.back().second.parts[0], "true");
  const bool is_literal = has_types(format) && format.truncated.type == Type::kBoolean;
  EXPECT_EQ(line.back().second.kind, is_literal ? Value::kLiteral : Value::kText);
  line.pop_back();

  // What each class needs, and how many bytes may stay unused for it.
  std::size_t needs[kCuts] = {};
  std::size_t unused[kCuts] = {};
  auto at = line.begin();
  for (const Item& item : record.items()) {
    if (item.is_absent()) continue;
    const std::string name(item.name);
    const auto of = static_cast<std::size_t>(item.cut);
    const Value full = full_value(format, item);
    const std::size_t key = name_size(format, item.name);
    needs[of] += key + length_of(format, item);
    if (at == line.end() || at->first != name) {
      // What is dropped gives back its name, and its share of the room, in which nothing fits:
      // less than a number is long.
      unused[of] += key + kNumberMax + more_around(format);
      continue;
    }
    if (at->second != full) {
      EXPECT_TRUE(is_beginning(at->second, full)) << name << " in " << text;
      // A value is cut where an escape of six bytes no longer fits, a list where no element of
      // such an escape, two quotes and a comma does; and the share itself is rounded down.
      unused[of] += 10 + more_around(format);
    }
    ++at;
  }
  EXPECT_TRUE(at == line.end()) << at->first << " is out of its order in " << text;

  const auto [never, late, first, message] = unused;
  EXPECT_EQ(never, 0U) << "ids and numbers stay whole: " << text;
  // The comma of the first item is counted, but not written.
  EXPECT_LE(size - text.size(), late + first + message + 1) << text;

  const std::size_t room =
      size - format.open.size() - truncated_size(format) - format.close.size() - needs[0];
  const std::size_t least_first = std::min(needs[2], std::max(room / 4, std::min(room / 2, 64UL)));
  const std::size_t least_message = std::min(needs[3], room / 4);
  EXPECT_EQ(late != 0, needs[1] > room - least_first - least_message) << text;
  EXPECT_TRUE(first == 0 || needs[2] > room / 4) << "the client's values have a quarter: " << text;
  EXPECT_TRUE(message == 0 || needs[3] > room / 4) << "a message has a quarter: " << text;
}

TEST(EncodeCut, KeepsItsPromisesForAnyRecord) {
  int whole_lines = 0;
  int cut_lines = 0;
  for (unsigned seed = 0; seed < 800; ++seed) {
    Draw draw(seed);
    const Record record = draw.record();
    const std::size_t drawn = kLineLimitLow - 1 + draw.up_to(draw.up_to(draw.up_to(8000)));
    for (const Format* format : kAll) {
      const std::size_t size = drawn + more_of(*format);
      SCOPED_TRACE(testing::Message() << "seed " << seed << ", size " << size);
      const std::string line = whole(*format, record, size);
      if (line.empty()) {
        ++cut_lines;
        expect_good_cut(*format, record, size);
      } else {
        ++whole_lines;
        Line want;
        for (const Item& item : record.items()) {
          if (item.is_absent()) continue;
          want.emplace_back(std::string(item.name), full_value(*format, item));
        }
        EXPECT_TRUE(read(*format, line) == want) << line;
      }
      if (HasFailure()) return;
    }
  }
  EXPECT_GT(whole_lines, 150);
  EXPECT_GT(cut_lines, 500);
}

}  // namespace
}  // namespace reqnotes
