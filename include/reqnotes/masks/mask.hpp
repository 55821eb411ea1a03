#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "reqnotes/masks/names.hpp"
#include "reqnotes/masks/path.hpp"
#include "reqnotes/text/parse.hpp"
#include "reqnotes/text/percent.hpp"
#include "reqnotes/text/scan.hpp"
#include "reqnotes/text/sink.hpp"
#include "reqnotes/text/slice.hpp"

namespace reqnotes {

/// What stands for a masked value.
constexpr std::string_view kMask = "***";

/// What is masked, put together from the places of a request.
struct MaskRules {
  static constexpr std::size_t kMost = 16;  ///< tables of each kind

  bool defaults = true;     ///< kDefaultTable
  bool everything = false;  ///< there were more tables than have room
  std::size_t name_count = 0;
  std::size_t path_count = 0;
  std::array<const NameTable*, kMost> names;
  std::array<const PathTable*, kMost> paths;

  // Only what was added is read. NOLINTNEXTLINE
  MaskRules() {}

  constexpr void add(const NameTable* table) { add(table, names, name_count); }
  constexpr void add(const PathTable* table) { add(table, paths, path_count); }
  [[nodiscard]] constexpr std::span<const NameTable* const> name_tables() const {
    return {names.data(), name_count};
  }
  [[nodiscard]] constexpr std::span<const PathTable* const> path_tables() const {
    return {paths.data(), path_count};
  }

 private:
  template <class Table>
  constexpr void add(Table table, std::array<Table, kMost>& tables, std::size_t& count) {
    for (std::size_t at = 0; at < count; ++at) {
      if (tables[at] == table) return;
    }
    if (count == kMost) {
      everything = true;
      return;
    }
    tables[count++] = table;
  }
};

/// `text` without the marks at its end, which some parsers drop; but a parameter ends with `&`,
/// and behind kMask stands no name any more.
constexpr std::string_view without_marks(std::string_view text) {
  const auto is_mark = [](char c) { return !is_word_char(c) && c != '&' && c != kMask[0]; };
  while (!text.empty() && is_mark(text.back())) text.remove_suffix(1);
  return text;
}

/// Looks at the name at the end of `text`.
///
/// with_common  whether common words count too.
inline Secret look_up(const MaskRules& rules, std::string_view text, bool with_common,
                      bool in_message) {
  text = without_marks(text);
  if (rules.defaults) {
    const Secret secret = look_up(kDefaultTable, text, with_common, in_message);
    if (secret != Secret::kNone) return secret;
  }
  for (const NameTable* table : rules.name_tables()) {
    const Secret secret = look_up(*table, text, true, in_message);
    if (secret != Secret::kNone) return secret;
  }
  return Secret::kNone;
}

/// Tells most texts, which have no secret, from those that may have one: names by their last two
/// letters, users by a colon before them.
class QuickLook {
 public:
  QuickLook(std::string_view text, Place place, const MaskRules& rules)
      : text_(text), rules_(rules), place_(place) {}

  /// Whether SecretFinder may find something; false is sure.
  [[nodiscard]] bool may_find() {
    const bool is_short = text_.size() < 4 && place_ != Place::kMessage;
    return is_short ? may_find_in_short() : may_find_in_long();
  }

 private:
  [[nodiscard]] [[gnu::noinline]] bool may_find_in_long() {
    const auto is_sign = [](auto c) {
      return (c == '=') | (c == '%') | (c == '@') | (c == ':') | (c == '[') | (c == ']') | (c == 0);
    };
    const auto judge = [this](std::size_t at) __attribute__((always_inline)) {
      if (text_[at] == ':' && place_ != Place::kMessage) {
        has_colon_ = true;
        return false;
      }
      const bool is_quick = text_[at] == '=' && at >= encoded_to_ + 2;
      if (!is_quick || may_end(text_[at - 2], text_[at - 1])) [[unlikely]]
        return may_hide(at);
      name_from_ = at + 1;
      return false;
    };
    return any_odd(text_, is_sign, judge);
  }

