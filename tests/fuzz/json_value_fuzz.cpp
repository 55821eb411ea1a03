#include "line.hpp"

// -max_len=256

namespace reqnotes {

/// Any value of any type, lists too, is one JSON value that reads back, or a beginning of it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check_value(kJson, Input(data, size));
  return 0;
}

}  // namespace reqnotes
