#pragma once

#include <string_view>

#include "reqnotes/facts/request_text.hpp"
#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/conf/giving.hpp"
#include "reqnotes/httpd/conf/metrics.hpp"
#include "reqnotes/httpd/facts/sources.hpp"
#include "reqnotes/text/slice.hpp"

namespace reqnotes {

/// What is wrong with by=, or null.
inline const char* read_flags_by(const char* text, FlagsOptions& options) {
  constexpr const char* kUsage =
      "by= must be cookie:NAME, request:HEADER or client: what is known only later, such as a note "
      "or the user, cannot decide what the application reads before";
  const std::string_view by = text;
  const std::size_t colon = by.find(':');
  const std::string_view kind = prefix(by, colon);
  const char* const name = colon == kNpos ? nullptr : text + colon + 1;
  if (kind == "client" && !name) return options.by = FlagsBy::kClient, nullptr;
  if (!name) return kUsage;
  options.by = kind == "cookie" ? FlagsBy::kCookie : FlagsBy::kRequest;
  if (kind != "cookie" && kind != "request") return kUsage;
  if (!is_token(name)) return "the name behind by= is none of a header or a cookie";
  return options.by_name = name, nullptr;
}

inline const char* read_flags_option(const cmd_parms* cmd, const char* word,
                                     FlagsOptions& options) {
  const std::string_view text = word;
  if (text.starts_with("by=")) return read_flags_by(word + 3, options);
  if (text.starts_with("header=")) {
    options.header = word + 7;
    return is_token(options.header) ? nullptr : "header= must be the name of a header";
  }
  if (!text.starts_with("trips=")) return "the options are by=, header= and trips=";
  options.trips = ap_server_root_relative(cmd->pool, word + 6);
  return options.trips && word[6] ? nullptr : "trips= must be a file";
}

inline const char* read_flags_directive(const cmd_parms* cmd, Words words, FlagsOptions& options) {
  if (words.empty()) return "give a file of flags, or None";
  if (ap_cstr_casecmp(words[0], "None") == 0) {
    return words.size() == 1 ? nullptr : "None must stand alone";
  }
  options.file = ap_server_root_relative(cmd->pool, words[0]);
  if (!options.file) return "the path is invalid";
  for (const char* word : words.subspan(1)) {
    if (is_option_repeated(words, word)) return "an option is given twice";
    if (const char* error = read_flags_option(cmd, word, options)) return error;
  }
  const bool is_circle = options.header && options.by == FlagsBy::kRequest &&
                         ap_cstr_casecmp(options.header, options.by_name) == 0;
  return is_circle ? "header= is taken away from what clients send, so by= cannot read it"
                   : nullptr;
}

}  // namespace reqnotes
