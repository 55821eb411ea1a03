#pragma once

#include <unistd.h>

#include <span>
#include <string_view>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/conf/fields.hpp"
#include "reqnotes/httpd/conf/tree.hpp"
#include "reqnotes/httpd/errors/held.hpp"
#include "reqnotes/httpd/output/message_format.hpp"
#include "reqnotes/line/otlp_frame.hpp"
#include "reqnotes/version.hpp"

namespace reqnotes {

/// Whether an access log, or a format that one may have, has spans.
inline bool has_spans(const ap_directive_t* line) {
  const bool is_format = is_access_log(line) || is_called(line, "LogFormat");
  return is_format && std::string_view(line->args).find("^RO") != kNpos;
}

/// Whether `server` writes OTLP of any kind.
inline bool writes_otlp(const ServerConfig& config) {
  const ErrorLog& log = config.error_log.value;
  return config.enabled.value &&
         (keeps_events || (log.name && log.format->naming == Naming::kOtlp));
}

/// What lines of a server begin with, as far as it is the same for all of them.
inline void compile_service(apr_pool_t* pool, ServerConfig& config, const char* host) {
  Service& given = config.service.value;
  if (given.name) given.host = host;
  const OtlpService service = {.name = given.name ? given.name : "unknown_service:httpd",
                               .version = text_of(given.version),
                               .host = host};
  for (const bool is_log : {false, true}) {
    char buffer[kOtlpBeginMax];
    Sink out(buffer);
    put_otlp_begin(service, kVersion, is_log, out);
    const char* const kept = apr_pstrmemdup(pool, buffer, out.size());
    (is_log ? config.log_begin : config.span_begin) = {kept, out.size()};
  }
}

/// Whether the names of a server's fields as attributes differ from each other and from those that
/// stand in OTLP anyway: where it is written, or where a name was chosen for it.
inline bool check_otlp_names(apr_pool_t* pool, const server_rec* server) {
  const ServerConfig& config = config_of(server);
  const bool is_written = writes_otlp(config);
  for (const Field& field : config.fields) {
    const std::string_view name = otlp_name(field);
    const Field* other = nullptr;
    for (const Field& before : config.fields.first(field.index)) {
      if (otlp_name(before) == name) other = &before;
    }
    const bool is_chosen = !field.options.otel.empty() || (other && !other->options.otel.empty());
    if ((!is_written && !is_chosen) || (!other && !is_otlp_name(name))) continue;
    const Field& at = field.given ? field : *other;
    const char* whose = "one of the module's own";
    if (other) {
      const Field& second = field.given ? *other : field;
      whose = apr_pstrcat(pool, "field ",
                          apr_pstrmemdup(pool, second.name.data(), second.name.size()), nullptr);
    }
    ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_EMERG, 0, server,
                 "RN0045: ReqNotesField %.*s at %s:%d would be the attribute %.*s of a span, as %s "
                 "is; give it another name with otel=",
                 static_cast<int>(at.name.size()), at.name.data(), at.given->file, at.given->line,
                 static_cast<int>(name.size()), name.data(), whose);
    return false;
  }
  return true;
}

/// Whether a line of OTLP has room for what stands around its attributes.
inline bool check_otlp_room(const server_rec* server) {
  const ServerConfig& config = config_of(server);
  if (config.line_limit.value >= kOtlpLineLow || !writes_otlp(config)) return true;
  ap_log_error(APLOG_MARK, APLOG_STARTUP | APLOG_EMERG, 0, server,
               "RN0046: ReqNotesLineLimit %lu is too little for %%^RO and for ReqNotesErrorLog "
               "with otlp; give at least %lu",
               static_cast<unsigned long>(config.line_limit.value),
               static_cast<unsigned long>(kOtlpLineLow));
  return false;
}

/// Makes what spans and log records need, and looks whether they can be written.
inline bool compile_otlp(apr_pool_t* pool, const server_rec* main_server) {
  auto* const host = static_cast<char*>(apr_pcalloc(pool, kHostNameMax + 1));
  if (gethostname(host, kHostNameMax) != 0) host[0] = '\0';
  keeps_events = any_directive(ap_conftree, has_spans);
  for (const server_rec* server = main_server; server; server = server->next) {
    compile_service(pool, config_of(server), host);
    if (!check_otlp_names(pool, server) || !check_otlp_room(server)) return false;
  }
  return true;
}

}  // namespace reqnotes
