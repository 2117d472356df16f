#include "control/config/config.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/control/config/given.h"

namespace causeway::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr unsigned kCpus = 8;

Texts Base() {
  return {{"interface", {"eth1"}},
          {"address", {"203.0.113.5"}},
          {"realm", {"example.org"}},
          {"user", {"alice:secret"}}};
}

/// Base with some options replaced; an empty list takes the option away.
Texts With(const Texts& changes) {
  Texts values = Base();
  for (const auto& [name, texts] : changes) {
    values[name] = texts;
    if (texts.empty()) values.erase(name);
  }
  return values;
}

absl::StatusOr<Config> MakeFrom(const Texts& texts, unsigned usable_cpus) {
  auto settings = ReadSettings(Given(texts));
  if (!settings.ok()) return settings.status();
  return MakeConfig(*std::move(settings), usable_cpus);
}

absl::StatusOr<Config> Make(const Texts& changes) { return MakeFrom(With(changes), kCpus); }

TEST(Config, FillsInDefaults) {
  auto config = Make({});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->interfaces, std::vector<std::string>{"eth1"});
  EXPECT_THAT(config->device, IsEmpty());
  EXPECT_THAT(config->node.listen_addresses, ElementsAre(IpAddress::V4(0xCB007105)));
  EXPECT_EQ(config->node.listen_port, 3478);
  EXPECT_EQ(config->node.relay_addresses, config->node.listen_addresses);
  EXPECT_EQ(config->node.relay_port_first, 49152);
  EXPECT_EQ(config->node.relay_port_last, 65535);
  EXPECT_EQ(config->limits.max_allocations, 16384u);
  EXPECT_EQ(config->node.requests_per_prefix, 1000u);
  EXPECT_EQ(config->node.shards, kCpus - 1);
  EXPECT_TRUE(config->allow_hairpin);
  EXPECT_EQ(config->users.at(0).name, "alice");
  EXPECT_EQ(config->users.at(0).password, "secret");
  EXPECT_THAT(config->warnings, IsEmpty());
}

TEST(Config, TakesEveryOption) {
  auto config = Make({{"address", {"203.0.113.5,2001:db8::5"}},
                      {"port", {"3479"}},
                      {"user", {"alice:a:b", "bob:c"}},
                      {"auth-secret", {"new", "old"}},
                      {"relay-ports", {"20000-20999"}},
                      {"relay-address", {"198.51.100.0/30", "2001:db8:1::/64"}},
                      {"max-allocations", {"1500"}},
                      {"max-lifetime", {"7200"}},
                      {"user-quota", {"10"}},
                      {"end-with-credential", {""}},
                      {"requests-per-prefix", {"0"}},
                      {"allow-peer", {"10.0.0.0/8"}},
                      {"deny-peer", {"198.51.100.7"}},
                      {"no-hairpin", {""}},
                      {"workers", {"2"}},
                      {"stats", {"5"}},
                      {"log-level", {"debug"}}});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->node.listen_addresses.size(), 2u);
  EXPECT_EQ(config->node.listen_port, 3479);
  EXPECT_EQ(config->users.at(0).password, "a:b");
  EXPECT_THAT(config->secrets, ElementsAre("new", "old"));
  EXPECT_EQ(config->node.relay_addresses.size(), 4u);
  EXPECT_EQ(config->relay_prefixes.size(), 2u);
  EXPECT_EQ(config->limits.max_allocations, 1500u);
  EXPECT_EQ(config->limits.max_lifetime_seconds, 7200u);
  EXPECT_EQ(config->allocations_per_user, 10u);
  EXPECT_TRUE(config->end_with_credential);
  EXPECT_EQ(config->node.requests_per_prefix, 0u);
  EXPECT_THAT(config->allow_peers, ElementsAre(*Prefix::Parse("10.0.0.0/8")));
  EXPECT_THAT(config->deny_peers, ElementsAre(*Prefix::Parse("198.51.100.7")));
  EXPECT_FALSE(config->allow_hairpin);
  EXPECT_EQ(config->node.shards, 2);
  EXPECT_EQ(config->stats_seconds, 5u);
  EXPECT_EQ(config->log_level, LogLevel::kDebug);
}

