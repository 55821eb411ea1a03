#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string_view>

#include "reqnotes/flags/flag_state.hpp"
#include "reqnotes/flags/flags_file.hpp"
#include "reqnotes/flags/published_flags.hpp"
#include "reqnotes/flags/trip.hpp"
#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/flags/flag_files.hpp"
#include "reqnotes/metrics/published.hpp"
#include "reqnotes/metrics/series.hpp"
#include "reqnotes/metrics/watch.hpp"
#include "reqnotes/text/decimal.hpp"
#include "reqnotes/text/sink.hpp"
#include "reqnotes/text/slice.hpp"

namespace reqnotes {

// What the monitor does with files of flags, once a second.

/// A file as it was seen last: no other text has the same.
struct SeenFile {
  dev_t device;
  ino_t inode;
  timespec changed;
  off_t size;
};

constexpr const char* kMissing = "does not exist";
constexpr const char* kEmpty = "is empty; without flags it needs a comment";
constexpr const char* kOfApplication =
    "can be changed by the server's user, who runs the application";

struct FlagWatch {
  FlagState state;  ///< as it is published
  SeenFile flags;
  SeenFile trips;
  bool has_seen_flags;
  bool has_seen_trips;
  bool is_from_root;  ///< the application is of another user than who started httpd
  int trips_fd;       ///< -1 where trips cannot be written
  TripMemory memory[kFlagsMax];
};

inline bool is_seen(const SeenFile& seen, const struct stat& info) {
  return seen.device == info.st_dev && seen.inode == info.st_ino && seen.size == info.st_size &&
         seen.changed.tv_sec == info.st_ctim.tv_sec && seen.changed.tv_nsec == info.st_ctim.tv_nsec;
}

inline SeenFile seen_of(const struct stat& info) {
  return {
      .device = info.st_dev, .inode = info.st_ino, .changed = info.st_ctim, .size = info.st_size};
}

/// Reads a short regular file that the user of the server may read, and not change.
///
/// text     room for one byte more than it may have.
/// info     as the file was afterwards.
/// returns  null, or what is wrong, as the end of a sentence.
inline const char* read_short_file(const char* path, std::span<char> text, std::size_t& size,
                                   struct stat& info) {
  const int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT ? kMissing : "cannot be read by the server's user";
  const char* error = nullptr;
  size = 0;
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) error = "is no regular file";
  for (ssize_t got = 1; !error && got > 0 && size < text.size();) {
    got = read(fd, text.data() + size, text.size() - size);
    if (got > 0) size += static_cast<std::size_t>(got);
    if (got < 0 && errno != EINTR) error = "cannot be read";
    if (got < 0 && errno == EINTR) got = 1;
  }
  if (!error && fstat(fd, &info) != 0) error = "cannot be read";
  close(fd);
  return error;
}

/// Whether a file was changed a moment ago: an editor that writes in place makes it empty first,
/// and each half of it may end with a line.
inline bool is_being_written(const struct stat& info) {
  constexpr std::int64_t kMoment = 100'000;
  const std::int64_t age = apr_time_now() - (std::int64_t{info.st_ctim.tv_sec} * 1'000'000 +
                                             info.st_ctim.tv_nsec / 1000);
  return age >= 0 && age < kMoment;
}

/// Whether this process could change a file, or put another one in its place.
inline bool is_changeable(const char* path) {
  char real[PATH_MAX];
  if (!realpath(path, real)) return false;
  for (const char* at = real; at;) {
    struct stat info = {};
    const bool is_there = stat(at, &info) == 0;
    // In a folder as /tmp is, only its own files can be replaced.
    const bool is_sticky = S_ISDIR(info.st_mode) && (info.st_mode & S_ISVTX) != 0;
    if (is_there && info.st_uid == geteuid()) return true;
    if (is_there && !is_sticky && access(at, W_OK) == 0) return true;
    // NOLINTNEXTLINE(concurrency-mt-unsafe)
    char* const slash = std::strrchr(real, '/');
    if (slash) *slash = '\0';
    at = !slash ? nullptr : slash == real ? "/" : real;
  }
  return false;
}

