// NextHops against the real kernel: two namespaces joined by a veth pair.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/icmp6.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>

#include "absl/strings/str_format.h"
#include "control/next_hop/netlink.h"
#include "control/next_hop/next_hops.h"
#include "control/next_hop/pace.h"
#include "gtest/gtest.h"
#include "tests/control/next_hop/fake_kernel.h"

namespace causeway::next_hop {
namespace {

using Clock = std::chrono::steady_clock;

constexpr char kFarMac[] = "02:00:00:00:00:21";
constexpr uint8_t kFar = 0x21;
constexpr std::chrono::milliseconds kBeforeATick(800);

class KernelTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(geteuid(), 0u) << "network namespaces need root";
    home_ = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    ASSERT_GE(home_, 0);
    near_ = absl::StrFormat("cwnh-%d-a", getpid());
    far_ = absl::StrFormat("cwnh-%d-b", getpid());
    Run("ip netns add " + near_);
    Run("ip netns add " + far_);
    for (const std::string& ns : {near_, far_}) {
      Run("ip -n " + ns + " link set lo up");
      Run("ip netns exec " + ns + " sysctl -qw net.ipv6.conf.default.accept_dad=0");
    }
    Near("link add veth0 type veth peer name veth1 netns " + far_);
    Near("addr add 192.0.2.1/24 dev veth0");
    Near("addr add 2001:db8::1/64 dev veth0 nodad");
    Far("link set veth1 address " + std::string(kFarMac));
    Far("addr add 192.0.2.2/24 dev veth1");
    Far("addr add 2001:db8::2/64 dev veth1 nodad");
    Far("addr add fe80::2/64 dev veth1 nodad");
    Near("link set veth0 up");
    Far("link set veth1 up");
    Enter("/var/run/netns/" + near_);
  }
  void TearDown() override {
    hops_.reset();
    if (home_ < 0) return;
    EXPECT_EQ(setns(home_, CLONE_NEWNET), 0);
    close(home_);
    for (const std::string& ns : {near_, far_}) {
      if (!ns.empty()) Run("ip netns del " + ns);
    }
  }

  static void Run(const std::string& command) {
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
  }
  void Near(const std::string& arguments) { Run("ip -n " + near_ + " " + arguments); }
  void Far(const std::string& arguments) { Run("ip -n " + far_ + " " + arguments); }
  static void Enter(const std::string& path) {
    const int ns = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    ASSERT_GE(ns, 0) << path;
    ASSERT_EQ(setns(ns, CLONE_NEWNET), 0);
    close(ns);
  }

  void Start() {
    NextHopsConfig config;
    config.interfaces = {"veth0"};
    config.relay_prefixes = {*Prefix::Parse("198.51.100.0/28")};
    auto hops = NextHops::Create(config, dataplane_);
    ASSERT_TRUE(hops.ok()) << hops.status();
    hops_ = *std::move(hops);
    Adopt();
  }
  void Adopt() { hops_->OnRoutesAdopted(0, dataplane_.shards[0].generation); }

  /// Passes on what NextHops has for the shards until the condition holds.
  bool Until(const std::function<bool()>& holds, std::chrono::milliseconds limit) {
    const auto give_up = Clock::now() + limit;
    while (!holds()) {
      if (Clock::now() > give_up) return false;
      pollfd waits = {hops_->fd(), POLLIN, 0};
      if (poll(&waits, 1, 100) > 0) hops_->Submit();
      Adopt();
    }
    return true;
  }
  ::testing::AssertionResult Becomes(const std::string& destination, const std::string& fate,
                                     std::chrono::milliseconds limit = std::chrono::seconds(20)) {
    if (Until([&] { return dataplane_.Fate(destination) == fate; }, limit)) {
      return ::testing::AssertionSuccess();
    }
    return ::testing::AssertionFailure()
           << destination << ": " << dataplane_.Fate(destination) << ", not " << fate;
  }
  static std::string Last(unsigned byte) { return std::to_string(byte); }

  int home_ = -1;
  std::string near_;
  std::string far_;
  RecordingDataplane dataplane_;
  std::unique_ptr<NextHops> hops_;
};

