#include <string>

#include "control/config/config.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/control/config/temporary_file.h"

namespace causeway::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr char kFile[] = R"(
interface = "eth1"
address = ["203.0.113.5", "2001:db8::5"]
port = 3479
realm = "example.org"
user = ["alice:secret", "bob:word"]
deny-peer = "192.0.2.0/24"
)";

TEST(LoadConfig, CommandLineReplacesValuesAndExtendsLists) {
  const TemporaryFile file(kFile);
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
  const TemporaryFile file(kFile, 0644);
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

/// The error of a start with this file alone.
std::string Error(const std::string& text) {
  const TemporaryFile file(text);
  const auto config = LoadConfig(Line({"--config", file.path()}), 8);
  EXPECT_FALSE(config.ok());
  std::string message(config.status().message());
  const size_t path = message.find(file.path());
  if (path != std::string::npos) message.replace(path, file.path().size(), "FILE");
  EXPECT_THAT(message, Not(HasSubstr("\n")));
  return message;
}

TEST(LoadConfig, NamesFileLineKeyAndValueOfAMistake) {
  EXPECT_EQ(Error("\nport = 0"), "FILE:2: port 0: must be a whole number from 1 to 65535");
  EXPECT_EQ(Error("port = -99999999999"),
            "FILE:1: port -99999999999: must be a whole number from 1 to 65535");
  EXPECT_EQ(Error("relay-ports = \"6-5\""), "FILE:1: relay-ports 6-5: reversed; write 5-6");
  EXPECT_EQ(Error("address = [\n\"203.0.113.5\",\n\"nowhere\"]"),
            "FILE:2: address nowhere: not an IPv4 or IPv6 address");
  EXPECT_EQ(Error("deny-peer = [\"10.0.0.0/8\",\n\"ten\"]"),
            "FILE:2: deny-peer ten: not an IPv4 or IPv6 address");
  EXPECT_EQ(Error("log-level = \"loud\""),
            "FILE:1: log-level loud: must be debug, info, warning or error");
}

TEST(LoadConfig, SaysWhereABadUserStandsButNotItsText) {
  EXPECT_EQ(Error("user = [\"a:b\",\n\"hunter2\"]"),
            "FILE:2: user, value 2: has no colon: write NAME:PASSWORD");
  const TemporaryFile file("user = [\"a:b\", \"b:c\"]");
  EXPECT_EQ(LoadConfig(Line({"--config", file.path(), "--user", "hunter2"}), 8).status().message(),
            "--user, value 1: has no colon: write NAME:PASSWORD");
}

TEST(LoadConfig, TakesAnEmptyFileForOneWithoutSettings) {
  EXPECT_EQ(Error(""), "--interface is missing: name the interface to serve");
  EXPECT_EQ(Error("# nothing yet\n"), "--interface is missing: name the interface to serve");
}

TEST(LoadConfig, RefusesADirectory) {
  EXPECT_EQ(LoadConfig(Line({"--config", "/tmp"}), 8).status().message(),
            "cannot read /tmp: Is a directory");
  EXPECT_EQ(LoadConfig(Line({"--user-file", "/tmp"}), 8).status().message(),
            "cannot read /tmp: Is a directory");
}

TEST(LoadConfig, TakesTenantsAsCredentials) {
  const TemporaryFile file(R"(
interface = "eth1"
address = "203.0.113.5"
realm = "example.org"
[tenant.acme]
secrets = ["0123456789abcdef"]
)");
  const auto config = LoadConfig(Line({"--config", file.path()}), 8);
  ASSERT_TRUE(config.ok()) << config.status();
  ASSERT_THAT(config->tenants, SizeIs(1));
  EXPECT_EQ(config->tenants[0].name, "acme");
}

TEST(LoadConfig, WarnsWhenEverybodyMayReadATenantsSecrets) {
  const TemporaryFile file("[tenant.acme]\nsecrets = [\"0123456789abcdef\"]\n", 0644);
  const auto config = LoadConfig(Line({"--config", file.path(), "--interface", "eth1", "--address",
                                       "203.0.113.5", "--realm", "r"}),
                                 8);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_THAT(config->warnings, ElementsAre(HasSubstr("chmod 600")));
}

}  // namespace
}  // namespace causeway::config
