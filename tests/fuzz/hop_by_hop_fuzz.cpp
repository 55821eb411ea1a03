#include "reqnotes/trace/hop_by_hop.hpp"

#include <algorithm>

#include "fuzz.hpp"

// -max_len=300

namespace reqnotes {
namespace {

/// The words that mod_proxy takes for names of headers (find_conn_headers in proxy_util.c, and
/// ap_get_token in util.c).
std::vector<std::string_view> words_of(std::string_view rest) {
  constexpr std::string_view kBlank = " \t\n\v\f\r";
  std::vector<std::string_view> words;
  while (!rest.empty()) {
    rest = suffix(rest, rest.find_first_not_of(",;"));
    rest = suffix(rest, rest.find_first_not_of(kBlank));
    std::size_t size = 0;
    for (bool quoted = false; size < rest.size(); ++size) {
      const char c = rest[size];
      if (!quoted && (c == ',' || c == ';' || kBlank.find(c) != kNpos)) break;
      quoted = quoted != (c == '"');
    }
    if (size != 0) words.push_back(prefix(rest, size));
    rest.remove_prefix(size);
    rest = suffix(rest, rest.find_first_not_of(kBlank));
  }
  return words;
}

}  // namespace

/// Of any Connection header no word of a trace context is left, in no more room; where there are no
/// quotes, all other words are, in their order.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Text whole(std::string_view(reinterpret_cast<const char*>(data), size));
  std::vector<std::string_view> want = words_of(whole);
  const std::size_t all = want.size();
  std::erase_if(want, is_trace_header);
  const bool quotes = std::string_view(whole).find('"') != kNpos;
  promise(names_trace_header(whole) >= (want.size() != all), "it is told whether there are any");

  std::vector<char> bytes(data, data + size);
  const std::size_t left = drop_trace_headers(bytes);
  promise(left <= size, "no more room");
  const auto words = words_of({bytes.data(), left});
  promise(std::ranges::none_of(words, is_trace_header), "none of ours is left");
  promise(quotes || names_trace_header(whole) == (want.size() != all), "none is told of in vain");
  promise(quotes || words == want, "the other words stay");
  return 0;
}

}  // namespace reqnotes
