#pragma once

#include <deque>
#include <initializer_list>
#include <span>
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
    if (!paths_.empty()) rules_.add(&path_table_);
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
  std::vector<char> buffer;
  return std::string(mask(text, place, rules, [&buffer](std::size_t size) {
    buffer.resize(size);
    return std::span(buffer);
  }));
}

/// The same without the quick look at the text.
inline std::string mask_slowly(std::string_view text, Place place, const MaskRules& rules) {
  std::string result;
  for_each_masked(text, place, rules, [&](std::string_view same, std::string_view value) {
    result.append(same).append(value.data() ? kMask : "");
  });
  return result;
}

}  // namespace reqnotes
