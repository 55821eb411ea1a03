#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "reqnotes/facts/field.hpp"
#include "reqnotes/httpd/apache.hpp"
#include "reqnotes/httpd/conf/config.hpp"
#include "reqnotes/httpd/conf/giving.hpp"
#include "reqnotes/httpd/conf/metrics.hpp"
#include "reqnotes/httpd/conf/tree.hpp"
#include "reqnotes/httpd/pool.hpp"
#include "reqnotes/metrics/key_value.hpp"
#include "reqnotes/metrics/metric.hpp"
#include "reqnotes/metrics/threshold.hpp"
#include "reqnotes/text/slice.hpp"

namespace reqnotes {

constexpr const char* kThresholdDirective = "ReqNotesThreshold";
constexpr std::size_t kThresholdFileMax = 65'536;
constexpr std::size_t kThresholdLineMax = 1000;
constexpr std::size_t kJobsMax = 64;

/// The declaration of a name in a list of such, made where there is none.
template <class Declared>
Declared& declared_as(apr_array_header_t* list, const char* name) {
  for (Declared& other : elements<Declared>(list)) {
    if (std::string_view(other.name) == name) return other;
  }
  auto& made = push<Declared>(list, {});
  made.name = name;
  return made;
}

inline const char* read_threshold(Words words, Threshold& threshold) {
  if (words.size() < 3) {
    return "give a name, a signal, and above= or below=, as in search_errors errors(api) above=5%";
  }
  if (!is_metric_name(words[0])) {
    return "a threshold's name is a lower-case letter and up to 39 more of a-z, 0-9 and _";
  }
  threshold.name = words[0];
  if (const char* error = parse_signal(words[1], threshold)) return error;
  GivenLimits given;
  for (const char* word : words.subspan(2)) {
    if (is_option_repeated(words, word)) return "an option is given twice";
    if (const char* error = parse_threshold_option(word, threshold, given)) return error;
  }
  return finish_threshold(threshold, given);
}

inline const char* set_threshold(cmd_parms* cmd, void*, const char*) noexcept {
  if (const char* error = ap_check_cmd_context(cmd, GLOBAL_ONLY)) return error;
  const Words words = words_of(cmd->pool, cmd->directive);
  const char* text = join(cmd->pool, words);
  Threshold threshold;
  if (const char* error = read_threshold(words, threshold)) return refuse(cmd, text, error);
  apr_array_header_t* all = config_of(cmd->server).thresholds;
  auto& declared = declared_as<ThresholdDeclaration>(all, words[0]);
  if (static_cast<std::size_t>(all->nelts) > kThresholdsMax) {
    return refuse(cmd, text, "there can be at most 64 thresholds");
  }
  return give(cmd, declared.threshold, text, threshold);
}

/// Whether a threshold of that name was given in another file.
inline const Giving* given_elsewhere(const cmd_parms* cmd, std::string_view name) {
  for (const auto& other : elements<ThresholdDeclaration>(config_of(cmd->server).thresholds)) {
    const Giving* given = other.threshold.given;
    if (name == other.name && given && given->meant != cmd->directive->filename) return given;
  }
  return nullptr;
}

/// Reads one line of a file of thresholds. Nothing but a threshold may stand there, as those who
/// may write it must not say what programs httpd runs.
inline const char* read_threshold_line(const cmd_parms* cmd, const char* path, int number,
                                       const char* line) {
  ap_directive_t here = {};
  const char* args = line;
  here.directive = ap_getword_conf(cmd->pool, &args);
  here.args = apr_pstrdup(cmd->pool, args);
  here.filename = path;
  here.line_num = number;
  command_rec command = *cmd->cmd;
  command.name = kThresholdDirective;
  cmd_parms inner = *cmd;
  inner.cmd = &command;
  inner.directive = &here;
  if (!is_called(&here, kThresholdDirective)) {
    // Without the word: the file may be a link to one that its owner cannot read.
    return "only ReqNotesThreshold and comments may stand here";
  }
  const Words words = words_of(cmd->pool, &here);
  if (const Giving* other = words.empty() ? nullptr : given_elsewhere(&inner, words[0])) {
    return apr_psprintf(cmd->pool,
                        "a threshold %s is on line %d of %s already; choose another name", words[0],
                        other->line, other->file);
  }
  return set_threshold(&inner, nullptr, here.args);
}

/// Reads a whole file of thresholds. It may be anything, as a link too: a FIFO would hold up httpd,
/// and so would a file of /proc, which says that it is empty, and ends never.
///
/// returns  null, or what is wrong, as the end of a sentence.
inline const char* read_whole_file(apr_pool_t* pool, const char* path, std::string_view& text) {
  const int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT ? "there is no such file" : "it cannot be read";
  const char* error = nullptr;
  struct stat info = {};
  if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    error = "it is no regular file";
  } else if (static_cast<std::size_t>(info.st_size) > kThresholdFileMax) {
    error = "it is longer than 64 KB";
  } else {
    const auto size = static_cast<std::size_t>(info.st_size);
    auto* const bytes = static_cast<char*>(apr_palloc(pool, size + 1));
    if (read(fd, bytes, size) != info.st_size) error = "it cannot be read";
    text = {bytes, size};
  }
  close(fd);
  return error;
}

