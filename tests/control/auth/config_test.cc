// What a configuration must be, and the OpaqueString profile (RFC 8265 section 4.2).
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "control/auth/opaque_string.h"
#include "tests/control/auth/test_client.h"

namespace causeway::auth {
namespace {

struct Bad {
  const char* name;
  const char* says;
  void (*change)(AuthConfig&);
};

class BadConfig : public testing::TestWithParam<Bad> {};

TEST_P(BadConfig, IsRefusedWithTheReason) {
  AuthConfig config = StaticConfig();
  GetParam().change(config);
  const auto made = Authenticator::Create(config);
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(absl::StrContains(made.status().message(), GetParam().says)) << made.status();
}

const Bad kBadConfigs[] = {
    {"nobody", "no user, no shared secret and no tenant", [](AuthConfig& c) { c.users.clear(); }},
    {"realm_empty", "realm \"\" is empty", [](AuthConfig& c) { c.realm = ""; }},
    {"realm_long", "128 characters", [](AuthConfig& c) { c.realm = std::string(128, 'r'); }},
    {"realm_quote", "quote", [](AuthConfig& c) { c.realm = "a\"b"; }},
    {"realm_control", "at byte 1", [](AuthConfig& c) { c.realm = "a\tb"; }},
    {"name_empty", "user name \"\" is empty", [](AuthConfig& c) { c.users[0].name = ""; }},
    {"name_long", "509 bytes", [](AuthConfig& c) { c.users[0].name = std::string(509, 'n'); }},
    {"name_control", "at byte 2", [](AuthConfig& c) { c.users[0].name = "al\x7f"; }},
    {"name_twice", "\"alice\" is given twice",
     [](AuthConfig& c) {
       c.users.push_back({"alice", "x"});
     }},
    {"password_empty", "password of user \"bob\" is empty",
     [](AuthConfig& c) { c.users[1].password = ""; }},
    {"password_no_utf8", "password of user \"bob\" is not UTF-8 at byte 3",
     [](AuthConfig& c) { c.users[1].password = "abc\xff"; }},
    {"secret_empty", "secret is empty",
     [](AuthConfig& c) {
       c.secrets = {"s", ""};
     }},
    {"nonce_key_short", "31 bytes", [](AuthConfig& c) { c.nonce_key.resize(31); }},
    {"nonce_lifetime", "nonce lifetime is 0", [](AuthConfig& c) { c.nonce_lifetime_seconds = 0; }},
};

INSTANTIATE_TEST_SUITE_P(Authenticator, BadConfig, testing::ValuesIn(kBadConfigs),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(Config, MessagesDoNotTellThePassword) {
  AuthConfig config = StaticConfig();
  config.users[0].password = "hunter2\n";
  const auto made = Authenticator::Create(config);
  ASSERT_FALSE(made.ok());
  EXPECT_FALSE(absl::StrContains(made.status().ToString(), "hunter2"));
}

TEST(Config, RealmIsCountedInCharacters) {
  AuthConfig config = StaticConfig();
  config.realm.clear();
  for (int i = 0; i < 127; ++i) config.realm += "\u00E4";
  EXPECT_TRUE(Authenticator::Create(config).ok());
  config.realm += "\u00E4";
  EXPECT_FALSE(Authenticator::Create(config).ok());
}

TEST(OpaqueString, NormalisesToC) {
  EXPECT_EQ(*OpaqueString("plain text, 7-bit ~"), "plain text, 7-bit ~");
  EXPECT_EQ(*OpaqueString("a\u0308"), "\u00E4");
  EXPECT_EQ(*OpaqueString("\u212B"), "\u00C5");                    // ANGSTROM SIGN
  EXPECT_EQ(*OpaqueString("\uAC00"), "\uAC00");                    // Hangul syllable
  EXPECT_EQ(*OpaqueString("M\u00AAtr\u2168"), "M\u00AAtr\u2168");  // compatibility forms stay
  EXPECT_EQ(*OpaqueString("Correct Horse \u03C0\u00DF\u00E5"),  // RFC 8265 section 4.3, cases 1-3
            "Correct Horse \u03C0\u00DF\u00E5");
  EXPECT_EQ(*OpaqueString("Jack of \u2666s"), "Jack of \u2666s");  // case 4
  EXPECT_EQ(*OpaqueString("foo\u1680bar"), "foo bar");             // case 5: OGHAM SPACE MARK
  EXPECT_EQ(*OpaqueString("\u3000\u00A0"), "  ");
  EXPECT_EQ(*OpaqueString("\U0001F600"), "\U0001F600");
}

TEST(OpaqueString, RefusesWhatIsNoText) {
  for (const char* text : {"",
                           "my cat is a \x09 by",
                           "\x1f",
                           "\x7f",
                           "a\u0085",
                           "\u009F",
                           "soft\u00ADhyphen",
                           "\u200B",
                           "\u200D",
                           "\u2028",
                           "\u2029",
                           "\uE000",
                           "\uFFFF",
                           "\uFDD0",
                           "\u0378",
                           "\u1100",
                           "\uFEFF",
                           "\u202E",
                           "\xC0\x80",
                           "\xED\xA0\x80",
                           "\xF5\x80\x80\x80",
                           "\xE3\x83",
                           "\x80"}) {
    EXPECT_FALSE(OpaqueString(text).ok()) << text;
    EXPECT_FALSE(IsOpaqueString(text)) << text;
  }
  EXPECT_FALSE(OpaqueString(absl::string_view("a\0b", 3)).ok());
  EXPECT_FALSE(IsOpaqueString(absl::string_view("a\0b", 3)));
}

TEST(OpaqueString, KnowsItsOwnForm) {
  EXPECT_TRUE(IsOpaqueString("alice"));
  EXPECT_TRUE(IsOpaqueString("\u00E4 \u30DE"));
  EXPECT_FALSE(IsOpaqueString("a\u0308"));
  EXPECT_FALSE(IsOpaqueString("a\u3000b"));
}

}  // namespace
}  // namespace causeway::auth