TEST_F(KernelTest, PicksUpRoutesAndNeighboursAtStart) {
  Near("route add default via 192.0.2.2");
  Near("route add 203.0.113.0/24 via 192.0.2.2 mtu 1300");
  Near("route add blackhole 203.0.113.128/25");
  Near("-6 route add default via fe80::2 dev veth0");
  Near("route add 198.18.0.0/15 via inet6 fe80::2 dev veth0");
  Near("neigh replace 192.0.2.2 lladdr 02:00:00:00:00:07 dev veth0 nud permanent");
  Near("neigh replace 192.0.2.77 lladdr 02:00:00:00:00:08 dev veth0 nud permanent");
  Near("neigh replace fe80::2 lladdr 02:00:00:00:00:09 dev veth0 nud stale");
  Start();
  EXPECT_EQ(dataplane_.shards[0].generation, 1u);
  EXPECT_EQ(dataplane_.Fate("8.8.8.8"), "7");
  EXPECT_EQ(dataplane_.HopOf("8.8.8.8").mtu, 1500);
  EXPECT_EQ(dataplane_.HopOf("203.0.113.1").mtu, 1300);
  EXPECT_EQ(dataplane_.Fate("203.0.113.200"), "none");
  EXPECT_EQ(dataplane_.Fate("2001:db8:5::1"), "9");
  EXPECT_EQ(dataplane_.Fate("198.18.0.1"), "9");
  EXPECT_EQ(dataplane_.Fate("192.0.2.77"), "8");
  EXPECT_EQ(dataplane_.Fate("192.0.2.78"), "onlink");
  EXPECT_EQ(dataplane_.Fate("192.0.2.1"), "none");
  EXPECT_EQ(dataplane_.Fate("192.0.2.255"), "none");
  EXPECT_EQ(dataplane_.Fate("2001:db8::1"), "none");
  EXPECT_EQ(dataplane_.Fate("198.51.100.3"), "hairpin");
}

TEST_F(KernelTest, GatewaysOfBothFamiliesAreResolvedUnasked) {
  Near("route add default via 192.0.2.2");
  Near("-6 route add default via fe80::2 dev veth0");
  Start();
  EXPECT_TRUE(Becomes("8.8.8.8", Last(kFar)));
  EXPECT_TRUE(Becomes("2001:db8:5::1", Last(kFar)));
}

TEST_F(KernelTest, UnresolvedOnLinkDestinationsAreResolved) {
  Start();
  for (const char* peer : {"192.0.2.2", "2001:db8::2"}) {
    ASSERT_EQ(dataplane_.Fate(peer), "onlink");
    hops_->OnUnresolved(A(peer));
    EXPECT_TRUE(Becomes(peer, Last(kFar)));
  }
}

TEST_F(KernelTest, ReplacedNeighbourTakesEffectWithTheNotice) {
  Near("route add default via 192.0.2.2");
  Near("-6 route add default via fe80::2 dev veth0");
  Start();
  ASSERT_TRUE(Becomes("8.8.8.8", Last(kFar)));
  ASSERT_TRUE(Becomes("2001:db8:5::1", Last(kFar)));
  const uint32_t generation = dataplane_.shards[0].generation;
  Near("neigh replace 192.0.2.2 lladdr 02:00:00:00:00:55 dev veth0 nud permanent");
  EXPECT_TRUE(Becomes("8.8.8.8", Last(0x55), kBeforeATick));
  Near("neigh replace fe80::2 lladdr 02:00:00:00:00:56 dev veth0 nud permanent");
  EXPECT_TRUE(Becomes("2001:db8:5::1", Last(0x56), kBeforeATick));
  EXPECT_EQ(dataplane_.shards[0].generation, generation) << "no route table is built for it";
}

