#include "reqnotes/line/logfmt.hpp"

#include "line.hpp"

// -max_len=256

namespace reqnotes {

/// Any value, in any room, is one logfmt value that reads back, quoted only where it must be.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check_value(kLogfmt, Input(data, size));

  const Text text = Input(data, size).rest();
  const bool must_quote = !is_harmless(text) || !is_utf8(text) || text.view() == "null" ||
                          text.view().find_first_of(" =\"") != std::string_view::npos;
  promise(is_logfmt_bare(text) != must_quote, "quotes only where they are needed");
  return 0;
}

}  // namespace reqnotes
