#pragma once

#include <deque>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "reqnotes/masks/mask.hpp"

namespace reqnotes {

/// Rules as a configuration would have them, for tests.
class TestRules {
 public:
  explicit TestRules(std::initializer_list<std::string_view> names,
                     std::initializer_list<std::string_view> paths = {}) {
    for (std::string_view name : names) {
      std::string& folded = texts_.emplace_back(name);
      for (char& c : folded) c = fold_name_char(c);
      patterns_.push_back(parse_name(folded));
    }
    for (std::string_view path : paths) paths_.push_back(path);
    names_ = index_names(patterns_);
    path_table_ = {paths_};
    rules_.add(&names_);
    rules_.add(&path_table_);
  }
  TestRules(const TestRules&) = delete;
  TestRules& operator=(const TestRules&) = delete;

  MaskRules& rules() { return rules_; }

 private:
  std::deque<std::string> texts_;
  std::vector<NamePattern> patterns_;
  std::vector<std::string_view> paths_;
  NameTable names_;
  PathTable path_table_;
  MaskRules rules_;
};

inline std::string mask_text(std::string_view text, Place place, const MaskRules& rules) {
  std::vector<char> buffer(masked_room(text.size()));
  Sink out(buffer);
  put_masked(text, place, rules, out);
  return out.overflowed() ? "overflowed" : std::string(out.written());
}

}  // namespace reqnotes
