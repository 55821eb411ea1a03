#include "reqnotes/line/encode.hpp"

#include <deque>
#include <string>

#include "line.hpp"
#include "reqnotes/line/formats.hpp"

// -max_len=1024

namespace reqnotes {
namespace {

/// A record made of an input, with everything that its items borrow.
struct Record {
  explicit Record(Input& input) {
    add("time", "2026-11-23T06:43:48.123456Z");
    add("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736");
    add("request_id", std::string(input.up_to(128), 'r'));
    add("method", input.text(input.byte()), Type::kString).cut = Cut::kFirst;
    add("path", input.text(input.byte()), Type::kString).cut = Cut::kFirst;
    while (!input.empty() && items.size() < 60 && bytes < 8000) add_any(input);
    items.push_back(number_item("status", 200));
    add("done", "on", Type::kBoolean);
  }

  Item& add(const std::string& name, std::string_view text, Type type = Type::kString) {
    return items.emplace_back(
        Item{.name = names.emplace_back(name), .text = texts.emplace_back(text), .type = type});
  }

  /// Two bytes of choices, two lengths, and a text that may be repeated.
  void add_any(Input& input) {
    const unsigned choices = input.byte();
    const std::string name = std::string(1 + input.byte() % 61, 'n') + std::to_string(items.size());
    const unsigned times = 1 + input.byte() % 64;
    const Text piece = input.text(input.byte());
    std::string text;
    for (unsigned left = times; left != 0 && text.size() < 4000; --left) text += piece.view();
    bytes += text.size();
    Item& item = add(name, text, kTypes[(choices >> 2) % std::size(kTypes)].type);
    constexpr Cut kCut[] = {Cut::kFirst, Cut::kLate, Cut::kMessage, Cut::kLate};
    item.cut = kCut[(choices & 1) | (choices >> 6 & 2)];
    item.shortened = (choices & 2) != 0;
    if ((choices & 32) != 0) item.max = max_of(item, choices);
  }

  std::vector<Item> items;
  std::size_t bytes = 0;
  std::deque<std::string> names;
  std::deque<Text> texts;
};

/// The bytes of a whole value.
std::size_t length_of(const Format& format, const Item& item) {
  std::vector<char> buffer(24 * item.text.size() + 64);
  Sink out(buffer);
  put_value(format, item, kNoLimit, out);
  return out.size();
}

void check_whole(const Format& format, const Record& record, std::string_view text) {
  Line want;
  for (const Item& item : record.items) {
    if (const auto full = full_value(format, item))
      want.emplace_back(std::string(item.name), *full);
  }
  promise(read_line(format, text) == want, "a whole line reads back");
}

void check_cut(const Format& format, const Record& record, std::string_view text,
               std::size_t size) {
  Line line = read_line(format, text);
  const bool is_literal = has_types(format) && format.truncated.type == Type::kBoolean;
  const Value::Kind literal = is_literal ? Value::kLiteral : Value::kText;
  promise(!line.empty() && line.back().first == format.truncated.name &&
              line.back().second == Value{literal, {"true"}},
          "a line says that it was cut");
  line.pop_back();

  struct Class {
    bool incomplete = false;
    std::size_t longest_whole = 0;
    std::size_t shortest_cut = kNoLimit;
    std::size_t needs = 0;
  } classes[kCuts];
  auto at = line.begin();
  for (const Item& item : record.items) {
    const auto full = full_value(format, item);
    if (!full) continue;
    Class& of = classes[static_cast<std::size_t>(item.cut)];
    const std::size_t length = length_of(format, item);
    of.needs += name_size(format, item.name) + length;
    const std::string name(item.name);
    const bool must = name == "method" || name == "path" || name == "status";
    promise(!must || (at != line.end() && at->first == name), "what was asked for is there");
    if (at == line.end() || at->first != item.name) {
      of.incomplete = true;
      continue;
    }
    if (at->second == *full) {
      of.longest_whole = std::max(of.longest_whole, length);
    } else {
      promise(is_beginning(at->second, *full), "a cut value is a beginning of itself");
      of.shortest_cut = std::min(of.shortest_cut, length);
      of.incomplete = true;
    }
    ++at;
  }
  promise(at == line.end(), "items keep their order, and nothing is made up");
  const auto& [never, late, first, message] = classes;
  const std::size_t frame = format.open.size() + truncated_size(format) + format.close.size();
  const std::size_t room = size - frame - never.needs;
  const std::size_t least = std::max(room / 4, std::min(room / 2, std::size_t{64}));
  promise(!never.incomplete, "ids and numbers stay whole");
  promise(!first.incomplete || first.needs > least, "the client's values have their share");
  promise(!message.incomplete || message.needs > room / 4, "a message has its share");
  promise(late.incomplete == (late.needs > room - std::min(first.needs, least) -
                                               std::min(message.needs, room / 4)),
          "fields have the rest");
  promise(late.incomplete || first.incomplete || message.incomplete, "something had to be cut");
  for (const Class& of : classes) {
    promise(of.longest_whole < of.shortest_cut, "the longest values are cut first");
  }
}

}  // namespace

/// Any record, in any room, becomes a line that reads back, and keeps to the room.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const Format& format = kFormats[input.byte() % std::size(kFormats)].format;
  std::vector<char> buffer(kLineLimitLow - 1 + more_of(format) + input.up_to(3000));
  const Record record(input);

  const std::size_t whole = encode_whole(format, record.items, buffer);
  promise(whole <= buffer.size(), "a line keeps its limit");
  if (whole != 0) {
    check_whole(format, record, {buffer.data(), whole});
    return 0;
  }
  const std::size_t cut = encode_cut(format, record.items, buffer);
  promise(cut <= buffer.size(), "a cut line keeps its limit");
  check_cut(format, record, {buffer.data(), cut}, buffer.size());
  return 0;
}

}  // namespace reqnotes
