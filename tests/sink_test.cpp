#include "reqnotes/text/sink.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace reqnotes {
namespace {

TEST(Sink, WritesInOrderAndCountsWhatIsLeft) {
  std::vector<char> buffer(6);
  Sink out(buffer);
  EXPECT_EQ(out.room(), 6U);
  out.put("abc");
  out.put('d');
  EXPECT_EQ(out.written(), "abcd");
  EXPECT_EQ(out.size(), 4U);
  EXPECT_EQ(out.room(), 2U);
  EXPECT_FALSE(out.overflowed());
}

TEST(Sink, CanBeFilledToItsLastByte) {
  std::vector<char> buffer(4);
  Sink out(buffer);
  out.put("abc");
  out.put('d');
  out.put("");
  EXPECT_EQ(out.written(), "abcd");
  EXPECT_FALSE(out.overflowed());
}

// Short texts are copied in another way than long ones.
TEST(Sink, CopiesTextsOfEachSize) {
  std::string text;
  for (char next = 'A'; text.size() <= 40; ++next) {
    // Both of exactly the right size, so that ASan sees a step beyond them.
    const std::vector<char> source(text.begin(), text.end());
    std::vector<char> buffer(1 + text.size());
    Sink out(buffer);
    out.put('>');
    out.put(std::string_view(source.data(), source.size()));
    EXPECT_EQ(out.written(), '>' + text);
    EXPECT_FALSE(out.overflowed());
    text += next;
  }
}

TEST(Sink, TakesBytesThatWereWrittenInPlace) {
  std::vector<char> buffer(3);
  Sink out(buffer);
  out.put('a');
  *out.next() = 'b';
  out.advance(1);
  out.put('c');
  EXPECT_EQ(out.written(), "abc");
  EXPECT_EQ(out.room(), 0U);
}

TEST(Sink, WritesNothingOfATextThatDoesNotFit) {
  std::vector<char> buffer(4);
  Sink out(buffer);
  out.put("ab");
  out.put("cde");
  EXPECT_EQ(out.written(), "ab");
  EXPECT_TRUE(out.overflowed());
}

TEST(Sink, WritesNothingOfACharacterThatDoesNotFit) {
  std::vector<char> buffer(1);
  Sink out(buffer);
  out.put('a');
  out.put('b');
  EXPECT_EQ(out.written(), "a");
  EXPECT_TRUE(out.overflowed());
}

TEST(Sink, DropsWhatComesAfterAnOverflow) {
  std::vector<char> buffer(4);
  Sink out(buffer);
  out.put("abcde");
  EXPECT_EQ(out.room(), 0U);
  out.put('f');
  out.put("g");
  EXPECT_EQ(out.written(), "");
}

TEST(Sink, OverflowsWithoutAnyBuffer) {
  Sink out({});
  out.put(std::string_view());
  EXPECT_FALSE(out.overflowed());
  out.put('a');
  EXPECT_TRUE(out.overflowed());
}

TEST(Sink, CanTakeBackItsEnd) {
  std::vector<char> buffer(4);
  Sink out(buffer);
  out.put("abcd");
  out.rewind(1);
  EXPECT_EQ(out.written(), "a");
  EXPECT_EQ(out.room(), 3U);
  out.put("xyz");
  EXPECT_EQ(out.written(), "axyz");
  EXPECT_FALSE(out.overflowed());
}

// Otherwise something would stand behind a gap, and the text were no true beginning.
TEST(Sink, StaysClosedWhenAnOverflowIsTakenBack) {
  std::vector<char> buffer(4);
  Sink out(buffer);
  out.put("abc");
  out.put("de");
  out.rewind(1);
  out.put('x');
  EXPECT_EQ(out.written(), "a");
  EXPECT_TRUE(out.overflowed());
}

}  // namespace
}  // namespace reqnotes
