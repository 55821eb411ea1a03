#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "reqnotes/facts/field.hpp"
#include "reqnotes/facts/privacy.hpp"
#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/facts/hash_key.hpp"
#include "reqnotes/httpd/facts/note_index.hpp"
#include "reqnotes/httpd/facts/sources.hpp"
#include "reqnotes/httpd/request.hpp"
#include "reqnotes/text/parse.hpp"
#include "reqnotes/text/utf8.hpp"

namespace reqnotes {

/// A field that a request has.
struct Fact {
  const Field* field;
  std::string_view text;  ///< not empty
  bool is_shown;          ///< `text` is what may be shown, and not what the source has
  bool shortened;         ///< it was cut to its maximum
};

/// Whether what the source has may be shown as it is: so nearly always.
inline bool fits_whole(const Fact& fact) {
  return fact.text.size() <= fact.field->shown_max;
}

/// Makes of the text of a source what may be shown of it. A private one is looked at as a whole,
/// and written to what `hidden()` gives, a span of kPrivateSize; where that fails, nothing of it is
/// shown. What is cut here needs no escape to be too long; the rest is cut where it is written, as
/// each format has its own escapes.
template <class Hidden>
void show(Fact& fact, Hidden&& hidden) {
  if (fact.is_shown) return;
  fact.is_shown = true;
  const FieldOptions& options = fact.field->options;
  if (options.privacy == Privacy::kPlain) {
    if (fits_whole(fact)) return;
    fact.text = cut_utf8(fact.text, options.max - kCutMark.size());
    fact.shortened = !fact.text.empty();
    // No character of it has room, but that there was one must be seen.
    if (!fact.shortened) fact.text = kCutMark;
    return;
  }
  const std::span<char, kPrivateSize> buffer = hidden();
  if (options.privacy == Privacy::kLast4) {
    fact.text = last_four(fact.text, buffer);
  } else if (hash(*fact.field->hash_key, fact.text, buffer)) {
    fact.text = {buffer.data(), buffer.size()};
  } else {
    fact.text = kCutMark;
  }
}

/// Which legs are looked at.
enum class Legs : std::uint8_t {
  kAll,         ///< those of the client request, and what its sub-requests left
  kSubrequest,  ///< only those of one sub-request, and only what can differ there
};

/// Which sources are looked at.
enum class Sources : std::uint8_t {
  kAll,
  kTimely,  ///< only those that an error line can have
};

/// Whether a text is a value of a field: a list of nothing but commas and blanks is none.
inline bool is_value(const Field& field, std::string_view text) {
  return field.options.type == Type::kList ? !next_element(text).empty() : !text.empty();
}

/// Finds a field's text as its source has it: the first source that is present, each looked for on
/// `leg` and then on the legs before it.
inline std::string_view read_sources(const Field& field, const request_rec* leg, Legs legs,
                                     Sources sources = Sources::kAll) {
  const bool all = legs == Legs::kAll;
  for (const Source& source : std::span(field.sources, field.source_count)) {
    if (!all && !source.kind->differs_by_leg) continue;
    if (sources == Sources::kTimely && source.kind->is_late) continue;
    for (const request_rec* at = leg; at; at = all ? leg_before(at) : at->prev) {
      const std::string_view text = source.kind->read(at, source);
      if (is_value(field, text)) return text;
      if (!source.kind->differs_by_leg) break;
    }
  }
  return {};
}

inline bool has_timely_source(const Field& field) {
  return std::ranges::any_of(std::span(field.sources, field.source_count),
                             [](const Source& source) { return !source.kind->is_late; });
}

/// Finds one field: what its sources have, or what a sub-request has left.
///
/// state    null where nothing is known of the client request.
/// returns  a fact whose text is empty where there is none.
inline Fact find_fact(const Field& field, const request_rec* leg, const RequestState* state,
                      Sources sources = Sources::kAll) {
  const std::string_view text = read_sources(field, leg, Legs::kAll, sources);
  if (text.empty() && state && state->carried &&
      (sources == Sources::kAll || has_timely_source(field))) {
    const CarriedText& carried = state->carried[field.index];
    return {&field, {carried.text, carried.size}, true, carried.shortened};
  }
  return {&field, text, false, false};
}

/// The fields that a request has at one moment, in their order; none until they are looked for.
class Facts {
 public:
  /// room   for as many as a server has fields; it is not read before it is written.
  explicit Facts(Fact* room) : facts_(room) {}

