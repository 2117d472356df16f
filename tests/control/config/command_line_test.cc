#include "control/config/command_line.h"

#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "control/config/manual_page.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/control/config/given.h"

namespace causeway::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

absl::StatusOr<CommandLine> Parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "causewayd");
  return ParseCommandLine(static_cast<int>(arguments.size()), arguments.data());
}

std::string Error(const std::vector<const char*>& arguments) {
  auto parsed = Parse(arguments);
  EXPECT_FALSE(parsed.ok());
  const std::string message(parsed.status().message());
  EXPECT_THAT(message, Not(HasSubstr("\n")));
  return message;
}

TEST(CommandLine, TakesBothFormsOfAValue) {
  auto parsed = Parse({"--interface", "eth1", "--realm=example.org", "--no-hairpin"});
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_THAT(TextsOf(parsed->values)["interface"], ElementsAre("eth1"));
  EXPECT_THAT(TextsOf(parsed->values)["realm"], ElementsAre("example.org"));
  EXPECT_THAT(TextsOf(parsed->values)["no-hairpin"], ElementsAre(""));
  EXPECT_FALSE(parsed->values.contains("port"));
  EXPECT_TRUE(parsed->config_file.empty());
  EXPECT_FALSE(parsed->check_config);
}

TEST(CommandLine, KeepsValuesAsTheyAre) {
  auto parsed = Parse({"--auth-secret", "[a,b]", "--auth-secret=\"q \\n u\"", "--auth-secret=-x",
                       "--auth-secret", "a=b", "--user", "b:'c'"});
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_THAT(TextsOf(parsed->values)["auth-secret"],
              ElementsAre("[a,b]", "\"q \\n u\"", "-x", "a=b"));
  EXPECT_THAT(TextsOf(parsed->values)["user"], ElementsAre("b:'c'"));
}

TEST(CommandLine, SetsItsOwnFlagsApart) {
  auto parsed = Parse({"--config", "/etc/causeway.toml", "--check-config"});
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->config_file, "/etc/causeway.toml");
  EXPECT_TRUE(parsed->check_config);
  EXPECT_TRUE(parsed->values.empty());
}

TEST(CommandLine, PrintsHelpAndVersion) {
  EXPECT_EQ(Parse({"--version"})->print, "causewayd " CAUSEWAY_VERSION "\n");
  const std::string help = Parse({"--help"})->print;
  for (const Option<Settings>& option : Options()) {
    EXPECT_THAT(help, HasSubstr(std::string("--") + option.name));
    EXPECT_THAT(help, HasSubstr(option.help));
  }
  for (const Option<CommandLine>& option : CommandLineOptions()) {
    EXPECT_THAT(help, HasSubstr(std::string("--") + option.name));
  }
  EXPECT_THAT(help, HasSubstr("where clients reach this node [3478]\n"));
  EXPECT_THAT(help, HasSubstr("ports of the relayed addresses [49152-65535]\n"));
  EXPECT_THAT(help, HasSubstr("0 for any [0]\n"));
}

TEST(CommandLine, PrintsTheManualPage) { EXPECT_EQ(Parse({"--man"})->print, ManualPage()); }

TEST(CommandLine, SaysWhatIsWrong) {
  EXPECT_EQ(Error({"--relay-port", "1-2"}),
            "unknown flag --relay-port: did you mean --relay-ports?");
  EXPECT_EQ(Error({"--interfaec=eth1"}), "unknown flag --interfaec: did you mean --interface?");
  EXPECT_EQ(Error({"--max-alocation"}),
            "unknown flag --max-alocation: did you mean --max-allocations?");
  EXPECT_EQ(Error({"--chek-config"}), "unknown flag --chek-config: did you mean --check-config?");
  EXPECT_EQ(Error({"--frobnicate"}), "unknown flag --frobnicate: see --help");
  EXPECT_EQ(Error({"-x"}), "unknown flag -x: see --help");
  EXPECT_EQ(Error({"eth1"}), "a value stands without its flag: write --flag value (see --help)");
  EXPECT_EQ(Error({"--realm"}),
            "--realm: needs a value (one that begins with '-' is written --flag=value)");
  EXPECT_EQ(Error({"--interface", "--address", "192.0.2.1"}),
            "--interface: needs a value, and --address follows");
  EXPECT_EQ(Error({"--port", "1", "--port", "2"}), "--port: given 2 times; it takes one value");
  EXPECT_EQ(Error({"--no-hairpin=false"}), "--no-hairpin: takes no value");
  EXPECT_EQ(Error({"--config", ""}), "--config: empty; name a file");
}

TEST(CommandLine, NeverQuotesWhatMayBeASecret) {
  EXPECT_THAT(Error({"--user", "alice:", "hunter2"}), Not(HasSubstr("hunter2")));
  EXPECT_THAT(Error({"--usr=alice:hunter2"}), Not(HasSubstr("hunter2")));
  EXPECT_THAT(Error({"--passwd", "hunter2"}), Not(HasSubstr("hunter2")));
}

/// What `ps` would show of these arguments after ScrubSecrets.
std::vector<std::string> Scrubbed(const std::vector<std::string>& arguments) {
  std::vector<std::string> memory = arguments;
  std::vector<char*> argv;
  for (std::string& argument : memory) argv.push_back(argument.data());
  ScrubSecrets(static_cast<int>(argv.size()), argv.data());
  return memory;
}

TEST(ScrubSecrets, HidesPasswordsAndSecretsOnly) {
  EXPECT_THAT(Scrubbed({"causewayd", "--realm", "r", "--user", "alice:pw", "--user=bob:word",
                        "--auth-secret", "s3cret", "--auth-secret=geheim", "--port", "3478"}),
              ElementsAre("causewayd", "--realm", "r", "--user", "alice:xx", "--user=bob:xxxx",
                          "--auth-secret", "xxxxxx", "--auth-secret=xxxxxx", "--port", "3478"));
}

TEST(ScrubSecrets, TakesBrokenCommandLines) {
  EXPECT_THAT(Scrubbed({"causewayd", "--user", "password"}),
              ElementsAre("causewayd", "--user", "xxxxxxxx"));
  EXPECT_THAT(Scrubbed({"causewayd", "--user"}), ElementsAre("causewayd", "--user"));
  EXPECT_THAT(Scrubbed({"causewayd", "--auth-secret="}),
              ElementsAre("causewayd", "--auth-secret="));
}

}  // namespace
}  // namespace causeway::config
