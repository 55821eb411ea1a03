#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include "reqnotes/facts/field.hpp"
#include "reqnotes/facts/header_note.hpp"
#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/line/built_in.hpp"
#include "reqnotes/httpd/pool.hpp"

namespace reqnotes {

/// Names that this process has told of, as hashes; 0 is a free place.
constinit static std::array<std::atomic<std::uint32_t>, 64> told_names;

/// Whether nothing was told of `name` yet. When no place is left, nothing is told any more.
inline bool is_news(std::string_view name) {
  std::uint32_t hash = 2166136261;  // FNV-1a
  for (char c : name) hash = (hash ^ static_cast<unsigned char>(to_lower(c))) * 16777619;
  hash |= 1;
  for (std::atomic<std::uint32_t>& place : told_names) {
    std::uint32_t told = place.load(std::memory_order_relaxed);
    if (told == 0 && place.compare_exchange_strong(told, hash, std::memory_order_relaxed)) {
      return true;
    }
    if (told == hash) return false;
  }
  return false;
}

/// Notes that httpd's own modules keep, and that could be names of fields.
constexpr std::string_view kForeignNotes[] = {
    "cookie",           "mod_rewrite_rewritten", "mod_rewrite_uri_reduced",
    "mod_userdir_user", "proxy_timedout",        "uds_path",
    "virtual_script",
};

inline bool tells_unknown_names(const request_rec* leg) {
  return APLOG_R_IS_LEVEL(leg, APLOG_DEBUG);
}

/// Tells once in a process of a name that no field looks for: it may be misspelt. Never of what
/// could not be the name of a field, nor of a value.
inline void tell_unknown_name(const request_rec* leg, std::string_view name) {
  if (check_field_name(name, kBuiltInNames) || !is_news(name)) return;
  ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, leg,
                "RN0023: no field looks for the note %.*s; is the name misspelt?",
                static_cast<int>(name.size()), name.data());
}

/// Looks for such names among the notes of a leg. Notes that other modules than httpd's keep
/// there are told of too.
inline void tell_unknown_notes(const request_rec* leg, const ServerConfig& config) {
  if (!tells_unknown_names(leg)) return;
  for (const apr_table_entry_t& note : entries_of(leg->notes)) {
    const auto is_known = [&note](const char* key) { return !ap_cstr_casecmp(key, note.key); };
    const bool is_foreign =
        std::ranges::find(kForeignNotes, std::string_view(note.key)) != std::end(kForeignNotes);
    if (!is_foreign && std::ranges::none_of(config.note_keys, is_known)) {
      tell_unknown_name(leg, note.key);
    }
  }
}

}  // namespace reqnotes
