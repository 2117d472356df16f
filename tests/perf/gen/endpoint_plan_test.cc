#include "perf/gen/endpoint_plan.h"

#include <gtest/gtest.h>

#include <set>

namespace causeway::gen {
namespace {

EndpointPlan Make(std::initializer_list<const char*> blocks, uint16_t first, uint16_t last) {
  std::vector<Prefix> parsed;
  for (const char* block : blocks) parsed.push_back(*Prefix::Parse(block));
  return {parsed, first, last};
}

TEST(EndpointPlan, EmptyHoldsNothing) {
  const EndpointPlan plan;
  EXPECT_EQ(plan.size(), 0u);
  EXPECT_EQ(plan.AddressIndex(IpAddress()), std::nullopt);
  EXPECT_EQ(plan.IndexOf({IpAddress(), 0}), std::nullopt);
}

TEST(EndpointPlan, LeavesOutNetworkAndBroadcast) {
  const auto plan = Make({"192.0.2.0/30"}, 1000, 1000);
  ASSERT_EQ(plan.addresses(), 2u);
  EXPECT_EQ(plan.AddressAt(0).ToString(), "192.0.2.1");
  EXPECT_EQ(plan.AddressAt(1).ToString(), "192.0.2.2");
  EXPECT_FALSE(plan.AddressIndex(*IpAddress::Parse("192.0.2.0")));
  EXPECT_FALSE(plan.AddressIndex(*IpAddress::Parse("192.0.2.3")));
}

TEST(EndpointPlan, UsesAllOfTheSmallestBlocks) {
  EXPECT_EQ(Make({"192.0.2.7"}, 1, 1).addresses(), 1u);
  EXPECT_EQ(Make({"192.0.2.6/31"}, 1, 1).addresses(), 2u);
  EXPECT_EQ(Make({"2001:db8::6/127"}, 1, 1).addresses(), 2u);
}

TEST(EndpointPlan, LeavesOutTheRoutersAnycast) {
  const auto plan = Make({"2001:db8::/126"}, 1, 1);
  ASSERT_EQ(plan.addresses(), 3u);
  EXPECT_EQ(plan.AddressAt(0).ToString(), "2001:db8::1");
  EXPECT_EQ(plan.family(), Family::kIpv6);
}

TEST(EndpointPlan, BoundsLargeBlocks) {
  const auto plan = Make({"2001:db8::/32", "::/0"}, 1, 65535);
  EXPECT_EQ(plan.addresses(), 2 * EndpointPlan::kMaxAddresses);
}

TEST(EndpointPlan, NumbersEndpointsAddressFirst) {
  const auto plan = Make({"192.0.2.0/30", "198.51.100.9"}, 5000, 5001);
  ASSERT_EQ(plan.size(), 6u);
  const char* wanted[] = {"192.0.2.1:5000", "192.0.2.2:5000", "198.51.100.9:5000",
                          "192.0.2.1:5001", "192.0.2.2:5001", "198.51.100.9:5001"};
  for (uint64_t i = 0; i < plan.size(); ++i) {
    EXPECT_EQ(plan.At(i).ToString(), wanted[i]);
    EXPECT_EQ(plan.IndexOf(plan.At(i)), i);
  }
}

TEST(EndpointPlan, KnowsNoStrangers) {
  const auto plan = Make({"192.0.2.0/30"}, 5000, 5001);
  EXPECT_FALSE(plan.IndexOf({*IpAddress::Parse("192.0.2.1"), 4999}));
  EXPECT_FALSE(plan.IndexOf({*IpAddress::Parse("192.0.2.1"), 5002}));
  EXPECT_FALSE(plan.IndexOf({*IpAddress::Parse("192.0.2.3"), 5000}));
  EXPECT_FALSE(plan.IndexOf({*IpAddress::Parse("2001:db8::1"), 5000}));
}

TEST(EndpointPlan, ReachesTheLastPort) {
  const auto plan = Make({"10.0.0.0/30"}, 65534, 65535);
  EXPECT_EQ(plan.At(3).ToString(), "10.0.0.2:65535");
  std::set<Endpoint> all;
  for (uint64_t i = 0; i < plan.size(); ++i) all.insert(plan.At(i));
  EXPECT_EQ(all.size(), 4u);
}

TEST(EndpointPlan, FindsOverlaps) {
  const auto plan = Make({"192.0.2.0/28"}, 5000, 5999);
  EXPECT_EQ(plan.Overlap(Make({"192.0.2.4/30"}, 5500, 6500)), "192.0.2.5:5500");
  EXPECT_EQ(Make({"192.0.2.4/30"}, 5500, 6500).Overlap(plan), "192.0.2.5:5500");
  EXPECT_EQ(plan.Overlap(Make({"192.0.2.4/30"}, 6000, 6500)), "");
  EXPECT_EQ(plan.Overlap(Make({"192.0.2.16/28"}, 5000, 5999)), "");
  EXPECT_EQ(plan.Overlap(EndpointPlan()), "");
}

}  // namespace
}  // namespace causeway::gen