/// Whether the application could change a file. Where httpd was not started by root, all is of one
/// user.
inline bool is_of_application(const FlagWatch& watch, const char* path) {
  if (!watch.is_from_root || ap_unixd_config.user_id == 0) return false;
  const std::string_view folder = prefix(path, std::string_view(path).rfind('/') + 1);
  char text[PATH_MAX];
  if (folder.size() >= sizeof text) return false;
  *std::ranges::copy(folder, text).out = '\0';
  // A link can be replaced where it is, and what it leads to there.
  return is_changeable(path) || is_changeable(text);
}

/// Writes why a file is not read.
inline void put_refused(char (&reason)[kFlagRefusedMax], std::size_t line, const char* why) {
  char* const end = reason + sizeof reason - 1;
  char* at = reason;
  if (line != 0)
    at = apr_cpystrn(reason, "line ", sizeof reason),
    at = put_decimal(static_cast<std::int64_t>(line), at), *at++ = ' ';
  const std::string_view text = prefix(why, static_cast<std::size_t>(end - at));
  *std::ranges::copy(text, at).out = '\0';
}

/// Keeps why a file is not read, and tells it once.
///
/// refused  the reason of before.
inline void refuse_file(const server_rec* server, const char* path, std::size_t line,
                        const char* why, const char* therefore, char (&refused)[kFlagRefusedMax]) {
  char reason[kFlagRefusedMax] = {};
  put_refused(reason, line, why);
  if (std::string_view(refused) == reason) return;
  std::ranges::copy(reason, refused);
  ap_log_error(APLOG_MARK, APLOG_WARNING, 0, server, "RN0039: ReqNotesFlags: %s %s; %s", path,
               reason, therefore);
}

/// Reads a file of flags that has changed.
///
/// returns  whether there are other flags now.
inline bool read_flags_again(const server_rec* server, FlagFile& file) {
  FlagWatch& watch = *file.watch;
  struct stat info = {};
  if (watch.has_seen_flags && stat(file.path, &info) == 0 && is_seen(watch.flags, info)) {
    return false;
  }
  char text[kFlagsBytesMax + 1];
  std::size_t size = 0;
  std::size_t line = 0;
  const char* error = read_short_file(file.path, text, size, info);
  if (!error && is_being_written(info)) return false;
  // What makes a file may still be at work, and none writes nothing to say that nothing is on.
  if (!error && size == 0) error = kEmpty;
  if (!error && is_of_application(watch, file.path)) {
    error = kOfApplication;
  }
  if (!error) error = read_flags({text, size}, line, watch.state.set);
  watch.has_seen_flags = !error;
  watch.flags = seen_of(info);
  if (error) {
    refuse_file(server, file.path, line, error, "the flags stay as they were",
                watch.state.refused.flags);
    return false;
  }
  watch.state.refused.flags[0] = '\0';
  watch.state.read_us = apr_time_now();
  return true;
}

/// Writes the trips where they outlive httpd. What is left of a longer text is made blank first, so
/// that a process that is killed here leaves a whole file.
inline void write_trips_again(const server_rec* server, FlagFile& file) {
  FlagWatch& watch = *file.watch;
  if (!file.trips) return;
  char text[kTripsTextMax];
  std::ranges::fill(text, '\n');
  Sink out(text);
  write_trips(watch.state.trips, out);
  struct stat info = {};
  const auto size = static_cast<off_t>(out.size());
  // Most editors put another file there, which only a monitor that begins can open.
  struct stat there = {};
  const bool is_open = watch.trips_fd >= 0 && fstat(watch.trips_fd, &info) == 0 &&
                       stat(file.trips, &there) == 0 && there.st_dev == info.st_dev &&
                       there.st_ino == info.st_ino;
  const auto whole = static_cast<std::size_t>(
      std::clamp<off_t>(info.st_size, size, static_cast<off_t>(sizeof text)));
  const bool is_written = is_open &&
                          pwrite(watch.trips_fd, text, whole, 0) == static_cast<ssize_t>(whole) &&
                          ftruncate(watch.trips_fd, size) == 0 && fstat(watch.trips_fd, &info) == 0;
  watch.state.is_unwritten = !is_written;
  if (is_written) {
    watch.trips = seen_of(info);
    watch.has_seen_trips = true;
    return;
  }
  ap_log_error(APLOG_MARK, APLOG_ERR, errno, server,
               "RN0042: ReqNotesFlags: %s cannot be written; the flags stay off until httpd is "
               "stopped",
               file.trips);
}

