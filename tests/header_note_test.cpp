#include "reqnotes/header_note.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace reqnotes {
namespace {

TEST(HasPrefix, IgnoresCase) {
  EXPECT_TRUE(has_prefix("X-Note-User-Id", "X-Note-"));
  EXPECT_TRUE(has_prefix("x-note-user-id", "X-Note-"));
  EXPECT_TRUE(has_prefix("X-NOTE-", "x-note-"));
  EXPECT_FALSE(has_prefix(prefix("X-Note-", 6), "X-Note-")) << "what follows is not of it";
  EXPECT_FALSE(has_prefix("X-Notes-A", "X-Note-"));
  EXPECT_FALSE(has_prefix("", "X-Note-"));
}

std::optional<std::string> note(std::string_view name) {
  std::array<char, kHeaderNoteMax> buffer;
  const auto found = note_of_header(name, buffer);
  return found ? std::optional<std::string>(*found) : std::nullopt;
}

TEST(NoteOfHeader, NamesEachCase) {
  struct Case {
    const char* why;
    std::string name;
    std::optional<std::string> want;
  };
  const Case cases[] = {
      {"dashes become underscores", "User-Id", "user_id"},
      {"upper case becomes lower", "AZ-az", "az_az"},
      {"underscores, dots and digits stay", "order_2.id", "order_2.id"},
      {"a digit first", "2fa", "2fa"},
      {"64 bytes", std::string(64, 'a'), std::string(64, 'a')},

      {"65 bytes", std::string(65, 'a'), {}},
      {"nothing", "", {}},
      {"a blank", "user id", {}},
      {"a sign that a header's name may have", "user!", {}},
      {"an equals sign", "a=b", {}},
      {"the sign before a", "`", {}},
      {"the sign after z", "{", {}},
      {"the sign before A", "@", {}},
      {"the sign after Z", "[", {}},
      {"the sign before 0", "/", {}},
      {"the sign after 9", ":", {}},
      {"not ASCII",
       "stra\xC3\x9F"
       "e",
       {}},
      {"NUL", std::string("a\0b", 3), {}},
  };
  for (const Case& c : cases) EXPECT_EQ(note(c.name), c.want) << c.why;
}

}  // namespace
}  // namespace reqnotes
