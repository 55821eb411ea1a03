#include "reqnotes/facts/header_note.hpp"

#include <gtest/gtest.h>

#include <string>

namespace reqnotes {
namespace {

std::string note(std::string_view name) {
  char buffer[kHeaderNoteMax];
  const auto result = note_of_header(name, buffer);
  return result ? std::string(*result) : "none";
}

TEST(HasPrefix, KnowsNoCaseAndNothingShorter) {
  EXPECT_TRUE(has_prefix("X-Note-User-Id", "x-note-"));
  EXPECT_TRUE(has_prefix("x-note-", "X-NOTE-"));
  EXPECT_FALSE(has_prefix(prefix("X-Note-", 6), "X-Note-")) << "what follows is not of it";
  EXPECT_FALSE(has_prefix("X-Noted", "X-Note-"));
  EXPECT_FALSE(has_prefix("", "X-Note-"));
}

TEST(NoteOfHeader, NamesANoteOrNone) {
  struct Case {
    const char* why;
    std::string name;
    std::string want;
  };
  const Case kCases[] = {
      {"lower case and underscores", "User-Id", "user_id"},
      {"underscores stay", "user_id", "user_id"},
      {"digits and dots stay", "Order.2", "order.2"},
      {"the longest name", std::string(64, 'A'), std::string(64, 'a')},
      {"one more", std::string(65, 'A'), "none"},
      {"nothing", "", "none"},
      {"a token character that no field has", "a$", "none"},
      {"a blank", "a b", "none"},
      {"UTF-8", "caf\xC3\xA9", "none"},
      {"a NUL", std::string("a\0b", 3), "none"},
      {"above the capitals", "a[", "none"},
      {"above the letters", "a{", "none"},
      {"below the letters", "a`", "none"},
  };
  for (const Case& c : kCases) EXPECT_EQ(note(c.name), c.want) << c.why;
}

TEST(IsFreeHeader, IsOneOfTheOperatorsOwn) {
  for (const char* name :
       {"X-Request-Id", "request-id", "RequestID", "CF-Ray", "X-Trace", "X-Id"}) {
    EXPECT_TRUE(is_free_header(name)) << name;
  }
  for (const char* name : {"", "-x y", "Off", "Cookie", "b3", "Set-Cookie", "SET-COOKIE2", "sec-x",
                           "X-Accel-Buffering", "X-SENDFILE", "i", "Content-Id"}) {
    EXPECT_FALSE(is_free_header(name)) << name;
  }
  for (std::string_view standard : kStandardHeaders) {
    EXPECT_FALSE(is_free_header(std::string(standard))) << standard;
    const std::string_view end = standard.ends_with('-') ? "id" : "";
    EXPECT_FALSE(is_free_header(std::string(standard).append(end))) << standard;
  }
}

TEST(FindStandardHeader, FindsWhatAPrefixWouldTake) {
  EXPECT_EQ(find_standard_header("Server-"), "server-timing");
  EXPECT_EQ(find_standard_header("content-note-"), "content-");
  EXPECT_EQ(find_standard_header("X-"), "x-content-type-options");
  EXPECT_EQ(find_standard_header("X-Note-"), "");
  EXPECT_EQ(find_standard_header("Serve-"), "");
  for (std::string_view standard : kStandardHeaders) {
    const std::string all(prefix(standard, standard.find('-') + 1));
    EXPECT_NE(find_standard_header(all), "") << all;
  }
}

}  // namespace
}  // namespace reqnotes
