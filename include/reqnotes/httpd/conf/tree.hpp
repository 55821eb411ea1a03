#pragma once

#include <algorithm>
#include <span>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/pool.hpp"

namespace reqnotes {

/// What mod_log_config was told is found in the configuration as httpd read it: its own state is
/// private.

inline bool is_called(const ap_directive_t* directive, const char* name) {
  return ap_cstr_casecmp(directive->directive, name) == 0;
}

/// Whether `test` is true of a directive: of the first one, one behind it, or one inside of these.
template <class Test>
bool any_directive(const ap_directive_t* first, const Test& test) {
  for (; first; first = first->next) {
    if (test(first) || any_directive(first->first_child, test)) return true;
  }
  return false;
}

/// What the section of a virtual host holds, or null. httpd keeps the very name of the file that
/// the directive has.
inline const ap_directive_t* section_of(const server_rec* server) {
  for (const ap_directive_t* line = ap_conftree; line; line = line->next) {
    if (line->filename == server->defn_name &&
        line->line_num == static_cast<int>(server->defn_line_number) &&
        is_called(line, "<VirtualHost")) {
      return line->first_child;
    }
  }
  return nullptr;
}

/// Whether `directive` names an access log. GlobalLog and CustomLog have a format, and may have a
/// condition; TransferLog has neither.
inline bool is_access_log(const ap_directive_t* directive) {
  constexpr const char* kNames[] = {"CustomLog", "GlobalLog", "TransferLog"};
  return std::ranges::any_of(kNames,
                             [directive](const char* name) { return is_called(directive, name); });
}

/// The words behind the name of a directive: without quotes, and with variables filled in.
inline std::span<const char*> words_of(apr_pool_t* pool, const ap_directive_t* directive) {
  apr_array_header_t* words = apr_array_make(pool, 3, sizeof(const char*));
  for (const char* rest = directive->args; *rest != '\0';) {
    push<const char*>(words, ap_getword_conf(pool, &rest));
  }
  return elements<const char*>(words);
}

/// Whether a flag is turned on by this line.
inline bool says_on(apr_pool_t* pool, const ap_directive_t* flag) {
  const char* args = flag->args;
  return ap_cstr_casecmp(ap_getword_conf(pool, &args), "On") == 0;
}

}  // namespace reqnotes
