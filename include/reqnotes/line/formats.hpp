#pragma once

#include "reqnotes/line/ecs.hpp"
#include "reqnotes/line/format.hpp"
#include "reqnotes/line/json.hpp"
#include "reqnotes/line/logfmt.hpp"
#include "reqnotes/line/otlp.hpp"

namespace reqnotes {

/// A format of the access log, and the tag that LogFormat has for it: httpd refuses an unknown tag
/// at start, but checks no tag's argument.
struct FormatTag {
  const char* tag;
  const Format& format;
};

constexpr FormatTag kFormats[] = {
    {"^RJ", kJson},
    {"^RL", kLogfmt},
    {"^RE", kEcs},
    {"^RO", kOtlp},
};

}  // namespace reqnotes
