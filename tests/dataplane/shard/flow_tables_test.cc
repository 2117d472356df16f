// The inline place of an allocation: the channel or the permission in use takes it, and what leaves
// it works as before.
#include "dataplane/shard/flow_tables.h"

#include "tests/dataplane/shard/node.h"

namespace causeway::testing {
namespace {

constexpr uint16_t kFirst = 0x4001;
constexpr uint16_t kSecond = 0x4002;
constexpr const char* kPeer = "203.0.113.20:6000";
constexpr const char* kOtherPeer = "203.0.113.21:6000";
constexpr const char* kThirdPeer = "203.0.113.22:6000";

/// NodeTest starts DPDK; the tables here are by themselves.
class FlowTablesTest : public NodeTest {
 protected:
  void SetUp() override {
    NodeTest::SetUp();
    node_ = configs_[0].node;
    tables_.LayOut(node_, arena_);
    tables_.Start({{1, 2, 3, 4}});
    tables_.Apply(InstallAllocation{0, {At(kClientV4), 0}, {0, 50000}, {}, 1000});
    tables_.Apply(SetPermission{0, 0, At(kPeer).address, 300});
    tables_.Apply(SetPermission{1, 0, At(kOtherPeer).address, 300});
    tables_.Apply(SetPermission{2, 0, At(kThirdPeer).address, 300});
    tables_.Apply(BindChannel{0, 0, kFirst, At(kPeer), 600});
    tables_.Apply(BindChannel{1, 0, kSecond, At(kOtherPeer), 600});
  }
  bool UseNumber(uint16_t number, Deciseconds now = 10) {
    return tables_.UseChannel(tables_.ChannelHash(0, number), 0, number, now) != nullptr;
  }
  bool UsePeer(const char* peer, Deciseconds now = 10) {
    return tables_.UseChannel(tables_.ChannelHash(0, At(peer)), 0, At(peer), now) != nullptr;
  }
  bool UsePermission(const char* peer, Deciseconds now = 10) {
    const IpAddress address = At(peer).address;
    return tables_.UsePermission(tables_.PermissionHash(0, address), 0, address, now);
  }
  bool IsPermitted(const char* peer, Deciseconds now = 10) {
    const IpAddress address = At(peer).address;
    return tables_.IsPermitted(tables_.PermissionHash(0, address), 0, address, now);
  }
  void PromoteSecond() {
    for (int i = 0; i < FlowTables::kPromoteAfter; ++i) ASSERT_TRUE(UseNumber(kSecond));
    ASSERT_EQ(Line().channel, kSecond);
  }
  void PromoteThirdPeer() {
    for (int i = 0; i < FlowTables::kPromoteAfter; ++i) ASSERT_TRUE(UsePermission(kThirdPeer));
    ASSERT_EQ(Line().peer, At(kThirdPeer).address);
  }
  const HotLine& Line() { return tables_.line(0); }

