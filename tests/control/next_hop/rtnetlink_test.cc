#include "control/next_hop/rtnetlink.h"

#include <cstring>
#include <random>

#include "control/next_hop/kernel_view.h"
#include "gtest/gtest.h"
#include "tests/control/next_hop/fake_kernel.h"

namespace causeway::next_hop {
namespace {

std::vector<Message> Samples() {
  return {Link(),
          Link(0, 9000, RTM_DELLINK),
          Neighbour("192.0.2.1", NUD_REACHABLE, Mac(1)),
          Neighbour("2001:db8::1", NUD_FAILED, std::nullopt, RTM_DELNEIGH),
          Route("0.0.0.0/0", {.via = "192.0.2.1", .metric = 5, .mtu = 1400}),
          Route("203.0.113.0/24", {.via = "fe80::1"}),
          Route("2001:db8::/32", {.via = "fe80::1", .preference = 3}),
          Multipath("203.0.113.0/24", {{1, "192.0.2.1"}, {2, "192.0.2.2"}, {3, "fe80::1"}}),
          Multipath("2001:db8::/32", {{1, "fe80::1"}, {2, "fe80::2"}})};
}

// The message alone on the heap, so that a read beyond its end is seen by AddressSanitizer.
class Exact {
 public:
  Exact(const nlmsghdr& message, size_t size) : words_(new uint32_t[(size + 3) / 4]) {
    std::memcpy(words_.get(), &message, size);
    get()->nlmsg_len = static_cast<uint32_t>(size);
  }
  nlmsghdr* get() { return reinterpret_cast<nlmsghdr*>(words_.get()); }
  uint8_t* bytes() { return reinterpret_cast<uint8_t*>(words_.get()); }

 private:
  std::unique_ptr<uint32_t[]> words_;
};

// Whatever is made of a message must be fit for the tables.
void ParseAll(const nlmsghdr& message) {
  if (const auto route = ParseRoute(message)) {
    EXPECT_LE(route->prefix.length, 128);
    EXPECT_TRUE(route->prefix.Contains(route->prefix.address));
    EXPECT_TRUE(!route->prefix.address.IsV4() || route->prefix.length >= 96);
    EXPECT_EQ(Prefix::Parse(route->prefix.ToString()).ok(), true) << "host bits are zero";
    EXPECT_LE(route->rank, 2);
    EXPECT_TRUE(route->mtu == 0 || route->mtu >= 68);
  }
  if (const auto neighbour = ParseNeighbour(message)) {
    EXPECT_TRUE(message.nlmsg_type == RTM_NEWNEIGH || message.nlmsg_type == RTM_DELNEIGH);
  }
  if (const auto link = ParseLink(message)) {
    EXPECT_EQ(link->name.find('\0'), std::string::npos);
  }
  ParseAddress(message);
}

TEST(Rtnetlink, EveryTruncationIsSafe) {
  for (const Message& sample : Samples()) {
    for (size_t size = sizeof(nlmsghdr); size <= sample.get().nlmsg_len; ++size) {
      Exact cut(sample.get(), size);
      ParseAll(*cut.get());
    }
  }
}

TEST(Rtnetlink, GarbledMessagesAreSafe) {
  std::mt19937 random(7);
  const std::vector<Message> samples = Samples();
  for (int round = 0; round < 60'000; ++round) {
    const Message& sample = samples[random() % samples.size()];
    const size_t size = sample.get().nlmsg_len;
    Exact garbled(sample.get(), size);
    for (unsigned flips = 1 + random() % 4; flips > 0; --flips) {
      const size_t at = sizeof(nlmsghdr) + random() % (size - sizeof(nlmsghdr));
      garbled.bytes()[at] = static_cast<uint8_t>(random());
    }
    ParseAll(*garbled.get());
  }
}

TEST(Rtnetlink, GarbledNoticesLeaveAViewThatStillWorks) {
  std::mt19937 random(8);
  const std::vector<Message> samples = Samples();
  KernelView view(std::vector<std::string>{"eth9"});
  KernelChanges changes;
  for (int round = 0; round < 20'000; ++round) {
    const Message& sample = samples[random() % samples.size()];
    const size_t size = sample.get().nlmsg_len;
    Exact garbled(sample.get(), size);
    garbled.bytes()[sizeof(nlmsghdr) + random() % (size - sizeof(nlmsghdr))] =
        static_cast<uint8_t>(random());
    view.Apply(*garbled.get(), &changes);
  }
  FakeKernel kernel;
  kernel.routes = {Route("0.0.0.0/0", {.via = "192.0.2.1"})};
  kernel.neighbours = {Neighbour("192.0.2.1", NUD_REACHABLE, Mac(1))};
  FakeNetlink netlink(kernel);
  ASSERT_TRUE(view.Load(netlink).ok());
  EXPECT_TRUE(view.IsUp(0));
  EXPECT_EQ(view.routes().all().size(), 1u);
  EXPECT_EQ(view.neighbours().size(), 1u);
}

TEST(Rtnetlink, AnUnreadableGatewayDoesNotMakeARouteOnLink) {
  Message route = Route("203.0.113.0/24");
  route.Put(RTA_GATEWAY, Mac(1));
  const auto parsed = ParseRoute(route.get());
  ASSERT_TRUE(parsed);
  ASSERT_EQ(parsed->paths.size(), 1u);
  EXPECT_TRUE(parsed->paths[0].dead);
}

TEST(Rtnetlink, WhatIsNotPlainForwardingIsLeftOut) {
  EXPECT_FALSE(ParseRoute(Route("203.0.113.0/24", {.tos = 4}).get()));
  EXPECT_FALSE(ParseNeighbour(Link().get()));
  EXPECT_FALSE(ParseLink(Route("203.0.113.0/24").get()));
  Message cached = Route("2001:db8::/32");
  static_cast<rtmsg*>(mnl_nlmsg_get_payload(cached.header()))->rtm_flags = RTM_F_CLONED;
  EXPECT_FALSE(ParseRoute(cached.get()));
  Message proxy = Neighbour("192.0.2.1", NUD_PERMANENT, Mac(1));
  static_cast<ndmsg*>(mnl_nlmsg_get_payload(proxy.header()))->ndm_flags = NTF_PROXY;
  EXPECT_FALSE(ParseNeighbour(proxy.get()));
  rtmsg body = {};
  body.rtm_family = AF_INET6;
  body.rtm_dst_len = 112;
  Message mapped(RTM_NEWROUTE, body);
  mapped.Put(RTA_DST, A("192.0.2.0").bytes(), 16);
  EXPECT_FALSE(ParseRoute(mapped.get())) << "an IPv6 route of mapped addresses is not one of IPv4";
}

TEST(Rtnetlink, HostBitsAreCleared) {
  rtmsg body = {};
  body.rtm_family = AF_INET6;
  body.rtm_dst_len = 33;
  Message route(RTM_NEWROUTE, body);
  route.Put(RTA_DST, A("2001:db8:ffff::1"));
  const auto parsed = ParseRoute(route.get());
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->prefix.ToString(), "2001:db8:8000::/33");
}

}  // namespace
}  // namespace causeway::next_hop
