// The routes of the kernel, as the shards get them.
#include "tests/control/next_hop/kernel_follower_fixture.h"

namespace causeway::next_hop {
namespace {

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

}  // namespace
}  // namespace causeway::next_hop
