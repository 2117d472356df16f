#include "perf/gen/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "perf/gen/command_line.h"
#include "tests/test_name.h"

namespace causeway::gen {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

using Words = std::vector<std::string>;

absl::StatusOr<CommandLine> Parse(Words words) {
  words.insert(words.begin(), "causeway-gen");
  std::vector<const char*> argv;
  for (const std::string& word : words) argv.push_back(word.c_str());
  return ParseOptions(static_cast<int>(argv.size()), argv.data());
}

const Words kBase = {"--interface",      "veth1",           "--server",       "203.0.113.5",
                     "--client-address", "203.0.113.64/27", "--peer-address", "203.0.113.96/27"};

Words With(Words more) {
  Words words = kBase;
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

/// The base with one of its options left out.
Words Without(const std::string& option, Words more = {}) {
  Words words;
  for (size_t i = 0; i < kBase.size(); i += 2) {
    if (kBase[i] == option) continue;
    words.insert(words.end(), {kBase[i], kBase[i + 1]});
  }
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

Options Parsed(const Words& words) {
  auto line = Parse(words);
  if (!line.ok()) {
    ADD_FAILURE() << line.status();
    return {};
  }
  return line->options;
}

std::string ErrorOf(const Words& words) {
  const auto line = Parse(words);
  if (line.ok()) return "(no error)";
  EXPECT_EQ(line.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(line.status().message());
}

TEST(Options, TakesDefaults) {
  const Options o = Parsed(kBase);
  EXPECT_EQ(o.device, "net_af_xdp0,iface=veth1");
  EXPECT_EQ(o.interface, "veth1");
  EXPECT_EQ(o.cpu, std::nullopt);
  EXPECT_EQ(o.server.ToString(), "203.0.113.5:3478");
  EXPECT_EQ(o.gateway.ToString(), "203.0.113.5");
  EXPECT_EQ(o.clients.At(0).ToString(), "203.0.113.65:10000");
  EXPECT_EQ(o.clients.size(), 30u * 50'000);
  EXPECT_EQ(o.peers.At(0).ToString(), "203.0.113.97:10000");
  EXPECT_EQ(o.allocations, 1u);
  EXPECT_TRUE(o.channels);
  EXPECT_EQ(o.outstanding, 256u);
  EXPECT_EQ(o.load, Load::kNone);
  EXPECT_EQ(o.flood, Flood::kNone);
  EXPECT_EQ(o.flood_clients, 0u);
  EXPECT_EQ(o.profile.largest(), 172);
  EXPECT_FALSE(o.search);
  EXPECT_EQ(o.duration_seconds, 10);
}

TEST(Options, TakesAllThatALoadHas) {
  const Options o = Parsed(With({"--cpu",
                                 "0",
                                 "--realtime",
                                 "--poll-sleep-us",
                                 "50",
                                 "--gateway",
                                 "203.0.113.1",
                                 "--user",
                                 "alice:se:cret",
                                 "--realm",
                                 "x.org",
                                 "--allocations",
                                 "500",
                                 "--setup-rate",
                                 "100",
                                 "--outstanding",
                                 "7",
                                 "--keep-allocations",
                                 "--load",
                                 "both",
                                 "--rate",
                                 "2.5e5",
                                 "--active",
                                 "20",
                                 "--profile",
                                 "video",
                                 "--duration",
                                 "1.5",
                                 "--keepalive",
                                 "15",
                                 "--json",
                                 "-",
                                 "--quiet",
                                 "--pcap-out",
                                 "f",
                                 "--pcap-packets",
                                 "9"}));
  EXPECT_EQ(o.cpu, 0u);
  EXPECT_TRUE(o.realtime);
  EXPECT_EQ(o.poll_sleep_us, 50u);
  EXPECT_EQ(o.gateway.ToString(), "203.0.113.1");
  EXPECT_EQ(o.user, "alice");
  EXPECT_EQ(o.password, "se:cret");
  EXPECT_EQ(o.realm, "x.org");
  EXPECT_EQ(o.allocations, 500u);
  EXPECT_EQ(o.setup_rate, 100u);
  EXPECT_EQ(o.outstanding, 7u);
  EXPECT_TRUE(o.keep_allocations);
  EXPECT_EQ(o.load, Load::kBoth);
  EXPECT_EQ(o.rate_pps, 250'000);
  EXPECT_EQ(o.active, 20u);
  EXPECT_EQ(o.profile.name(), "video");
  EXPECT_EQ(o.duration_seconds, 1.5);
  EXPECT_EQ(o.keepalive_seconds, 15);
  EXPECT_EQ(o.json_file, "-");
  EXPECT_TRUE(o.quiet);
  EXPECT_EQ(o.pcap_file, "f");
  EXPECT_EQ(o.pcap_packets, 9u);
}

TEST(Options, TakesASearch) {
  const Options o =
      Parsed(With({"--load", "send", "--search", "--loss-bound", "0.5", "--min-rate", "10",
                   "--max-rate", "2000", "--trial", "0.5", "--resolution", "5"}));
  EXPECT_TRUE(o.search);
  EXPECT_DOUBLE_EQ(o.loss_bound, 0.005);
  EXPECT_EQ(o.min_rate_pps, 10);
  EXPECT_EQ(o.max_rate_pps, 2000);
  EXPECT_EQ(o.trial_seconds, 0.5);
  EXPECT_DOUBLE_EQ(o.resolution, 0.05);
}

TEST(Options, AFloodAloneMakesNoAllocation) {
  EXPECT_EQ(Parsed(With({"--flood", "binding"})).allocations, 0u);
  EXPECT_EQ(Parsed(With({"--flood", "binding"})).flood_clients, 1000u);
  EXPECT_EQ(Parsed(Without("--peer-address", {"--flood", "allocate"})).flood, Flood::kAllocate);
  EXPECT_EQ(Parsed(With({"--flood", "binding", "--keepalive", "1"})).allocations, 1u);
  EXPECT_EQ(Parsed(With({"--flood", "binding", "--load", "peer", "--rate", "1"})).allocations, 1u);
}

TEST(Options, ReadsServersOfBothFamilies) {
  const auto server = [](const char* text) {
    Words words = {"--device", "net_null0", "--server", text, "--flood", "allocate"};
    const bool v6 = std::string(text).find("2001") != std::string::npos;
    words.insert(words.end(), {"--client-address", v6 ? "2001:db8:1::/64" : "192.0.2.64/26"});
    return Parsed(words).server.ToString();
  };
  EXPECT_EQ(server("192.0.2.1:5000"), "192.0.2.1:5000");
  EXPECT_EQ(server("2001:db8::1"), "[2001:db8::1]:3478");
  EXPECT_EQ(server("[2001:db8::1]"), "[2001:db8::1]:3478");
  EXPECT_EQ(server("[2001:db8::1]:99"), "[2001:db8::1]:99");
}

TEST(Options, GivesPciAddressesTheirDomain) {
  EXPECT_EQ(Parsed(Without("--interface", {"--device", "03:00.1"})).device, "0000:03:00.1");
  EXPECT_EQ(Parsed(Without("--interface", {"--device", "net_memif0,role=client"})).device,
            "net_memif0,role=client");
}

TEST(Options, TakesAMacToReflect) {
  const Options o =
      Parsed(With({"--reflect", "02:00:00:00:0a:05", "--load", "both", "--rate", "0"}));
  EXPECT_EQ(o.reflect, (MacAddress{2, 0, 0, 0, 10, 5}));
  EXPECT_EQ(o.rate_pps, 0);
  EXPECT_EQ(Parsed(kBase).reflect, std::nullopt);
}

TEST(Options, PrintsHelpAndVersion) {
  const auto help = Parse({"--help"});
  ASSERT_TRUE(help.ok());
  for (const char* wanted :
       {"--client-address", "--flood", "--search", "causeway-gen --interface", "Exit status"}) {
    EXPECT_THAT(help->print, HasSubstr(wanted));
  }
  const auto version = Parse({"--version"});
  ASSERT_TRUE(version.ok());
  EXPECT_EQ(version->print, "causeway-gen " CAUSEWAY_VERSION "\n");
}

TEST(Options, HidesThePassword) {
  EXPECT_THAT(Parsed(With({"--user", "alice:secret"})).command,
              ElementsAre("causeway-gen", "--interface", "veth1", "--server", "203.0.113.5",
                          "--client-address", "203.0.113.64/27", "--peer-address",
                          "203.0.113.96/27", "--user", "alice:***"));
  EXPECT_EQ(Parsed(With({"--user=alice:secret"})).command.back(), "--user=alice:***");
  for (const Words& words : {With({"alice:secret"}), With({"--user", "a:secret", "--user", "b:c"}),
                             With({"--usr", "alice:secret"}), With({"--usr=alice:secret"}),
                             With({"--user", ":secret"})}) {
    EXPECT_THAT(ErrorOf(words), Not(HasSubstr("secret")));
  }
}

TEST(Options, ScrubsThePasswordFromMemory) {
  std::string words[] = {"causeway-gen", "--user", "alice:secret", "--user=bob:pw", "--quiet"};
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  ScrubPassword(static_cast<int>(argv.size()), argv.data());
  EXPECT_EQ(words[2], "alice:xxxxxx");
  EXPECT_EQ(words[3], "--user=bob:xx");
  EXPECT_EQ(words[4], "--quiet");
}

struct Bad {
  Words words;
  const char* error;
};

void PrintTo(const Bad& bad, std::ostream* out) { *out << bad.error; }

std::string NameOf(const ::testing::TestParamInfo<Bad>& bad) { return TestName(bad.param.error); }

class BadOptions : public ::testing::TestWithParam<Bad> {};

TEST_P(BadOptions, AreRefusedInOneLine) {
  const std::string error = ErrorOf(GetParam().words);
  EXPECT_EQ(error, GetParam().error);
  EXPECT_EQ(error.find('\n'), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(
    Wire, BadOptions,
    ::testing::Values(
        Bad{Without("--interface"),
            "nothing says where the packets go: give --interface IFACE (AF_XDP) or --device "
            "DEVICE"},
        Bad{With({"--device", "net_null0"}),
            "--interface veth1 and --device net_null0: one excludes the other: leave one out"},
        Bad{Without("--interface", {"--interface", "a/b"}),
            "--interface a/b: not the name of an interface (see `ip link`)"},
        Bad{With({"--cpu", "x"}), "--cpu x: must be a whole number from 0 to 1023"},
        Bad{With({"--poll-sleep-us", "99999"}),
            "--poll-sleep-us 99999: must be a whole number from 0 to 10000"},
        Bad{With({"--speed", "9"}), "unknown flag --speed: see --help"},
        Bad{With({"fast"}), "a value stands without its flag: write --flag value (see --help)"},
        Bad{With({"--cpu"}),
            "--cpu: needs a value (one that begins with '-' is written --flag=value)"},
        Bad{With({"--cpu", "--quiet"}), "--cpu: needs a value, and --quiet follows"},
        Bad{With({"--cpu", "1", "--cpu", "2"}), "--cpu: given 2 times; it takes one value"},
        Bad{With({"--quiet=no"}), "--quiet: takes no value"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Addresses, BadOptions,
    ::testing::Values(
        Bad{Without("--server"), "--server is missing: give the TURN server, ADDR[:PORT]"},
        Bad{Without("--server", {"--server", "turn.example.org"}),
            "--server turn.example.org: not an IPv4 or IPv6 address"},
        Bad{Without("--server", {"--server", "192.0.2.1:0"}),
            "--server 192.0.2.1:0: the port after the colon is a number from 1 to 65535"},
        Bad{Without("--server", {"--server", "[2001:db8::1]x3478"}),
            "--server [2001:db8::1]x3478: the port after the colon is a number from 1 to 65535"},
        Bad{With({"--gateway", "2001:db8::1"}),
            "--gateway 2001:db8::1: not of the family of --server 203.0.113.5: give the next hop "
            "of that family"},
        Bad{Without("--client-address"),
            "--client-address is missing: give the addresses that the clients take"},
        Bad{Without("--peer-address"),
            "--peer-address is missing: give the addresses that the peers take"},
        Bad{Without("--client-address", {"--client-address", "203.0.113.0/24"}),
            "--client-address 203.0.113.0/24: holds the server's address: give addresses nobody "
            "has"},
        Bad{With({"--gateway", "203.0.113.97"}),
            "--peer-address 203.0.113.96/27: holds the gateway's address: give addresses nobody "
            "has"},
        Bad{Without("--client-address", {"--client-address", "2001:db8::/64"}),
            "--client-address 2001:db8::/64: not of the family of --server 203.0.113.5: give "
            "clients of that family"},
        Bad{Without("--client-address", {"--client-address", "192.0.2.0/28,192.0.2.8/29"}),
            "--client-address 192.0.2.8/29: overlaps 192.0.2.0/28: give it once"},
        Bad{Without("--peer-address", {"--peer-address", "192.0.2.0/28,2001:db8::/64"}),
            "--peer-address 2001:db8::/64: not of the family of 192.0.2.0/28: give one family"},
        Bad{Without("--client-address", {"--client-address", "192.0.2.1/28"}),
            "--client-address '192.0.2.1/28' has host bits set; did you mean 192.0.2.0/28?"},
        Bad{Without("--peer-address", {"--peer-address", "203.0.113.64/28"}),
            "--peer-address 203.0.113.64/28: clients have 203.0.113.65:10000 too: give other "
            "addresses or ports"},
        Bad{With({"--client-ports", "0-9"}),
            "--client-ports 0-9: must be FIRST-LAST within 1-65535, such as 10000-59999"},
        Bad{With({"--peer-ports", "900-800"}), "--peer-ports 900-800: reversed: write 800-900"},
        Bad{With({"--client-ports", "5000-5009", "--allocations", "301"}),
            "--client-address 203.0.113.64/27: with --client-ports makes 300 endpoints, and "
            "--allocations 301 take 301: add addresses or ports"},
        Bad{With({"--client-ports", "5000-5009", "--flood", "allocate", "--flood-clients", "301"}),
            "--client-address 203.0.113.64/27: with --client-ports makes 300 endpoints, and "
            "--allocations 0 + --flood-clients 301 take 301: add addresses or ports"},
        Bad{With({"--peer-ports", "5000-5000", "--allocations", "31"}),
            "--peer-address 203.0.113.96/27: with --peer-ports makes 30 endpoints, and "
            "--allocations 31 take one each: add addresses or ports"},
        Bad{With({"--user", "alice"}), "--user: has no colon: write NAME:PASSWORD"},
        Bad{With({"--realm", "x"}),
            "--realm x: has a meaning with --user only: add that, or leave --realm out"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Work, BadOptions,
    ::testing::Values(
        Bad{With({"--load", "all", "--rate", "1"}),
            "--load all: no such kind: take channeldata, send, peer, both"},
        Bad{With({"--load", "none", "--rate", "1"}),
            "--load none: no such kind: take channeldata, send, peer, both"},
        Bad{With({"--load", "peer"}), "--load peer: how fast? give --rate PPS or --search"},
        Bad{With({"--load", "peer", "--search", "--rate", "5"}),
            "--search and --rate 5: one excludes the other: leave one out"},
        Bad{With({"--load", "peer", "--search", "--duration", "5"}),
            "--search and --duration 5: one excludes the other: leave one out"},
        Bad{With({"--load", "peer", "--search", "--flood", "binding"}),
            "--search and --flood binding: one excludes the other: leave one out"},
        Bad{With({"--reflect", "02:00:00:00:00:05"}),
            "--reflect 02:00:00:00:00:05: has a meaning with --load only: add that, or leave "
            "--reflect out"},
        Bad{With({"--reflect", "02:00:00:00:00:05", "--load", "peer", "--rate", "1", "--flood",
                  "binding"}),
            "--reflect 02:00:00:00:00:05 and --flood binding: one excludes the other: leave one "
            "out"},
        Bad{With({"--reflect", "02:00:00:00:0:05", "--load", "peer", "--rate", "1"}),
            "--reflect 02:00:00:00:0:05: not the MAC of a port: give one like 02:00:00:00:00:05"},
        Bad{With({"--reflect", "ff:ff:ff:ff:ff:ff", "--load", "peer", "--rate", "1"}),
            "--reflect ff:ff:ff:ff:ff:ff: not the MAC of a port: give one like "
            "02:00:00:00:00:05"},
        Bad{With({"--rate", "5"}),
            "--rate 5: has a meaning with --load only: add that, or leave --rate out"},
        Bad{With({"--search"}),
            "--search: has a meaning with --load only: add that, or leave --search out"},
        Bad{With({"--load", "peer", "--rate", "5", "--trial", "1"}),
            "--trial 1: has a meaning with --search only: add that, or leave --trial out"},
        Bad{With({"--load", "peer", "--rate", "nan"}),
            "--rate nan: must be a number from 0 to 1000000000"},
        Bad{With({"--load", "peer", "--rate", "-5"}),
            "--rate -5: must be a number from 0 to 1000000000"},
        Bad{With({"--load", "peer", "--search", "--min-rate", "10", "--max-rate", "10"}),
            "--min-rate 10 is not below --max-rate 10: lower the one or raise the other"},
        Bad{With({"--load", "both", "--rate", "5", "--no-channels"}),
            "--load both: needs channels: leave --no-channels out, or take send or peer"},
        Bad{With({"--load", "peer", "--rate", "5", "--active", "2"}),
            "--active 2: must be a whole number from 1 to 1"},
        Bad{With({"--load", "peer", "--rate", "5", "--size", "31"}),
            "--size 31: must be a whole number from 32 to 65535"},
        Bad{With({"--load", "both", "--rate", "5", "--size", "1469"}),
            "--size 1469: the headers of this load leave 1468 of the 1500 bytes of an IP packet: "
            "give that or less"},
        Bad{With({"--load", "peer", "--rate", "5", "--profile", "audio"}),
            "--profile audio: no such profile: take imix, voice or video"},
        Bad{With({"--load", "peer", "--rate", "5", "--profile", "imix", "--size", "99"}),
            "--size 99 and --profile imix: one excludes the other: leave one out"},
        Bad{With({"--load", "peer", "--rate", "5", "--allocations", "0"}),
            "--load peer with --allocations 0: load needs 1 or more"},
        Bad{With({"--allocations", "0"}),
            "--allocations 0 without --flood: nothing to do; give 1 or more, or --flood KIND"},
        Bad{With({"--allocations", "0", "--keepalive", "5"}),
            "--keepalive 5 with --allocations 0: there is nothing to keep; give 1 or more"},
        Bad{With({"--duration", "5"}),
            "--duration 5: has a meaning with --load, --flood or --keepalive only: add that, or "
            "leave --duration out"},
        Bad{With({"--flood", "garbage"}),
            "--flood garbage: nobody answers garbage: give --flood-rate PPS"},
        Bad{With({"--flood", "allocate-auth"}),
            "--flood allocate-auth: needs credentials: give --user NAME:PASSWORD"},
        Bad{With({"--flood-rate", "5"}),
            "--flood-rate 5: has a meaning with --flood only: add that, or leave --flood-rate "
            "out"},
        Bad{With({"--pcap-out", "x"}),
            "--pcap-out x: has a meaning with --load only: add that, or leave --pcap-out out"},
        Bad{With({"--pcap-packets", "5"}),
            "--pcap-packets 5: has a meaning with --pcap-out only: add that, or leave "
            "--pcap-packets out"},
        Bad{With({"--json", ""}), "--json '': an empty name: give the name of a file"}),
    NameOf);

TEST(LegOverhead, IsThatOfTheLargerLeg) {
  const auto overhead = [](Words more) { return LegOverhead(Parsed(With(std::move(more)))); };
  EXPECT_EQ(overhead({"--load", "both", "--rate", "1"}), 20 + 8 + 4);
  EXPECT_EQ(overhead({"--load", "peer", "--rate", "1"}), 20 + 8 + 4);
  EXPECT_EQ(overhead({"--load", "send", "--rate", "1"}), 20 + 8 + 20 + 12 + 4 + 3);
  EXPECT_EQ(overhead({"--load", "peer", "--rate", "1", "--no-channels"}),
            20 + 8 + 20 + 12 + 4 + 3 + 48);
  EXPECT_EQ(LegOverhead(Parsed(Without("--peer-address", {"--peer-address", "2001:db8::/64",
                                                          "--load", "both", "--rate", "1"}))),
            40 + 8);
}

TEST(LegOverhead, LeavesRoomForTheLargestOfImix) {
  const Options o = Parsed(With({"--load", "send", "--rate", "1", "--profile", "imix"}));
  EXPECT_EQ(o.profile.largest() + LegOverhead(o), kMtu);
}

}  // namespace
}  // namespace causeway::gen
