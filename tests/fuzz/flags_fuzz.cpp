#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz.hpp"
#include "reqnotes/flags/asked.hpp"
#include "reqnotes/flags/published_flags.hpp"
#include "reqnotes/flags/trip.hpp"

// -max_len=600

namespace reqnotes {
namespace {

constexpr std::string_view kDigits = "0123456789";

/// What a line says, by other means than what reads it.
struct Said {
  std::string name;
  int share = 0;  ///< in hundredths of a percent
  int limit = -1;
  int least = 20;
  int window = 30;
  bool with_unanswered = false;
  std::string note;
};

/// Reads a number of digits that are no more than `most`, without a zero in front.
bool read_number(std::string_view text, int least, int most, int& number) {
  if (text.empty() || text.size() > 7 || !has_only(text, kDigits)) return false;
  if (text.size() > 1 && text[0] == '0') return false;
  number = std::stoi(std::string(text));
  return number >= least && number <= most;
}

bool read_share(std::string_view text, int& share) {
  if (!text.ends_with('%')) return false;
  text.remove_suffix(1);
  const auto parts = split(text, '.');
  int whole = 0;
  if (parts.size() > 2 || !read_number(parts[0], 0, 100, whole)) return false;
  std::string decimals = "00";
  if (parts.size() == 2) {
    if (parts[1].empty() || parts[1].size() > 2 || !has_only(parts[1], kDigits)) return false;
    decimals = std::string(parts[1]) + (parts[1].size() == 1 ? "0" : "");
  }
  share = whole * 100 + std::stoi(decimals);
  return share <= 10'000;
}

bool read_word(std::string_view word, Said& said) {
  if (word == "unanswered") return said.with_unanswered = true;
  if (!word.starts_with("trip=") || said.limit >= 0) return false;
  const auto parts = split(word.substr(5), '/');
  if (parts.size() > 3 || !read_share(parts[0], said.limit) || said.limit == 10'000) return false;
  if (parts.size() > 1 && !read_number(parts[1], 1, 1'000'000, said.least)) return false;
  if (parts.size() < 3) return true;
  return parts[2].ends_with('s') &&
         read_number(parts[2].substr(0, parts[2].size() - 1), 10, 3600, said.window);
}

/// returns  false where the line is wrong; without a name where it says nothing.
bool read_line(std::string_view line, Said& said) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (!is_clean(line)) return false;
  const std::size_t mark = std::min(line.find('#'), line.size());
  std::string text(trimmed(line.substr(0, mark)));
  if (text.empty()) return true;
  said.note = trimmed(line.substr(std::min(mark + 1, line.size())));
  const std::size_t size = text.find_first_not_of("abcdefghijklmnopqrstuvwxyz_0123456789");
  said.name = text.substr(0, size);
  if (said.name.empty() || said.name.size() > 40 || said.name[0] == '_' ||
      has_only(said.name.substr(0, 1), kDigits) || size == text.npos) {
    return false;
  }
  text = trimmed(std::string_view(text).substr(size));
  if (line.find_first_of(" \t=", line.find(said.name)) != line.find(said.name) + size) return false;
  if (text.starts_with('=')) text = trimmed(std::string_view(text).substr(1));
  std::ranges::replace(text, '\t', ' ');
  bool is_first = true;
  for (std::string_view word : split(text, ' ')) {
    if (is_first) {
      if (word == "on" || word == "off") {
        said.share = word == "on" ? 10'000 : 0;
      } else if (!read_share(word, said.share)) {
        return false;
      }
    } else if (!word.empty() && !read_word(word, said)) {
      return false;
    }
    is_first = false;
  }
  return !said.with_unanswered || said.limit >= 0;
}

bool read_file(std::string_view text, std::vector<Said>& all) {
  const auto lines = split(text, '\n');
  if (!lines.back().empty()) return false;
  for (std::size_t at = 0; at + 1 < lines.size(); ++at) {
    Said said;
    if (!read_line(lines[at], said)) return false;
    if (said.name.empty()) continue;
    for (const Said& other : all) {
      if (other.name == said.name) return false;
    }
    all.push_back(said);
  }
  return all.size() <= 64;
}

void expect_same(const Flag& flag, const Said& said) {
  promise(flag.text() == said.name, "its name");
  promise(static_cast<int>(flag.share) == said.share, "its share");
  promise((flag.mode == Flag::Mode::kOn) == (said.share == 10'000), "all is on");
  promise((flag.mode == Flag::Mode::kOff) == (said.share == 0), "nothing is off");
  promise(flag.trip.is_set() == (said.limit >= 0), "whether it may trip");
  if (flag.trip.is_set()) {
    promise(static_cast<int>(flag.trip.limit) == said.limit, "its limit");
    promise(static_cast<int>(flag.trip.least) == said.least, "its least requests");
    promise(static_cast<int>(flag.trip.window_s) == said.window, "its window");
  }
  promise(flag.trip.with_unanswered == said.with_unanswered, "unanswered");
  promise(std::string_view(said.note).starts_with(flag.why()) &&
              (flag.why() == said.note || flag.why().size() > 76) && is_clean(flag.why()),
          "its note is a beginning of whole characters");
}

/// A place for each flag that a list names, and how it stood.
struct Listed {
  std::uint64_t asked = 0;
  std::uint64_t on = 0;
  std::uint32_t unknown = 0;
};

Listed listed(const std::vector<Said>& flags, std::string_view list) {
  std::string text(list);
  std::ranges::replace(text, ',', ' ');
  Listed want;
  for (std::string_view word : split(text, ' ')) {
    const bool is_off = word.starts_with('-');
    if (is_off) word.remove_prefix(1);
    if (word.empty()) continue;
    const auto found = std::ranges::find(flags, word, &Said::name);
    if (found == flags.end()) {
      ++want.unknown;
      continue;
    }
    const std::uint64_t place = std::uint64_t{1} << (found - flags.begin());
    want.asked |= place;
    if (!is_off) want.on |= place;
  }
  return want;
}

/// What a visitor has: the flags for all, and behind them those with a share.
std::string flags_for(const std::vector<Said>& flags, std::uint64_t key) {
  std::string text;
  for (bool is_for_all : {true, false}) {
    for (const Said& said : flags) {
      if (said.share == 0 || (said.share == 10'000) != is_for_all) continue;
      const auto share = static_cast<std::uint32_t>(said.share);
      if (is_in_share(key, flag_hash(said.name), share)) text += "," + said.name;
    }
  }
  return text.empty() ? text : text.substr(1);
}

void expect_requests(const FlagSet& set, const std::vector<Said>& want, std::string_view list) {
  const auto view = std::make_unique<FlagsView>();
  std::array<FlagSeries, kFlagsMax> series{};
  for (std::size_t at = 0; at < kFlagsMax; ++at) series[at].on = static_cast<std::uint16_t>(at);
  make_view(set, 0, series, *view);
  const auto published = std::make_unique<PublishedFlags>();
  publish(*published, *view);

  std::unique_ptr<char[]> memory;
  const std::uint64_t key = share_key(list);
  const std::string_view flags = flags_of(
      *published, [key] { return key; },
      [&memory](std::size_t bytes) { return (memory = std::make_unique<char[]>(bytes)).get(); });
  promise(flags == flags_for(want, key), "what a visitor has");
  promise(read_asked(*published, flags).unknown == 0, "what he has is known");

  const AskedFlags asked = read_asked(*published, list);
  const Listed names = listed(want, list);
  promise(asked.asked == names.asked && asked.on == names.on, "what was asked, and how it stood");
  promise(asked.unknown == names.unknown, "what is no flag");
  std::uint64_t given = 0;
  each_asked(*published, asked, [&](FlagSeries numbers, bool is_on) {
    given |= std::uint64_t{1} << numbers.on;
    promise(is_on == ((names.on >> numbers.on & 1) != 0), "a flag has its series");
  });
  promise(given == names.asked, "each is given");
}

/// What is taken for trips is the same when it is written and read again.
void expect_trips(std::string_view text) {
  const auto write = [](const TripSet& set) {
    std::array<char, kTripsTextMax> room;
    Sink out(room);
    write_trips(set, out);
    promise(!out.overflowed(), "trips have room");
    return std::string(out.written());
  };
  const auto trips = std::make_unique<TripSet>();
  std::size_t line = 0;
  if (const char* error = read_trips(text, line, *trips)) {
    promise(std::strlen(error) > 10 && trips->count == 0, "all or none");
    return;
  }
  const auto again = std::make_unique<TripSet>();
  promise(read_trips(write(*trips), line, *again) == nullptr, "what was written is taken");
  promise(write(*again) == write(*trips) && again->count == trips->count, "and is the same");
}

}  // namespace

/// A list that was asked, and a file of flags, which may as well be one of trips: each is taken as
/// its words have it, or refused as a whole.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const Text list = input.line();
  const Text text = input.rest();
  const auto set = std::make_unique<FlagSet>();
  std::size_t line = 0;
  const char* error = read_flags(text, line, *set);
  std::vector<Said> want;
  promise((error == nullptr) == read_file(text, want), "what is right is taken, and nothing else");
  if (error) {
    promise(std::strlen(error) > 10 && set->count == 0, "all or nothing");
  } else {
    promise(set->count == want.size(), "each line has its flag");
    for (std::size_t at = 0; at < want.size(); ++at) expect_same(set->flags[at], want[at]);
    expect_requests(*set, want, list);
  }
  expect_trips(text);
  return 0;
}

}  // namespace reqnotes
