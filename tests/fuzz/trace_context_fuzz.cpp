#include "reqnotes/trace/trace_context.hpp"

#include <cmath>
#include <string>

#include "fuzz.hpp"

// -max_len=1024

namespace reqnotes {
namespace {

constexpr std::string_view kLower = "abcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kDigits = "0123456789";

bool is_hex_of(std::string_view text, std::size_t size) {
  return text.size() == size && has_only(text, "0123456789abcdef");
}

void check_traceparent(std::string_view header) {
  const auto parts = split(trimmed(header), '-');
  const bool good = parts.size() >= 4 && is_hex_of(parts[0], 2) && parts[0] != "ff" &&
                    (parts.size() == 4 || parts[0] != "00") && is_hex_of(parts[1], 32) &&
                    !has_only(parts[1], "0") && is_hex_of(parts[2], 16) &&
                    !has_only(parts[2], "0") && is_hex_of(parts[3], 2);
  const auto trace = parse_traceparent(header);
  promise(trace.has_value() == good, "a traceparent is taken exactly when it is well formed");
  if (!good) return;
  promise(trace->trace_id == parts[1] && is_within(trace->trace_id, header), "the trace-id");
  promise(trace->parent_id == parts[2] && is_within(trace->parent_id, header), "the parent-id");
  const unsigned long flags = std::stoul(std::string(parts[3]), nullptr, 16);
  promise(trace->sampled == ((flags & 1) != 0) && trace->random == ((flags & 2) != 0), "the flags");
}

void check_tracestate(std::string_view header) {
  std::size_t members = 0;
  bool good = true;
  for (std::string_view piece : split(header, ',')) {
    const std::string_view member = trimmed(piece);
    if (member.empty()) continue;
    ++members;
    const std::size_t equals = std::min(member.find('='), member.size());
    const std::string_view key = member.substr(0, equals);
    const std::string_view value = member.substr(std::min(equals + 1, member.size()));
    const auto in_key = [](char c) {
      return (kLower.find(c) & kDigits.find(c) & std::string_view("_-*/@").find(c)) != kNpos;
    };
    const auto in_value = [](char c) { return c >= ' ' && c <= '~' && c != '='; };
    good = good && !key.empty() && key.size() <= 256 && std::all_of(key.begin(), key.end(), in_key);
    good = good && (kLower.find(key[0]) & kDigits.find(key[0])) != kNpos;
    good = good && !value.empty() && value.size() <= 256 &&
           std::all_of(value.begin(), value.end(), in_value);
  }
  const auto count = count_tracestate(header);
  promise(count.has_value() == (good && members <= kTracestateMembers), "a well-formed tracestate");
  promise(!count || *count == members, "its members are counted");
}

/// Ids of any bytes are written as a traceparent that reads back.
void check_written(std::string_view random) {
  std::vector<unsigned char> bytes(random.begin(), random.end());
  bytes.resize(kIdBytes);
  const std::span<const unsigned char> trace_id = std::span(bytes).first(kTraceIdBytes);
  std::string header =
      "00-" + std::string(kTraceIdSize, '?') + "-" + std::string(kParentIdSize, '?') + "-01";
  put_hex(trace_id, header.data() + 3);
  put_hex(std::span(bytes).last(kParentIdBytes), header.data() + 36);
  check_traceparent(header);
}

/// Bytes of any number are written two digits each, and what is hex is told as a plain checker
/// does.
void check_hex(std::string_view text) {
  const std::vector<unsigned char> bytes(text.begin(), text.end());
  std::vector<char> hex(2 * bytes.size());
  put_hex(bytes, hex.data());
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    const auto value = std::stoul(std::string(hex.data() + 2 * at, 2), nullptr, 16);
    promise(value == bytes[at], "what was written reads back");
  }
  const Text written({hex.data(), hex.size()});
  promise(is_hex(written), "what was written is hex");
  promise(is_hex(text) == is_hex_of(text, text.size()), "what is hex");
}

void check_ratio(std::string_view text) {
  const bool one_digit = text == "0" || text == "1";
  const bool decimals = text.size() >= 3 && text.size() <= 11 && text[1] == '.' &&
                        has_only(text.substr(0, 1), "01") && has_only(text.substr(2), kDigits);
  const double ratio = one_digit || decimals ? std::strtod(std::string(text).c_str(), nullptr) : 2;
  const auto parsed = parse_sample_ratio(text);
  promise(parsed.has_value() == (ratio <= 1), "a ratio from 0 to 1");
  if (!parsed) return;
  const double none = std::ldexp(1.0, 56);
  const double off = std::fabs(static_cast<double>(parsed->threshold) - (1 - ratio) * none);
  promise(parsed->threshold <= SampleRatio::kNone && off <= none * 1e-15, "the ratio is kept");
}

}  // namespace

/// Headers are taken exactly when a plain checker takes them.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Text text = Input(data, size).rest();
  check_traceparent(text);
  check_tracestate(text);
  check_written(text.view().substr(0, kIdBytes));
  check_hex(text);
  check_ratio(text);

  const bool id = size >= 1 && size <= 256 &&
                  std::all_of(data, data + size, [](auto c) { return c > ' ' && c < 0x7F; });
  promise(is_request_id(text) == id, "a request id is printable");
  return 0;
}

}  // namespace reqnotes