  /// Whether a masked name may end with these two letters.
  [[nodiscard]] bool may_end(char second, char last) const {
    if (!is_word_char(last) || is_digit(last)) return true;
    if (rules_.defaults && kDefaultTable.pairs.has(second, last)) return true;
    for (const NameTable* table : rules_.name_tables()) {
      if (table->pairs.has(second, last)) return true;
    }
    return false;
  }

  /// No more than one name has room there, and nothing that is encoded and has a name.
  [[nodiscard]] [[gnu::noinline]] bool may_find_in_short() const {
    for (std::size_t at = 1; at < text_.size(); ++at) {
      if (text_[at] == '=' && may_end(at > 1 ? text_[at - 2] : '\0', text_[at - 1])) return true;
    }
    return false;
  }

  /// Whether something may be hidden because of the sign at `at`; false is sure.
  [[nodiscard]] [[gnu::noinline]] bool may_hide(std::size_t at) {
    const EncodedChar sign = read_encoded(text_, at);
    if (sign.size > 3) return true;
    if (sign.size > 1) encoded_to_ = at + sign.size;
    switch (sign.value) {
      case '@':
        return has_colon_;
      case ':':
        has_colon_ = true;
        if (place_ != Place::kMessage) return false;
        [[fallthrough]];
      case '=':
      case '[':
      case ']':
      case '\0':
        return may_name(at);
      default:
        return false;
    }
  }

  /// Whether the name before the sign at `at` may be masked. A bracket is a sign too, as some
  /// parsers end a name there.
  [[nodiscard]] bool may_name(std::size_t at) {
    const std::size_t from = name_from_;
    std::size_t end = at;
    for (std::size_t marks = 0; end != from && !is_word_char(text_[end - 1]); ++marks) {
      if (marks == 4) return true;  // or the work would not be linear
      --end;
    }
    const char sign = text_[at];
    if (sign == '=' || sign == ':') name_from_ = at + 1;
    if (end == from) return false;
    const bool is_encoded = encoded_to_ > from;
    if (is_encoded && encoded_to_ + 2 > end) return true;
    if (!may_end(end - from > 1 ? text_[end - 2] : '\0', text_[end - 1])) return false;
    if (is_encoded || end - from > 2 * kMaskedNameMax) return true;
    const bool with_common = sign != ':' || end != at;
    const std::string_view name = slice(text_, from, end - from);
    return look_up(rules_, name, with_common, place_ == Place::kMessage) != Secret::kNone;
  }

  std::string_view text_;
  const MaskRules& rules_;
  Place place_;
  bool has_colon_ = false;
  std::size_t name_from_ = 0;
  std::size_t encoded_to_ = 0;  ///< where the last encoded character ends
};

/// Finds the values of parameters whose names are masked, and the user and password of URLs.
///
/// A value stands behind a `=`, encoded or not, so that a URL in the query of another one is seen
/// too. Its name is what stands before: PHP, Python, Node and Java disagree where a name begins
/// and what of it counts, so every part of it that one of them could take counts.
class SecretFinder {
 public:
  SecretFinder(std::string_view text, Place place, const MaskRules& rules)
      : text_(text), rules_(rules), place_(place) {}

  /// The next range at `from` or behind it; it may be empty.
  std::optional<Range> next(std::size_t from) {
    if (from > at_) at_ = from;
    if (from > url_from_) pass_url(from, from);
    while (at_ < text_.size()) {
      const std::size_t begin = find_sign();
      if (begin == text_.size()) break;
      const EncodedChar sign = read_encoded(text_, begin);
      at_ = begin + sign.size;
      std::optional<Range> found;
      if (sign.value == '@') {
        found = find_userinfo(begin);
      } else if (sign.value == '=' || (sign.value == ':' && place_ == Place::kMessage)) {
        found = find_value(begin, sign.value);
      }
      if (!found) continue;
      // What stands before a URL may still be the name: `token[http://a:b@h/?c]=`.
      if (sign.value != '@') {
        pass_url(found->begin, found->end);
        at_ = name_from_ = found->end;
      }
      return found;
    }
    at_ = text_.size();
    return std::nullopt;
  }

 private:
  [[nodiscard]] std::size_t find_sign() const {
    const std::string_view left = suffix(text_, at_);
    if (place_ == Place::kMessage) {
      return at_ + find_odd(left, [](auto c) {
               return (c == '=') | (c == '%') | (c == '@') | (c == ':');
             });
    }
    return at_ + find_odd(left, [](auto c) { return (c == '=') | (c == '%') | (c == '@'); });
  }