TEST(Config, ChoosesWorkersByTheMachine) {
  EXPECT_EQ(MakeFrom(Base(), 1)->node.shards, 1);
  EXPECT_EQ(MakeFrom(Base(), 2)->node.shards, 1);
  EXPECT_EQ(MakeFrom(Base(), 3)->node.shards, 2);
  EXPECT_EQ(MakeFrom(Base(), 512)->node.shards, 127);
  EXPECT_THAT(MakeFrom(Base(), 1)->warnings, IsEmpty());
}

TEST(Config, ChoosesNoMoreWorkersThanTheRelayPortsSuffice) {
  EXPECT_EQ(MakeFrom(With({{"relay-ports", {"50000-50006"}}}), 16)->node.shards, 3);
  EXPECT_EQ(MakeFrom(With({{"relay-ports", {"50000-50001"}}}), 16)->node.shards, 1);
}

TEST(Config, LimitsWorkersThatWereNotAskedForByTheQueuesOfTheLink) {
  auto config = MakeFrom(With({{"max-allocations", {"10000"}}}), 8);
  ASSERT_EQ(config->node.shards, 7);
  LimitWorkers(*config, 16);
  EXPECT_EQ(config->node.shards, 7);
  LimitWorkers(*config, 4);
  EXPECT_EQ(config->node.shards, 4);
  EXPECT_EQ(config->node.allocations_per_shard, 2500u + 625 + 1024);
  LimitWorkers(*config, 0);
  EXPECT_EQ(config->node.shards, 1);
  EXPECT_EQ(config->node.allocations_per_shard, 10000u);
  EXPECT_FALSE(config->workers.has_value()) << "a reload would take it for a change";
}

TEST(Config, LeavesAnExplicitNumberOfWorkersAlone) {
  auto config = MakeFrom(With({{"workers", {"4"}}}), 8);
  LimitWorkers(*config, 1);
  EXPECT_EQ(config->node.shards, 4);
}

TEST(Config, WarnsOfWorkersThatShareCpus) {
  auto config = MakeFrom(With({{"workers", {"2"}}}), 2);
  ASSERT_TRUE(config.ok());
  EXPECT_THAT(config->warnings,
              ElementsAre("2 workers and control share 2 CPUs: workers that share "
                          "a CPU slow each other"));
}

TEST(Config, SizesPools) {
  auto one = Make({{"workers", {"1"}}, {"max-allocations", {"10000"}}});
  EXPECT_EQ(one->node.allocations_per_shard, 10000u);
  EXPECT_EQ(one->node.permissions_per_shard, 20000u);
  EXPECT_EQ(one->node.channels_per_shard, 14096u);
  auto small = Make({{"workers", {"1"}}, {"max-allocations", {"10"}}});
  EXPECT_EQ(small->node.permissions_per_shard, 4106u);
  auto four = Make({{"workers", {"4"}}, {"max-allocations", {"10000"}}});
  EXPECT_EQ(four->node.allocations_per_shard, 2500u + 625 + 1024);
  EXPECT_EQ(four->node.permissions_per_shard, 5000u + 1250 + 1024);
  auto few = Make({{"workers", {"4"}}, {"max-allocations", {"100"}}});
  EXPECT_EQ(few->node.allocations_per_shard, 100u);
}

TEST(Config, TakesDevices) {
  auto config = Make(
      {{"interface", {}}, {"device", {"03:00.1"}}, {"address", {"203.0.113.5/24,2001:db8::5/64"}}});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->device, "0000:03:00.1");
  ASSERT_EQ(config->mirror_addresses.size(), 2u);
  EXPECT_EQ(config->mirror_addresses[0].ToString(), "203.0.113.5/24");
  EXPECT_EQ(config->mirror_addresses[1].ToString(), "2001:db8::5/64");
  auto memif = Make({{"interface", {}}, {"device", {"net_memif0,role=client"}}});
  ASSERT_TRUE(memif.ok()) << memif.status();
  EXPECT_EQ(memif->device, "net_memif0,role=client");
  EXPECT_EQ(memif->mirror_addresses.at(0).length, 128);
}

struct BadCase {
  const char* what;
  Texts changes;
  const char* message;
};

class BadConfig : public testing::TestWithParam<BadCase> {};

TEST_P(BadConfig, IsRefusedInOneLine) {
  auto config = Make(GetParam().changes);
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.status().message(), GetParam().message);
}