  /// Finds all that `log` gets, read from `leg` and the legs before it.
  void find(const ServerConfig& config, const RequestState* state, const request_rec* leg, Log log,
            Sources sources = Sources::kAll) {
    // Nearly all requests have one leg: one walk finds the notes that most fields are.
    if (leg->prev || leg->main || (state && state->carried) || !leg->notes) {
      for (const Field& field : config.fields) add_found(field, state, leg, log, sources);
      return;
    }
    Fact* fact = facts_;
    walk_keys(
        config.notes,
        leg->notes, [&](std::size_t key, const char* value) __attribute__((always_inline)) {
          const Field* field = config.note_fields[key];
          if ((field->options.logs & log) == 0 || !value || *value == '\0') {
            if (field->list && value) fact = add_list(*field->list, value, log, fact);
            return;
          }
          *fact = {field, value, true, false};
          if (!fits_whole(*fact)) fact->is_shown = all_shown_ = false;
          ++fact;
        });
    count_ = static_cast<std::size_t>(fact - facts_);
    for (const Field* field : config.other_fields) add_found(*field, state, leg, log, sources);
    const std::span<Fact> found(facts_, count_);
    if (!std::ranges::is_sorted(found, {}, &Fact::field)) {
      std::ranges::sort(found, {}, &Fact::field);
    }
  }

  /// Makes of them what may be shown; see show().
  template <class Hidden>
  void show_all(Hidden&& hidden) {
    if (all_shown_) return;
    for (Fact& fact : std::span(facts_, count_)) show(fact, hidden);
  }

  [[nodiscard]] std::span<const Fact> all() const { return {facts_, count_}; }

 private:
  /// returns  what stands behind it.
  [[gnu::noinline]] Fact* add_list(const Field& field, std::string_view value, Log log,
                                   Fact* fact) {
    if ((field.options.logs & log) == 0 || !is_value(field, value)) return fact;
    *fact = {&field, value, true, false};
    if (!fits_whole(*fact)) fact->is_shown = all_shown_ = false;
    return fact + 1;
  }

  void add_found(const Field& field, const RequestState* state, const request_rec* leg, Log log,
                 Sources sources) {
    if ((field.options.logs & log) == 0) return;
    Fact& fact = facts_[count_];
    fact = find_fact(field, leg, state, sources);
    if (fact.text.empty()) return;
    ++count_;
    all_shown_ = all_shown_ && fact.is_shown;
  }

  Fact* facts_;
  std::size_t count_ = 0;
  bool all_shown_ = true;
};

/// The facts that a line of the error log can have, on a stack.
class ErrorFacts : public Facts {
 public:
  ErrorFacts() : Facts(room_) {}

  void find(const ServerConfig& config, const RequestState* state, const request_rec* leg) {
    Facts::find(config, state, leg, kErrorLog);
    std::size_t used = 0;
    show_all([&] { return std::span<char, kPrivateSize>(hidden_[used++]); });
  }

 private:
  union {
    Fact room_[kMaxFields];  // a member of its own would be filled
  };
  char hidden_[kMaxFields][kPrivateSize];
};

[[gnu::noinline]] inline void find_final_facts(const ServerConfig& config, RequestState& state,
                                               const request_rec* last) {
  apr_pool_t* pool = original_of(last)->pool;
  const std::size_t room = std::max<std::size_t>(config.fields.size(), 1) * sizeof(Fact);
  Facts facts(static_cast<Fact*>(apr_palloc(pool, room)));
  facts.find(config, &state, last, kAccessLog);
  facts.show_all([pool] {
    return std::span<char, kPrivateSize>(static_cast<char*>(apr_palloc(pool, kPrivateSize)),
                                         kPrivateSize);
  });
  state.final_facts = facts.all().data();
  state.final_fact_count = facts.all().size();
}

/// The facts of a request that has ended, for its access lines and for counting: found once.
inline std::span<const Fact> final_facts(const ServerConfig& config, RequestState& state,
                                         const request_rec* last) {
  if (!state.final_facts) find_final_facts(config, state, last);
  return {state.final_facts, state.final_fact_count};
}

}  // namespace reqnotes