inline const char* read_threshold_file(const cmd_parms* cmd, const char* name) {
  const char* path = ap_server_root_relative(cmd->pool, name);
  if (!path) return "the path is invalid";
  std::string_view text;
  if (const char* error = read_whole_file(cmd->temp_pool, path, text)) return error;
  for (int number = 1; !text.empty(); ++number) {
    std::string_view line = prefix(text, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    const char* error = nullptr;
    if (line.size() > kThresholdLineMax) {
      error = "a line is longer than 1000 bytes";
    } else if (!is_clean(line)) {
      error = "it is no UTF-8, or has a control character";
    } else if (line = trim(line); !line.empty() && !line.starts_with('#')) {
      error = read_threshold_line(cmd, path, number,
                                  apr_pstrmemdup(cmd->pool, line.data(), line.size()));
    }
    if (!error) continue;
    return apr_psprintf(cmd->pool, "line %d: %s", number, ap_escape_logitem(cmd->pool, error));
  }
  return nullptr;
}

inline const char* set_thresholds(cmd_parms* cmd, void*, const char* name) noexcept {
  if (const char* error = ap_check_cmd_context(cmd, GLOBAL_ONLY)) return error;
  const char* error = read_threshold_file(cmd, name);
  if (error) return refuse(cmd, name, error);
  auto& file = push<Setting<const char*>>(config_of(cmd->server).threshold_files, {});
  return give(cmd, file, name, name);
}

inline const char* set_job(cmd_parms* cmd, void*, const char*) noexcept {
  if (const char* error = ap_check_cmd_context(cmd, GLOBAL_ONLY)) return error;
  const Words words = words_of(cmd->pool, cmd->directive);
  const char* text = join(cmd->pool, words);
  if (words.size() < 2 || !is_metric_name(words[0])) {
    return refuse(cmd, text,
                  "give a job's name, which is a lower-case letter and up to 39 more of a-z, 0-9 "
                  "and _, and then names of thresholds");
  }
  JobOptions options;
  apr_array_header_t* names = apr_array_make(cmd->pool, 4, sizeof(std::string_view));
  for (const char* word : words.subspan(1)) {
    const std::string_view name = word;
    const bool is_retry = name.starts_with("retry=");
    if (is_option_repeated(words.subspan(1), word))
      return refuse(cmd, text, "a word is given twice");
    const char* error =
        is_retry ? parse_whole(suffix(name, 6), 1, 86'400,
                               "retry must be a number of seconds from 1 to 86400", options.retry_s)
                 : nullptr;
    if (error) return refuse(cmd, text, error);
    if (!is_retry) push<std::string_view>(names, name);
  }
  options.thresholds = elements<const std::string_view>(names);
  if (options.thresholds.empty()) return refuse(cmd, text, "give the thresholds that it waits for");
  apr_array_header_t* all = config_of(cmd->server).jobs;
  auto& declared = declared_as<JobDeclaration>(all, words[0]);
  if (static_cast<std::size_t>(all->nelts) > kJobsMax) {
    return refuse(cmd, text, "there can be at most 64 jobs");
  }
  return give(cmd, declared.job, text, options);
}

/// Reads where applications drop numbers. The directory may be made later.
inline const char* read_metric_files(const cmd_parms* cmd, Words words, MetricFiles& files) {
  if (words.empty() || words.size() > 2) return "give a directory, and then stale= or nothing";
  files.directory = ap_server_root_relative(cmd->pool, words[0]);
  if (!files.directory) return "the path is invalid";
  struct stat info = {};
  if (stat(files.directory, &info) == 0 && !S_ISDIR(info.st_mode)) return "this is no directory";
  if (words.size() == 1) return nullptr;
  const std::string_view option = words[1];
  if (!option.starts_with("stale=")) return "give a directory, and then stale= or nothing";
  return parse_whole(suffix(option, 6), 2, 31'536'000,
                     "stale must be a number of seconds from 2 to 31536000", files.stale_s);
}

}  // namespace reqnotes