  [[nodiscard]] Secret look_up(std::string_view text, bool words) const {
    return reqnotes::look_up(rules_, text, words, place_ == Place::kMessage);
  }

  /// Looks at a part of a name before a bracket. Few marks may stand between them: there may be
  /// a bracket behind each byte, and the work must not grow with the size of a text.
  [[nodiscard]] Secret look_up_part(std::string_view part, bool words) const {
    for (std::size_t marks = 0; marks < 4 && !part.empty(); ++marks) {
      if (is_word_char(part.back())) return look_up(part, words);
      part.remove_suffix(1);
    }
    return Secret::kNone;
  }

  /// Looks at every name in `text` that a parser may take for the one before a `=`: what stands
  /// before a bracket or a NUL, and at its end.
  [[nodiscard]] Secret look_up_decoded(std::string_view text, bool words) const {
    char buffer[4 * kMaskedNameMax];
    std::size_t size = 0;
    Secret before = Secret::kNone;
    for (std::size_t at = 0; at < text.size();) {
      const EncodedChar c = read_encoded(text, at);
      at += c.size;
      if (size == sizeof buffer) {
        std::memmove(buffer, buffer + sizeof buffer / 2, sizeof buffer / 2);
        size = sizeof buffer / 2;
      }
      if (c.value == '[' || c.value == ']' || c.value == '\0') {
        const Secret secret = look_up_part({buffer, size}, words);
        if (secret != Secret::kNone) before = secret;
      }
      // In a message nothing of a name is left behind a blank.
      if (place_ == Place::kMessage && c.size == 1 && is_blank(c.value)) before = Secret::kNone;
      buffer[size++] = c.value == '&' && c.size != 1 ? '#' : c.value;
    }
    const Secret last = look_up({buffer, size}, words);
    return last != Secret::kNone ? last : before;
  }

  /// The value behind the sign at `begin`, if its name is masked.
  std::optional<Range> find_value(std::size_t begin, char sign) {
    std::string_view text = slice(text_, name_from_, begin - name_from_);
    name_from_ = at_;
    if (place_ == Place::kQuery) text = suffix(text, text.rfind('&') + 1);
    const std::size_t last = text.find_last_not_of(" \t\r\n");
    const bool quoted = last != kNpos && (text[last] == '"' || text[last] == '\'');
    const Secret secret = look_up_decoded(text, sign == '=' || quoted);
    if (secret == Secret::kNone) return std::nullopt;
    if (place_ == Place::kMessage) return value_in_message(sign, secret, quoted);
    return Range{at_, value_end(at_)};
  }

  /// The end of a value. Nothing encoded ends it, and only what surely does: rather too much is
  /// masked than too little.
  [[nodiscard]] std::size_t value_end(std::size_t at) const {
    const std::string_view left = suffix(text_, at);
    if (place_ == Place::kQuery) return std::min(text_.find('&', at), text_.size());
    if (place_ == Place::kPath) {
      return at + find_odd(left, [](auto c) { return (c == '/') | (c == ';'); });
    }
    return at + find_odd(left, [](auto c) {
             return (c == ' ') | (c == '\t') | (c == '\r') | (c == '\n');
           });
  }

  [[nodiscard]] std::size_t line_end(std::size_t at) const {
    return at + find_odd(suffix(text_, at), [](auto c) { return (c == '\r') | (c == '\n'); });
  }

  [[nodiscard]] char char_at(std::size_t at) const { return at < text_.size() ? text_[at] : '\0'; }

  /// Where a quote begins that may close a value, with the backslashes before it, or kNpos: of
  /// those inside, JSON has more backslashes before them, and httpd doubles each once more.
  [[nodiscard]] std::size_t closing_quote(std::size_t at, char quote, std::size_t slashes) const {
    for (;;) {
      const std::size_t found = text_.find(quote, at);
      if (found == kNpos) return kNpos;
      std::size_t begin = found;
      while (begin > at && text_[begin - 1] == '\\') --begin;
      if (found - begin <= slashes) return begin;
      at = found + 1;
    }
  }

