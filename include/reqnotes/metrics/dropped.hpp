#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
namespace reqnotes {
struct DroppedNumber {
  char name[64];
  std::uint8_t name_size;
  std::uint8_t file;
  double value;
  [[nodiscard]] std::string_view text() const { return {name, name_size}; }
};
struct DroppedFile {
  char name[64];
  std::uint8_t name_size;
  std::uint32_t owner;
  std::int64_t time_us;
  char refused[96];
  [[nodiscard]] std::string_view text() const { return {name, name_size}; }
};
struct Dropped {
  DroppedNumber numbers[256];
  std::uint32_t number_count;
  DroppedFile files[64];
  std::uint32_t file_count;
  std::uint32_t more_files;
  std::int64_t stale_us;
};
using TellDropped = void (*)(void* to, const char* file, const char* reason);
inline void read_dropped(const char*, std::int64_t, std::int64_t, Dropped&, TellDropped, void*) {}
inline std::span<const DroppedNumber> numbers_of(const Dropped& dropped) {
  return {dropped.numbers, dropped.number_count};
}
inline std::span<const DroppedFile> files_of(const Dropped& dropped) {
  return {dropped.files, dropped.file_count};
}
inline const DroppedNumber* find_number(const Dropped& dropped, std::string_view name) {
  for (const auto& n : numbers_of(dropped))
    if (n.text() == name) return &n;
  return nullptr;
}
inline double age_seconds(const DroppedFile& file, std::int64_t now_us) {
  return static_cast<double>(std::max<std::int64_t>(now_us - file.time_us, 0)) / 1e6;
}
inline bool is_stale(const Dropped& dropped, const DroppedNumber& number, std::int64_t now_us) {
  return now_us - dropped.files[number.file].time_us > dropped.stale_us;
}
}  // namespace reqnotes
