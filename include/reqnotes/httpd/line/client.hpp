#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "reqnotes/facts/privacy.hpp"
#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/facts/hash_key.hpp"
#include "reqnotes/httpd/line/choice.hpp"
#include "reqnotes/text/decimal.hpp"
#include "reqnotes/text/sink.hpp"

namespace reqnotes {

/// Most bytes of an address with its port, or of what stands for one.
constexpr std::size_t kClientSize = kAddressMax + kDecimalMax + 3;
static_assert(kClientSize >= kPrivateSize);

/// What may be shown of an address.
///
/// server   whose key counts, or null.
/// room     gives a span of kClientSize; called only where it is needed.
/// returns  empty where nothing may.
template <class Room>
std::string_view show_client(std::string_view address, ClientForm form, const server_rec* server,
                             Room&& room) {
  if (form == ClientForm::kFull || address.empty()) return address;
  if (form == ClientForm::kNetwork)
    return network_of(address, room().template first<kAddressMax>());
  const HashKey* key = server && server->module_config ? config_of(server).hash_key.value : nullptr;
  if (form == ClientForm::kNone || !key) return {};
  const std::span<char, kPrivateSize> hidden = room().template first<kPrivateSize>();
  if (!hash(*key, address, hidden)) return kCutMark;
  return {hidden.data(), hidden.size()};
}

/// The address and port that a client's connection came from; without the port where the address is
/// not shown in full.
template <class Room>
std::string_view show_peer(const conn_rec& connection, ClientForm form, const server_rec* server,
                           Room&& room) {
  const conn_rec& primary = connection.master ? *connection.master : connection;
  const std::string_view address = primary.client_ip ? primary.client_ip : "";
  if (form != ClientForm::kFull || address.empty() || !primary.client_addr) {
    return show_client(address, form, server, room);
  }
  const std::span<char, kClientSize> buffer = room();
  Sink out(std::span<char>(buffer).first(kClientSize - kDecimalMax));
  const bool is_ipv6 = address.find(':') != kNpos;
  if (is_ipv6) out.put('[');
  out.put(address);
  out.put(is_ipv6 ? "]:" : ":");
  if (out.overflowed()) return address;
  const char* end = put_decimal(primary.client_addr->port, out.next());
  return {buffer.data(), static_cast<std::size_t>(end - buffer.data())};
}

/// The client's address as it may be shown on a line of the error log.
///
/// leg, connection   each may be null, but not `server` where there is a leg.
inline std::string_view shown_client(const Choice& choice, const server_rec* server,
                                     const conn_rec* connection, const request_rec* leg,
                                     std::span<char, kClientSize> room) {
  if (!leg && !connection) return {};
  const std::string_view address = text_of(leg ? leg->useragent_ip : connection->client_ip);
  return show_client(address, choice.client, server, [room] { return room; });
}

/// What counts for a message: the places of its request, or else what its server has outside of
/// all sections.
inline Choice choice_of(const server_rec* server, const request_rec* leg) {
  return leg ? Choice(leg) : Choice(server);
}

}  // namespace reqnotes
