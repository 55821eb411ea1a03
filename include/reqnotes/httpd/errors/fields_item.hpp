#pragma once

#include <algorithm>
#include <iterator>
#include <span>
#include <string_view>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/errors/message_owner.hpp"
#include "reqnotes/httpd/line/access_log.hpp"
#include "reqnotes/httpd/line/built_in.hpp"
#include "reqnotes/httpd/line/choice.hpp"
#include "reqnotes/httpd/line/client.hpp"
#include "reqnotes/httpd/line/put_line.hpp"
#include "reqnotes/httpd/pool.hpp"
#include "reqnotes/line/formats.hpp"
#include "reqnotes/text/httpd_text.hpp"

namespace reqnotes {

/// Most bytes of `%N`: httpd's line has 8,191, and the message must still find room.
constexpr std::size_t kErrorFieldsLimit = 2048;

/// Bytes of httpd's line that are left to what stands behind `%N`, such as a bracket or an id:
/// httpd takes back the field that they belong to where they have no room.
constexpr std::size_t kBehindFields = 64;

inline std::size_t error_fields_limit(const ServerConfig& config) {
  return std::min(config.line_limit.value - 1, kErrorFieldsLimit);
}

/// Writes `value` as httpd escapes its items; nothing where not all of it has room.
inline int put_whole(const MarkedText& value, std::span<char> room) {
  Sink out(room);
  const bool whole = put_error_text(value.text, out.room(), false, out) &&
                     put_error_text(value.mark, out.room(), false, out);
  return whole ? static_cast<int>(out.size()) : 0;
}

/// `%{client}N`, which is httpd's `%a`, port included, where ReqNotesClient hides nothing. There is
/// one without a request, and where ReqNotes is Off.
inline int put_client(const ap_errorlog_info& info, const request_rec* leg, std::span<char> room) {
  const server_rec* server = info.s && info.s->module_config ? info.s : nullptr;
  const request_rec* last = leg && leg->server->module_config ? last_leg(leg) : nullptr;
  if (last) server = last->server;
  char client[kClientSize];
  const Choice choice = choice_of(server, last);
  const std::string_view shown = shown_client(choice, server, info.c, last, client);
  if (shown.empty() || choice.client != ClientForm::kFull) return put_whole({shown, {}}, room);
  const apr_sockaddr_t* const address = last ? last->useragent_addr : info.c->client_addr;
  char port[kDecimalMax + 1] = ":";
  const char* const end = put_decimal(address ? address->port : 0, port + 1);
  return put_whole({shown, {port, static_cast<std::size_t>(end - port)}}, room);
}

/// An id that `%{NAME}N` knows beside the declared fields and the client.
struct Id {
  std::string_view name;
  std::string_view (*find)(const RequestState&);
};
constexpr Id kIds[] = {
    {"trace_id", [](const RequestState& state) { return id_of(state.trace_id); }},
    {"span_id", [](const RequestState& state) { return id_of(state.span_id); }},
    {"parent_span_id", [](const RequestState& state) { return id_of(state.parent_span_id); }},
    {"request_id", [](const RequestState& state) { return text_of(state.request_id); }},
};

/// The id that has this name, or an empty text.
inline std::string_view find_id(std::string_view name, const RequestState& state) {
  const auto* id = std::ranges::find(kIds, name, &Id::name);
  return id != std::end(kIds) ? id->find(state) : std::string_view();
}

/// Writes one value.
inline int put_one(std::string_view name, const ServerConfig& config, const RequestState* state,
                   const request_rec* last, std::span<char> room, std::size_t limit) {
  MarkedText value = {state ? find_id(name, *state) : std::string_view(), {}};
  char hidden[kPrivateSize];
  for (const Field& field : config.fields) {
    if (field.name != name || (field.options.logs & kErrorLog) == 0) continue;
    Fact fact = find_fact(field, last, state);
    if (fact.text.empty()) continue;
    show(fact, [&] { return std::span<char, kPrivateSize>(hidden); });
    value = for_httpd(fact, limit - 1);
  }
  return put_whole(value, room);
}

/// The item of ErrorLogFormat: every field as logfmt, or the value of one. Runs while httpd
/// writes the line, so it neither logs nor allocates; see ap_errorlog_info in http_core.h.
///
/// size     what is left of the line, which is little behind a long message. There the fields are
///          written as a whole or not at all: the closing line of the request brings those that
///          had no room.
/// returns  the bytes written, 0 when nothing is known: httpd then leaves out what stands
///          around the item.
inline int log_fields(const ap_errorlog_info* info, const char* name, char* buffer,
                      int size) noexcept {
  const request_rec* leg = leg_of(*info);
  if (size <= 0) return 0;
  const auto left = static_cast<std::size_t>(size);
  const std::span<char> free(buffer, left - std::min(left, kBehindFields));
  if (name && std::string_view(name) == "client") return put_client(*info, leg, free);
  const ServerConfig* config = leg ? enabled_config(leg->server) : nullptr;
  if (!config) return 0;
  const request_rec* last = last_leg(leg);
  RequestState* state = find_state(leg);
  const std::size_t limit = error_fields_limit(*config);

  const std::span<char> room = free.first(std::min(free.size(), limit));

  if (name && *name) return put_one(name, *config, state, last, room, limit);

  ErrorFacts facts;
  facts.find(*config, state, last);
  Subject subject;
  if (state) subject.request_id = text_of(state->request_id);
  LineWriter<kLogfmt> line(room);
  put_values<kFactsLine, Naming::kOwn>(subject, facts.all(), kUsualValues, line);
  std::size_t written = line.end();
  const bool none = facts.all().empty() && subject.request_id.empty();
  if (written == 0 && !none && room.size() == limit) {
    written = put_long_line<kFactsLine, kLogfmt>(subject, facts.all(), kUsualValues, room);
  }
  // A line that httpd writes once for a request has no message that could lack anything.
  if (state && info->level >= 0) {
    state->fields_item = left <= kBehindFields  ? FieldsItem::kLineFull
                         : written != 0 || none ? FieldsItem::kWhole
                                                : FieldsItem::kNoRoom;
  }
  return static_cast<int>(written);
}

/// Looks once for `%N` in the ErrorLogFormat of each server.
inline void compile_fields_items(server_rec* main_server) {
  for (server_rec* server = main_server; server; server = server->next) {
    int& level = config_of(server).fields_item_level;
    level = kNoLevel;
    const auto* core =
        static_cast<const core_server_config*>(ap_get_core_module_config(server->module_config));
    for (const auto& item : elements<const ap_errorlog_format_item>(core->error_log_format)) {
      if (item.func != log_fields || (item.arg && *item.arg)) continue;
      level = std::min(level, static_cast<int>(item.min_loglevel));
    }
  }
}

/// Whether `%N` stands in the ErrorLogFormat of `server`, for messages of `level` too.
inline bool has_fields_item(const server_rec* server, int level) {
  return server && server->module_config && config_of(server).fields_item_level <= level;
}

inline void register_error_log_tags(apr_pool_t* pool) {
  ap_register_errorlog_handler(pool, apr_pstrdup(pool, "N"), log_fields, 0);
}

}  // namespace reqnotes