TEST_F(KernelTest, AnnouncedGatewayMacChange) {
  Near("route add default via 192.0.2.2");
  Near("-6 route add default via fe80::2 dev veth0");
  Start();
  ASSERT_TRUE(Becomes("8.8.8.8", Last(kFar)));
  ASSERT_TRUE(Becomes("2001:db8:5::1", Last(kFar)));
  // The far host sends gratuitous ARP and unsolicited neighbour advertisements.
  Run("ip netns exec " + far_ + " sysctl -qw net.ipv4.conf.veth1.arp_notify=1");
  Run("ip netns exec " + far_ + " sysctl -qw net.ipv6.conf.veth1.ndisc_notify=1");
  // So that the kernel takes the first ARP that comes (neigh locktime).
  Run("ip netns exec " + near_ + " sysctl -qw net.ipv4.neigh.veth0.locktime=0");
  Far("link set veth1 address 02:00:00:00:00:66");
  EXPECT_TRUE(Becomes("8.8.8.8", Last(0x66)));
  EXPECT_TRUE(Becomes("2001:db8:5::1", Last(0x66)));
}

TEST_F(KernelTest, SilentGatewayMacChangeIsNoticed) {
  // The kernel's waits are made short; that they are waited for is the point.
  for (const char* family : {"ipv4", "ipv6"}) {
    const std::string base = absl::StrFormat("net.%s.neigh.veth0.", family);
    for (const char* setting : {"base_reachable_time_ms=500", "delay_first_probe_time=1",
                                "retrans_time_ms=200", "ucast_solicit=1"}) {
      Run("ip netns exec " + near_ + " sysctl -qw " + base + setting);
    }
  }
  Near("route add default via 192.0.2.2");
  Near("-6 route add default via fe80::2 dev veth0");
  Start();
  ASSERT_TRUE(Becomes("8.8.8.8", Last(kFar)));
  ASSERT_TRUE(Becomes("2001:db8:5::1", Last(kFar)));
  Run("ip netns exec " + far_ + " sysctl -qw net.ipv4.conf.veth1.arp_notify=0");
  Far("link set veth1 address 02:00:00:00:00:67");
  EXPECT_TRUE(Becomes("8.8.8.8", Last(0x67)));
  EXPECT_TRUE(Becomes("2001:db8:5::1", Last(0x67)));
}

TEST_F(KernelTest, RoutesAddedChangedAndRemoved) {
  Near("neigh replace 192.0.2.2 lladdr 02:00:00:00:00:07 dev veth0 nud permanent");
  Near("neigh replace 192.0.2.3 lladdr 02:00:00:00:00:08 dev veth0 nud permanent");
  Near("neigh replace 2001:db8::3 lladdr 02:00:00:00:00:09 dev veth0 nud permanent");
  Start();
  EXPECT_EQ(dataplane_.Fate("203.0.113.1"), "none");
  Near("route add 203.0.113.0/24 via 192.0.2.2 metric 20");
  EXPECT_TRUE(Becomes("203.0.113.1", "7"));
  Near("route add 203.0.113.0/24 via 192.0.2.3 metric 10");
  EXPECT_TRUE(Becomes("203.0.113.1", "8"));
  Near("route del 203.0.113.0/24 metric 10");
  EXPECT_TRUE(Becomes("203.0.113.1", "7"));
  Near("route replace 203.0.113.0/24 metric 20 nexthop via 192.0.2.3 nexthop via 192.0.2.2");
  EXPECT_TRUE(Becomes("203.0.113.1", "8"));
  Near("route replace unreachable 203.0.113.0/24 metric 5");
  EXPECT_TRUE(Becomes("203.0.113.1", "none"));
  Near("-6 route add 2001:db8:7::/48 via 2001:db8::3");
  EXPECT_TRUE(Becomes("2001:db8:7::1", "9"));
  Near("-6 route del 2001:db8:7::/48");
  EXPECT_TRUE(Becomes("2001:db8:7::1", "none"));
  EXPECT_EQ(dataplane_.Fate("192.0.2.9"), "onlink");
  Near("addr add 192.0.2.9/24 dev veth0");
  EXPECT_TRUE(Becomes("192.0.2.9", "none"));
  // The kernel removes this route with the address, and says nothing about the route.
  Near("route add 198.18.0.0/15 via 192.0.2.2 src 192.0.2.9");
  EXPECT_TRUE(Becomes("198.18.0.1", "7"));
  Near("addr del 192.0.2.9/24 dev veth0");
  EXPECT_TRUE(Becomes("198.18.0.1", "none"));
}

