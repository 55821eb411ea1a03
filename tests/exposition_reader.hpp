#pragma once

#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "unicode.hpp"

// Reads the text format and OpenMetrics as their grammars have them, strictly, and by other means
// than what writes them.

namespace reqnotes {

struct ReadSample {
  std::string name;
  std::map<std::string, std::string> labels;
  double value = 0;
  std::string exemplar;  ///< its trace ID
  double exemplar_value = 0;
};

class ExpositionReader {
 public:
  ExpositionReader(std::string_view text, bool is_open) : text_(text), open_(is_open) {}

  std::vector<ReadSample> samples;
  std::map<std::string, std::string> types;
  std::map<std::string, std::string> helps;
  std::map<std::string, std::string> units;

  /// Whether all of it is as the grammar has it.
  bool read() {
    bool is_over = false;
    while (!text_.empty()) {
      if (is_over) return false;
      if (open_ && take("# EOF\n")) {
        is_over = true;
      } else if (!(text_.starts_with('#') ? meta() : sample())) {
        return false;
      }
    }
    return is_over == open_ && is_utf8(all_) && (!open_ || has_own_names());
  }

 private:
  /// Whether no family has the name of a sample of another one, and no counter is below 0.
  bool has_own_names() {
    for (const auto& [family, type] : types) {
      std::vector<std::string> ends;
      if (type == "counter") ends = {"_total", "_created"};
      if (type == "summary") ends = {"_count", "_sum", "_created"};
      if (type == "histogram") ends = {"_count", "_sum", "_bucket", "_created"};
      for (const std::string& end : ends) {
        if (types.count(family + end) != 0) return false;
      }
    }
    for (const ReadSample& sample : samples) {
      const std::string family = sample.name.substr(0, sample.name.rfind("_total"));
      if (family != sample.name && types[family] == "counter" && sample.value < 0) return false;
    }
    return true;
  }

  bool take(std::string_view what) {
    if (!text_.starts_with(what)) return false;
    text_.remove_prefix(what.size());
    return true;
  }

  std::string name() {
    std::size_t size = 0;
    const auto is_name = [](char c, bool first) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
             (!first && c >= '0' && c <= '9');
    };
    while (size < text_.size() && is_name(text_[size], size == 0)) ++size;
    const std::string found(text_.substr(0, size));
    text_.remove_prefix(size);
    return found;
  }

  /// Up to `end`, unescaped.
  std::optional<std::string> escaped(char end, bool quotes) {
    std::string found;
    while (!text_.empty() && text_[0] != end) {
      char c = text_[0];
      text_.remove_prefix(1);
      if (c == '\n' || (c == '"' && quotes)) return std::nullopt;
      if (c == '\\') {
        if (text_.empty()) return std::nullopt;
        const char what = text_[0];
        text_.remove_prefix(1);
        if (what != '\\' && what != 'n' && (what != '"' || !quotes)) return std::nullopt;
        c = what == 'n' ? '\n' : what;
      }
      found += c;
    }
    if (text_.empty()) return std::nullopt;
    text_.remove_prefix(1);
    return found;
  }

  bool labels(std::map<std::string, std::string>& found) {
    if (take("}")) return true;
    do {
      const std::string key = name();
      if (key.empty() || !take("=\"")) return false;
      const auto value = escaped('"', true);
      if (!value || !found.emplace(key, *value).second) return false;
    } while (take(","));
    return take("}");
  }

  std::optional<double> number() {
    const std::string digits(text_.substr(0, text_.find_first_of(" \n")));
    text_.remove_prefix(digits.size());
    if (digits == "+Inf") return HUGE_VAL;
    if (digits == "-Inf") return -HUGE_VAL;
    if (digits == "NaN") return NAN;
    // No ".01", as APR's %g writes it.
    const std::size_t first = digits.starts_with('-') ? 1 : 0;
    if (digits.size() <= first || digits[first] < '0' || digits[first] > '9') return std::nullopt;
    char* end = nullptr;
    const double value = std::strtod(digits.c_str(), &end);
    return *end == '\0' ? std::optional(value) : std::nullopt;
  }

  bool meta() {
    for (auto [what, into] : {std::pair{"# HELP ", &helps}, std::pair{"# TYPE ", &types},
                              std::pair{"# UNIT ", &units}}) {
      if (!take(what)) continue;
      const std::string family = name();
      if (family.empty() || !take(" ")) return false;
      const auto rest = into == &helps ? help() : escaped('\n', false);
      if (!rest || (into == &units && (!open_ || !family.ends_with("_" + *rest)))) return false;
      return into->emplace(family, *rest).second;  // a family is there once
    }
    return false;
  }

  std::optional<std::string> help() {
    if (!open_) return escaped('\n', false);
    // In OpenMetrics a quote is escaped too.
    std::string found;
    while (!text_.empty() && text_[0] != '\n') {
      if (text_[0] == '"') return std::nullopt;
      if (text_[0] == '\\') {
        if (text_.size() < 2 ||
            std::string_view("\\n\"").find(text_[1]) == std::string_view::npos) {
          return std::nullopt;
        }
        found += text_[1] == 'n' ? '\n' : text_[1];
        text_.remove_prefix(2);
        continue;
      }
      found += text_[0];
      text_.remove_prefix(1);
    }
    if (!take("\n")) return std::nullopt;
    return found;
  }

  bool sample() {
    ReadSample found;
    found.name = name();
    if (found.name.empty() || (take("{") && !labels(found.labels)) || !take(" ")) return false;
    const auto value = number();
    if (!value) return false;
    found.value = *value;
    if (open_ && take(" # {")) {
      std::map<std::string, std::string> exemplar;
      if (!labels(exemplar) || exemplar.size() != 1 || !take(" ")) return false;
      found.exemplar = exemplar["trace_id"];
      const auto its = number();
      if (!its || !take(" ") || !number()) return false;
      found.exemplar_value = *its;
    }
    if (!take("\n") || !seen_.emplace(found.name, found.labels).second) return false;
    samples.push_back(found);
    return true;
  }

  std::string_view text_;
  const std::string all_{text_};
  bool open_;
  std::set<std::pair<std::string, std::map<std::string, std::string>>> seen_;
};

}  // namespace reqnotes
