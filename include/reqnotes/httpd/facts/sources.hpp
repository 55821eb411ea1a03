#pragma once

#include <string_view>

#include "reqnotes/facts/request_text.hpp"
#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/request.hpp"
#include "reqnotes/text/slice.hpp"

namespace reqnotes {

/// Where a field's value is looked for, as the operator named it.
struct Source;

/// Reads a source on one leg; empty is absent. Allocates nothing and logs nothing, because the
/// error log reads fields while it writes a line.
using Reader = std::string_view (*)(const request_rec* leg, const Source& source);

struct SourceKind {
  std::string_view word;   ///< in ReqNotesField, before the colon
  std::string_view usage;  ///< for messages
  Reader read;
  /// Whether the name behind the colon can be one of this kind; null where there is no name.
  bool (*is_name)(std::string_view name);
  /// Whether legs can differ. All legs share the request's headers.
  bool differs_by_leg;
  /// Whether no error line can be expected to have it: it is there when all is said and done.
  bool is_late = false;
};

struct Source {
  const SourceKind* kind = nullptr;
  const char* name = nullptr;            ///< what stands behind the colon
  const ap_expr_info_t* expr = nullptr;  ///< of an expr: source
  std::size_t expression = 0;            ///< and its place in RequestState::expressions
};

/// A value that a table has for `key`, where absent ones and null ones are alike: mod_headers'
/// `Header note` stores a null where the response has no such header.
inline std::string_view table_text(const apr_table_t* table, const char* key) {
  const char* value = table ? apr_table_get(table, key) : nullptr;
  return value ? std::string_view(value) : std::string_view();
}

/// Who was authenticated for a client request: in its own legs, or else in a sub-request.
inline std::string_view authenticated_user(const RequestState* state) {
  if (!state) return {};
  if (state->user) return state->user;
  return {state->subrequest_user.text, state->subrequest_user.size};
}

constexpr bool is_any_name(std::string_view name) {
  return !name.empty();
}

constexpr bool is_env_name(std::string_view name) {
  return !name.empty() && name.find('=') == kNpos;
}

constexpr SourceKind kSources[] = {
    {"note", "note:KEY",
     [](const request_rec* leg, const Source& source) {
       return table_text(leg->notes, source.name);
     },
     is_any_name, true},
    {"env", "env:NAME",
     [](const request_rec* leg, const Source& source) {
       return table_text(leg->subprocess_env, source.name);
     },
     is_env_name, true},
    {"request", "request:HEADER",
     [](const request_rec* leg, const Source& source) {
       return table_text(leg->headers_in, source.name);
     },
     is_token, false},
    {"response", "response:HEADER",
     [](const request_rec* leg, const Source& source) {
       const std::string_view value = table_text(leg->headers_out, source.name);
       return value.empty() ? table_text(leg->err_headers_out, source.name) : value;
     },
     is_token, true, true},
    {"cookie", "cookie:NAME",
     [](const request_rec* leg, const Source& source) {
       return find_cookie(table_text(leg->headers_in, "Cookie"), source.name);
     },
     is_token, false},
    {"user", "user",
     [](const request_rec* leg, const Source&) { return authenticated_user(find_state(leg)); },
     nullptr, false},
    {"expr", "expr:\"...\"",
     [](const request_rec* leg, const Source& source) {
       const RequestState* state = find_state(leg);
       const char* value =
           state && state->expressions ? state->expressions[source.expression] : nullptr;
       return value ? std::string_view(value) : std::string_view();
     },
     is_any_name, false, true},
};

}  // namespace reqnotes