TEST_F(KernelTest, ABurstOfChangesIsAFewTablesAndTheLastOneIsRight) {
  Near("neigh replace 192.0.2.2 lladdr 02:00:00:00:00:07 dev veth0 nud permanent");
  Start();
  const uint32_t before = dataplane_.shards[0].generation;
  const auto began = Clock::now();
  Near("-batch - <<END\n" + [] {
    std::string lines;
    for (int i = 0; i < 1000; ++i) {
      lines += absl::StrFormat("route add 198.18.%d.%d/32 via 192.0.2.2\n", i / 250, i % 250);
    }
    return lines + "END";
  }());
  EXPECT_TRUE(Becomes("198.18.3.249", "7", std::chrono::seconds(5)));
  EXPECT_EQ(dataplane_.Fate("198.18.0.0"), "7");
  const auto tables = (Clock::now() - began) / Pace::kEvery + 2;
  EXPECT_LE(dataplane_.shards[0].generation - before, tables);
}

TEST_F(KernelTest, NexthopObjects) {
  Near("neigh replace 192.0.2.2 lladdr 02:00:00:00:00:07 dev veth0 nud permanent");
  Near("neigh replace 192.0.2.3 lladdr 02:00:00:00:00:08 dev veth0 nud permanent");
  Near("nexthop add id 1 via 192.0.2.2 dev veth0");
  Near("route add 203.0.113.0/24 nhid 1");
  Start();
  EXPECT_EQ(dataplane_.Fate("203.0.113.1"), "7");
  Near("nexthop replace id 1 via 192.0.2.3 dev veth0");
  EXPECT_TRUE(Becomes("203.0.113.1", "8"));
  Near("nexthop del id 1");
  EXPECT_TRUE(Becomes("203.0.113.1", "none"));
}

TEST_F(KernelTest, InterfaceDownUpDeletedAndMadeAnew) {
  Near("route add default via 192.0.2.2");
  Start();
  ASSERT_TRUE(Becomes("8.8.8.8", Last(kFar)));
  Near("link set veth0 down");
  EXPECT_TRUE(Becomes("8.8.8.8", "none"));
  EXPECT_TRUE(Becomes("192.0.2.2", "none"));
  Near("link set veth0 up");
  Near("route add default via 192.0.2.2");
  EXPECT_TRUE(Becomes("8.8.8.8", Last(kFar)));

  Near("link del veth0");
  EXPECT_TRUE(Becomes("8.8.8.8", "none"));
  Near("link add veth0 type veth peer name veth1 netns " + far_);
  Near("addr add 192.0.2.1/24 dev veth0");
  Near("link set veth0 up");
  Far("link set veth1 address 02:00:00:00:00:44");
  Far("addr add 192.0.2.2/24 dev veth1");
  Far("link set veth1 up");
  Near("route add default via 192.0.2.2");
  EXPECT_TRUE(Becomes("8.8.8.8", Last(0x44)));
}

TEST_F(KernelTest, LinkMtuFollows) {
  Near("route add default via 192.0.2.2");
  Start();
  ASSERT_TRUE(Becomes("8.8.8.8", Last(kFar)));
  Near("link set veth0 mtu 1400");
  EXPECT_TRUE(
      Until([&] { return dataplane_.HopOf("8.8.8.8").mtu == 1400; }, std::chrono::seconds(20)));
}

TEST_F(KernelTest, LinksWithoutNeighbours) {
  Near("route add 203.0.113.0/24 via 192.0.2.2");
  Near("link set veth0 address 02:00:00:00:00:31");
  Start();
  ASSERT_TRUE(Becomes("203.0.113.9", Last(kFar)));
  Near("link set veth0 arp off");
  EXPECT_TRUE(Becomes("203.0.113.9", Last(0x31)));
  EXPECT_TRUE(Becomes("192.0.2.77", Last(0x31)));
  Near("link set veth0 arp on");
  EXPECT_TRUE(Becomes("203.0.113.9", Last(kFar)));
  EXPECT_TRUE(Becomes("192.0.2.77", "onlink"));
}

