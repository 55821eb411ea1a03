#include "reqnotes/masks/mask.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "mask_rules.hpp"

namespace reqnotes {
namespace {

/// What is written of `text`; also checks what must hold for every text.
std::string masked(std::string_view text, Place place = Place::kQuery,
                   const MaskRules& rules = MaskRules()) {
  std::string result = mask_text(text, place, rules);
  EXPECT_EQ(mask_slowly(text, place, rules), result) << text;
  EXPECT_EQ(mask_text(result, place, rules), result) << text;
  return result;
}

std::string in_path(std::string_view text) {
  return masked(text, Place::kPath);
}
std::string in_message(std::string_view text) {
  return masked(text, Place::kMessage);
}

TEST(Mask, MasksTheValuesOfEachDefaultName) {
  const auto check = [](std::string_view pattern) {
    const std::string name(parse_name(pattern).text);
    for (const std::string& spelt : {name, "my_" + name, "X-" + name + "2", "a[" + name + "]"}) {
      EXPECT_EQ(masked(spelt + "=hidden&a=b"), spelt + "=***&a=b");
      EXPECT_EQ(in_path("/x;" + spelt + "=hidden/y"), "/x;" + spelt + "=***/y");
    }
    EXPECT_EQ(in_message("\"" + name + "\": \"hid den\", n"), "\"" + name + "\": \"***\", n");
  };
  for (std::string_view pattern : kSecretEndings) check(pattern);
  for (std::string_view pattern : kSecretWords) check(pattern);
  for (std::string_view pattern : kSecretHeaders) check(pattern);
}

TEST(Mask, MasksWhatApplicationsAndServicesCallTheirSecrets) {
  for (std::string_view name : {"apikey",
                                "api-key",
                                "access-token",
                                "auth_token",
                                "refresh_token",
                                "id_token",
                                "client_secret",
                                "new_password",
                                "httpd_password",
                                "sig",
                                "X-Amz-Signature",
                                "X-Amz-Security-Token",
                                "X-Amz-Credential",
                                "SAMLResponse",
                                "code",
                                "jwt",
                                "otp",
                                "pin",
                                "pwd",
                                "ticket",
                                "PHPSESSID",
                                "JSESSIONID",
                                "ASP.NET_SessionId",
                                "sid",
                                "session_id",
                                "passwd",
                                "pass",
                                "pass1",
                                "password2",
                                "pass2-text",
                                "auth",
                                "key",
                                "auth_code",
                                "otp-code",
                                "user[pin]",
                                "user[password][]",
                                "apiKey",
                                "authCode",
                                "userPIN",
                                "APIKey",
                                "privateKey",
                                "code_verifier",
                                "client_assertion",
                                "AWSSecretKey",
                                "subscription-key"}) {
    if (name == "pass2-text") continue;  // its last word says what it is
    EXPECT_EQ(masked(std::string(name) + "=hidden"), std::string(name) + "=***");
  }
}

TEST(Mask, LeavesWhatOnlyLooksLikeASecret) {
  for (std::string_view name :
       {"zipcode",  "author",  "monkey",    "tokenizer", "pinned",     "spin",    "compass",
        "encode",   "tickets", "authority", "passwords", "token_type", "keyword", "design",
        "signal",   "inside",  "codec",     "MONKEY",    "barcode",    "opinion", "x-pinned",
        "key_size", "user",    "page",      "q",         "format"}) {
    EXPECT_EQ(masked(std::string(name) + "=seen"), std::string(name) + "=seen");
  }
}

TEST(Mask, LeavesOtherParametersAsTheyAre) {
  for (std::string_view text : {"", "a", "a=b", "a=b&c=d%20e", "passwords=1", "=x", "a=password",
                                "&&=&", "%", "%4", "%zz=1", "a@b", "a=b@c", "a=joe%40b.com",
                                "password&=x", "page%5B=1", "a[b]=c&d[]=e", "password"}) {
    EXPECT_EQ(masked(text), text);
  }
  EXPECT_EQ(masked("password&a=b"), "password&a=b");
}

TEST(Mask, MasksAnEmptyValue) {
  EXPECT_EQ(masked("password="), "password=***");
  EXPECT_EQ(masked("password=&a=b"), "password=***&a=b");
}

TEST(Mask, MasksEachOfSeveral) {
  EXPECT_EQ(masked("token=1&a=2&token=3&token=4"), "token=***&a=2&token=***&token=***");
}

TEST(Mask, KnowsANameInAnySpelling) {
  EXPECT_EQ(masked("PassWord=x"), "PassWord=***");
  EXPECT_EQ(masked("pass%77ord=x"), "pass%77ord=***");
  EXPECT_EQ(masked("%50%41SSWORD=x"), "%50%41SSWORD=***");
  EXPECT_EQ(masked("pass%2577ord=x"), "pass%2577ord=***");
  EXPECT_EQ(masked("password%3Dx&a=b"), "password%3D***&a=b");
  EXPECT_EQ(masked("password[]=x&password%5Ba%5D=y"), "password[]=***&password%5Ba%5D=***");
  EXPECT_EQ(masked("api.key=x&api+key=x&api%20key=x&+%20api_key=x"),
            "api.key=***&api+key=***&api%20key=***&+%20api_key=***");
}

TEST(Mask, KnowsANameAsEachParserReadsIt) {
  const TestRules rules({"api_key"}, {});
  MaskRules own = const_cast<TestRules&>(rules).rules();
  own.defaults = false;
  for (std::string_view name :
       {"api[key",        "api%5Bkey",    "api_key%00z",   "api_key%00/",    "api_key%00%26z",
        "api_key[/]",     "api_key[a]?b", "api_key[%2F]",  "api_key/",       "api_key%2F",
        "api_key?",       "x[api_key]y",  "x[a][api_key]", "api_key[a%00b]", "a;api_key",
        "a?api_key",      "a=b[api_key]", "api_key[",      "api_key]",       "%20+api_key",
        "x[api.key][%5D", "apiKey",       "amp;api_key"}) {
    EXPECT_EQ(masked(std::string(name) + "=a/b;c?d=e%26f", Place::kQuery, own) + "&g=h",
              std::string(name) + "=***&g=h");
  }
  for (std::string_view name : {"xapi_key", "x_api_key", "api__key", "api_keys", "api_key%26a"}) {
    EXPECT_EQ(masked(std::string(name) + "=a", Place::kQuery, own), std::string(name) + "=a");
  }
}

TEST(Mask, EndsAValueOnlyWhereItSurelyEnds) {
  EXPECT_EQ(masked("password=a=b;c/d?e#f%26g&h=i"), "password=***&h=i");
  EXPECT_EQ(in_path("token=a/b;c/d"), "token=***/b;c/d");
}

TEST(Mask, FindsParametersBehindASemicolon) {
  EXPECT_EQ(masked("a=b;token=c"), "a=b;token=***");
  EXPECT_EQ(masked("a=b&amp;token=c"), "a=b&amp;token=***");
}

TEST(Mask, FindsAUrlInsideAValue) {
  EXPECT_EQ(masked("next=/login?password=x&a=b"), "next=/login?password=***&a=b");
  EXPECT_EQ(masked("next=%2Flogin%3Fa%3Db%26password%3Dx&a=b"),
            "next=%2Flogin%3Fa%3Db%26password%3D***&a=b");
  EXPECT_EQ(masked("next=%252Flogin%253Fpassword%253Dx"), "next=%252Flogin%253Fpassword%253D***");
}

TEST(Mask, MasksInAPath) {
  EXPECT_EQ(in_path("/a/token=b/c"), "/a/token=***/c");
  EXPECT_EQ(in_path("/a;token=b;v=1/c"), "/a;token=***;v=1/c");
  EXPECT_EQ(in_path("/a%3Ftoken=b"), "/a%3Ftoken=***");
  EXPECT_EQ(in_path("/token/b"), "/token/b");
}

TEST(Mask, MasksInAUrl) {
  EXPECT_EQ(in_path("https://h/a;token=b/c?d=e&token=f/g#token=h"),
            "https://h/a;token=***/c?d=e&token=***");
  EXPECT_EQ(in_path("https://h/a#access_token=b&c=d"), "https://h/a#access_token=***&c=d");
  EXPECT_EQ(in_path("/x#token=a/b"), "/x#token=***");
  EXPECT_EQ(in_path("https://h/?token="), "https://h/?token=***");
}

TEST(Mask, MasksUserAndPasswordOfAUrl) {
  EXPECT_EQ(in_path("http://user:secret@h/x"), "http://***@h/x");
  EXPECT_EQ(in_path("http://user@h:80"), "http://***@h:80");
  EXPECT_EQ(in_path("http://a@b=c@h/x@y"), "http://***@***@h/x@y");
  EXPECT_EQ(in_path("http://a:b%2Fc@h/"), "http://***@h/");
  EXPECT_EQ(in_path("http://a:b@h/?next=http://c:d@i/&x=e@f"),
            "http://***@h/?next=http://***@i/&x=e@f");
  EXPECT_EQ(masked("u=http%3A%2F%2Fa%3Ab%40h%2F&x=1"), "u=http%3A%2F%2F***%40h%2F&x=1");
  EXPECT_EQ(masked("u=http%3A%2F%2Fa%3Ab%252F%40h%2F@"), "u=http%3A%2F%2F***%40h%2F@");
  EXPECT_EQ(in_message("cannot reach redis://:secret@h:1 from a@b, http://c@d"),
            "cannot reach redis://***@h:1 from a@b, http://***@d");
  EXPECT_EQ(in_message(R"({"url":"https:\/\/a:b@h\/"})"), R"({"url":"https:\/\/***@h\/"})");
  for (std::string_view text :
       {"/@a/b", "//@a", "http://@h/", "http://h/@a", "http://h/a:b@c", "a@b"}) {
    EXPECT_EQ(in_path(text), text);
  }
  MaskRules none;
  none.defaults = false;
  EXPECT_EQ(masked("http://a:b@h/?token=c", Place::kPath, none), "http://***@h/?token=c");
}

TEST(Mask, MasksInAMessage) {
  EXPECT_EQ(in_message("Cannot map GET /x?password=a,b&c=d HTTP/1.1 to file"),
            "Cannot map GET /x?password=*** HTTP/1.1 to file");
  EXPECT_EQ(in_message("token=a failed (password=b, \"secret=c\")"),
            "token=*** failed (password=*** \"secret=***");
  EXPECT_EQ(in_message("split uri=/x?token=a -> uri=/x, args=token=b&n=1"),
            "split uri=/x?token=*** -> uri=/x, args=token=***");
  EXPECT_EQ(in_message("args:token=a b|token=c"), "args:token=*** b|token=***");
  EXPECT_EQ(in_message("no file /x/token=a&b<c\"d"), "no file /x/token=***");
  EXPECT_EQ(in_message("GET /x?api%20key=a HTTP/1.1"), "GET /x?api%20key=*** HTTP/1.1");
  EXPECT_EQ(in_message("GET /x?token=\"a\"b HTTP/1.1"), "GET /x?token=*** HTTP/1.1");
}

TEST(Mask, MasksWhatAMessageTellsOfData) {
  EXPECT_EQ(in_message(R"({"password":"a b","n":1})"), R"({"password":"***","n":1})");
  EXPECT_EQ(in_message(R"({"password" : "a\"b", "n":1})"), R"({"password" : "***", "n":1})");
  EXPECT_EQ(in_message(R"("{\"password\":\"a\\\"b\",\"n\":1}")"),
            R"("{\"password\":\"***\",\"n\":1}")");
  EXPECT_EQ(in_message(R"({"pin":1234, "n":1})"), R"({"pin":*** "n":1})");
  EXPECT_EQ(in_message(R"({"token":["a b", "c"]})"), R"({"token":***)");
  EXPECT_EQ(in_message(R"({"password":"a b)"), R"({"password":"***)");
  EXPECT_EQ(in_message("array('password' => 'a b', 'n' => 1)"),
            "array('password' => '***', 'n' => 1)");
  EXPECT_EQ(in_message("[password] => a b\n[n] => 1"), "[password] => ***\n[n] => 1");
  EXPECT_EQ(in_message("{'password': u'a b', 'n': 1}"), "{'password': u'***', 'n': 1}");
  EXPECT_EQ(in_message("SET password = 'a b' WHERE"), "SET password = '***' WHERE");
  EXPECT_EQ(in_message("token: a b"), "token: *** b");
  EXPECT_EQ(in_message("token: Bearer a"), "token: ***");
}

TEST(Mask, MasksSecretHeadersInAMessage) {
  for (std::string_view name : {"Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie"}) {
    const std::string header = "sent " + std::string(name);
    EXPECT_EQ(in_message(header + ": Basic a=b; c=\"d\"\r\nHost: x"), header + ": ***\r\nHost: x");
    EXPECT_EQ(in_message(header + ": \"a\" b"), header + ": ***");
    EXPECT_EQ(in_message("\"" + std::string(name) + "\": \"Bearer a\", n"),
              "\"" + std::string(name) + "\": \"***\", n");
  }
}

TEST(Mask, LeavesSentencesThatNameNoSecret) {
  for (std::string_view text :
       {"the token is missing", "exit code: 1", "duplicate key: x", "pass: 3 of 4",
        "Call to undefined method Secret::token() in /x.php:3", "client denied: /x",
        "Undefined array key \"password\"", "the password: ", "password", "a: b"}) {
    EXPECT_EQ(in_message(text), text);
  }
}

TEST(Mask, IsSafeWithTextThatHttpdEscaped) {
  const TestRules rules({"pin_x"}, {});
  const MaskRules& own = const_cast<TestRules&>(rules).rules();
  EXPECT_EQ(masked("a\\tpin_x=1 \\x0apin_x=2", Place::kMessage, own),
            "a\\tpin_x=*** \\x0apin_x=***");
  EXPECT_EQ(in_message(R"({"password":"a\\"b","n":1})"), R"({"password":"***","n":1})");
  EXPECT_EQ(in_message(R"({\\"password\\":\\"a\\\\\\"b\\",\\"n\\":1})"),
            R"({\\"password\\":\\"***\\",\\"n\\":1})");
  EXPECT_EQ(in_message("Cookie: a=b\\nc: d"), "Cookie: ***");
}

TEST(Mask, KeepsBytesOfAnyKind) {
  using std::string_literals::operator""s;
  EXPECT_EQ(masked("\xFF\0=\x01&token=\xFF\0\xC3&\xC3\xA9=1"s),
            "\xFF\0=\x01&token=***&\xC3\xA9=1"s);
}

TEST(Mask, HasTheThreeKindsOfNames) {
  TestRules test({"id", "*mail", "*_name"});
  MaskRules& rules = test.rules();
  rules.defaults = false;
  EXPECT_EQ(masked("id=1&user_id=2&a[id]=3&ID=4", Place::kQuery, rules),
            "id=***&user_id=2&a[id]=***&ID=***");
  EXPECT_EQ(masked("mail=1&email=2&mails=3", Place::kQuery, rules), "mail=***&email=***&mails=3");
  EXPECT_EQ(masked("name=1&user-name=2&username=3&userName=4&name2=5", Place::kQuery, rules),
            "name=***&user-name=***&username=3&userName=***&name2=***");
  EXPECT_EQ(masked("password=1", Place::kQuery, rules), "password=1");
}

TEST(Mask, LongNamesAreNotMistaken) {
  const std::string longest(kMaskedNameMax, 'n');
  TestRules test({longest});
  const auto found = [&](const std::string& text, Place place) {
    return masked(text, place, test.rules()) != text;
  };
  for (Place place : {Place::kPath, Place::kQuery, Place::kMessage}) {
    for (const char* before : {"", "a[b]&", "%3F"}) {
      EXPECT_TRUE(found(before + longest + "=x", place));
      EXPECT_FALSE(found(before + longest + "n=x", place));
      EXPECT_FALSE(found(before + longest + longest + longest + longest + longest + "=x", place));
    }
  }
}

TEST(Mask, MasksEverythingWhereThereAreMoreTablesThanRoom) {
  MaskRules rules;
  const std::vector<NameTable> tables(MaskRules::kMost + 1);
  for (const NameTable& table : tables) rules.add(&table);
  EXPECT_EQ(masked("a=b", Place::kQuery, rules), "***");
  EXPECT_EQ(masked("", Place::kQuery, rules), "");
  MaskRules same;
  for (std::size_t times = 0; times < 100; ++times) same.add(&tables[0]);
  EXPECT_EQ(masked("a=b", Place::kQuery, same), "a=b");
}

TEST(Mask, HasRoomForTheWorst) {
  TestRules test({"*x"}, {"/a*"});
  std::string text;
  for (int times = 0; times < 500; ++times) text += "&x=";
  EXPECT_EQ(mask_text(text, Place::kQuery, test.rules()).size(), 2 * text.size());
  text = "x=";
  for (int times = 0; times < 500; ++times) text += "/ab";
  EXPECT_EQ(mask_text(text, Place::kPath, test.rules()),
            mask_slowly(text, Place::kPath, test.rules()));
}

TEST(Mask, GivesBackTheTextItselfWhereNothingChanges) {
  const auto never = [](std::size_t) {
    ADD_FAILURE() << "room was asked for";
    return std::span<char>();
  };
  for (std::string_view text :
       {"", "/", "/x", "n=1", "page=4&sort=newest", "token=***", "http://***@h/?token=***"}) {
    for (Place place : {Place::kPath, Place::kQuery, Place::kMessage}) {
      EXPECT_EQ(mask(text, place, MaskRules(), never).data(), text.data()) << text;
    }
  }
}

TEST(Mask, HidesAllWhereThereIsNoRoom) {
  char buffer[9];
  for (std::size_t size = 0; size <= sizeof buffer; ++size) {
    const auto room = [&](std::size_t) { return std::span(buffer, size); };
    EXPECT_EQ(mask("token=x", Place::kQuery, MaskRules(), room), size < 9 ? "***" : "token=***");
  }
}

/// Each sign and each end of a name, at each place of a block, in a text of each length.
TEST(Mask, TheQuickLookMissesNoSign) {
  for (const char* piece : {"token=x", "pw=", "token%3Dx", "tok%65n=x", "toke%6E=x", "token%20=x",
                            "token]=x", "token%00=x", "://a@b", "%3a//a@b", "pin2=x", "token: x",
                            "token' => x", "token     =x", "token:x", "TOKEN=x", "x[token][y]=z"}) {
    for (std::size_t before = 0; before <= 35; ++before) {
      for (std::size_t after : {0U, 1U, 2U, 5U, 8U, 15U, 16U, 17U}) {
        for (char fill : {'/', 'a', '='}) {
          const std::string text =
              std::string(before, fill) + "&" + piece + std::string(after, fill);
          for (Place place : {Place::kPath, Place::kQuery, Place::kMessage}) {
            masked(text, place);
            masked(text.substr(before + 1), place);
          }
        }
      }
    }
  }
}

TEST(Mask, TheQuickLookMissesNothingInRandomTexts) {
  TestRules test({"api_key", "*x", "*_p", "\xC3\xA9"});
  constexpr const char* kPieces[] = {"=",        "%",      "@",
                                     ":",        "[",      "]",
                                     "%3D",      "%40",    "%3A",
                                     "%5b",      "%00",    "%25",
                                     "&",        " ",      "+",
                                     "-",        "_",      ".",
                                     "\"",       "'",      "/",
                                     "?",        "#",      "*",
                                     "***",      "\\",     "://",
                                     "to",       "ken",    "token",
                                     "pin",      "p",      "x",
                                     "1",        "2",      "%6e",
                                     "api",      "Key",    "key",
                                     "cookie",   "a",      "b",
                                     "\xC3\xA9", "\n",     ";",
                                     ">",        "Bearer", "password",
                                     "%2f",      "%2525",  "aaaaaaaaaaaaaaaa"};
  std::minstd_rand random(20261127);
  for (std::size_t times = 0; times < 200000; ++times) {
    std::string text;
    for (std::size_t pieces = random() % 12; pieces != 0; --pieces) {
      text += kPieces[random() % std::size(kPieces)];
      if (random() % 50 == 0) text += '\0';
    }
    test.rules().defaults = times % 2 == 0;
    const MaskRules rules = times % 3 == 0 ? MaskRules() : test.rules();
    const auto place = static_cast<Place>(random() % 3);
    ASSERT_EQ(mask_text(text, place, rules), mask_slowly(text, place, rules)) << text;
  }
}

TEST(MaskPath, HidesWhatAStarStandsFor) {
  TestRules test({}, {"/reset/*", "/bot*/", "/services/*/*/*", "/u/*/k"});
  const auto path = [&](std::string_view text, Place place = Place::kPath) {
    return masked(text, place, test.rules());
  };
  EXPECT_EQ(path("/reset/s/x"), "/reset/***/x");
  EXPECT_EQ(path("/app/reset/s"), "/app/reset/***");
  EXPECT_EQ(path("/bot1:s/send"), "/bot***/send");
  EXPECT_EQ(path("/services/a/b/c/d"), "/services/***/***/***/d");
  EXPECT_EQ(path("/u/s/k"), "/u/***/k");
  EXPECT_EQ(path("https://h/reset/s?x=1#y"), "https://h/reset/***?x=1#y");
  EXPECT_EQ(path("next=/reset/s?x=1&a=b", Place::kQuery), "next=/reset/***&a=b");
  EXPECT_EQ(path("n=%2Freset%2Fs%3Fx%3D1&a=b", Place::kQuery), "n=%2Freset%2F***&a=b");
  EXPECT_EQ(path("no file for \"/reset/s\": /www/reset/s/x", Place::kMessage),
            "no file for \"/reset/*** /www/reset/***/x");
  for (std::string_view text :
       {"/", "/reset", "/reset/", "/resets/s", "/xreset/s", "/bots", "/services/rest",
        "/services/a/b", "/u/s/l", "//", "/%", "reset/s"}) {
    EXPECT_EQ(path(text), text);
  }
}

TEST(MaskPath, KnowsASegmentInAnySpelling) {
  TestRules test({}, {"/reset/*"});
  const auto path = [&](std::string_view text) { return masked(text, Place::kPath, test.rules()); };
  EXPECT_EQ(path("/Re%73eT/s"), "/Re%73eT/***");
  EXPECT_EQ(path("//reset//s"), "//reset//***");
  EXPECT_EQ(path("/reset/./s"), "/reset/./***");
  EXPECT_EQ(path("/reset;v=1/s"), "/reset;v=1/***");
  EXPECT_EQ(path("/reset/a%2Fs/x"), "/reset/***/x");
  EXPECT_EQ(path("/reset/a/../s"), "/reset/***");
  EXPECT_EQ(path("/reset/a/b/%2e%2E/../s"), "/reset/***");
  EXPECT_EQ(path("/reset/../reset/s"), "/reset/***");
}

TEST(MaskPath, HidesWhatSeveralPatternsHide) {
  TestRules test({}, {"/a/*", "/a/b/*", "/b/*"});
  const auto path = [&](std::string_view text) { return masked(text, Place::kPath, test.rules()); };
  EXPECT_EQ(path("/a/b/s/x"), "/a/***/***/x");
  EXPECT_EQ(path("/b/a/s"), "/b/***/***");
  EXPECT_EQ(path("/a/s;token=t/b/u"), "/a/***/b/***");
  EXPECT_EQ(path("/a;token=t/s"), "/a;token=***/***");
}

/// A walk that is not linear would take minutes here, and not a second.
TEST(Mask, WorkIsLinear) {
  TestRules test({"*_x", "pin"}, {"/a/*/b", "/a*"});
  for (std::string_view piece :
       {"=", "a=",  "&",     "%", "%25", "[",  "]",  "1[",  "a[",       "@",      "a@",
        ":", "://", "://a",  "/", "/a",  "/.", "\"", "%2F", "token:\"", "x: ",    " ",
        "+", "..",  "/a/..", "1", "a1",  "?",  "\\", "/ab", "\\\"",     "token='"}) {
    for (Place place : {Place::kPath, Place::kQuery, Place::kMessage}) {
      std::string text;
      while (text.size() < 100000) text += piece;
      for (std::string_view end : {"pin=x", "@h"}) {
        text += end;
        mask_text(text, place, test.rules());
        EXPECT_EQ(mask_text(text, place, MaskRules()), mask_slowly(text, place, MaskRules()));
      }
    }
  }
  std::string equals(1000000, '=');
  EXPECT_EQ(mask_text(equals, Place::kQuery, test.rules()), equals);
  EXPECT_EQ(mask_text(equals, Place::kQuery, MaskRules()), equals);
}

/// Names as people and attackers spell them, and what a straightforward parser reads.
TEST(Mask, NoSecretIsLeftInRandomQueries) {
  std::minstd_rand random(20261125);
  const auto one_of = [&](std::initializer_list<const char*> words) {
    return std::string(words.begin()[random() % words.size()]);
  };
  for (int times = 0; times < 10000; ++times) {
    std::string query;
    for (std::size_t pairs = random() % 4 + 1; pairs != 0; --pairs) {
      if (!query.empty()) query += '&';
      const std::string junk = one_of({"", "a.", "a=", "x;", "%20", "+", "a[", "a[b]["});
      const std::string name = one_of({"token", "api[key", "api%5Bkey", "API-KEY", "p%61ssword",
                                       "otp", "user.pin", "%74oken", "apiKey"});
      const std::string behind =
          one_of({"", "[]", "[a]", "%00a", "%00%26", "]", "[/]", "%5B%5D", "%2500?"});
      const std::string value = one_of({"", "a;", "b/", "?c=", "%26", "#", "%00", "\"", "token="});
      query += junk + name + behind + "=" + value + "SECRET";
    }
    const std::string result = masked(query);
    EXPECT_EQ(result.find("SECRET"), std::string::npos) << query;
  }
}

TEST(CheckMaskedName, RefusesWhatCannotBeFound) {
  for (std::string_view name :
       {"pin", "X-Token", "a.b", "_x", "\xC3\xA9", "*password", "*_pin", "a5"}) {
    EXPECT_EQ(check_masked_name(name), nullptr) << name;
  }
  for (std::string_view name :
       {"",    "*",    "*_",    "_",          "a=b",   "a&b", "a b",      "a%20b", "a[b]",
        "a/b", "a?b",  "a\x01", "*password*", "sess*", "a*b", "**a",      "Off",   "on",
        "all", "!pin", "-pin",  "pin_",       "pin-",  "a+b", "user[pin", "pin:",  "\"pin\""}) {
    EXPECT_NE(check_masked_name(name), nullptr) << name;
  }
  EXPECT_EQ(check_masked_name(std::string(kMaskedNameMax, 'n')), nullptr);
  EXPECT_NE(check_masked_name(std::string(kMaskedNameMax + 1, 'n')), nullptr);
}

TEST(CheckMaskedPath, RefusesWhatCannotBeFound) {
  for (std::string_view path : {"/reset/*", "/bot*", "/bot*/", "/a/*/b/*", "/a/b*/c", "/.well/*"}) {
    EXPECT_EQ(check_masked_path(path), nullptr) << path;
  }
  for (std::string_view path : {"",           "/",
                                "*",          "/*",
                                "/**",        "reset/*",
                                "/reset",     "/reset/",
                                "/a/*b",      "/a//*",
                                "/a/../*",    "/./*",
                                "/a/*?b",     "/a%20/*",
                                "/a /*",      "/a/*#",
                                "/a;b/*",     "Off",
                                "http://h/*", "/a/**",
                                "/a\\*",      "/a/*/*/*/*/*/*/*/*/*"}) {
    EXPECT_NE(check_masked_path(path), nullptr) << path;
  }
  EXPECT_NE(check_masked_path("/" + std::string(kMaskedPathMax, 'n') + "/*"), nullptr);
}

}  // namespace
}  // namespace reqnotes
