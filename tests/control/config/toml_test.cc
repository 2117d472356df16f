#include "control/config/toml.h"

#include <string>
#include <vector>

#include "control/config/config.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/control/config/given.h"
#include "tests/control/config/temporary_file.h"

namespace causeway::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

constexpr char kFull[] = R"(
interface = "eth1"
address = ["203.0.113.5", "2001:db8::5"]
port = 3479
realm = "example.org"
user = ["alice:secret", "bob:word"]
auth-secret = ["new", "old"]
relay-ports = "20000-29999"
relay-address = ["198.51.100.0/28", "2001:db8:1::/64"]
max-allocations = 5000
max-lifetime = 1800
user-quota = 5
end-with-credential = true
requests-per-prefix = 50
allow-peer = ["10.1.0.0/16"]
deny-peer = "192.0.2.0/24"
no-hairpin = true
workers = 3
stats = 10
log-level = "warning"
)";

std::vector<std::string> FullFlags() {
  return {"--interface",
          "eth1",
          "--address",
          "203.0.113.5,2001:db8::5",
          "--port",
          "3479",
          "--realm",
          "example.org",
          "--user",
          "alice:secret",
          "--user",
          "bob:word",
          "--auth-secret",
          "new",
          "--auth-secret",
          "old",
          "--relay-ports",
          "20000-29999",
          "--relay-address",
          "198.51.100.0/28",
          "--relay-address",
          "2001:db8:1::/64",
          "--max-allocations",
          "5000",
          "--max-lifetime",
          "1800",
          "--user-quota",
          "5",
          "--requests-per-prefix",
          "50",
          "--allow-peer",
          "10.1.0.0/16",
          "--deny-peer",
          "192.0.2.0/24",
          "--end-with-credential",
          "--no-hairpin",
          "--workers",
          "3",
          "--stats",
          "10",
          "--log-level",
          "warning"};
}

TEST(Toml, EqualsFlags) {
  auto file = ParseToml(kFull, "c.toml");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(TextsOf(file->options), TextsOf(Line(FullFlags()).values));
}

TEST(Toml, ReadsItsOwnDescription) {
  const TemporaryFile file(kFull);
  auto config = LoadConfig(Line({"--config", file.path()}), 8);
  ASSERT_TRUE(config.ok()) << config.status();
  const std::string text = Describe(*config);
  auto again = ParseToml(text, "described");
  ASSERT_TRUE(again.ok()) << again.status();
  Texts values = TextsOf(again->options);
  values["user"] = {"alice:secret", "bob:word"};
  auto settings = ReadSettings(Given(values));
  ASSERT_TRUE(settings.ok()) << settings.status();
  auto config_again = MakeConfig(*settings, 8);
  ASSERT_TRUE(config_again.ok()) << config_again.status();
  EXPECT_EQ(Describe(*config_again), text);
}

TEST(Toml, FalseFlagsAndEmptyListsAreNotGiven) {
  auto values = ParseToml("no-hairpin = false\nallow-peer = []\naddress = []\n", "c.toml");
  ASSERT_TRUE(values.ok());
  EXPECT_THAT(values->options, IsEmpty());
}

TEST(Toml, KnowsWhereEachValueStands) {
  auto values = ParseToml("port = 1\nuser = ['a:b',\n  'c:d']\n", "c.toml");
  ASSERT_TRUE(values.ok());
  EXPECT_EQ(values->options["port"].at(0).place, "c.toml:1: ");
  EXPECT_EQ(values->options["user"].at(0).place, "c.toml:2: ");
  EXPECT_EQ(values->options["user"].at(1).place, "c.toml:3: ");
}

struct Mistake {
  const char* name;
  const char* text;
  const char* message;
};
class TomlMistake : public testing::TestWithParam<Mistake> {};

TEST_P(TomlMistake, IsToldInOneLine) {
  EXPECT_EQ(ParseToml(GetParam().text, "c.toml").status().message(), GetParam().message);
}

