#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace reqnotes {

/// Reads HTML of the kind that we write, strictly: tags are closed in their order, a `<` begins a
/// tag, and an `&` one of the escapes.
class HtmlReader {
 public:
  explicit HtmlReader(std::string html) : all_(std::move(html)) {}
  HtmlReader(const HtmlReader&) = delete;
  HtmlReader& operator=(const HtmlReader&) = delete;

  std::vector<std::string> tags;   ///< all that were opened, with their attributes
  std::vector<std::string> cells;  ///< texts of <td> and <th>, unescaped, inner tags left out
  std::string text;                ///< all of it, without that of <style>

  bool read() {
    if (!take("<!DOCTYPE html>")) return false;
    while (!rest_.empty()) {
      if (!(rest_[0] == '<' ? tag() : character())) return false;
    }
    return open_.empty();
  }

  [[nodiscard]] bool has_tag(std::string_view beginning) const {
    return std::ranges::any_of(tags,
                               [&](const std::string& tag) { return tag.starts_with(beginning); });
  }

 private:
  bool take(std::string_view what) {
    if (!rest_.starts_with(what)) return false;
    rest_.remove_prefix(what.size());
    return true;
  }

  bool tag() {
    const std::size_t end = rest_.find('>');
    if (end == std::string_view::npos) return false;
    std::string inside(rest_.substr(1, end - 1));
    rest_.remove_prefix(end + 1);
    const bool is_end = inside.starts_with('/');
    if (is_end) inside.erase(0, 1);
    const bool is_closed = inside.ends_with('/');
    const std::string name = inside.substr(0, inside.find_first_of(" /"));
    if (name.empty() || name.find_first_not_of("abcdefghijklmnopqrstuvwxyz123456") != name.npos) {
      return false;
    }
    if (is_end) {
      if (open_.empty() || open_.back() != inside) return false;
      open_.pop_back();
      return true;
    }
    tags.push_back(inside);
    if (name == "td" || name == "th") cells.emplace_back();
    if (is_closed || name == "meta" || name == "link" || name == "br") return true;
    open_.push_back(name);
    if (name != "style") return true;
    const std::size_t size = rest_.find("</style>");
    if (size == std::string_view::npos) return false;
    rest_.remove_prefix(size);
    return true;
  }

  bool character() {
    std::string found(1, rest_[0]);
    if (rest_[0] == '&') {
      found.clear();
      for (auto [escape, meant] :
           {std::pair{"&amp;", "&"}, std::pair{"&lt;", "<"}, std::pair{"&gt;", ">"},
            std::pair{"&quot;", "\""}, std::pair{"&#39;", "'"}, std::pair{"&nbsp;", " "}}) {
        if (!take(escape)) continue;
        found = meant;
        break;
      }
      if (found.empty()) return false;
    } else {
      const auto byte = static_cast<unsigned char>(rest_[0]);
      if ((byte < 0x20 && byte != '\n') || byte == 0x7F) return false;
      rest_.remove_prefix(1);
    }
    text += found;
    if (std::ranges::any_of(open_, [](const auto& name) { return name == "td" || name == "th"; })) {
      cells.back() += found;
    }
    return true;
  }

  const std::string all_;
  std::string_view rest_{all_};
  std::vector<std::string> open_;
};

}  // namespace reqnotes
