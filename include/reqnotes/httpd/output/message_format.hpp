#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "reqnotes/httpd/facts/found.hpp"
#include "reqnotes/httpd/line/built_in.hpp"
#include "reqnotes/httpd/line/log_record.hpp"
#include "reqnotes/httpd/line/put_line.hpp"
#include "reqnotes/line/ecs.hpp"
#include "reqnotes/line/json.hpp"

namespace reqnotes {

/// Writes a line; see put_line.
using PutLine = std::size_t(const Subject&, std::span<const Fact>, std::uint64_t values,
                            std::span<char> buffer);

/// A format of ReqNotesErrorLog.
struct MessageFormat {
  const char* word;
  Naming naming;
  PutLine* put_message;
  PutLine* put_loss;
};

/// The first is the default.
constexpr MessageFormat kMessageFormats[] = {
    {"json", Naming::kOwn, put_line<kMessageLine, kJson>, put_line<kLossLine, kJson>},
    {"ecs", Naming::kEcs, put_line<kMessageLine, kEcs>, put_line<kLossLine, kEcs>},
    {"otlp", Naming::kOtlp, put_log_record<kMessageLine>, put_log_record<kLossLine>},
};

}  // namespace reqnotes
