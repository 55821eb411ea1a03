#pragma once

#include <span>
#include <string_view>
#include <type_traits>

#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/conf/tree.hpp"
#include "reqnotes/httpd/pool.hpp"

namespace reqnotes {

/// "ReqNotesField Bad: a field's name is ...": the directive, the words, and what would be right.
inline const char* refuse(const cmd_parms* cmd, const char* words, const char* why) {
  return apr_pstrcat(cmd->pool, cmd->cmd->name, *words ? " " : "", words, ": ", why, nullptr);
}

/// The file that `name` of a configuration means: what mod_macro reads counts as written where the
/// macro is used, and it calls that `macro 'x' (defined on line 1 of "a") used on line 2 of "b"`.
/// A macro that is used in another one has the name of that one in its own.
constexpr std::string_view file_of(std::string_view name) {
  constexpr std::string_view kUsed = " of \"";
  if (!name.starts_with("macro '") || !name.ends_with('"')) return name;
  name.remove_prefix(name.rfind(kUsed) + kUsed.size());
  while (name.ends_with('"')) name.remove_suffix(1);
  return name;
}
static_assert(file_of("/etc/a \"b\"") == "/etc/a \"b\"");
static_assert(
    file_of("macro 'x' (defined on line 1 of \"/a\") used on line 2 of \"macro 'y' (defined "
            "on line 3 of \"/b\") used on line 4 of \"/c\"\"") == "/c");

/// Notes that a directive was given here. Within one file the same words again are harmless, and
/// others contradict; where several files give it in one place, the last one counts.
template <class T>
const char* give(const cmd_parms* cmd, Setting<T>& setting, const char* words,
                 const std::type_identity_t<T>& value) {
  const ap_directive_t& here = *cmd->directive;
  Giving** link = &setting.given;
  const std::string_view file = file_of(here.filename);
  while (*link && (*link)->meant != file) link = &(*link)->before;
  Giving* giving = *link;
  if (giving && std::string_view(giving->words) != words) {
    return refuse(cmd, words,
                  apr_psprintf(cmd->pool, "contradicts \"%s %s\" on line %d of %s; give it once",
                               cmd->cmd->name, giving->words, giving->line, giving->file));
  }
  if (giving && giving == setting.given) return nullptr;

  if (giving) {
    *link = giving->before;
  } else {
    giving = &pool_new<Giving>(cmd->pool);
  }
  *giving = {.words = words,
             .file = here.filename,
             .meant = file,
             .line = here.line_num,
             .before = setting.given};
  Setting<T> last = {.value = value, .given = giving};
  merge_into(cmd->pool, setting, last);
  setting = last;
  return nullptr;
}

/// What a directive is kept in, of a server or of a place.
template <class Server, class Kept>
auto& kept_in(Server& server, const DirectoryConfig&, Kept ServerConfig::*member) {
  return server.*member;
}
template <class Place, class Kept>
auto& kept_in(const ServerConfig&, Place& place, Kept DirectoryConfig::*member) {
  return place.*member;
}

/// What a directive that is being read is kept in.
template <class Member>
auto& kept_in(const cmd_parms* cmd, void* place, Member member) {
  return kept_in(config_of(cmd->server), *static_cast<DirectoryConfig*>(place), member);
}

/// Sets a flag.
///
/// kOn   what On means there; the default is false.
template <auto kMember, bool kOn>
const char* set_flag(cmd_parms* cmd, void* place, int on) noexcept {
  return give(cmd, kept_in(cmd, place, kMember), on ? "On" : "Off", (on != 0) == kOn);
}

/// Sets what `kRead` makes of one word. It gives null, or what is wrong.
template <auto kMember, auto kRead>
const char* set_word(cmd_parms* cmd, void* place, const char* word) noexcept {
  auto& setting = kept_in(cmd, place, kMember);
  decltype(setting.value) value = {};
  const char* error = kRead(cmd, word, value);
  return error ? refuse(cmd, word, error) : give(cmd, setting, word, value);
}

using Words = std::span<const char* const>;
constexpr std::size_t kMaxWords = 256;

inline const char* join(apr_pool_t* pool, Words words) {
  apr_array_header_t* all = apr_array_make(pool, static_cast<int>(words.size()), sizeof(char*));
  for (const char* word : words) push<const char*>(all, word);
  return apr_array_pstrcat(pool, all, ' ');
}

/// The same for any number of words. They are split here: of TAKE_ARGV, httpd drops what is behind
/// the 64th word and says nothing.
template <auto kMember, auto kRead>
const char* set_words(cmd_parms* cmd, void* place, const char*) noexcept {
  const Words words = words_of(cmd->pool, cmd->directive);
  const char* text = join(cmd->pool, words);
  auto& setting = kept_in(cmd, place, kMember);
  decltype(setting.value) value = {};
  const char* error =
      words.size() > kMaxWords ? "give at most 256 words" : kRead(cmd, words, value);
  return error ? refuse(cmd, text, error) : give(cmd, setting, text, value);
}

/// The same for the main server alone.
template <auto kMember, auto kRead>
const char* set_global(cmd_parms* cmd, void* place, const char* args) noexcept {
  const char* error = ap_check_cmd_context(cmd, GLOBAL_ONLY);
  return error ? error : set_words<kMember, kRead>(cmd, place, args);
}

}  // namespace reqnotes