TEST_F(KernelTest, LoopbackAndNoInterface) {
  Near("route add 203.0.113.0/24 dev lo");
  NextHopsConfig config;
  config.interfaces = {"lo"};
  auto hops = NextHops::Create(config, dataplane_);
  ASSERT_TRUE(hops.ok()) << hops.status();
  EXPECT_EQ(dataplane_.Fate("203.0.113.9"), "0");
  EXPECT_EQ(dataplane_.HopOf("203.0.113.9").mtu, 65535);
  config.interfaces = {"nosuch0"};
  EXPECT_TRUE(absl::IsNotFound(NextHops::Create(config, dataplane_).status()));
}

TEST_F(KernelTest, RouterLearnedByAdvertisement) {
  Start();
  EXPECT_EQ(dataplane_.Fate("2001:db8:5::1"), "none");
  Enter("/var/run/netns/" + far_);
  const int raw = socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMPV6);
  ASSERT_GE(raw, 0);
  const int hops = 255;
  const int index = static_cast<int>(if_nametoindex("veth1"));
  ASSERT_EQ(setsockopt(raw, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof(hops)), 0);
  ASSERT_EQ(setsockopt(raw, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof(index)), 0);
  Enter("/var/run/netns/" + near_);
  nd_router_advert advert = {};
  advert.nd_ra_type = ND_ROUTER_ADVERT;
  advert.nd_ra_router_lifetime = htons(1800);
  sockaddr_in6 all = {};
  all.sin6_family = AF_INET6;
  ASSERT_EQ(inet_pton(AF_INET6, "ff02::1", &all.sin6_addr), 1);
  // Again and again, as routers do: a new link takes a moment until it carries IPv6.
  bool learned = false;
  for (int i = 0; i < 40 && !learned; ++i) {
    sendto(raw, &advert, sizeof(advert), 0, reinterpret_cast<sockaddr*>(&all), sizeof(all));
    learned =
        static_cast<bool>(Becomes("2001:db8:5::1", Last(kFar), std::chrono::milliseconds(250)));
  }
  EXPECT_TRUE(learned) << dataplane_.Fate("2001:db8:5::1");
  close(raw);
}

TEST_F(KernelTest, Addresses) {
  const auto of_veth = KernelAddresses("veth0");
  ASSERT_TRUE(of_veth.ok()) << of_veth.status();
  const auto has = [](const std::vector<IpAddress>& all, const std::string& one) {
    return std::find(all.begin(), all.end(), A(one)) != all.end();
  };
  EXPECT_TRUE(has(*of_veth, "192.0.2.1"));
  EXPECT_TRUE(has(*of_veth, "2001:db8::1"));
  EXPECT_FALSE(has(*of_veth, "127.0.0.1"));
  const auto all = KernelAddresses("");
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_TRUE(has(*all, "192.0.2.1"));
  EXPECT_TRUE(has(*all, "127.0.0.1"));
  EXPECT_TRUE(absl::IsNotFound(KernelAddresses("nosuch0").status()));
}

TEST_F(KernelTest, OverflowIsToldAsLoss) {
  auto netlink = OpenNetlink();
  ASSERT_TRUE(netlink.ok()) << netlink.status();
  const int small = 4096;
  ASSERT_EQ(setsockopt((*netlink)->fd(), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
  for (int i = 0; i < 20; ++i) {
    Near(absl::StrFormat("neigh replace 192.0.2.%d lladdr 02:00:00:00:00:07 dev veth0", 100 + i));
  }
  int handled = 0;
  const auto count = [&](const nlmsghdr&) { ++handled; };
  auto read = (*netlink)->ReadNotices(count);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, Netlink::Notices::kLost);
  EXPECT_EQ(*(*netlink)->ReadNotices(count), Netlink::Notices::kRead);
  const int before = handled;
  Near("neigh replace 192.0.2.99 lladdr 02:00:00:00:00:07 dev veth0");
  EXPECT_EQ(*(*netlink)->ReadNotices(count), Netlink::Notices::kRead);
  EXPECT_GT(handled, before) << "works again";
}

}  // namespace
}  // namespace causeway::next_hop