  /// What is hidden behind `name=`, `name: `, `"name":` or `'name' =>` of a sentence.
  [[nodiscard]] std::optional<Range> value_in_message(char sign, Secret secret, bool quoted) const {
    std::size_t at = at_;
    if (sign == ':' && char_at(at) == ':') return std::nullopt;  // Class::method
    bool whole_line = secret == Secret::kLine && sign == ':';
    for (; char_at(at) == '=' || char_at(at) == '>'; ++at) whole_line |= text_[at] == '>';
    while (is_blank(char_at(at))) ++at;
    if (at == text_.size()) return sign == ':' ? std::nullopt : std::optional(Range{at, at});

    std::size_t quote = at;
    while (char_at(quote) == '\\') ++quote;
    const std::size_t slashes = quote - at;
    const char letter = to_lower(char_at(quote));
    const bool has_letter = slashes == 0 && (letter == 'b' || letter == 'u');
    if (has_letter) ++quote;  // Python: b'...' and u'...'
    const char mark = char_at(quote);
    if ((mark == '"' || mark == '\'') && (quoted || secret != Secret::kLine)) {
      const std::size_t begin = quote + 1;
      const std::size_t end = closing_quote(begin, mark, slashes);
      if (end == kNpos) return Range{has_letter ? at : begin, text_.size()};
      const std::size_t behind = text_.find(mark, end) + 1;
      // In a URL a quote ends nothing.
      const bool ends = sign == ':' || whole_line || behind == text_.size();
      if (ends || is_blank(text_[behind])) return Range{begin, end};
      return Range{at, value_end(behind)};
    }
    const std::size_t end = value_end(at);
    const std::string_view word = slice(text_, at, end - at);
    const bool has_more = word.front() == '[' || word.front() == '{' || word.front() == '(' ||
                          equals_lower(word, "bearer") || equals_lower(word, "basic");
    return Range{at, whole_line || has_more ? line_end(at) : end};
  }

  /// Whether the host and what stands before it end with `c`, in a URL whose slashes were encoded
  /// as often as `size` tells.
  [[nodiscard]] bool ends_authority(EncodedChar c, std::size_t size) const {
    if (c.size > size) return false;
    if (c.value == '/' || c.value == '?' || c.value == '#') return true;
    if (place_ == Place::kQuery) return c.size == 1 && c.value == '&';
    const bool ends_url = is_blank(c.value) || c.value == '"' || c.value == '<' || c.value == '>';
    return place_ == Place::kMessage && ends_url;
  }

  /// Looks for URLs up to `end`, and goes on at `next`, as what lies between is hidden.
  void pass_url(std::size_t end, std::size_t next) {
    constexpr std::string_view kMark = "://";
    std::size_t matched = 0;  // of kMark
    for (std::size_t at = url_from_; at < end;) {
      if (matched == 0 && user_ == kNpos) {
        at += find_odd(slice(text_, at, end - at), [](auto c) { return (c == ':') | (c == '%'); });
        if (at == end) break;
      }
      const EncodedChar c = read_encoded(text_, at);
      at += c.size;
      if (c.value == '\\') continue;  // JSON may have `:\/\/`
      if (user_ != kNpos && ends_authority(c, slash_size_)) user_ = kNpos;
      matched = c.value == kMark[matched] ? matched + 1 : c.value == ':' ? 1 : 0;
      if (matched != kMark.size()) continue;
      matched = 0;
      user_ = at;
      slash_size_ = c.size;
    }
    url_from_ = next;
  }

  /// What stands before the `@` at `begin`, behind `://` or another `@` of the same host.
  std::optional<Range> find_userinfo(std::size_t begin) {
    const std::size_t from = url_from_;
    pass_url(begin, at_);
    if (user_ == kNpos) return std::nullopt;
    const std::size_t user = std::max(user_, from);
    return user < begin ? std::optional(Range{user, begin}) : std::nullopt;
  }

