// What is there at start, neighbours, and links that come and go.
#include "tests/control/next_hop/kernel_follower_fixture.h"

namespace causeway::next_hop {
namespace {

TEST_F(KernelFollowerTest, PublishesWhatTheKernelHasAtStart) {
  kernel_.routes = {Route("0.0.0.0/0", {.via = "192.0.2.254"}), Route("192.0.2.0/24"),
                    Route("::/0", {.via = "fe80::1", .metric = 1024}), Route("2001:db8::/64")};
  kernel_.neighbours = {
      Neighbour("192.0.2.254", NUD_STALE, Mac(1)), Neighbour("192.0.2.9", NUD_REACHABLE, Mac(2)),
      Neighbour("fe80::1", NUD_REACHABLE, Mac(3)), Neighbour("2001:db8::9", NUD_DELAY, Mac(4))};
  StartWell();
  EXPECT_EQ(generation(), 1u);
  EXPECT_EQ(Fate("203.0.113.1"), "1");
  EXPECT_EQ(Fate("192.0.2.254"), "1");
  EXPECT_EQ(Fate("192.0.2.9"), "2");
  EXPECT_EQ(Fate("192.0.2.10"), "onlink");
  EXPECT_EQ(Fate("2001:db8:1::1"), "3");
  EXPECT_EQ(Fate("2001:db8::9"), "4");
  EXPECT_EQ(Fate("2001:db8::a"), "onlink");
  EXPECT_EQ(dataplane_.HopOf("203.0.113.1").mtu, 1500);
  EXPECT_FALSE(dataplane_.unexpected);
}

TEST_F(KernelFollowerTest, NoInterfaceIsAnErrorThatNamesIt) {
  kernel_.links = {Link(IFF_UP, 1500, RTM_NEWLINK, 3, "other")};
  const absl::Status status = Start();
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_NE(status.message().find("eth9"), std::string::npos);
}

TEST_F(KernelFollowerTest, MissingCapabilityIsAnError) {
  kernel_.routes = {Route("0.0.0.0/0", {.via = "192.0.2.254"})};
  kernel_.answer = absl::PermissionDeniedError("no");
  const absl::Status status = Start();
  EXPECT_TRUE(absl::IsPermissionDenied(status));
  EXPECT_NE(status.message().find("CAP_NET_ADMIN"), std::string::npos);
}

TEST_F(KernelFollowerTest, NeighbourStates) {
  const std::vector<std::pair<uint16_t, const char*>> states = {
      {NUD_REACHABLE, "5"},  {NUD_STALE, "5"},          {NUD_DELAY, "5"},
      {NUD_PROBE, "5"},      {NUD_PERMANENT, "5"},      {NUD_NOARP, "5"},
      {NUD_FAILED, "waits"}, {NUD_INCOMPLETE, "waits"}, {NUD_NONE, "waits"}};
  kernel_.routes = {Route("0.0.0.0/0", {.via = "192.0.2.254"})};
  StartWell();
  for (const auto& [state, fate] : states) {
    Read({Neighbour("192.0.2.254", state, Mac(5))});
    EXPECT_EQ(Fate("203.0.113.1"), fate) << "state " << state;
  }
  Read({Neighbour("192.0.2.254", NUD_REACHABLE, std::nullopt)});
  EXPECT_EQ(Fate("203.0.113.1"), "waits");
}

TEST_F(KernelFollowerTest, GatewayMacChangeReachesAllShardsWithoutARouteTable) {
  kernel_.routes = {Route("0.0.0.0/0", {.via = "192.0.2.254"})};
  kernel_.neighbours = {Neighbour("192.0.2.254", NUD_REACHABLE, Mac(1))};
  StartWell();
  const uint32_t before = generation();
  const int sent = dataplane_.shards[1].set_next_hops;
  Read({Neighbour("192.0.2.254", NUD_STALE, Mac(1)), Neighbour("192.0.2.254", NUD_STALE, Mac(2))});
  EXPECT_EQ(Fate("203.0.113.1"), "2");
  EXPECT_EQ(generation(), before);
  EXPECT_EQ(dataplane_.shards[1].set_next_hops, sent + 1);
}

TEST_F(KernelFollowerTest, GatewayIsAskedForAtOnceAndAgainUntilItAnswers) {
  kernel_.routes = {Route("0.0.0.0/0", {.via = "192.0.2.254"})};
  StartWell();
  EXPECT_EQ(Used("192.0.2.254"), 1);
  EXPECT_EQ(Fate("203.0.113.1"), "waits");
  for (int i = 0; i < 100; ++i) Tick(10);
  EXPECT_EQ(Used("192.0.2.254"), 101);
  Tick(1);
  EXPECT_EQ(Used("192.0.2.254"), 101) << "not before a second has passed";
  Read({Neighbour("192.0.2.254", NUD_REACHABLE, Mac(1))});
  EXPECT_EQ(Fate("203.0.113.1"), "1");
}

TEST_F(KernelFollowerTest, StaleNeighbourIsConfirmedAndFailedOneAskedForAnew) {
  kernel_.routes = {Route("0.0.0.0/0", {.via = "192.0.2.254"})};
  kernel_.neighbours = {Neighbour("192.0.2.254", NUD_REACHABLE, Mac(1))};
  StartWell();
  kernel_.used.clear();
  Tick(10);
  Tick(10);
  const long while_reachable = Used("192.0.2.254");
  Read({Neighbour("192.0.2.254", NUD_STALE, Mac(1))});
  Tick(10);
  EXPECT_EQ(Used("192.0.2.254"), while_reachable + 1);
  Read({Neighbour("192.0.2.254", NUD_FAILED, std::nullopt)});
  EXPECT_EQ(Used("192.0.2.254"), while_reachable + 2) << "at once, without a Tick";
  EXPECT_EQ(Fate("203.0.113.1"), "waits");
  kernel_.used.clear();
  Read({Neighbour("192.0.2.254", NUD_PERMANENT, Mac(9))});
  Tick(1000);
  EXPECT_EQ(Used("192.0.2.254"), 0) << "a permanent one has nothing to confirm";
}

TEST_F(KernelFollowerTest, ReachableNeighbourIsKeptFromTheGarbageCollector) {
  kernel_.routes = {Route("0.0.0.0/0", {.via = "192.0.2.254"})};
  kernel_.neighbours = {Neighbour("192.0.2.254", NUD_REACHABLE, Mac(1))};
  StartWell();
  Tick(10);
  kernel_.used.clear();
  for (int i = 0; i < 60; ++i) Tick(10);
  EXPECT_EQ(Used("192.0.2.254"), 3);
}

TEST_F(KernelFollowerTest, OnLinkDestinationIsAskedForResolvedAndForgottenWhenItFails) {
  for (const auto& [prefix, peer] :
       {std::pair("192.0.2.0/24", "192.0.2.77"), std::pair("2001:db8::/64", "2001:db8::77")}) {
    kernel_ = {};
    kernel_.routes = {Route(prefix)};
    StartWell();
    EXPECT_EQ(Fate(peer), "onlink");
    hops_->OnUnresolved(A(peer), now_);
    EXPECT_EQ(Used(peer), 1);
    hops_->OnUnresolved(A(peer), now_);
    EXPECT_EQ(Used(peer), 1) << "paced";
    Read();
    EXPECT_EQ(Fate(peer), "waits");
    Read({Neighbour(peer, NUD_REACHABLE, Mac(7))});
    EXPECT_EQ(Fate(peer), "7");
    Read({Neighbour(peer, NUD_FAILED, std::nullopt)});
    EXPECT_EQ(Fate(peer), "waits");
    Tick(KernelFollower::kForgetAfter - 1);
    EXPECT_EQ(Fate(peer), "waits");
    Tick(1);
    EXPECT_EQ(Fate(peer), "onlink");
    kernel_.used.clear();
    Tick(1000);
    EXPECT_EQ(Used(peer), 0);
  }
}

TEST_F(KernelFollowerTest, OnUnresolvedIgnoresWhatHasNoRouteAndAsksForTheGatewayOfWhatHas) {
  kernel_.routes = {Route("203.0.113.0/24", {.via = "192.0.2.254"})};
  StartWell();
  kernel_.used.clear();
  hops_->OnUnresolved(A("198.18.0.1"), now_);
  hops_->OnUnresolved(A("224.0.0.1"), now_);
  hops_->OnUnresolved(A("198.51.100.1"), now_);
  EXPECT_TRUE(kernel_.used.empty());
  hops_->OnUnresolved(A("203.0.113.5"), now_ + 10);
  EXPECT_EQ(Used("192.0.2.254"), 1);
}

TEST_F(KernelFollowerTest, UnresolvedDestinationsAndRequestsAreBounded) {
  kernel_.routes = {Route("10.0.0.0/8")};
  StartWell();
  for (uint32_t i = 1; i <= 20'000; ++i) hops_->OnUnresolved(IpAddress::V4(0x0a000000 + i), now_);
  EXPECT_EQ(kernel_.used.size(), static_cast<size_t>(KernelFollower::kRequestsPerTick));
  Read();
  const auto& hops = dataplane_.shards[0].hops;
  EXPECT_LE(hops.size(), KernelFollower::kMaxPending);
  EXPECT_EQ(Fate("10.0.78.32"), "onlink");
  Read({Neighbour("10.0.78.32", NUD_REACHABLE, Mac(3))});
  EXPECT_EQ(Fate("10.0.78.32"), "3") << "what the kernel resolves all the same is used";
}

TEST_F(KernelFollowerTest, InterfaceDownGoneAndBack) {
  const std::vector<Message> routes = {Route("0.0.0.0/0", {.via = "192.0.2.1"}),
                                       Route("192.0.2.0/24")};
  kernel_.routes = routes;
  kernel_.neighbours = {Neighbour("192.0.2.1", NUD_REACHABLE, Mac(1))};
  StartWell();
  const NextHopId old = dataplane_.LookUp("8.8.8.8");

  kernel_.links = {Link(0)};
  Read({Link(0)});
  EXPECT_EQ(Fate("8.8.8.8"), "none");
  EXPECT_EQ(Fate("192.0.2.1"), "none");
  EXPECT_EQ(Fate("198.51.100.1"), "hairpin");
  EXPECT_FALSE(dataplane_.shards[0].hops[old].resolved);
  EXPECT_FALSE(dataplane_.shards[1].hops[old].resolved);

  kernel_.links = {Link()};
  Read({Link()});
  EXPECT_EQ(Fate("8.8.8.8"), "1");

  kernel_.links.clear();
  kernel_.routes.clear();
  kernel_.neighbours.clear();
  Read({Link(IFF_UP, 1500, RTM_DELLINK)});
  EXPECT_EQ(Fate("8.8.8.8"), "none");

  kernel_.links = {Link(IFF_UP, 1500, RTM_NEWLINK, 44)};
  kernel_.routes = {Route("0.0.0.0/0", {.via = "192.0.2.1", .index = 44})};
  kernel_.neighbours = {Neighbour("192.0.2.1", NUD_REACHABLE, Mac(6), RTM_NEWNEIGH, 44)};
  Read({Link(IFF_UP, 1500, RTM_NEWLINK, 44)});
  EXPECT_EQ(Fate("8.8.8.8"), "6") << "another interface of the same name";
}

TEST_F(KernelFollowerTest, LeavingABridgeIsNotLeaving) {
  kernel_.routes = {Route("0.0.0.0/0", {.via = "192.0.2.1"})};
  kernel_.neighbours = {Neighbour("192.0.2.1", NUD_REACHABLE, Mac(1))};
  StartWell();
  Message leaving = Link(IFF_UP, 1500, RTM_DELLINK);
  static_cast<ifinfomsg*>(mnl_nlmsg_get_payload(leaving.header()))->ifi_family = AF_BRIDGE;
  Read({leaving});
  EXPECT_EQ(Fate("8.8.8.8"), "1");
}

TEST_F(KernelFollowerTest, LinksWithoutNeighboursHaveOneNextHop) {
  for (const auto& [flags, mac] :
       {std::pair(IFF_UP | IFF_NOARP, "238"), std::pair(IFF_UP | IFF_LOOPBACK, "238"),
        std::pair(IFF_UP | IFF_POINTOPOINT, "255")}) {
    kernel_ = {};
    kernel_.links = {Link(static_cast<unsigned>(flags))};
    kernel_.routes = {Route("0.0.0.0/0"), Route("203.0.113.0/24", {.via = "192.0.2.1"}),
                      Route("2001:db8::/32")};
    StartWell();
    EXPECT_EQ(Fate("8.8.8.8"), mac);
    EXPECT_EQ(Fate("203.0.113.1"), mac);
    EXPECT_EQ(Fate("2001:db8::1"), mac);
    EXPECT_EQ(dataplane_.LookUp("8.8.8.8"), dataplane_.LookUp("2001:db8::1"));
    EXPECT_TRUE(kernel_.used.empty());
  }
}

TEST_F(KernelFollowerTest, MoreNeighboursThanIdsLeavesSomeUnresolvedAndTheOldestGoes) {
  kernel_.routes = {Route("10.0.0.0/8"), Route("0.0.0.0/0", {.via = "10.255.0.1"})};
  kernel_.neighbours = {Neighbour("10.255.0.1", NUD_PERMANENT, Mac(1))};
  for (uint32_t i = 1; i <= NextHopTable::kCapacity + 10; ++i) {
    kernel_.neighbours.push_back(
        Neighbour(IpAddress::V4(0x0a000000 + i).ToString(), NUD_PERMANENT, Mac(2)));
  }
  StartWell();
  AdoptAll();
  const auto count = [&](const std::string& fate) {
    int n = 0;
    for (uint32_t i = 1; i <= NextHopTable::kCapacity + 10; ++i) {
      n += dataplane_.Fate(IpAddress::V4(0x0a000000 + i).ToString()) == fate ? 1 : 0;
    }
    return n;
  };
  EXPECT_EQ(Fate("8.8.8.8"), "1");
  EXPECT_EQ(count("onlink"), 11);

  std::string homeless;
  for (uint32_t i = 1; homeless.empty(); ++i) {
    const std::string address = IpAddress::V4(0x0a000000 + i).ToString();
    if (dataplane_.Fate(address) == "onlink") homeless = address;
  }
  hops_->OnUnresolved(A(homeless), now_);
  Tick();
  Tick();
  EXPECT_EQ(Fate(homeless), "2");
  EXPECT_EQ(count("onlink"), 11) << "another one gave way";
  EXPECT_EQ(Fate("8.8.8.8"), "1");
}

}  // namespace
}  // namespace causeway::next_hop
