#include "line.hpp"

// -max_len=256

namespace reqnotes {

/// Any value of any type, in any room, is one attribute that reads back, or a beginning of it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check_value(kOtlp, Input(data, size));
  return 0;
}

}  // namespace reqnotes
