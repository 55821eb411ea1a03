#include "reqnotes/hop_by_hop.hpp"

#include "fuzz.hpp"

// -max_len=300

namespace reqnotes {
namespace {

std::vector<std::string_view> words_of(std::string_view list) {
  std::vector<std::string_view> words;
  for (std::string_view word = next_element(list); !word.empty(); word = next_element(list)) {
    words.push_back(word);
  }
  return words;
}

}  // namespace

/// Any Connection header keeps its words but those of a trace context, in their order and in no
/// more room.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Text whole(std::string_view(reinterpret_cast<const char*>(data), size));
  std::vector<std::string_view> want = words_of(whole);
  const std::size_t all = want.size();
  std::erase_if(want, is_trace_header);
  promise(names_trace_header(whole) == (want.size() != all), "it is told whether there are any");

  std::vector<char> bytes(data, data + size);
  const std::size_t left = drop_trace_headers(bytes);
  promise(left <= size, "no more room");
  promise(words_of({bytes.data(), left}) == want, "the other words stay");
  return 0;
}

}  // namespace reqnotes
