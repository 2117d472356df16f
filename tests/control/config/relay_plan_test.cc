#include "control/config/relay_plan.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace causeway::config {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr PortRange kPorts{49152, 65535};

std::vector<std::string> Expand(const std::vector<std::string>& texts,
                                std::optional<uint32_t> max_allocations = std::nullopt) {
  std::vector<Prefix> prefixes;
  for (const std::string& text : texts) prefixes.push_back(*Prefix::Parse(text));
  auto plan = PlanRelayAddresses(prefixes, kPorts, max_allocations);
  EXPECT_TRUE(plan.ok()) << plan.status();
  std::vector<std::string> addresses;
  for (const IpAddress& address : plan->addresses) addresses.push_back(address.ToString());
  return addresses;
}

RelayPlan Plan(const std::vector<Prefix>& prefixes, PortRange ports,
               std::optional<uint32_t> max_allocations = std::nullopt) {
  auto plan = PlanRelayAddresses(prefixes, ports, max_allocations);
  EXPECT_TRUE(plan.ok()) << plan.status();
  return *std::move(plan);
}

TEST(RelayPlan, LeavesOutNetworkAndBroadcast) {
  EXPECT_THAT(Expand({"198.51.100.4/32"}), ElementsAre("198.51.100.4"));
  EXPECT_THAT(Expand({"198.51.100.4/31"}), ElementsAre("198.51.100.4", "198.51.100.5"));
  EXPECT_THAT(Expand({"198.51.100.4/30"}), ElementsAre("198.51.100.5", "198.51.100.6"));
  EXPECT_EQ(Expand({"198.51.0.0/16"}).size(), 65534u);
}

TEST(RelayPlan, TakesAsManyIpv6AddressesAsNeeded) {
  EXPECT_THAT(Expand({"2001:db8::7/128"}), ElementsAre("2001:db8::7"));
  EXPECT_THAT(Expand({"2001:db8::/64"}), ElementsAre("2001:db8::1"));
  EXPECT_THAT(Expand({"2001:db8::/64"}, 16385), ElementsAre("2001:db8::1", "2001:db8::2"));
  EXPECT_THAT(Expand({"2001:db8::/127"}), ElementsAre("2001:db8::1"));
  EXPECT_EQ(Expand({"2001:db8::/32"}, 1'000'000).size(), 62u);
}

TEST(RelayPlan, FillsIpv6PrefixesInOrder) {
  EXPECT_THAT(
      Expand({"2001:db8::/126", "2001:db8:1::/64"}, 5 * 16384),
      ElementsAre("2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:1::1", "2001:db8:1::2"));
  EXPECT_THAT(Expand({"2001:db8:1::/64", "2001:db8::9"}, 2 * 16384),
              ElementsAre("2001:db8:1::1", "2001:db8::9"));
}

TEST(RelayPlan, DefaultsToWhatPortsHold) {
  const Prefix one = *Prefix::Parse("198.51.100.4");
  EXPECT_EQ(Plan({one}, {20000, 20999}).max_allocations, 1000u);
  EXPECT_EQ(Plan({one}, {1024, 65535}).max_allocations, kDefaultMaxAllocations);
  EXPECT_EQ(Plan({*Prefix::Parse("198.51.100.0/29")}, {20000, 20999}).max_allocations, 6000u);
}

TEST(RelayPlan, SaysWhenOneFamilyHoldsFewer) {
  const std::vector<Prefix> both = {*Prefix::Parse("198.51.100.4"),
                                    *Prefix::Parse("2001:db8::/64")};
  EXPECT_THAT(Plan(both, kPorts).warning, IsEmpty());
  EXPECT_EQ(Plan(both, kPorts, 20000).warning,
            "IPv4 relay addresses have ports for 16384 of the 20000 allocations");
}

TEST(RelayPlan, CapsAddressesOfAllPrefixes) {
  const std::vector<Prefix> two = {*Prefix::Parse("198.18.0.0/16"),
                                   *Prefix::Parse("198.19.0.0/30")};
  EXPECT_FALSE(PlanRelayAddresses(two, kPorts, std::nullopt).ok());
}

}  // namespace
}  // namespace causeway::config
