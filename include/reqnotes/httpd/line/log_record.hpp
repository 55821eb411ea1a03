#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "reqnotes/httpd/facts/found.hpp"
#include "reqnotes/httpd/line/built_in.hpp"
#include "reqnotes/httpd/line/put_line.hpp"
#include "reqnotes/line/encode.hpp"
#include "reqnotes/line/otlp.hpp"
#include "reqnotes/line/otlp_frame.hpp"
#include "reqnotes/text/sink.hpp"

namespace reqnotes {

/// Writes a message as a log record of OTLP. The message itself stands behind the attributes, with
/// at least half of the room if it needs that.
///
/// buffer   kOtlpLineLow - 1 bytes or more.
/// returns  its size.
template <LineKind kLine>
std::size_t put_log_record(const Subject& subject, std::span<const Fact> facts,
                           std::uint64_t values, std::span<char> buffer) {
  Sink out(buffer);
  put_log_head({.begin = subject.log_begin,
                .time = subject.time,
                .severity = otlp_severity(subject.level),
                .severity_text = level_word(subject.level),
                .trace_id = kBuiltIns[index_of("trace_id")].text(subject),
                .span_id = kBuiltIns[index_of("span_id")].text(subject),
                .flags = subject.state ? subject.state->trace_flags : 0U},
               out);
  const std::size_t left = out.room();
  const std::size_t body = body_size(subject.text);
  const bool may_cut = body > left / 2;
  const std::size_t most = left - std::min(body, left / 2) - (may_cut ? truncated_size(kOtlp) : 0);
  const std::span<char> room(out.next(), most);
  // It writes a separator behind the last one, and takes it back: what has no room for itself alone
  // must be cut, as only then it is said that something was.
  LineWriter<kOtlp> whole({room.data(), most + 1});
  put_values<kLine, Naming::kOtlp>(subject, facts, values, whole);
  std::size_t size = whole.end();
  if (size == 0) {
    size = put_long_line<kLine, kOtlp>(subject, facts, values, room);
    out.advance(size);
  } else {
    out.advance(size);
    if (size + body > left) put_item(kOtlp, truncated_item(kOtlp), kNoLimit, false, out);
  }
  put_log_end(subject.text, out);
  return out.size();
}

}  // namespace reqnotes
