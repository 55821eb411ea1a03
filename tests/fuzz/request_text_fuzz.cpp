#include "reqnotes/facts/request_text.hpp"

#include <string>

#include "fuzz.hpp"

// -max_len=256

namespace reqnotes {
namespace {

constexpr std::string_view kToken =
    "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Ends a text where `mark` first stands.
std::string_view before(std::string_view text, char mark) {
  return text.substr(0, text.find(mark));
}

void check_request_line(std::string_view line) {
  const RequestLine got = parse_request_line(line);
  for (std::string_view part : {got.method, got.path, got.query}) {
    promise(is_within(part, line), "the parts are within the line");
    promise(part.find(' ') == part.npos, "no part has a blank");
  }
  const std::string_view method = before(line, ' ');
  const bool token = !method.empty() && has_only(method, kToken);
  promise(is_token(method) == token, "a method is a token");
  promise(got.method == (token ? method : ""), "a line begins with its method");

  const std::string_view rest = token ? line.substr(std::min(method.size() + 1, line.size())) : "";
  const std::string_view target = before(rest, ' ');
  std::string joined(got.path);
  if (target.find('?') != target.npos) joined.append("?").append(got.query);
  promise(got.path.find('?') == got.path.npos, "the query begins at the first mark");
  promise(target.ends_with(joined), "path and query end the target");
  if (joined == target) return;
  if (target == "(null)") return promise(joined.empty(), "what mod_http2 lacks is no path");

  // What is left out is a scheme and an authority.
  const std::string_view left_out = target.substr(0, target.size() - joined.size());
  const std::size_t slashes = left_out.find("://");
  promise(slashes != left_out.npos && !target.starts_with('/'), "a scheme is left out");
  promise(left_out.find_first_of("/?", slashes + 3) == left_out.npos &&
              left_out.find_first_of("/?") == slashes + 1,
          "and an authority, no more");
  promise(got.path.empty() || got.path[0] == '/', "what follows them is a path");
}

void check_cookie(std::string_view header, std::string_view name) {
  const std::string_view got = find_cookie(header, name);
  promise(is_within(got, header), "a cookie is within the header");
  const std::string wanted = std::string(name) + "=";
  for (std::string_view piece : split(header, ';')) {
    // Blanks go from the ends of a pair. Behind the equals sign they are the value's.
    piece = trimmed(piece);
    if (!piece.starts_with(wanted)) continue;
    promise(got.data() != nullptr, "a cookie is found");
    promise(got == piece.substr(wanted.size()), "the first one, as it was sent");
    return;
  }
  promise(got.data() == nullptr, "no cookie is made up");
}

}  // namespace

/// The first line of the input names a cookie; what follows is the text to take apart.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const Text name = input.line();
  const Text text = input.rest();
  check_request_line(text);
  check_cookie(text, name);
  return 0;
}

}  // namespace reqnotes
