#include "reqnotes/text/utf8.hpp"

#include <string>

#include "../unicode.hpp"
#include "fuzz.hpp"

// -max_len=64

namespace reqnotes {

/// Steps are characters and maximal subparts as unicode.hpp knows them, and a cut splits none.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const std::size_t max = input.byte() % 68;
  const Text text = input.rest();

  std::size_t longest = 0;  // beginning of at most `max` bytes that splits nothing
  std::string mended;
  for (std::string_view rest = text; !rest.empty();) {
    const Utf8Step step = utf8_step(Text(rest));
    promise(step.length >= 1 && step.length <= rest.size(), "a step goes on, within the text");
    const std::string_view part = rest.substr(0, step.length);
    promise(step.valid == is_character(part), "a step is valid when it is a character");
    mended += step.valid ? part : "\xEF\xBF\xBD";

    const std::size_t begin = text.view().size() - rest.size();
    const std::size_t end = begin + step.length;
    if (end <= max) longest = end;
    if (!step.valid && begin <= max && end > max) longest = max;
    rest.remove_prefix(step.length);
  }
  promise(mended == repaired(text), "ill-formed sequences end where they should");

  const std::string_view cut = cut_utf8(text, max);
  promise(cut.size() == longest, "the longest beginning that splits no character");
  promise(cut.empty() || cut.data() == text.view().data(), "a beginning of the text");
  return 0;
}

}  // namespace reqnotes