const Mistake kKeyMistakes[] = {
    {"Misspelt", "\nadress = \"192.0.2.1\"",
     "c.toml:2: adress is no setting: did you mean address?"},
    {"Unknown", "something-else = 1",
     "c.toml:1: something-else is no setting: see causewayd --help"},
    {"EmptyKey", "\"\" = 1", "c.toml:1:  is no setting: see causewayd --help"},
    {"CommandLineOnly", "config = \"x\"", "c.toml:1: config is for the command line only"},
    {"UnknownTable", "[server]\nport = 1",
     "c.toml:1: server is no table of ours: see causewayd --help"},
    {"MisspeltTable", "[tenants.acme]",
     "c.toml:1: tenants is no table of ours: did you mean tenant?"},
    {"TableForAnOption", "[port]\nx = 1",
     "c.toml:1: port is a table: must be a whole number from 1 to 65535"},
    {"TenantOfNoTable", "tenant = 5", "c.toml:1: tenant is no table: write [tenant.NAME]"},
    {"TenantWithoutName", "[tenant]\nsecrets = ['x']",
     "c.toml:2: tenant.secrets is no table: write [tenant.NAME]"},
    {"ListOfTenants", "[[tenant]]\nname = 'acme'",
     "c.toml:1: tenant is no table: write [tenant.NAME]"},
    {"TenantKey", "[tenant.acme]\nsecret = []",
     "c.toml:2: tenant.acme.secret is no setting: did you mean secrets?"},
    {"NodesKeyInTenant", "[tenant.acme]\nport = 1",
     "c.toml:2: tenant.acme.port is no setting: see causewayd --man"},
    {"TenantTable", "[tenant.acme.limit]\nkbps = 1",
     "c.toml:1: tenant.acme.limit is no table of ours: did you mean limits?"},
    {"LimitKey", "[tenant.acme.limits]\nkpbs = 1",
     "c.toml:2: tenant.acme.limits.kpbs is no setting: did you mean kbps?"},
    {"LimitsOfNoTable", "[tenant.acme]\nlimits = 5",
     "c.toml:2: tenant.acme.limits is no table: write [tenant.NAME.limits]"},
};
const Mistake kTypeMistakes[] = {
    {"RealNumber", "port = 1.5", "c.toml:1: port 1.5: must be a whole number from 1 to 65535"},
    {"QuotedNumber", "port = \"3478\"",
     "c.toml:1: port \"3478\": must be a whole number from 1 to 65535, without quotes"},
    {"TruthForNumber", "port = true",
     "c.toml:1: port true: must be a whole number from 1 to 65535"},
    {"ListForNumber", "port = [1, 2]", "c.toml:1: port takes one value, no list"},
    {"NumberForFlag", "no-hairpin = 1", "c.toml:1: no-hairpin 1: must be true or false"},
    {"TextForFlag", "no-hairpin = \"true\"",
     "c.toml:1: no-hairpin \"true\": must be true or false"},
    {"NumberForText", "relay-ports = 5000",
     "c.toml:1: relay-ports 5000: must be a text in quotes: \"FIRST-LAST\""},
    {"DateForText", "realm = 1979-05-27",
     "c.toml:1: realm 1979-05-27: must be a text in quotes: \"REALM\""},
    {"NumberInList", "deny-peer = [\n10]",
     "c.toml:2: deny-peer 10: must be a text in quotes: \"CIDR\""},
    {"ListInList", "deny-peer = [[\"10.0.0.0/8\"]]",
     "c.toml:1: deny-peer: must be a text in quotes: \"CIDR\""},
    {"NumberForSecret", "auth-secret = 1234567",
     "c.toml:1: auth-secret: must be a text in quotes: \"SECRET\""},
    {"TruthForUser", "user = [true]",
     "c.toml:1: user: must be a text in quotes: \"NAME:PASSWORD\""},
    {"NumberForTenantsSecret", "[tenant.acme]\nsecrets = [12345678901234567]",
     "c.toml:2: tenant.acme.secrets: must be a text in quotes: \"SECRET\""},
    {"TextForLimit", "[tenant.acme]\nlimits = { kbps = \"1M\" }",
     "c.toml:2: tenant.acme.limits.kbps \"1M\": must be a whole number from 1 to 1000000000, "
     "without quotes"},
};