/// Reads the trips that a person has changed. What could not be written stays.
///
/// returns  whether there are others now.
inline bool read_trips_again(const server_rec* server, FlagFile& file) {
  FlagWatch& watch = *file.watch;
  if (!file.trips) return false;
  struct stat info = {};
  const bool is_there = stat(file.trips, &info) == 0;
  // Whoever has removed it wants no trips, and what was in it is remembered while httpd runs.
  if (!is_there && errno == ENOENT) return std::exchange(watch.state.are_trips_unknown, false);
  if (is_there && watch.has_seen_trips && is_seen(watch.trips, info)) return false;
  char text[kFlagsBytesMax + 1];
  std::size_t size = 0;
  std::size_t line = 0;
  TripSet trips = {};
  const char* error = read_short_file(file.trips, text, size, info);
  if (!error && is_being_written(info)) return false;
  if (!error && is_of_application(watch, file.trips)) error = kOfApplication;
  if (!error) error = read_trips({text, size}, line, trips);
  watch.has_seen_trips = is_there;
  watch.trips = seen_of(info);
  if (error) {
    refuse_file(server, file.trips, line, error,
                watch.state.are_trips_unknown ? "flags with trip= stay off until it can be read"
                                              : "the flags stay as they were",
                watch.state.refused.trips);
    return false;
  }
  watch.state.refused.trips[0] = '\0';
  watch.state.are_trips_unknown = false;
  if (watch.state.is_unwritten) {
    for (const Tripped& trip : watch.state.trips.all()) {
      const auto all = trips.all();
      const bool is_kept = std::ranges::find(all, trip.text(), &Tripped::text) != all.end();
      if (!is_kept && trips.count < kFlagsMax) trips.trips[trips.count++] = trip;
    }
  }
  watch.state.trips = trips;
  if (watch.state.is_unwritten) write_trips_again(server, file);
  return true;
}

/// Tells that errors turned a flag off.
inline void tell_trip(const server_rec* server, const FlagFile& file, const Flag& flag,
                      const TripReading& reading, const FlagSeries& series) {
  const auto exemplar = read_exemplar(file.view.table.at(series.on).failed);
  const std::string_view trace =
      exemplar ? std::string_view(exemplar->trace_id.data(), exemplar->trace_id.size())
               : std::string_view();
  ap_log_error(APLOG_MARK, APLOG_ERR, 0, server,
               "RN0040: flag %.*s is turned off: of %lu requests that had it in %u s, %lu failed, "
               "and of %lu others %lu; it stays off until its line in %s changes%s%.*s",
               flag.name_size, flag.name, static_cast<unsigned long>(reading.with.all),
               flag.trip.window_s, static_cast<unsigned long>(reading.with.failed),
               static_cast<unsigned long>(reading.without.all),
               static_cast<unsigned long>(reading.without.failed), file.path,
               trace.empty() ? "" : " trace_id=", static_cast<int>(trace.size()), trace.data());
}

/// Turns off flags that fail.
///
/// returns  whether there was one.
inline bool trip_flags(const server_rec* server, FlagFile& file, std::int64_t now_us) {
  FlagWatch& watch = *file.watch;
  const Requests all = requests_of(*file.all);
  bool has_tripped = false;
  for (std::size_t place = 0; place < watch.state.set.count; ++place) {
    const Flag& flag = watch.state.set.flags[place];
    const FlagSeries& series = watch.state.series[place];
    const FlagCounts counts = read_flag(file.view.table, series, all);
    const bool is_tripped = find_trip(watch.state.trips, flag) || is_held(watch.state, flag);
    const TripReading reading = look_at_flag(flag, is_tripped, watch.memory[place], counts, now_us);
    if (is_tripped || !reading.is_exceeded) continue;
    add_trip(watch.state.trips, flag, reading.with.share(), apr_time_sec(apr_time_now()));
    tell_trip(server, file, flag, reading, series);
    has_tripped = true;
  }
  return has_tripped;
}

