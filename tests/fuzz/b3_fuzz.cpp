#include "reqnotes/trace/b3.hpp"

#include "fuzz.hpp"

// -max_len=320

namespace reqnotes {
namespace {

bool is_hex_of(std::string_view text, std::size_t size) {
  return text.size() == size && has_only(text, "0123456789abcdef");
}
bool is_trace_id(std::string_view text) {
  return (is_hex_of(text, 16) || is_hex_of(text, 32)) && !has_only(text, "0");
}
bool is_span_id(std::string_view text) {
  return is_hex_of(text, 16) && !has_only(text, "0");
}
bool is_state(std::string_view text) {
  return text == "0" || text == "1" || text == "d" || text == "true" || text == "false";
}

bool is_single(std::string_view header) {
  if (header.size() == 1) return is_state(header);
  const auto parts = split(header, '-');
  return parts.size() >= 2 && parts.size() <= 4 && is_trace_id(parts[0]) && is_span_id(parts[1]) &&
         (parts.size() < 3 || is_state(parts[2])) && (parts.size() < 4 || is_hex_of(parts[3], 16));
}

/// Checks what one set of headers gave, which has `ids` or a state alone.
void check(const InboundTrace& trace, std::string_view trace_id, std::string_view span_id) {
  promise(trace.trace_id == trace_id && trace.parent_id == span_id, "the ids are the header's");
  promise(!trace_id.empty() || trace.sampled, "no ids: a state at least");
  promise(!trace.random, "B3 knows no such flag");
}

}  // namespace

/// Headers are taken exactly when a plain checker takes them. The input has one header a line:
/// b3, trace id, span id, sampled, flags; a line "!" is an absent one.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  std::vector<char> texts[5];
  const char* header[5] = {};
  std::string_view value[5];
  for (std::size_t at = 0; at < 5; ++at) {
    texts[at] = c_string(input.empty() ? Text("!") : input.line());
    if (texts[at] == std::vector{'!', '\0'}) continue;
    header[at] = texts[at].data();
    value[at] = trimmed(header[at]);
  }

  const bool single = header[0] && is_single(value[0]);
  if (header[0]) {
    promise(parse_b3_single(header[0]).has_value() == single, "a well-formed b3 header");
  }
  const auto trace = parse_b3({header[0], header[1], header[2], header[3], header[4]});
  if (single) {
    const auto parts = split(value[0], '-');
    const bool ids = parts.size() > 1;
    promise(trace.has_value(), "the single header goes first");
    check(*trace, ids ? parts[0] : "", ids ? parts[1] : "");
    const std::string_view state = !ids ? parts[0] : parts.size() > 2 ? parts[2] : "";
    promise(trace->sampled.has_value() == !state.empty(), "a state is kept");
    promise(!trace->sampled || *trace->sampled == (state != "0" && state != "false"), "as it was");
    return 0;
  }

  const bool debug = header[4] && value[4] == "1";
  const bool state = debug || (header[3] && is_state(value[3]));
  const bool ids = is_trace_id(value[1]) && is_span_id(value[2]);
  promise(trace.has_value() == (ids || (state && !header[1] && !header[2])), "well-formed headers");
  if (!trace) return 0;
  check(*trace, ids ? value[1] : "", ids ? value[2] : "");
  promise(trace->sampled.has_value() == state, "a state is kept");
  if (state)
    promise(*trace->sampled == (debug || value[3] == "1" || value[3] == "d" || value[3] == "true"),
            "as it was");
  return 0;
}

}  // namespace reqnotes
