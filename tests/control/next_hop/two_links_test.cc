// A node of two links.
#include "tests/control/next_hop/kernel_follower_fixture.h"

namespace causeway::next_hop {
namespace {

constexpr int kSecondIndex = 8;

/// eth9 and eth8, each with a gateway fe80::1 of its own.
class TwoLinksTest : public KernelFollowerTest {
 protected:
  void SetUp() override {
    interfaces_ = {"eth9", "eth8"};
    kernel_.links = {Link(), SecondLink()};
    kernel_.routes = {Route("0.0.0.0/0", {.via = "192.0.2.1"}),
                      Route("192.0.2.0/24"),
                      Route("10.0.0.0/24", {.index = kSecondIndex}),
                      Route("10.0.0.0/8", {.via = "10.0.0.1", .index = kSecondIndex}),
                      Route("::/0", {.via = "fe80::1"}),
                      Route("2001:db8:a::/48", {.via = "fe80::1", .index = kSecondIndex}),
                      Route("172.16.0.0/12", {.index = 99})};
    kernel_.neighbours = {Neighbour("192.0.2.1", NUD_REACHABLE, Mac(1)),
                          Neighbour("fe80::1", NUD_REACHABLE, Mac(2)),
                          SecondNeighbour("10.0.0.1", NUD_REACHABLE, Mac(11)),
                          SecondNeighbour("fe80::1", NUD_REACHABLE, Mac(12))};
  }
  static Message SecondLink(unsigned flags = IFF_UP | IFF_RUNNING, uint32_t mtu = 3000) {
    return Link(flags, mtu, RTM_NEWLINK, kSecondIndex, "eth8");
  }
  static Message SecondNeighbour(const std::string& address, uint16_t state,
                                 std::optional<MacAddress> mac) {
    return Neighbour(address, state, mac, RTM_NEWNEIGH, kSecondIndex);
  }
  int LinkOf(const std::string& destination) { return dataplane_.HopOf(destination).link; }
};

TEST_F(TwoLinksTest, EachNextHopNamesItsLinkAndHasItsMtu) {
  StartWell();
  EXPECT_EQ(Fate("203.0.113.1"), "1");
  EXPECT_EQ(Fate("10.1.0.1"), "11");
  EXPECT_EQ(Fate("2001:db8::1"), "2");
  EXPECT_EQ(Fate("2001:db8:a::1"), "12");
  EXPECT_EQ(Fate("172.16.0.1"), "none") << "behind an interface that is no link of ours";
  EXPECT_EQ(LinkOf("203.0.113.1"), 0);
  EXPECT_EQ(LinkOf("10.1.0.1"), 1);
  EXPECT_EQ(LinkOf("2001:db8::1"), 0);
  EXPECT_EQ(LinkOf("2001:db8:a::1"), 1);
  EXPECT_EQ(dataplane_.HopOf("203.0.113.1").mtu, 1500);
  EXPECT_EQ(dataplane_.HopOf("10.1.0.1").mtu, 3000);
}

TEST_F(TwoLinksTest, ADestinationIsAskedForOnItsOwnLink) {
  StartWell();
  kernel_.used_by_interface.clear();
  hops_->OnUnresolved(A("10.0.0.77"), now_);
  const std::vector<std::pair<int, IpAddress>> asked = {{kSecondIndex, A("10.0.0.77")}};
  EXPECT_EQ(kernel_.used_by_interface, asked);
  Read({Neighbour("10.0.0.77", NUD_REACHABLE, Mac(66))});
  EXPECT_EQ(Fate("10.0.0.77"), "waits") << "a neighbour of the other link has that address";
  Read({SecondNeighbour("10.0.0.77", NUD_REACHABLE, Mac(77))});
  EXPECT_EQ(Fate("10.0.0.77"), "77");
  EXPECT_EQ(LinkOf("10.0.0.77"), 1);
}

TEST_F(TwoLinksTest, OneLinkGoesDownAndTheOtherGoesOn) {
  StartWell();
  const std::vector<Message> routes = kernel_.routes;
  kernel_.links[1] = SecondLink(0);
  std::erase_if(kernel_.routes, [](const Message& m) {
    const auto route = ParseRoute(m.get());
    return route->paths[0].index == kSecondIndex && route->prefix.address.IsV4();
  });
  Read({SecondLink(0)});
  EXPECT_EQ(Fate("203.0.113.1"), "1");
  EXPECT_EQ(Fate("2001:db8::1"), "2");
  EXPECT_EQ(Fate("10.1.0.1"), "1") << "by the default route, as the kernel would";
  EXPECT_EQ(Fate("2001:db8:a::1"), "2");
  kernel_.links[1] = SecondLink();
  kernel_.routes = routes;
  Read({SecondLink()});
  EXPECT_EQ(Fate("10.1.0.1"), "11");
  EXPECT_EQ(Fate("2001:db8:a::1"), "12");
}

TEST_F(TwoLinksTest, AMultipathRouteTakesTheFirstPathByALinkThatIsUp) {
  kernel_.routes.push_back(
      Multipath("203.0.113.0/24", {{kSecondIndex, "10.0.0.1"}, {kIndex, "192.0.2.1"}}));
  StartWell();
  EXPECT_EQ(Fate("203.0.113.1"), "11");
  kernel_.links[1] = SecondLink(0);
  Read({SecondLink(0)});
  EXPECT_EQ(Fate("203.0.113.1"), "1");
}

TEST_F(TwoLinksTest, ANewMtuOfOneLinkIsThatLinksAlone) {
  StartWell();
  kernel_.links[1] = SecondLink(IFF_UP, 1400);
  Read({SecondLink(IFF_UP, 1400)});
  EXPECT_EQ(dataplane_.HopOf("10.1.0.1").mtu, 1400);
  EXPECT_EQ(dataplane_.HopOf("203.0.113.1").mtu, 1500);
}

TEST_F(TwoLinksTest, EachInterfaceMustExist) {
  interfaces_ = {"eth9", "eth5"};
  const absl::Status status = Start();
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_NE(status.message().find("eth5"), std::string::npos);
}

}  // namespace
}  // namespace causeway::next_hop
