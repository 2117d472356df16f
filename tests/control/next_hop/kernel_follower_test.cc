#include "control/next_hop/kernel_follower.h"

#include <linux/if_addr.h>

#include <algorithm>

#include "gtest/gtest.h"
#include "tests/control/next_hop/fake_kernel.h"

namespace causeway::next_hop {
namespace {

class KernelFollowerTest : public ::testing::Test {
 protected:
  absl::Status Start() {
    NextHopsConfig config;
    config.interfaces = interfaces_;
    config.node.shards = 2;
    config.relay_prefixes = {*Prefix::Parse("198.51.100.0/28"), *Prefix::Parse("2001:db8:f::/64")};
    hops_ = std::make_unique<KernelFollower>(config, dataplane_.AllOf(2),
                                             std::make_unique<FakeNetlink>(kernel_));
    return hops_->Start();
  }
  void StartWell() { ASSERT_TRUE(Start().ok()); }
  /// Notices arrive; then every shard has the new table.
  void Read(std::vector<Message> notices = {}) {
    kernel_.notices.insert(kernel_.notices.end(), notices.begin(), notices.end());
    hops_->OnReadable(now_);
    hops_->Publish();
    AdoptAll();
  }
  void AdoptAll() {
    for (auto& [id, shard] : dataplane_.shards) hops_->OnRoutesAdopted(id, shard.generation);
  }
  void Tick(Deciseconds later = 10) {
    now_ += later;
    hops_->Tick(now_);
    hops_->Publish();
    AdoptAll();
  }
  std::string Fate(const std::string& destination) {
    const std::string fate = dataplane_.Fate(destination, 0);
    EXPECT_EQ(fate, dataplane_.Fate(destination, 1)) << "shards differ about " << destination;
    return fate;
  }
  long Used(const std::string& address) {
    return std::count(kernel_.used.begin(), kernel_.used.end(), A(address));
  }
  uint32_t generation() { return dataplane_.shards[0].generation; }