const BadCase kBadLinks[] = {
    {"NoInterface", {{"interface", {}}}, "--interface is missing: name the interface to serve"},
    {"BothLinks",
     {{"device", {"net_ring0"}}},
     "--interface and --device are both given: choose one"},
    {"InterfaceName",
     {{"interface", {"a/b"}}},
     "--interface a/b: not the name of an interface (see `ip link`)"},
    {"NoAddress",
     {{"address", {}}},
     "--address is missing: give the address where clients reach this node"},
    {"BadAddress",
     {{"address", {"203.0.113"}}},
     "--address 203.0.113: not an IPv4 or IPv6 address"},
    {"EmptyAddress", {{"address", {"203.0.113.5,"}}}, "--address : not an IPv4 or IPv6 address"},
    {"MappedAddress",
     {{"address", {"::ffff:203.0.113.5"}}},
     "--address ::ffff:203.0.113.5: an IPv4-mapped IPv6 address; write 203.0.113.5"},
    {"Unspecified",
     {{"address", {"0.0.0.0"}}},
     "--address 0.0.0.0: is no address of a host: name the node's own"},
    {"Multicast", {{"address", {"ff02::1"}}}, "--address ff02::1: is a multicast address"},
    {"AddressTwice",
     {{"address", {"203.0.113.5,203.0.113.5"}}},
     "--address 203.0.113.5: given twice"},
    {"LengthWithInterface",
     {{"address", {"203.0.113.5/24"}}},
     "--address 203.0.113.5/24: a prefix length is for --device only; the interface has its own"},
    {"PortZero", {{"port", {"0"}}}, "--port 0: must be a whole number from 1 to 65535"},
    {"PortTooHigh", {{"port", {"65536"}}}, "--port 65536: must be a whole number from 1 to 65535"},
    {"PortText", {{"port", {"+80"}}}, "--port +80: must be a whole number from 1 to 65535"},
};
const BadCase kBadRelays[] = {
    {"RangeOfOne",
     {{"relay-ports", {"50000-50000"}}},
     "--relay-ports 50000-50000: one port is too few: the first must be below the last"},
    {"RangeReversed",
     {{"relay-ports", {"60000-50000"}}},
     "--relay-ports 60000-50000: reversed; write 50000-60000"},
    {"RangeLow",
     {{"relay-ports", {"1000-2000"}}},
     "--relay-ports 1000-2000: ports below 1024 belong to system services (RFC 8656 section 7.2): "
     "begin at 1024 or above"},
    {"RangeText",
     {{"relay-ports", {"50000"}}},
     "--relay-ports 50000: must be FIRST-LAST, such as 49152-65535"},
    {"RangeTooHigh",
     {{"relay-ports", {"50000-70000"}}},
     "--relay-ports 50000-70000: must be FIRST-LAST, such as 49152-65535"},
    {"PortInRange",
     {{"port", {"50000"}}},
     "--port 50000: lies in the relay ports 49152-65535 of the same address 203.0.113.5: change "
     "--port or --relay-ports"},
    {"HostBits",
     {{"relay-address", {"198.51.100.1/24"}}},
     "--relay-address '198.51.100.1/24' has host bits set; did you mean 198.51.100.0/24?"},
    {"RelayMapped",
     {{"relay-address", {"::ffff:198.51.100.1"}}},
     "--relay-address ::ffff:198.51.100.1: an IPv4-mapped IPv6 address; write 198.51.100.1"},
    {"RelayMulticast",
     {{"relay-address", {"192.0.0.0/2"}}},
     "--relay-address 192.0.0.0/2: is a multicast address"},
    {"RelayTwice",
     {{"relay-address", {"198.51.100.0/24", "198.51.100.7"}}},
     "--relay-address 198.51.100.7/32: overlaps 198.51.100.0/24, given before it"},
    {"RelayTooLarge",
     {{"relay-address", {"10.0.0.0/8"}}},
     "--relay-address: 16777214 addresses in all, and at most 65535 can be served: give smaller "
     "prefixes"},
    {"TooFewPorts",
     {{"max-allocations", {"40000"}}},
     "--max-allocations 40000: the relay addresses hold 16384 (1 with 16384 ports each): give 2 "
     "more --relay-addresses of the same family, or lower it"},
    {"OneAddressMore",
     {{"max-allocations", {"16385"}}},
     "--max-allocations 16385: the relay addresses hold 16384 (1 with 16384 ports each): give 1 "
     "more --relay-address of the same family, or lower it"},
    {"NoAllocations",
     {{"max-allocations", {"0"}}},
     "--max-allocations 0: must be a whole number from 1 to 100000000"},
    {"NoWorkers", {{"workers", {"0"}}}, "--workers 0: must be a whole number from 1 to 127"},
    {"ManyWorkers", {{"workers", {"128"}}}, "--workers 128: must be a whole number from 1 to 127"},
    {"FewPortsForWorkers",
     {{"relay-ports", {"50000-50006"}}, {"workers", {"4"}}},
     "--relay-ports 50000-50006: too few for 4 workers, which take 2 ports each or more: widen it "
     "or lower --workers"},
};
const BadCase kBadOthers[] = {
    {"NoCredentials",
     {{"user", {}}},
     "nobody could use this relay: give --user NAME:PASSWORD or --auth-secret SECRET (or "
     "--user-file, --auth-secret-file)"},
    {"UserWithoutColon",
     {{"user", {"a:b", "hunter2"}}},
     "--user, value 2: has no colon: write NAME:PASSWORD"},
    {"UserWithoutName",
     {{"user", {":hunter2"}}},
     "--user, value 1: has no name before its colon: write NAME:PASSWORD"},
    {"UserWithoutPassword",
     {{"user", {"alice:"}}},
     "--user, value 1: has no password after its colon: write NAME:PASSWORD"},
    {"UserTwice", {{"user", {"a\nb:c", "a\nb:d"}}}, "--user, value 2: user 'a\\nb' is given twice"},
    {"EmptySecret",
     {{"auth-secret", {""}}},
     "--auth-secret: empty; anybody could make credentials"},
    {"NoRealm",
     {{"realm", {}}},
     "--realm is missing: give a name for the credentials, such as example.org"},
    {"ShortLifetime",
     {{"max-lifetime", {"599"}}},
     "--max-lifetime 599: must be a whole number from 600 to 86400"},
    {"UserFileMissing",
     {{"user-file", {"/nonexistent/users"}}},
     "cannot read /nonexistent/users: No such file or directory"},
    {"AllowPeer", {{"allow-peer", {"ten"}}}, "--allow-peer ten: not an IPv4 or IPv6 address"},
    {"DenyPeerLength",
     {{"deny-peer", {"10.0.0.0/x"}}},
     "--deny-peer 10.0.0.0/x: the prefix length is a number from 0 to 32"},
    {"DenyPeerHostBits",
     {{"deny-peer", {"10.0.0.1/8"}}},
     "--deny-peer '10.0.0.1/8' has host bits set; did you mean 10.0.0.0/8?"},
    {"LogLevel",
     {{"log-level", {"loud"}}},
     "--log-level loud: must be debug, info, warning or error"},
    {"Stats", {{"stats", {"often"}}}, "--stats often: must be a whole number from 0 to 86400"},
};

