#pragma once

#include <arpa/inet.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>

#include "reqnotes/facts/field.hpp"
#include "reqnotes/line/format.hpp"
#include "reqnotes/line/item.hpp"
#include "reqnotes/line/json.hpp"
#include "reqnotes/text/parse.hpp"
#include "reqnotes/text/sink.hpp"
#include "reqnotes/text/slice.hpp"

namespace reqnotes {

/// What the Elastic Common Schema has objects for, in version 9.4: none of it can be a value.
constexpr std::string_view kEcsObjects[] = {
    "agent",        "client",        "cloud",       "container", "data_stream", "destination",
    "device",       "dll",           "dns",         "ecs",       "email",       "entity",
    "error",        "event",         "faas",        "file",      "gen_ai",      "group",
    "host",         "http",          "labels",      "log",       "network",     "observer",
    "orchestrator", "organization",  "package",     "process",   "registry",    "related",
    "rule",         "server",        "service",     "source",    "span",        "threat",
    "tls",          "trace",         "transaction", "url",       "user",        "user_agent",
    "volume",       "vulnerability",
};

/// And within these, as far as its second level.
constexpr std::string_view kEcsInnerObjects[] = {
    "agent.build",
    "client.as",
    "client.geo",
    "client.nat",
    "client.user",
    "cloud.account",
    "cloud.entity",
    "cloud.instance",
    "cloud.machine",
    "cloud.origin",
    "cloud.project",
    "cloud.service",
    "cloud.target",
    "container.cpu",
    "container.disk",
    "container.image",
    "container.memory",
    "container.network",
    "container.security_context",
    "destination.as",
    "destination.geo",
    "destination.nat",
    "destination.user",
    "device.model",
    "device.product",
    "device.vendor",
    "dll.code_signature",
    "dll.hash",
    "dll.pe",
    "dns.answers",
    "dns.question",
    "email.attachments",
    "email.bcc",
    "email.cc",
    "email.from",
    "email.reply_to",
    "email.sender",
    "email.to",
    "entity.attributes",
    "entity.lifecycle",
    "entity.relationships",
    "entity.target",
    "faas.trigger",
    "file.code_signature",
    "file.elf",
    "file.hash",
    "file.macho",
    "file.pe",
    "file.x509",
    "gen_ai.agent",
    "gen_ai.operation",
    "gen_ai.output",
    "gen_ai.request",
    "gen_ai.response",
    "gen_ai.token",
    "gen_ai.tool",
    "gen_ai.usage",
    "host.boot",
    "host.cpu",
    "host.disk",
    "host.entity",
    "host.geo",
    "host.network",
    "host.os",
    "host.risk",
    "host.target",
    "http.request",
    "http.response",
    "log.file",
    "log.origin",
    "log.syslog",
    "network.inner",
    "network.vlan",
    "observer.egress",
    "observer.geo",
    "observer.ingress",
    "observer.os",
    "orchestrator.cluster",
    "orchestrator.entity",
    "orchestrator.resource",
    "process.code_signature",
    "process.elf",
    "process.entry_leader",
    "process.group",
    "process.group_leader",
    "process.hash",
    "process.io",
    "process.macho",
    "process.parent",
    "process.pe",
    "process.previous",
    "process.real_group",
    "process.real_user",
    "process.saved_group",
    "process.saved_user",
    "process.session_leader",
    "process.supplemental_groups",
    "process.thread",
    "process.tty",
    "process.user",
    "registry.data",
    "server.as",
    "server.geo",
    "server.nat",
    "server.user",
    "service.entity",
    "service.node",
    "service.origin",
    "service.target",
    "source.as",
    "source.geo",
    "source.nat",
    "source.user",
    "threat.enrichments",
    "threat.feed",
    "threat.group",
    "threat.indicator",
    "threat.software",
    "threat.tactic",
    "threat.technique",
    "tls.client",
    "tls.server",
    "user.changes",
    "user.effective",
    "user.entity",
    "user.group",
    "user.risk",
    "user.target",
    "user_agent.device",
    "user_agent.os",
    "vulnerability.scanner",
    "vulnerability.score",
};

/// Whether `name` is parts of a-z, 0-9 and _ with dots between them, each of which begins with a
/// letter. The first may have an @ before it.
constexpr bool is_ecs_name(std::string_view name) {
  if (name.starts_with('@')) name.remove_prefix(1);
  bool begins = true;
  for (char c : name) {
    const bool is_letter = c >= 'a' && c <= 'z';
    const bool goes_on = is_letter || (c >= '0' && c <= '9') || c == '_' || c == '.';
    if (begins ? !is_letter : !goes_on) return false;
    begins = c == '.';
  }
  return !begins;
}

/// Checks what ReqNotesField has behind `ecs=`.
///
/// built_in   the names that a line has of itself there.
/// returns    null, or what is wrong, as the end of a sentence.
constexpr const char* check_ecs_name(std::string_view name,
                                     std::span<const std::string_view> built_in) {
  if (name.size() > 100 || !is_ecs_name(name)) {
    return "a name behind ecs= looks like user.id: at most 100 of a-z, 0-9, _ and dots, with a "
           "letter behind each dot";
  }
  if (std::ranges::find(kEcsObjects, name) != std::end(kEcsObjects)) {
    return "ECS has an object of this name; give a name within it, such as user.id";
  }
  if (name.starts_with("labels.") && suffix(name, 7).find('.') != kNpos) {
    return "a label has no dot in its name; write labels.order_id";
  }
  for (std::string_view taken : built_in) {
    if (name == taken) return "the line has this name of itself; choose another one behind ecs=";
    if (clash(name, taken)) {
      return "one name is a value where the other is an object, and the line has that one of "
             "itself; choose another name behind ecs=";
    }
  }
  if (std::ranges::find(kEcsInnerObjects, name) != std::end(kEcsInnerObjects)) {
    return "ECS has an object of this name; give a name within it, such as user.id";
  }
  return nullptr;
}

/// `text` where it is the whole address of a machine, and nothing else: what stands for one, or for
/// its network, is none, nor is one with a zone, which is of one machine.
inline std::string_view address_in(std::string_view text) {
  char address[INET6_ADDRSTRLEN];
  if (text.empty() || text.size() >= sizeof address) return {};
  copy_text(text, address);
  const int family = text.find(':') == kNpos ? AF_INET : AF_INET6;
  in6_addr number;
  return inet_pton(family, address, &number) == 1 ? text : std::string_view();
}

/// A text with a number behind its last colon, such as an address with its port.
struct Numbered {
  std::string_view text;
  std::int64_t number = kNoNumber;
};
inline Numbered split_number(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  const auto number = colon == kNpos ? std::nullopt : parse_integer(suffix(text, colon + 1));
  return number ? Numbered{prefix(text, colon), *number} : Numbered{text};
}

/// The same of an address, which has brackets where it has colons of its own; one that is not shown
/// in full has no port.
inline Numbered split_peer(std::string_view peer) {
  Numbered split = {peer};
  if (peer.find(':') == peer.rfind(':') || peer.starts_with('[')) split = split_number(peer);
  if (split.text.starts_with('[') && split.text.ends_with(']')) {
    split.text = split.text.substr(1, split.text.size() - 2);
  }
  return split;
}

/// What stands behind `before`, if it does.
inline std::string_view behind(std::string_view text, std::string_view before) {
  return text.starts_with(before) ? suffix(text, before.size()) : text;
}

/// JSON by the names of the Elastic Common Schema.
constexpr Format kEcs = [] {
  Format format = kJson;
  format.word = "ECS";
  format.naming = Naming::kEcs;
  format.truncated = {.name = "labels.truncated", .type = Type::kString};
  format.truncated_marks = format.marks;
  return format;
}();

}  // namespace reqnotes
