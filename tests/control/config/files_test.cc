#include "control/config/files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "control/config/config.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace causeway::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

/// A file of this text that goes away with the object.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& text, mode_t mode = 0600) {
    char name[] = "/tmp/causeway-config-XXXXXX";
    const int fd = mkstemp(name);
    EXPECT_GE(fd, 0);
    EXPECT_EQ(write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
    EXPECT_EQ(fchmod(fd, mode), 0);
    close(fd);
    path_ = name;
  }
  ~TemporaryFile() { unlink(path_.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

CommandLine Line(const std::vector<std::string>& arguments) {
  std::vector<const char*> argv = {"causewayd"};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  auto parsed = ParseCommandLine(static_cast<int>(argv.size()), argv.data());
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  return *parsed;
}

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
  EXPECT_EQ(*file, Line(FullFlags()).values);
}

TEST(Toml, ReadsItsOwnDescription) {
  const TemporaryFile file(kFull);
  auto config = LoadConfig(Line({"--config", file.path()}), 8);
  ASSERT_TRUE(config.ok()) << config.status();
  const std::string text = Describe(*config);
  auto again = ParseToml(text, "described");
  ASSERT_TRUE(again.ok()) << again.status();
  auto values = *again;
  values["user"] = {"alice:secret", "bob:word"};
  auto config_again = MakeConfig(values, 8);
  ASSERT_TRUE(config_again.ok()) << config_again.status();
  EXPECT_EQ(Describe(*config_again), text);
}

TEST(Toml, FalseFlagsAndEmptyListsAreNotGiven) {
  auto values = ParseToml("no-hairpin = false\nallow-peer = []\naddress = []\n", "c.toml");
  ASSERT_TRUE(values.ok());
  EXPECT_THAT(*values, IsEmpty());
}

TEST(Toml, NamesFileAndLineOfMistakes) {
  const struct {
    const char* text;
    const char* message;
  } kCases[] = {
      {"\nadress = \"192.0.2.1\"", "c.toml:2: adress is no setting: did you mean address?"},
      {"[server]\nport = 1", "c.toml:1: server is a table: settings stand at the top, in none"},
      {"something-else = 1", "c.toml:1: something-else is no setting: see causewayd --help"},
      {"config = \"x\"", "c.toml:1: config is for the command line only"},
      {"port = 1.5", "c.toml:1: port must be a text or a whole number"},
      {"port = [1, 2]", "c.toml:1: port takes one value, no list"},
      {"no-hairpin = 1", "c.toml:1: no-hairpin must be true or false"},
      {"user = [true]", "c.toml:1: user must be a text or a whole number"},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(ParseToml(c.text, "c.toml").status().message(), c.message);
  }
}

TEST(Toml, NamesTheLineOfBrokenSyntax) {
  for (const char* text :
       {"a = 1\nport = \n", "a = 1\nport = 1\nport = 2", "a = 1\nuser = [\"x\""}) {
    const std::string message(ParseToml(text, "c.toml").status().message());
    EXPECT_THAT(message, StartsWith("c.toml:"));
    EXPECT_THAT(message, HasSubstr("not TOML"));
    EXPECT_THAT(message, Not(HasSubstr("\n")));
  }
}

TEST(Toml, SaysWhyAFileCannotBeRead) {
  EXPECT_EQ(ReadTomlFile("/nonexistent.toml").status().message(),
            "cannot read /nonexistent.toml: No such file or directory");
  EXPECT_EQ(ReadTomlFile("/tmp").status().message(), "cannot read /tmp: Is a directory");
}

TEST(LoadConfig, CommandLineReplacesValuesAndExtendsLists) {
  const TemporaryFile file(kFull);
  auto config =
      LoadConfig(Line({"--config", file.path(), "--port", "3480", "--address", "203.0.113.6",
                       "--user", "carol:x", "--deny-peer", "198.18.0.0/15"}),
                 8);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->node.listen_port, 3480);
  EXPECT_THAT(config->node.listen_addresses, ElementsAre(*IpAddress::Parse("203.0.113.6")));
  ASSERT_THAT(config->users, SizeIs(3));
  EXPECT_EQ(config->users[0].name, "alice");
  EXPECT_EQ(config->users[2].name, "carol");
  EXPECT_THAT(config->deny_peers,
              ElementsAre(*Prefix::Parse("192.0.2.0/24"), *Prefix::Parse("198.18.0.0/15")));
  EXPECT_EQ(config->realm, "example.org");
}

TEST(LoadConfig, ReadsSecretsFromFiles) {
  const TemporaryFile users("# staff\nalice:pass word\r\n\nbob:#1:2\n");
  const TemporaryFile secrets("newest\n# the one before\nolder\n");
  auto config =
      LoadConfig(Line({"--interface", "eth1", "--address", "203.0.113.5", "--realm", "r",
                       "--user-file", users.path(), "--auth-secret-file", secrets.path()}),
                 2);
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_THAT(config->users, SizeIs(2));
  EXPECT_EQ(config->users[0].password, "pass word");
  EXPECT_EQ(config->users[1].password, "#1:2");
  EXPECT_THAT(config->secrets, ElementsAre("newest", "older"));
  EXPECT_THAT(config->warnings, IsEmpty());
}

TEST(LoadConfig, NamesTheLineOfABadUserButNotItsText) {
  const TemporaryFile users("alice:x\nhunter2\n");
  auto config = LoadConfig(Line({"--interface", "eth1", "--address", "203.0.113.5", "--realm", "r",
                                 "--user-file", users.path()}),
                           2);
  EXPECT_EQ(config.status().message(), users.path() + ":2: has no colon: write NAME:PASSWORD");
}

TEST(LoadConfig, WarnsWhenEverybodyMayReadSecrets) {
  const TemporaryFile file(kFull, 0644);
  auto config = LoadConfig(Line({"--config", file.path()}), 8);
  ASSERT_TRUE(config.ok());
  EXPECT_THAT(config->warnings, ElementsAre(file.path() + " holds secrets and everybody may read "
                                                          "it (mode 0644): chmod 600 it"));
  const TemporaryFile harmless("interface = \"eth1\"\n", 0644);
  auto other = LoadConfig(Line({"--config", harmless.path(), "--address", "203.0.113.5", "--realm",
                                "r", "--user", "a:b"}),
                          8);
  ASSERT_TRUE(other.ok());
  EXPECT_THAT(other->warnings, IsEmpty());
}

}  // namespace
}  // namespace causeway::config