std::string CaseName(const testing::TestParamInfo<BadCase>& info) { return info.param.what; }
INSTANTIATE_TEST_SUITE_P(Links, BadConfig, testing::ValuesIn(kBadLinks), CaseName);
INSTANTIATE_TEST_SUITE_P(Relays, BadConfig, testing::ValuesIn(kBadRelays), CaseName);
INSTANTIATE_TEST_SUITE_P(Others, BadConfig, testing::ValuesIn(kBadOthers), CaseName);

TEST(Config, RefusesLongRealm) {
  EXPECT_TRUE(Make({{"realm", {std::string(127, 'r')}}}).ok());
  auto config = Make({{"realm", {std::string(128, 'r')}}});
  EXPECT_EQ(config.status().message(), "--realm: 128 bytes; at most 127 (RFC 8489 section 14.9)");
}

TEST(Describe, RedactsSecrets) {
  auto config = Make({{"user", {"alice:hunter2"}}, {"auth-secret", {"geheim"}}});
  ASSERT_TRUE(config.ok());
  const std::string text = Describe(*config);
  EXPECT_THAT(text, HasSubstr("user = [\"alice:***\"]\nauth-secret = [\"***\"]\n"));
  EXPECT_THAT(text, Not(HasSubstr("hunter2")));
  EXPECT_THAT(text, Not(HasSubstr("geheim")));
}

}  // namespace
}  // namespace causeway::config
