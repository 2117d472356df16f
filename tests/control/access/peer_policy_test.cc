#include "control/access/peer_policy.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/test_name.h"

namespace causeway::access {
namespace {

IpAddress Ip(const char* text) { return IpAddress::Parse(text).value(); }
Prefix Block(const char* text) { return Prefix::Parse(text).value(); }

bool Allowed(const PeerPolicy& policy, const char* address) {
  return policy.Check(Ip(address)) == PeerVerdict::kAllowed;
}

TEST(PeerPolicyTest, DefaultListsDenyFirstAndLastAddressOfEachBlock) {
  const PeerPolicy policy({});
  EXPECT_EQ(PeerPolicy::DefaultDenied().size(), 32u);
  for (const Prefix& prefix : PeerPolicy::DefaultDenied()) {
    EXPECT_EQ(policy.Check(prefix.First()), PeerVerdict::kDenied) << prefix.ToString();
    EXPECT_EQ(policy.Check(prefix.Last()), PeerVerdict::kDenied) << prefix.ToString();
  }
}

std::string NameOf(const testing::TestParamInfo<const char*>& address) {
  return TestName(address.param);
}

class DeniedTest : public testing::TestWithParam<const char*> {};
TEST_P(DeniedTest, IsDeniedByDefault) { EXPECT_FALSE(Allowed(PeerPolicy({}), GetParam())); }
INSTANTIATE_TEST_SUITE_P(
    Addresses, DeniedTest,
    testing::Values("0.0.0.0", "10.1.2.3", "100.64.0.1", "100.127.255.255", "127.0.0.1",
                    "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1",
                    "192.31.196.1", "192.52.193.1", "192.88.99.1", "192.168.1.1", "192.175.48.1",
                    "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1",
                    "239.255.255.255", "240.0.0.1", "255.255.255.255", "::", "::1",
                    "::ffff:10.0.0.1", "::10.0.0.1", "::127.0.0.1", "::ffff:0:10.0.0.1",
                    "2002:0a00:0001::", "2002:c0a8:0101::1", "64:ff9b::10.0.0.1",
                    "64:ff9b::8.8.8.8", "64:ff9b:1::10.0.0.1",
                    "64:ff9b:1:a00:0:100::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "100::1",
                    "2001::1", "2001:0:4136:e378:8000:63bf:f5ff:fffe", "2001:1ff::1", "2001:db8::1",
                    "3fff::1", "3fff:fff::1", "5f00::1", "fc00::1", "fdff::1", "fe80::1", "febf::1",
                    "fec0::1", "ff02::1"),
    NameOf);

class AllowedTest : public testing::TestWithParam<const char*> {};
TEST_P(AllowedTest, IsAllowedByDefault) { EXPECT_TRUE(Allowed(PeerPolicy({}), GetParam())); }
INSTANTIATE_TEST_SUITE_P(Addresses, AllowedTest,
                         testing::Values("1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255",
                                         "100.128.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0",
                                         "192.0.3.0", "198.17.255.255", "198.20.0.0",
                                         "223.255.255.255", "2001:200::1", "2003::1",
                                         "2606:4700::1111", "4000::1", "::ffff:8.8.8.8"),
                         NameOf);

struct Carrier {
  const char* address;
  const char* carried;
};

class CarriedTest : public testing::TestWithParam<Carrier> {};

// With the outer block opened, only what is inside still denies.
TEST_P(CarriedTest, OpeningTheOuterBlockDoesNotOpenWhatItCarries) {
  const auto [address, carried] = GetParam();
  const auto found = PeerPolicy::CarriedAddresses(Ip(address));
  EXPECT_NE(std::find(found.begin(), found.end(), Ip(carried)), found.end()) << address;
  const PeerPolicy outer({.allow = {Block("2002::/16"), Block("64:ff9b::/96"),
                                    Block("64:ff9b:1::/48"), Block("2001::/23")}});
  EXPECT_FALSE(Allowed(outer, address));
  PeerPolicy::Config both = {.allow = {Block("2002::/16"), Block("64:ff9b::/96"),
                                       Block("64:ff9b:1::/48"), Block("2001::/23"),
                                       Block("10.0.0.0/8")}};
  EXPECT_TRUE(Allowed(PeerPolicy(both), address));
  both.deny = {Block("10.0.0.1/32")};
  EXPECT_FALSE(Allowed(PeerPolicy(both), address));
  both.deny = {};
  both.node_addresses = {Ip("10.0.0.1")};
  EXPECT_FALSE(Allowed(PeerPolicy(both), address)) << "our own address in another form";
  both.node_addresses = {};
  both.relay_addresses = {Ip("10.0.0.1")};
  EXPECT_FALSE(Allowed(PeerPolicy(both), address)) << "hairpin goes by the plain address";
}

INSTANTIATE_TEST_SUITE_P(Forms, CarriedTest,
                         testing::Values(Carrier{"::10.0.0.1", "10.0.0.1"},
                                         Carrier{"::ffff:0:10.0.0.1", "10.0.0.1"},
                                         Carrier{"2002:0a00:0001::", "10.0.0.1"},
                                         Carrier{"2002:0a00:0001:ffff::9", "10.0.0.1"},
                                         Carrier{"64:ff9b::10.0.0.1", "10.0.0.1"},
                                         Carrier{"64:ff9b:1::10.0.0.1", "10.0.0.1"},
                                         Carrier{"64:ff9b:1:abcd:0:1:10.0.0.1", "10.0.0.1"},
                                         Carrier{"64:ff9b:1:0a00:0:0100::", "10.0.0.1"},
                                         Carrier{"64:ff9b:1:000a:0:0001::", "10.0.0.1"},
                                         Carrier{"64:ff9b:1:0:a:0:100:0", "10.0.0.1"},
                                         Carrier{"2001:0:0808:0808:0:ffff:f5ff:fffe", "10.0.0.1"},
                                         Carrier{"2001:0:0a00:0001:0:ffff:f7f7:f7f7", "10.0.0.1"}),
                         [](const auto& test) { return TestName(test.param.address); });

TEST(PeerPolicyTest, CarriersOfPublicAddressesCanBeOpened) {
  const PeerPolicy policy({.allow = {Block("64:ff9b::/96"), Block("64:ff9b:1::/48")}});
  EXPECT_TRUE(Allowed(policy, "64:ff9b::8.8.8.8"));
  EXPECT_TRUE(Allowed(policy, "64:ff9b:1::8.8.8.8"));
  EXPECT_TRUE(Allowed(policy, "64:ff9b:1:808:8:800::"));
  EXPECT_FALSE(Allowed(policy, "64:ff9b::127.0.0.1"));
  EXPECT_FALSE(Allowed(policy, "64:ff9b:1::")) << "0.0.0.0 in every reading";
}

TEST(PeerPolicyTest, PlainAddressesCarryNothing) {
  for (const char* address : {"1.2.3.4", "::", "::1", "2606:4700::1", "fe80::1"}) {
    EXPECT_TRUE(PeerPolicy::CarriedAddresses(Ip(address)).empty()) << address;
  }
}

TEST(PeerPolicyTest, AllowOpensTheDefaultListsOnly) {
  const PeerPolicy policy({.allow = {Block("10.0.0.0/8"), Block("fc00::/7")},
                           .deny = {Block("10.9.0.0/16")},
                           .node_addresses = {Ip("10.0.0.5"), Ip("fd00::5")}});
  EXPECT_TRUE(Allowed(policy, "10.1.2.3"));
  EXPECT_TRUE(Allowed(policy, "fd00::1"));
  EXPECT_FALSE(Allowed(policy, "192.168.0.1")) << "not opened";
  EXPECT_FALSE(Allowed(policy, "10.9.1.1")) << "deny beats allow";
  EXPECT_FALSE(Allowed(policy, "10.0.0.5")) << "our own";
  EXPECT_FALSE(Allowed(policy, "fd00::5")) << "our own";
}

TEST(PeerPolicyTest, OwnAddressesAreDeniedWithoutAnyList) {
  const PeerPolicy policy({.node_addresses = {Ip("9.9.9.9"), Ip("2606::9"), Ip("9.9.9.8")}});
  for (const char* own : {"9.9.9.9", "9.9.9.8", "2606::9"}) EXPECT_FALSE(Allowed(policy, own));
  EXPECT_TRUE(Allowed(policy, "9.9.9.7"));
}

TEST(PeerPolicyTest, HairpinIsADecisionOfItsOwn) {
  PeerPolicy::Config config = {.node_addresses = {Ip("203.0.113.5")},
                               .relay_addresses = {Ip("203.0.113.6"), Ip("203.0.113.5")}};
  EXPECT_TRUE(Allowed(PeerPolicy(config), "203.0.113.5")) << "listener and relay in one";
  EXPECT_TRUE(Allowed(PeerPolicy(config), "203.0.113.6"));
  config.allow_hairpin = false;
  config.allow = {Block("203.0.113.0/24")};
  EXPECT_FALSE(Allowed(PeerPolicy(config), "203.0.113.5"));
  EXPECT_FALSE(Allowed(PeerPolicy(config), "203.0.113.6"));
  config.allow_hairpin = true;
  config.deny = {Block("203.0.113.6/32")};
  EXPECT_FALSE(Allowed(PeerPolicy(config), "203.0.113.6")) << "deny comes first";
  EXPECT_TRUE(Allowed(PeerPolicy(config), "203.0.113.5"));
}

}  // namespace
}  // namespace causeway::access