  std::string_view text_;
  const MaskRules& rules_;
  Place place_;
  std::size_t at_ = 0;          ///< what has not been looked at
  std::size_t name_from_ = 0;   ///< where the next name begins, or before that
  std::size_t url_from_ = 0;    ///< where the next URL is looked for
  std::size_t user_ = kNpos;    ///< where the user of that URL begins, while its host goes on
  std::size_t slash_size_ = 0;  ///< of that URL
};

/// What for_each_masked does for a part of a text.
template <class Pass>
void walk_masked(std::string_view text, Place place, const MaskRules& rules, Pass pass) {
  SecretFinder secrets(text, place, rules);
  std::size_t at = 0;
  const auto hide = [&](const Range& range) {
    pass(slice(text, at, range.begin - at), slice(text, range.begin, range.end - range.begin));
    at = range.end;
  };
  if (rules.path_count == 0) {
    while (const auto range = secrets.next(at)) hide(*range);
    return pass(suffix(text, at), std::string_view());
  }
  PathFinder paths(text, place, rules.path_tables());
  constexpr Range kNone = {kNpos, kNpos};
  Range secret = secrets.next(0).value_or(kNone);
  Range path = paths.next().value_or(kNone);
  while (std::min(secret.begin, path.begin) != kNpos) {
    Range range = secret.begin < path.begin ? secret : path;
    // Both may find something in the same part; then all of it is hidden.
    while (std::min(secret.begin, path.begin) <= range.end) {
      if (secret.begin <= range.end) {
        range.end = std::max(range.end, secret.end);
        secret = secrets.next(range.end).value_or(kNone);
      } else {
        range.end = std::max(range.end, path.end);
        path = paths.next().value_or(kNone);
      }
    }
    hide(range);
  }
  pass(suffix(text, at), std::string_view());
}

/// Calls `pass(unchanged, value)` for each masked part of `text` and what stands before it, and
/// `pass(unchanged, {})` with a null value for what is left. A path and its query are looked at by
/// themselves.
template <class Pass>
void for_each_masked(std::string_view text, Place place, const MaskRules& rules, Pass pass) {
  if (rules.everything) return pass(prefix(text, 0), text.empty() ? std::string_view() : text);
  const std::size_t end = place != Place::kPath
                              ? text.size()
                              : find_odd(text, [](auto c) { return (c == '?') | (c == '#'); });
  walk_masked(prefix(text, end), place, rules, pass);
  if (end != text.size()) walk_masked(suffix(text, end), Place::kQuery, rules, pass);
}

/// Most bytes that `size` bytes have when they are masked: an empty value becomes three, and its
/// name, the `=` and what stands before them are three at least.
constexpr std::size_t masked_room(std::size_t size) {
  return 2 * size + kMask.size();
}

/// See mask.
template <class Room>
[[gnu::noinline]] std::string_view put_masked(std::string_view text, Place place,
                                              const MaskRules& rules, Room&& room) {
  Sink out({});
  bool changes = false;
  for_each_masked(text, place, rules, [&](std::string_view same, std::string_view value) {
    if (!changes && value.data() && value != kMask) {
      changes = true;
      out = Sink(room(masked_room(text.size())));
      out.put(prefix(text, static_cast<std::size_t>(same.data() - text.data())));
    }
    if (!changes) return;
    out.put(same);
    if (value.data()) out.put(kMask);
  });
  if (!changes) return text;
  return out.overflowed() ? kMask : out.written();
}

/// Whether mask surely leaves `text` as it is. It is told of nearly all texts, and much faster.
inline bool is_plain(std::string_view text, Place place, const MaskRules& rules) {
  const bool by_names = rules.path_count == 0 && !rules.everything;
  return by_names && (text.size() < 2 || !QuickLook(text, place, rules).may_find());
}

/// `text` with kMask for each secret of it.
///
/// text     a path or URL, a query, or a message; any bytes, untrusted. Work is linear in it.
/// rules    what is masked beside the user and password of URLs.
/// room     `std::span<char> room(std::size_t size)`, asked for masked_room(text.size()) bytes at
///          the first secret that is not masked already. Where it gives less, all is hidden.
/// returns  `text` itself where nothing changes, or what was written. What is masked once stays
///          as it is, but behind a hidden segment or user a second pass may hide more.
template <class Room>
std::string_view mask(std::string_view text, Place place, const MaskRules& rules, Room&& room) {
  return is_plain(text, place, rules) ? text : put_masked(text, place, rules, room);
}

}  // namespace reqnotes