  std::vector<std::string> interfaces_ = {"eth9"};
  FakeKernel kernel_;
  RecordingDataplane dataplane_;
  Deciseconds now_ = 1000;
  std::unique_ptr<KernelFollower> hops_;
};

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

TEST_F(KernelFollowerTest, LowestMetricWinsThenRouterPreferenceThenOrder) {
  kernel_.routes = {Route("0.0.0.0/0", {.via = "192.0.2.1", .metric = 100}),
                    Route("0.0.0.0/0", {.via = "192.0.2.2", .metric = 50}),
                    Route("0.0.0.0/0", {.via = "192.0.2.3", .metric = 50}),
                    Route("0.0.0.0/0", {.via = "192.0.2.4", .metric = 1, .index = 99}),
                    Route("0.0.0.0/0", {.via = "192.0.2.5", .tos = 8}),
                    Route("::/0", {.via = "fe80::3", .metric = 1024, .preference = 3}),
                    Route("::/0", {.via = "fe80::2", .metric = 1024, .preference = 0}),
                    Route("::/0", {.via = "fe80::1", .metric = 1024, .preference = 1})};
  for (uint8_t i = 1; i <= 5; ++i) {
    kernel_.neighbours.push_back(Neighbour("192.0.2." + std::to_string(i), NUD_REACHABLE, Mac(i)));
    kernel_.neighbours.push_back(Neighbour("fe80::" + std::to_string(i), NUD_REACHABLE, Mac(i)));
  }
  StartWell();
  EXPECT_EQ(Fate("203.0.113.1"), "2");
  EXPECT_EQ(Fate("2001:db8::1"), "1");
}

TEST_F(KernelFollowerTest, RefusingRoutesCompeteByMetric) {
  kernel_.routes = {Route("0.0.0.0/0", {.via = "192.0.2.1"}),
                    Route("203.0.113.0/24", {.type = RTN_BLACKHOLE}),
                    Route("203.0.113.128/25", {.metric = 5, .type = RTN_UNREACHABLE}),
                    Route("203.0.113.128/25", {.via = "192.0.2.1", .metric = 1})};
  kernel_.neighbours = {Neighbour("192.0.2.1", NUD_REACHABLE, Mac(1))};
  StartWell();
  EXPECT_EQ(Fate("203.0.113.1"), "none");
  EXPECT_EQ(Fate("203.0.113.200"), "1");
}

TEST_F(KernelFollowerTest, MultipathTakesTheFirstLivePathOnOurInterface) {
  kernel_.routes = {Multipath("203.0.113.0/24", {{99, "192.0.2.1"},
                                                 {kIndex, "192.0.2.2", RTNH_F_DEAD},
                                                 {kIndex, "192.0.2.3"},
                                                 {kIndex, "192.0.2.4"}}),
                    Multipath("2001:db8:1::/48", {{99, "fe80::1"}, {kIndex, "fe80::3"}}),
                    Multipath("2001:db8:2::/48", {{99, "fe80::1"}, {98, "fe80::3"}})};
  kernel_.neighbours = {Neighbour("192.0.2.3", NUD_REACHABLE, Mac(3)),
                        Neighbour("fe80::3", NUD_REACHABLE, Mac(4))};
  StartWell();
  EXPECT_EQ(Fate("203.0.113.1"), "3");
  EXPECT_EQ(Fate("2001:db8:1::1"), "4");
  EXPECT_EQ(Fate("2001:db8:2::1"), "none");
}

TEST_F(KernelFollowerTest, NetworksBehindOtherInterfacesAreOutOfReach) {
  kernel_.routes = {Route("0.0.0.0/0", {.via = "192.0.2.1"}),
                    Route("203.0.113.0/24", {.index = 99}),
                    Multipath("198.51.100.128/25", {{98, "192.0.2.9"}, {99, "192.0.2.10"}})};
  kernel_.neighbours = {Neighbour("192.0.2.1", NUD_REACHABLE, Mac(1))};
  StartWell();
  EXPECT_EQ(Fate("203.0.113.1"), "none") << "and not by our default route";
  EXPECT_EQ(Fate("198.51.100.129"), "none");
  EXPECT_EQ(Fate("203.0.112.1"), "1");
}

TEST_F(KernelFollowerTest, FourOverAGatewayOfSix) {
  kernel_.routes = {Route("0.0.0.0/0", {.via = "fe80::1"})};
  kernel_.neighbours = {Neighbour("fe80::1", NUD_REACHABLE, Mac(1))};
  StartWell();
  EXPECT_EQ(Fate("203.0.113.1"), "1");
  EXPECT_EQ(Used("fe80::1"), 1);
}

TEST_F(KernelFollowerTest, RouteAndLinkMtu) {
  kernel_.routes = {Route("0.0.0.0/0", {.via = "192.0.2.1"}),
                    Route("203.0.113.0/24", {.via = "192.0.2.1", .mtu = 1400}),
                    Route("192.0.2.0/24", {.mtu = 1450})};
  kernel_.neighbours = {Neighbour("192.0.2.1", NUD_REACHABLE, Mac(1)),
                        Neighbour("192.0.2.9", NUD_REACHABLE, Mac(9))};
  StartWell();
  EXPECT_EQ(dataplane_.HopOf("8.8.8.8").mtu, 1500);
  EXPECT_EQ(dataplane_.HopOf("203.0.113.1").mtu, 1400);
  EXPECT_EQ(dataplane_.HopOf("203.0.113.1").mac, Mac(1));
  EXPECT_EQ(dataplane_.HopOf("192.0.2.9").mtu, 1450);
  kernel_.links = {Link(IFF_UP, 1420)};
  Read({Link(IFF_UP, 1420)});
  EXPECT_EQ(dataplane_.HopOf("8.8.8.8").mtu, 1420);
  EXPECT_EQ(dataplane_.HopOf("203.0.113.1").mtu, 1400);
  EXPECT_EQ(dataplane_.HopOf("192.0.2.9").mtu, 1420);
}

TEST_F(KernelFollowerTest, ImpossibleDestinationsOwnAddressesAndRelayPrefixes) {
  kernel_.routes = {Route("0.0.0.0/0", {.via = "192.0.2.254"}),
                    Route("192.0.2.0/24"),
                    Route("::/0", {.via = "fe80::1"}),
                    Route("fe80::/64"),
                    Route("ff02::/16"),
                    Route("198.51.100.8/32", {.via = "192.0.2.254"}),
                    Route("192.0.2.5/32", {.type = RTN_LOCAL, .table = RT_TABLE_LOCAL}),
                    Route("192.0.2.255/32", {.type = RTN_BROADCAST, .table = RT_TABLE_LOCAL}),
                    Route("198.51.100.1/32", {.type = RTN_LOCAL, .table = RT_TABLE_LOCAL}),
                    Route("198.51.100.200/32", {.type = RTN_LOCAL, .table = RT_TABLE_LOCAL}),
                    Route("2001:db8::5/128", {.type = RTN_LOCAL, .table = RT_TABLE_LOCAL})};
  kernel_.neighbours = {
      Neighbour("192.0.2.254", NUD_REACHABLE, Mac(1)), Neighbour("192.0.2.5", NUD_NOARP, Mac(2)),
      Neighbour("192.0.2.255", NUD_NOARP, Mac(2)),     Neighbour("ff02::1", NUD_NOARP, Mac(2)),
      Neighbour("fe80::9", NUD_REACHABLE, Mac(2)),     Neighbour("fe80::1", NUD_REACHABLE, Mac(3))};
  StartWell();
  for (const char* none : {"192.0.2.5", "192.0.2.255", "198.51.100.200", "2001:db8::5", "224.0.0.5",
                           "239.1.2.3", "127.0.0.1", "0.0.0.0", "0.1.2.3", "255.255.255.255",
                           "::", "::1", "fe80::9", "fe80::1", "febf::1", "ff02::1", "ff0e::7"}) {
    EXPECT_EQ(Fate(none), "none") << none;
  }
  for (const char* hairpin :
       {"198.51.100.0", "198.51.100.1", "198.51.100.8", "198.51.100.15", "2001:db8:f::1"}) {
    EXPECT_EQ(Fate(hairpin), "hairpin") << hairpin;
  }
  EXPECT_EQ(Fate("198.51.100.16"), "1");
  EXPECT_EQ(Fate("2001:db8::6"), "3");
}

TEST_F(KernelFollowerTest, RoutesComeGoAndChange) {
  kernel_.routes = {Route("192.0.2.0/24")};
  kernel_.neighbours = {Neighbour("192.0.2.1", NUD_REACHABLE, Mac(1)),
                        Neighbour("192.0.2.2", NUD_REACHABLE, Mac(2))};
  StartWell();
  EXPECT_EQ(Fate("203.0.113.1"), "none");
  const Message first = Route("203.0.113.0/24", {.via = "192.0.2.1"});
  Message second = Route("203.0.113.0/24", {.via = "192.0.2.2"});
  second.header()->nlmsg_flags |= NLM_F_REPLACE;
  kernel_.routes.push_back(first);
  Read({first});
  EXPECT_EQ(Fate("203.0.113.1"), "1");
  kernel_.routes.back() = second;
  Read({second});
  EXPECT_EQ(Fate("203.0.113.1"), "2");
  kernel_.routes.pop_back();
  Read({Route("203.0.113.0/24", {.via = "192.0.2.2"}, RTM_DELROUTE)});
  EXPECT_EQ(Fate("203.0.113.1"), "none");
}

TEST_F(KernelFollowerTest, ABurstOfNoticesIsOneTableAndNoDump) {
  kernel_.routes = {Route("192.0.2.0/24")};
  kernel_.neighbours = {Neighbour("192.0.2.1", NUD_REACHABLE, Mac(1))};
  StartWell();
  const uint32_t before = generation();
  const int dumps = kernel_.route_dumps;
  std::vector<Message> notices;
  for (int i = 0; i < 100; ++i) {
    notices.push_back(Route("10." + std::to_string(i) + ".0.0/16", {.via = "192.0.2.1"}));
    kernel_.routes.push_back(notices.back());
    notices.push_back(Neighbour("192.0.2." + std::to_string(100 + i), NUD_REACHABLE, Mac(8)));
  }
  Read(notices);
  EXPECT_EQ(generation(), before + 1);
  EXPECT_EQ(kernel_.route_dumps, dumps);
  EXPECT_EQ(Fate("10.42.0.1"), "1");
  EXPECT_EQ(Fate("192.0.2.150"), "8");
  Read({Route("10.1.0.0/16", {.table = 100})});
  Read({Neighbour("192.0.2.150", NUD_STALE, Mac(8))});
  EXPECT_EQ(generation(), before + 1) << "nothing that shards need has changed";
}

TEST_F(KernelFollowerTest, AnAddressThatGoesLeadsToTwoDumps) {
  kernel_.routes = {Route("192.0.2.0/24"), Route("10.98.0.0/16", {.via = "192.0.2.1"}),
                    Route("10.99.0.0/16", {.via = "192.0.2.1"})};
  kernel_.neighbours = {Neighbour("192.0.2.1", NUD_REACHABLE, Mac(1))};
  StartWell();
  const int dumps = kernel_.route_dumps;
  kernel_.routes.pop_back();
  ifaddrmsg gone = {};
  gone.ifa_family = AF_INET;
  Read({Message(RTM_DELADDR, gone)});
  EXPECT_EQ(kernel_.route_dumps, dumps + 2) << "one of each family";
  EXPECT_EQ(Fate("10.99.0.1"), "none");
  kernel_.routes.pop_back();
  Tick();
  EXPECT_EQ(kernel_.route_dumps, dumps + 4) << "once more, for what went after its notice";
  EXPECT_EQ(Fate("10.98.0.1"), "none");
  Tick();
  EXPECT_EQ(kernel_.route_dumps, dumps + 4);
}

TEST_F(KernelFollowerTest, RoutesThatChangeAreVerifiedAMinuteLaterUnclearOnesAtOnce) {
  kernel_.routes = {Route("192.0.2.0/24")};
  StartWell();
  const int dumps = kernel_.route_dumps;
  Read({Route("10.1.0.0/16", {.type = RTN_BLACKHOLE})});
  Tick(KernelFollower::kVerifyEvery - 1);
  EXPECT_EQ(kernel_.route_dumps, dumps);
  Tick(1);
  EXPECT_EQ(kernel_.route_dumps, dumps + 2);
  Tick(KernelFollower::kVerifyEvery);
  EXPECT_EQ(kernel_.route_dumps, dumps + 2) << "nothing has changed since";
  Read({Route("10.2.0.0/16", {.type = RTN_BLACKHOLE}, RTM_DELROUTE)});
  Tick(KernelFollower::kVerifyUnclear);
  EXPECT_EQ(kernel_.route_dumps, dumps + 4) << "a route went that was not there";
}

TEST_F(KernelFollowerTest, SixGrowsAndLosesPaths) {
  kernel_.routes = {Route("fe80::/64"), Route("2001:db8::/32", {.via = "fe80::1"})};
  for (uint8_t i = 1; i <= 3; ++i) {
    kernel_.neighbours.push_back(Neighbour("fe80::" + std::to_string(i), NUD_REACHABLE, Mac(i)));
  }
  StartWell();
  const int dumps = kernel_.route_dumps;
  Read({Multipath("2001:db8::/32", {{kIndex, "fe80::1"}, {kIndex, "fe80::2"}})});
  EXPECT_EQ(Fate("2001:db8::9"), "1");
  Read({Route("2001:db8::/32", {.via = "fe80::1"}, RTM_DELROUTE)});
  EXPECT_EQ(Fate("2001:db8::9"), "2");
  Message replaced = Route("2001:db8::/32", {.via = "fe80::3"});
  replaced.header()->nlmsg_flags |= NLM_F_REPLACE;
  Read({replaced});
  EXPECT_EQ(Fate("2001:db8::9"), "3");
  Read({Route("2001:db8::/32", {.via = "fe80::3"}, RTM_DELROUTE)});
  EXPECT_EQ(Fate("2001:db8::9"), "none");
  Tick(KernelFollower::kVerifyUnclear);
  EXPECT_EQ(kernel_.route_dumps, dumps) << "all of it was clear";
}

TEST_F(KernelFollowerTest, LaggingShardsGetMacsAtOnceAndTheLatestRoutesInTheEnd) {
  kernel_.routes = {Route("0.0.0.0/0", {.via = "192.0.2.1"})};
  kernel_.neighbours = {Neighbour("192.0.2.1", NUD_REACHABLE, Mac(1))};
  StartWell();
  for (int i = 0; i < 100; ++i) {
    kernel_.routes.push_back(Route("10." + std::to_string(i) + ".0.0/16", {.via = "192.0.2.1"}));
    kernel_.notices.push_back(kernel_.routes.back());
    hops_->OnReadable(now_);
    hops_->Publish();
  }
  EXPECT_EQ(generation(), NextHopTable::kMaxTables);
  kernel_.routes.push_back(Route("203.0.113.0/24", {.type = RTN_BLACKHOLE}));
  kernel_.notices = {kernel_.routes.back(), Neighbour("192.0.2.1", NUD_REACHABLE, Mac(2))};
  hops_->OnReadable(now_);
  EXPECT_FALSE(hops_->HasNews()) << "no room for a table yet";
  hops_->Publish();
  EXPECT_EQ(Fate("8.8.8.8"), "2");
  EXPECT_EQ(Fate("203.0.113.1"), "2") << "no room for a table yet";
  AdoptAll();
  Tick();
  EXPECT_EQ(Fate("203.0.113.1"), "none");
  EXPECT_EQ(generation(), NextHopTable::kMaxTables + 1);
}

TEST_F(KernelFollowerTest, LostNoticesLeadToADumpOfEverything) {
  kernel_.routes = {Route("0.0.0.0/0", {.via = "192.0.2.1"})};
  kernel_.neighbours = {Neighbour("192.0.2.1", NUD_REACHABLE, Mac(1))};
  StartWell();
  kernel_.routes = {Route("0.0.0.0/0", {.via = "192.0.2.2"}), Route("192.0.2.0/24")};
  kernel_.neighbours = {Neighbour("192.0.2.2", NUD_REACHABLE, Mac(2))};
  kernel_.lost = true;
  Read({Neighbour("192.0.2.2", NUD_REACHABLE, Mac(99))});
  EXPECT_EQ(Fate("203.0.113.1"), "2");
  EXPECT_EQ(Fate("192.0.2.1"), "waits") << "the kernel has lost the neighbour";
}

TEST_F(KernelFollowerTest, AFailedDumpKeepsWhatIsThereAndIsTriedAgain) {
  kernel_.routes = {Route("0.0.0.0/0", {.via = "192.0.2.1"})};
  kernel_.neighbours = {Neighbour("192.0.2.1", NUD_REACHABLE, Mac(1))};
  StartWell();
  kernel_.routes = {Route("203.0.113.0/24", {.via = "192.0.2.1"})};
  kernel_.dump_answer = absl::UnavailableError("out of memory");
  kernel_.lost = true;
  Read();
  EXPECT_EQ(Fate("8.8.8.8"), "1");
  kernel_.dump_answer = absl::OkStatus();
  Tick();
  EXPECT_EQ(Fate("8.8.8.8"), "none");
  EXPECT_EQ(Fate("203.0.113.1"), "1");
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
