#include "reqnotes/line/json.hpp"

#include <string>

#include "line.hpp"

// -max_len=256

namespace reqnotes {
namespace {

/// The length of the character or escape that `text` begins with.
std::size_t piece_size(std::string_view text) {
  if (text[0] == '\\') return text[1] == 'u' ? 6 : 2;
  std::size_t size = 1;
  while (!is_character(text.substr(0, size))) ++size;
  return size;
}

}  // namespace

/// Any bytes, in any room, become the inside of a JSON string: as many whole characters of the
/// repaired text as have room.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const std::size_t limit = input.up_to(600);
  const std::size_t sink_size = input.up_to(600);
  const Text text = input.rest();

  std::vector<char> all(6 * text.view().size());
  Sink full(all);
  promise(put_json_text(text, kNoLimit, full) && !full.overflowed(), "six bytes for each will do");

  std::vector<char> buffer(sink_size);
  Sink out(buffer);
  const bool whole = put_json_text(text, limit, out);
  const std::string_view written = out.written();
  promise(written.size() <= limit, "the text stays within its room");
  promise(full.written().starts_with(written), "what is written is a beginning");
  promise(is_harmless(written), "no line end and no control character");
  const Json json = JsonReader::read('"' + std::string(written) + '"');
  promise(json.kind == Json::kString, "a string");
  if (out.overflowed()) {
    promise(full.size() > sink_size && limit > sink_size, "only a small sink overflows");
    promise(repaired(text).starts_with(json.text), "a beginning of the repaired text");
  } else if (whole) {
    promise(json.text == repaired(text), "the repaired text reads back");
  } else {
    promise(repaired(text).starts_with(json.text), "a beginning of the repaired text");
    const std::size_t next = piece_size(full.written().substr(written.size()));
    promise(written.size() + next > limit, "as much as has room");
  }
  return 0;
}

}  // namespace reqnotes
