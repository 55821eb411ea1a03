#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "reqnotes/facts/field.hpp"
#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/conf/giving.hpp"
#include "reqnotes/httpd/conf/tree.hpp"
#include "reqnotes/httpd/pool.hpp"
#include "reqnotes/metrics/busiest.hpp"
#include "reqnotes/metrics/metric.hpp"

namespace reqnotes {

/// What an option of ReqNotesMetric begins with, to know one that is given twice.
inline bool is_option_repeated(Words words, const char* word) {
  const std::string_view text = word;
  const std::string_view name = prefix(text, text.find('='));
  for (const char* other : words) {
    if (other == word) return false;
    if (prefix(other, std::string_view(other).find('=')) == name) return true;
  }
  return false;
}

inline const char* set_metric(cmd_parms* cmd, void*, const char* args) noexcept {
  if (const char* error = ap_check_cmd_context(cmd, GLOBAL_ONLY)) return error;
  const Words words = words_of(cmd->pool, cmd->directive);
  if (words.empty()) return refuse(cmd, args, "give a metric's name, then its options");
  const char* text = join(cmd->pool, words);
  const char* name = words[0];
  if (!is_metric_name(name)) {
    return refuse(cmd, text,
                  "a metric's name is a lower-case letter and up to 39 more of a-z, 0-9 and _");
  }
  MetricOptions options;
  for (const char* word : words.subspan(1)) {
    const char* error = parse_metric_option(word, options);
    if (!error && is_option_repeated(words, word)) error = "an option is given twice";
    if (error) return refuse(cmd, text, error);
  }
  if (options.values.count != 0 && options.by.count == 0) {
    return refuse(cmd, text, "values= is for the last one of by=; give that too");
  }
  apr_array_header_t* metrics = config_of(cmd->server).metrics;
  for (MetricDeclaration& other : elements<MetricDeclaration>(metrics)) {
    if (std::string_view(other.name) == name) return give(cmd, other.metric, text, options);
  }
  auto& made = push<MetricDeclaration>(metrics, {.name = name, .metric = {}});
  return give(cmd, made.metric, text, options);
}

/// Reads the fields of ReqNotesBusiest, and keys=.
inline const char* read_busiest_fields(const cmd_parms* cmd, Words words, BusiestOptions& options) {
  constexpr const char* kUsage =
      "give names of fields, such as user_id, and then keys=N or nothing";
  apr_array_header_t* fields = apr_array_make(cmd->pool, 2, sizeof(std::string_view));
  bool has_keys = false;
  for (const char* word : words) {
    const std::string_view text = word;
    if (has_keys) return kUsage;
    if (text.starts_with("keys=")) {
      const std::size_t keys = parse_size(suffix(text, 5)).value_or(0);
      if (keys < kBusiestKeysMin || keys > kBusiestKeysMax) {
        return "keys must be a number from 64 to 65536";
      }
      options.keys = static_cast<std::uint32_t>(keys);
      has_keys = true;
      continue;
    }
    for (std::string_view other : elements<std::string_view>(fields)) {
      if (other == text) return "one field is given twice";
    }
    push<std::string_view>(fields, text);
  }
  options.fields = elements<const std::string_view>(fields);
  if (options.fields.empty()) return kUsage;
  return options.fields.size() > kListsMax ? "give at most eight fields" : nullptr;
}

}  // namespace reqnotes