  NodeConfig node_;
  Arena arena_{0};
  FlowTables tables_;
};

TEST_F(FlowTablesTest, TheFirstChannelIsInlineUntilAnotherIsUsedOften) {
  EXPECT_EQ(Line().channel, kFirst);
  for (int i = 1; i < FlowTables::kPromoteAfter; ++i) EXPECT_TRUE(UseNumber(kSecond));
  EXPECT_EQ(Line().channel, kFirst);
  EXPECT_TRUE(UsePeer(kOtherPeer));
  EXPECT_EQ(Line().channel, kSecond);
  EXPECT_EQ(Line().peer, At(kOtherPeer).address);
  EXPECT_EQ(Line().channel_expiry, 600u);
  EXPECT_EQ(Line().permission_expiry, 300u);
  EXPECT_NE(Line().flags & HotLine::kFast, 0);
}

TEST_F(FlowTablesTest, TwoChannelsInTurnDoNotChaseEachOther) {
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(UseNumber(kSecond));
    tables_.UseInline(0);
    EXPECT_EQ(Line().channel, kFirst);
  }
}

TEST_F(FlowTablesTest, TheChannelThatLeftTheInlinePlaceWorksByTable) {
  PromoteSecond();
  EXPECT_TRUE(UseNumber(kFirst));
  EXPECT_TRUE(UsePeer(kPeer));
  EXPECT_FALSE(UseNumber(kFirst, 600));
  EXPECT_TRUE(IsPermitted(kPeer));
  EXPECT_TRUE(Line().HasMoreChannels());
}

TEST_F(FlowTablesTest, ThePromotedChannelFollowsItsCommands) {
  PromoteSecond();
  tables_.Apply(BindChannel{1, 0, kSecond, At(kOtherPeer), 900});
  EXPECT_EQ(Line().channel_expiry, 900u);
  tables_.Apply(SetPermission{1, 0, At(kOtherPeer).address, 400});
  EXPECT_EQ(Line().permission_expiry, 400u);
  tables_.Apply(RefreshAllocation{0, 350});
  EXPECT_EQ(Line().channel_expiry, 350u);
  EXPECT_EQ(Line().permission_expiry, 350u);
  tables_.Apply(RemovePermission{1});
  EXPECT_EQ(Line().permission_expiry, 0u);
  tables_.Apply(UnbindChannel{1});
  EXPECT_EQ(Line().channel, 0u);
  EXPECT_FALSE(UseNumber(kSecond));
  EXPECT_TRUE(UseNumber(kFirst));
}

TEST_F(FlowTablesTest, APermissionInUseTakesTheInlinePlaceAlone) {
  PromoteThirdPeer();
  EXPECT_EQ(Line().channel, 0u);
  EXPECT_EQ(Line().peer_port, 0u);
  EXPECT_TRUE(Line().HasMoreChannels());
  EXPECT_TRUE(UsePermission(kThirdPeer));
  EXPECT_FALSE(UsePermission(kThirdPeer, 300));
  EXPECT_TRUE(UseNumber(kFirst));
  EXPECT_TRUE(UseNumber(kSecond));
}

TEST_F(FlowTablesTest, APermissionInUseFollowsItsCommands) {
  PromoteThirdPeer();
  tables_.Apply(SetPermission{2, 0, At(kThirdPeer).address, 400});
  EXPECT_TRUE(UsePermission(kThirdPeer, 399));
  tables_.Apply(RemovePermission{2});
  EXPECT_EQ(Line().peer, IpAddress{});
  EXPECT_FALSE(UsePermission(kThirdPeer));
  // The slot is used again for another peer.
  tables_.Apply(SetPermission{2, 0, At("203.0.113.23:1").address, 300});
  EXPECT_FALSE(UsePermission(kThirdPeer));
  EXPECT_TRUE(UsePermission("203.0.113.23:1"));
}

TEST_F(FlowTablesTest, AChannelComesBackInlineByUseOrWhenItIsBoundAnew) {
  PromoteThirdPeer();
  PromoteSecond();
  PromoteThirdPeer();
  tables_.Apply(UnbindChannel{1});
  tables_.Apply(BindChannel{1, 0, kSecond, At(kThirdPeer), 600});
  EXPECT_EQ(Line().channel, kSecond);
  EXPECT_EQ(Line().peer, At(kThirdPeer).address);
  EXPECT_EQ(Line().permission_expiry, 300u);
}

TEST_F(FlowTablesTest, AnAllocationInstalledAnewHasNothingInline) {
  PromoteThirdPeer();
  tables_.Apply(InstallAllocation{0, {At(kClientV4), 0}, {0, 50000}, {}, 1000});
  EXPECT_EQ(Line().peer, IpAddress{});
  EXPECT_EQ(Line().channel_expiry, 0u);
}

TEST_F(FlowTablesTest, WhatHasRunOutIsNotPromoted) {
  for (int i = 0; i < 3 * FlowTables::kPromoteAfter; ++i) {
    EXPECT_FALSE(UseNumber(kSecond, 600));
    EXPECT_FALSE(UsePermission(kThirdPeer, 300));
    EXPECT_FALSE(UsePermission("203.0.113.99:1"));
  }
  EXPECT_EQ(Line().channel, kFirst);
}

}  // namespace
}  // namespace causeway::testing
