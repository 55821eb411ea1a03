#pragma once

#include "reqnotes/facts/field.hpp"
#include "reqnotes/line/format.hpp"
#include "reqnotes/line/json.hpp"

namespace reqnotes {

/// JSON by the names of the Elastic Common Schema.
constexpr Format kEcs = [] {
  Format format = kJson;
  format.word = "ECS";
  format.naming = Naming::kEcs;
  format.truncated = {.name = "labels.truncated", .type = Type::kString};
  format.truncated_marks = format.marks;
  return format;
}();

}  // namespace reqnotes
