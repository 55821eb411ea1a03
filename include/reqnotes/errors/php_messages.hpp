#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "reqnotes/masks/mask.hpp"
#include "reqnotes/text/slice.hpp"

namespace reqnotes {

/// How bad PHP says that a message is, by the numbers of syslog and httpd.
enum class PhpLevel : std::uint8_t {
  kUnknown = 0,  ///< its beginning is not there, or it may be several
  kError = 3,
  kWarning = 4,
  kNotice = 5,
};

/// The messages of PHP that PHP-FPM has joined into one message of mod_proxy_fcgi: their places in
/// it, in order.
///
/// source  sapi/fpm/fpm/fpm_main.c, main/main.c in PHP's source; modules/proxy/mod_proxy_fcgi.c in
///         httpd's.
class PhpMessages {
 public:
  static constexpr std::size_t kMost = 64;
  static constexpr std::string_view kBefore = "AH01071: Got error '";
  static constexpr std::string_view kMark = "PHP message: ";
  static constexpr std::string_view kBetween = "; PHP message: ";

  /// text   as mod_proxy_fcgi logged it, before masks: any bytes, untrusted, and cut anywhere.
  ///        There are no messages in what is not of PHP-FPM, and the last of kMost has all that is
  ///        left. Work is linear in it.
  explicit PhpMessages(std::string_view text) {
    if (!text.starts_with(kBefore)) return;
    // In place of the quote, httpd ends with a newline what it cut.
    const bool is_ended =
        text.size() > kBefore.size() && (text.back() == '\'' || text.back() == '\n');
    text.remove_suffix(is_ended ? 1 : 0);
    // A record of FPM's that is not its first begins with what stands between messages.
    const std::string_view said = suffix(text, kBefore.size());
    const std::size_t mark = said.starts_with(kMark)      ? kMark.size()
                             : said.starts_with(kBetween) ? kBetween.size()
                                                          : 0;
    std::size_t at = kBefore.size() + mark;
    std::size_t next = text.find(kBetween, at);
    bool has_beginning = mark != 0;
    if (!has_beginning && next == kNpos) return;
    while (next != kNpos && count_ + 1 != kMost) {
      add(at, next,
          has_beginning ? level_of(slice(text, at, next - at), false) : PhpLevel::kUnknown);
      has_beginning = true;
      at = next + kBetween.size();
      next = text.find(kBetween, at);
    }
    const bool is_one = next == kNpos && has_beginning;
    add(at, text.size(), is_one ? level_of(suffix(text, at), true) : PhpLevel::kUnknown);
  }

  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] PhpLevel level(std::size_t which) const { return levels_[which]; }
  /// text     what this was made of; or what it was masked to, if move_to_masked was called.
  [[nodiscard]] std::string_view text(std::size_t which, std::string_view text) const {
    return slice(text, bounds_[2 * which], bounds_[2 * which + 1] - bounds_[2 * which]);
  }

  /// Goes from a text to the masked one, so that no message shows more than that does. The whole
  /// is masked, as a secret may go on behind what looks like the end of a message; and taken apart
  /// before, as what is hidden may have such an end. A mask that several have a part of stands in
  /// each.
  ///
  /// text     what this was made of.
  void move_to_masked(std::string_view text, const MaskRules& rules) {
    std::size_t which = 0;
    std::size_t written = 0;
    for_each_masked(
        text, Place::kMessage, rules, [&](std::string_view same, std::string_view value) {
          const auto from = static_cast<std::size_t>(same.data() - text.data());
          const std::size_t hidden = from + same.size();
          for (; which < 2 * count_ && bounds_[which] <= hidden; ++which) {
            bounds_[which] = bounds_[which] - from + written;
          }
          written += same.size();
          if (!value.data()) return;
          for (; which < 2 * count_ && bounds_[which] < hidden + value.size(); ++which) {
            bounds_[which] = written + (which % 2 == 0 ? 0 : kMask.size());
          }
          written += kMask.size();
        });
    for (; which < 2 * count_; ++which) bounds_[which] = written;
  }

 private:
  struct Head {
    std::string_view text;
    PhpLevel level;
  };
  /// What a message begins with that is no notice; what an application logs is one too.
  static constexpr Head kHeads[] = {{"PHP Fatal error:  ", PhpLevel::kError},
                                    {"PHP Parse error:  ", PhpLevel::kError},
                                    {"PHP Recoverable fatal error:  ", PhpLevel::kError},
                                    {"PHP Unknown error:  ", PhpLevel::kError},
                                    {"PHP Warning:  ", PhpLevel::kWarning}};

  static PhpLevel level_of(std::string_view text, bool may_be_cut) {
    for (const Head& head : kHeads) {
      if (text.starts_with(head.text)) return head.level;
      if (may_be_cut && head.text.starts_with(text)) return PhpLevel::kUnknown;
    }
    return PhpLevel::kNotice;
  }

  void add(std::size_t begin, std::size_t end, PhpLevel level) {
    bounds_[2 * count_] = begin;
    bounds_[2 * count_ + 1] = end;
    levels_[count_++] = level;
  }

  std::size_t count_ = 0;
  std::size_t bounds_[2 * kMost];  ///< where each begins and ends; only what was added is read
  PhpLevel levels_[kMost];
};

}  // namespace reqnotes
