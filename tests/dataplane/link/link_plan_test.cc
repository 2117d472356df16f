// Which link serves which address, on a host of real interfaces.
#include "dataplane/link/link_plan.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "tests/dataplane/link/holder.h"

namespace causeway {
namespace {

class LinkPlanTest : public testing::Test {
 protected:
  void SetUp() override {
    Add("eth1", {"192.0.2.1/24", "2001:db8:a::1/64"});
    Add("eth2", {"198.51.100.1/24", "198.51.100.2/24"});
    Add("eth3", {"203.0.113.1/24"});
    host_.Do("ip addr add 192.0.2.200/32 dev lo");
    node_.node.listen_addresses = {Ip("192.0.2.1"), Ip("198.51.100.1")};
  }
  void Add(const std::string& name, const std::vector<std::string>& addresses) {
    host_.Do("ip link add " + name + " type veth peer name " + name + "peer");
    host_.Do("ip link set " + name + " up");
    for (const std::string& address : addresses) {
      const char* flags = absl::StrContains(address, ":") ? " nodad" : "";
      host_.Do("ip addr add " + address + " dev " + name + flags);
    }
  }
  static IpAddress Ip(const char* text) { return *IpAddress::Parse(text); }
  void Relay(const std::vector<const char*>& prefixes) {
    for (const char* prefix : prefixes) {
      node_.relay_prefixes.push_back(*Prefix::Parse(prefix));
      node_.node.relay_addresses.push_back(node_.relay_prefixes.back().address);
    }
  }
  absl::StatusOr<std::vector<LinkConfig>> Plan(const std::vector<std::string>& interfaces) {
    absl::StatusOr<std::vector<LinkConfig>> plan;
    host_.In([&] { plan = PlanLinks(node_, interfaces); });
    return plan;
  }
  static std::vector<std::string> Texts(const auto& items) {
    std::vector<std::string> texts;
    for (const auto& item : items) texts.push_back(item.ToString());
    return texts;
  }
  using List = std::vector<std::string>;

  Namespace host_{"plan"};
  LinkConfig node_;
};

TEST_F(LinkPlanTest, EachLinkServesTheAddressesThatItHas) {
  Relay({"192.0.2.1/32", "198.51.100.2/32", "2001:db8:a::1/128"});
  const auto plan = Plan({"eth1", "eth2"});
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_EQ(plan->size(), 2u);
  const LinkConfig& a = (*plan)[0];
  const LinkConfig& b = (*plan)[1];
  EXPECT_EQ(a.interface, "eth1");
  EXPECT_EQ(b.interface, "eth2");
  EXPECT_EQ(Texts(a.node.listen_addresses), (List{"192.0.2.1"}));
  EXPECT_EQ(Texts(b.node.listen_addresses), (List{"198.51.100.1"}));
  EXPECT_EQ(Texts(a.node.relay_addresses), (List{"192.0.2.1", "2001:db8:a::1"}));
  EXPECT_EQ(Texts(b.node.relay_addresses), (List{"198.51.100.2"}));
  EXPECT_EQ(a.relay_prefixes.size(), 2u);
  EXPECT_EQ(b.relay_prefixes.size(), 1u);
}

TEST_F(LinkPlanTest, WhatIsRoutedToTheNodeIsServedOnEveryLink) {
  Relay({"203.0.113.128/25", "203.0.113.77/32", "192.0.2.200/32", "192.0.2.1/32"});
  const auto plan = Plan({"eth1", "eth2"});
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(Texts((*plan)[0].node.relay_addresses),
            (List{"203.0.113.128", "203.0.113.77", "192.0.2.200", "192.0.2.1"}));
  EXPECT_EQ(Texts((*plan)[1].node.relay_addresses),
            (List{"203.0.113.128", "203.0.113.77", "192.0.2.200"}));
}

TEST_F(LinkPlanTest, AnAddressWithALabelIsItsInterfaces) {
  host_.Do("ip addr add 198.51.100.9/24 dev eth2 label eth2:media");
  node_.node.listen_addresses = {Ip("192.0.2.1"), Ip("198.51.100.9")};
  Relay({"198.51.100.9/32"});
  const auto plan = Plan({"eth1", "eth2"});
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(Texts((*plan)[0].node.relay_addresses), List{});
  EXPECT_EQ(Texts((*plan)[1].node.listen_addresses), (List{"198.51.100.9"}));
  EXPECT_EQ(Texts((*plan)[1].node.relay_addresses), (List{"198.51.100.9"}));
}

TEST_F(LinkPlanTest, AnOnlyLinkAndADeviceHaveAll) {
  Relay({"198.51.100.128/25"});
  const auto one = Plan({"eth1"});
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_EQ((*one)[0].interface, "eth1");
  EXPECT_EQ((*one)[0].node.listen_addresses.size(), 2u) << "Link::Check says what is wrong";
  const auto device = Plan({});
  ASSERT_TRUE(device.ok());
  EXPECT_EQ(device->size(), 1u);
  EXPECT_EQ((*device)[0].interface, "");
}

TEST_F(LinkPlanTest, WhatNoLinkCanServeIsAnError) {
  EXPECT_TRUE(absl::StrContains(Plan({"eth1", "eth3"}).status().message(),
                                "address 198.51.100.1 is on none of the interfaces eth1, eth3"));
  EXPECT_TRUE(absl::StrContains(Plan({"eth1", "nosuch"}).status().message(), "nosuch"));
  Relay({"203.0.113.1/32"});
  for (const std::vector<std::string>& served : {List{"eth1"}, List{"eth1", "eth2"}}) {
    EXPECT_TRUE(absl::StrContains(Plan(served).status().message(),
                                  "relay address 203.0.113.1 is on interface eth3, which is not "
                                  "served: add --interface eth3"));
  }
  EXPECT_TRUE(Plan({"eth1", "eth2", "eth3"}).ok());
}

}  // namespace
}  // namespace causeway
