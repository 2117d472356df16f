#include "dataplane/route_table.h"

#include <random>

#include "gtest/gtest.h"

namespace causeway {
namespace {

Prefix P(const char* text) { return *Prefix::Parse(text); }
IpAddress A(const char* text) { return *IpAddress::Parse(text); }

TEST(RouteTable, LongestPrefixWins) {
  RouteTable table({{P("0.0.0.0/0"), 10},
                    {P("192.0.2.0/24"), kOnLink},
                    {P("192.0.2.7/32"), 11},
                    {P("::/0"), 12},
                    {P("2001:db8::/32"), 13}});
  EXPECT_EQ(table.LookUp(A("192.0.2.6")), kOnLink);
  EXPECT_EQ(table.LookUp(A("192.0.2.7")), 11);
  EXPECT_EQ(table.LookUp(A("192.0.2.8")), kOnLink);
  EXPECT_EQ(table.LookUp(A("192.0.3.0")), 10);
  EXPECT_EQ(table.LookUp(A("255.255.255.255")), 10);
  EXPECT_EQ(table.LookUp(A("2001:db8:1::")), 13);
  EXPECT_EQ(table.LookUp(A("2001:db9::")), 12);
}

TEST(RouteTable, SixDefaultDoesNotCatchFour) {
  RouteTable table({{P("::/0"), 12}});
  EXPECT_EQ(table.LookUp(A("192.0.2.1")), kNoRoute);
  EXPECT_EQ(table.LookUp(A("2001:db8::1")), 12);
}

TEST(RouteTable, EmptyHasNoRoute) { EXPECT_EQ(RouteTable().LookUp(A("192.0.2.1")), kNoRoute); }

TEST(RouteTable, AgreesWithLinearSearch) {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<RouteTable::Route> routes;
    for (int i = 0; i < 20; ++i) {
      const auto length = static_cast<uint8_t>(96 + random() % 33);
      const uint64_t mask = length == 96 ? 0 : 0xffffffffu << (128 - length);
      routes.push_back(
          {{IpAddress::V4(static_cast<uint32_t>(random() & 0xff0000ff & mask)), length},
           static_cast<NextHopId>(10 + i)});
    }
    RouteTable table(routes);
    for (int i = 0; i < 50; ++i) {
      const auto address = IpAddress::V4(static_cast<uint32_t>(random() & 0xff0000ff));
      NextHopId expected = kNoRoute;
      int best = -1;
      for (const auto& route : routes) {
        if (route.prefix.Contains(address) && route.prefix.length >= best) {
          best = route.prefix.length;
          expected = route.next_hop;
        }
      }
      EXPECT_EQ(table.LookUp(address), expected) << address.ToString();
    }
  }
}

}  // namespace
}  // namespace causeway
