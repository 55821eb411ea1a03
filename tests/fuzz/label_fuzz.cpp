#include "reqnotes/metrics/label.hpp"

#include <string>

#include "../unicode.hpp"
#include "fuzz.hpp"

// -max_len=160

namespace reqnotes {

/// Any bytes become a beginning of what they are when repaired, whole characters that have room.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Text text = Input(data, size).rest();
  char out[kLabelMax];
  const std::string_view label = make_label(text, out);
  const std::string whole = repaired(text);
  promise(label.size() <= kLabelMax, "a label has room");
  promise(whole.starts_with(label), "a label is a beginning");
  promise(is_utf8(label), "a label has whole characters");
  std::size_t next = label.size();
  if (next < whole.size()) do
      ++next;
    while (next < whole.size() && (whole[next] & 0xC0) == 0x80);
  promise(label.size() == whole.size() || next > kLabelMax, "as many of them as have room");
  return 0;
}

}  // namespace reqnotes