/// Makes the flags known to all processes.
inline void publish_flags(const server_rec* server, FlagFile& file) {
  FlagState& state = file.watch->state;
  for (std::size_t place = 0; place < state.set.count; ++place) {
    state.series[place] = find_flag_series(file.view.table, state.set.flags[place].text());
  }
  FlagsView view;
  make_view(state.set, places_off(state), {state.series, state.set.count}, view);
  publish(file.memory->view, view);
  publish(file.memory->state, state);
  ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, server, "RN0041: flags of %s that are on: %s",
               file.path, view.text[0] ? view.text : "none");
}

/// Looks at a file of flags, once a second.
inline void watch_flags(const server_rec* server, FlagFile& file, std::int64_t now_us) {
  FlagWatch& watch = *file.watch;
  const FlagRefusals refused = watch.state.refused;
  bool has_changed = read_flags_again(server, file);
  has_changed = read_trips_again(server, file) || has_changed;
  // What a person has changed is on again; by a file that is whole, and not by its absence.
  bool has_tripped =
      has_changed && watch.has_seen_flags && forget_trips(watch.state.trips, watch.state.set);
  if (file.all) has_tripped = trip_flags(server, file, now_us) || has_tripped;
  if (has_tripped) write_trips_again(server, file);
  if (has_changed || has_tripped) {
    publish_flags(server, file);
  } else if (refused != watch.state.refused) {
    publish(file.memory->state, watch.state);
  }
}

/// Opens a file of trips to write it, as the user who started httpd.
inline void open_trips(const FlagFile& file) {
  FlagWatch& watch = *file.watch;
  watch.trips_fd = -1;
  if (!file.trips) return;
  constexpr int kHow = O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY;
  watch.trips_fd = open(file.trips, kHow | O_EXCL, 0644);
  if (watch.trips_fd >= 0) {
    watch.state.are_trips_unknown = false;
  } else if (errno == EEXIST) {
    watch.trips_fd = open(file.trips, kHow, 0644);
  }
  if (watch.state.trips.count != 0) watch.state.is_unwritten = true;
}

/// Begins to watch, as the user who started httpd: trips are written where the application cannot.
inline void begin_flags(apr_pool_t* pool) {
  for (FlagFile& file : flag_files) {
    if (!file.memory) continue;
    file.watch = static_cast<FlagWatch*>(apr_pcalloc(pool, sizeof(FlagWatch)));
    // A monitor before this one may have turned flags off, and none comes on by itself.
    if (!take(file.memory->state, file.watch->state)) {
      file.watch->state = {};
      file.watch->state.are_trips_unknown = file.trips != nullptr;
    }
    file.watch->is_from_root = geteuid() == 0;
    open_trips(file);
  }
}

/// Says what is wrong with files of flags, where httpd only tests its configuration. It does not
/// fail of it: apachectl tests before a restart, which goes on with the flags as they are.
inline void test_flag_files(const server_rec* server) {
  if (ap_state_query(AP_SQ_RUN_MODE) != AP_SQ_RM_CONFIG_TEST) return;
  for (const FlagFile& file : flag_files) {
    char text[kFlagsBytesMax + 1];
    std::size_t size = 0;
    std::size_t line = 0;
    struct stat info = {};
    FlagSet set;
    const char* error = read_short_file(file.path, text, size, info);
    if (!error) error = read_flags({text, size}, line, set);
    if (!error && size == 0) error = kEmpty;
    if (!error) continue;
    char reason[kFlagRefusedMax] = {};
    put_refused(reason, line, error);
    const bool is_missing = error == kMissing;
    ap_log_error(APLOG_MARK, is_missing ? APLOG_WARNING : APLOG_ERR, 0, server,
                 "RN0039: ReqNotesFlags: %s %s", file.path, reason);
  }
}

}  // namespace reqnotes