std::string MistakeName(const testing::TestParamInfo<Mistake>& info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(Keys, TomlMistake, testing::ValuesIn(kKeyMistakes), MistakeName);
INSTANTIATE_TEST_SUITE_P(Types, TomlMistake, testing::ValuesIn(kTypeMistakes), MistakeName);

TEST(Toml, NamesTheLineOfBrokenSyntax) {
  const struct {
    const char* text;
    unsigned line;
  } kCases[] = {
      {"a = 1\nport = \n", 2},
      {"a = 1\nport = 1\nport = 2", 3},
      {"a = 1\nuser = [\"x\"", 2},
      {"[tenant.acme]\n[tenant.acme]\n", 2},
      {"[tenant.acme]\nlimits = {}\n[tenant.acme.limits]\n", 3},
      {"\x01\xff\xfe garbage", 1},
      {"\n\n[tenant.acme", 3},
  };
  for (const auto& c : kCases) {
    const std::string message(ParseToml(c.text, "c.toml").status().message());
    EXPECT_THAT(message, StartsWith("c.toml:" + std::to_string(c.line) + ": not TOML: ")) << c.text;
    EXPECT_THAT(message, Not(HasSubstr("\n")));
  }
}

TEST(Toml, NeverQuotesASecretOfBrokenSyntax) {
  for (const char* text : {
           "auth-secret = hunter2",
           "auth-secret = truehunter2",
           "auth-secret = thunter2",
           "auth-secret = 4hunter2",
           "auth-secret = \"hunter2",
           "auth-secret = \"hunter2\" x",
           "auth-secret = [\"hunter2\" \"hunter2\"]",
           "auth-secret = \"\\hunter2\"",
           "auth-secret hunter2",
           "auth-secret = hunter2 = 1",
           "auth-secret = 'hunter2''",
           "auth-secret = \"\"\"hunter2",
           "auth-secret = \"hunter2\nx\"",
           "auth-secret = [hunter2]",
           "[hunter2]\n[hunter2]",
           "['hunter2']\n['hunter2']",
           "[tenant.acme]\nsecrets = [\"hunter2]",
           "[tenant.acme]\nsecrets = [hunter2, hunter2]",
           "auth-secret = { a = hunter2 }",
           "auth-secret = inf_hunter2",
       }) {
    const absl::Status status = ParseToml(text, "c.toml").status();
    EXPECT_FALSE(status.ok()) << text;
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("hunter2"))) << text;
  }
  for (const char* text :
       {"auth-secret = 98765432109876543210", "auth-secret = 9876543210e9876543"}) {
    const absl::Status status = ParseToml(text, "c.toml").status();
    EXPECT_FALSE(status.ok()) << text;
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("987"))) << text;
  }
}

TEST(Toml, RefusesWhatIsNestedTooDeeply) {
  std::string key = "a";
  for (int i = 0; i < 100'000; ++i) key += ".a";
  EXPECT_EQ(ParseToml("\n" + key + " = 1", "c.toml").status().message(),
            "c.toml:2: a key of more than 1000 parts");
  EXPECT_FALSE(ParseToml("[" + key + "]", "c.toml").ok());
  EXPECT_FALSE(ParseToml("x." + key.substr(0, 1500) + " = 1", "c.toml").ok());
  EXPECT_FALSE(ParseToml("user = " + std::string(100'000, '['), "c.toml").ok());
}

TEST(Toml, ShowsTheBeginningOfALongValue) {
  EXPECT_EQ(ParseToml("port = \"" + std::string(100'000, 'x') + "\"", "c.toml").status().message(),
            "c.toml:1: port \"" + std::string(200, 'x') +
                "...\": must be a whole number from 1 to 65535, without quotes");
}

TEST(Toml, SaysWhyAFileCannotBeRead) {
  EXPECT_EQ(ReadTomlFile("/nonexistent.toml").status().message(),
            "cannot read /nonexistent.toml: No such file or directory");
  EXPECT_EQ(ReadTomlFile("/tmp").status().message(), "cannot read /tmp: Is a directory");
}

constexpr char kTenants[] = R"(
[tenant.beta]
secrets = ["0123456789abcdef"]
limits = { kbps = 7 }

[tenant.acme]
secrets = ["new 0123456789abcdef",
           "old 0123456789abcdef"]
deny-peers = "198.51.100.0/24"
end-with-credential = true
[tenant.acme.limits]
allocations = 500
)";

TEST(Toml, ReadsTenants) {
  auto values = ParseToml(kTenants, "c.toml");
  ASSERT_TRUE(values.ok()) << values.status();
  EXPECT_THAT(values->options, IsEmpty());
  ASSERT_EQ(values->tenants.size(), 2u);
  const TenantValues& acme = values->tenants[0];
  EXPECT_EQ(acme.name, "acme");
  EXPECT_EQ(acme.place, "c.toml:6: ");
  EXPECT_EQ(TextsOf(acme.options),
            (Texts{{"secrets", {"new 0123456789abcdef", "old 0123456789abcdef"}},
                   {"deny-peers", {"198.51.100.0/24"}},
                   {"end-with-credential", {""}}}));
  EXPECT_EQ(acme.options.at("secrets").at(1).place, "c.toml:8: ");
  EXPECT_EQ(TextsOf(acme.limits), (Texts{{"allocations", {"500"}}}));
  EXPECT_EQ(values->tenants[1].name, "beta");
  EXPECT_EQ(TextsOf(values->tenants[1].limits), (Texts{{"kbps", {"7"}}}));
}

TEST(QuoteToml, EscapesQuotesAndControls) {
  EXPECT_EQ(QuoteToml("a\"b\\c\nd\x7f é"), "\"a\\\"b\\\\c\\u000ad\\u007f é\"");
}

}  // namespace
}  // namespace causeway::config
