// What holds for all requests: RFC 8489 sections 6.3 and 9.2.4, RFC 8656 section 5.
#include "control/turn/server.h"

#include <gtest/gtest.h>

#include <cstring>

#include "tests/control/turn/world.h"

namespace causeway::turn {
namespace {

using stun::Attribute;
using stun::Method;

constexpr Method kTurnMethods[] = {Method::kAllocate, Method::kRefresh, Method::kCreatePermission,
                                   Method::kChannelBind};

std::vector<uint16_t> Unknown(const Answer& answer) {
  const auto* attribute = answer.message().LookUp(Attribute::kUnknownAttributes);
  std::vector<uint16_t> types;
  for (size_t i = 0; attribute && i + 1 < attribute->value.size(); i += 2) {
    types.push_back(static_cast<uint16_t>(attribute->value[i] << 8 | attribute->value[i + 1]));
  }
  return types;
}

TEST(BindingTest, AnswersWithTheMappedAddressAndNothingElse) {
  World world;
  Client client(world, 40000);
  for (const bool fingerprint : {false, true}) {
    client.fingerprint = fingerprint;
    const Answer answer = client.AskAsStranger(Method::kBinding, {});
    ASSERT_TRUE(answer.ok());
    EXPECT_EQ(answer.mapped(), client.tuple.client);
    EXPECT_EQ(answer.message().attributes().size(), fingerprint ? 2u : 1u);
  }
}

TEST(BindingTest, KnowsIpv6Clients) {
  World world;
  Client client(world, 40000);
  client.tuple = {At("2001:db8::77", 4242), 1};
  const Answer answer = client.AskAsStranger(Method::kBinding, {});
  EXPECT_EQ(answer.mapped(), At("2001:db8::77", 4242));
}

TEST(BindingTest, ListsUnknownAttributesOnceEach) {
  World world;
  Client client(world, 40000);
  client.fingerprint = true;
  const Answer answer = client.AskAsStranger(
      Method::kBinding,
      {Raw(Attribute{0x0003}, {0, 0, 0, 0}), Raw(Attribute{0x7abc}, {}),
       Raw(Attribute{0x0003}, {1}), Raw(Attribute{0xc001}, {1, 2}), Raw(Attribute::kLifetime, {})});
  EXPECT_EQ(answer.error(), 420);
  EXPECT_EQ(Unknown(answer), (std::vector<uint16_t>{0x0003, 0x7abc}));
  EXPECT_FALSE(answer.Has(Attribute::kSoftware));
  EXPECT_EQ(world.stats().errors[420], 1u);
}

TEST(BindingTest, NeedsNoValidCredentials) {
  World world;
  Client client(world, 40000, 0, "alice", "wrong");
  const auto reply = client.SendRaw(client.Sign(Method::kRefresh, {}));
  EXPECT_EQ(reply.error(), 401);
  const std::vector<uint8_t> binding = client.Sign(Method::kBinding, {});
  EXPECT_TRUE(client.SendRaw(binding).ok());
}

TEST(AuthenticationTest, StrangersGetAChallengeAndLittleElse) {
  World world;
  for (const Method method : kTurnMethods) {
    Client client(world, 40000);
    const Answer answer = client.AskAsStranger(method, {Transport()});
    EXPECT_EQ(answer.error(), 401);
    EXPECT_EQ(answer.text(Attribute::kRealm), "example.org");
    EXPECT_FALSE(answer.text(Attribute::kNonce).empty());
    EXPECT_TRUE(answer.Has(Attribute::kPasswordAlgorithms));
    EXPECT_FALSE(answer.Has(Attribute::kSoftware));
    EXPECT_FALSE(answer.Has(Attribute::kMessageIntegrity));
    EXPECT_LT(answer.bytes().size(), 150u);
  }
  EXPECT_EQ(world.stats().errors[401], std::size(kTurnMethods));
  EXPECT_TRUE(world.dataplane.commands.empty()) << "no state before a proof";
}

TEST(AuthenticationTest, WrongPasswordAndUnknownUser) {
  World world;
  EXPECT_EQ(Client(world, 40000, 0, "alice", "guess").Allocate().error(), 401);
  EXPECT_EQ(Client(world, 40001, 0, "mallory", "secret").Allocate().error(), 401);
  EXPECT_TRUE(world.dataplane.commands.empty());
}

TEST(AuthenticationTest, IntegrityWithoutUserIsABadRequestWithoutChallenge) {
  World world;
  Client client(world, 40000);
  std::vector<uint8_t> buffer(200);
  stun::Writer writer(absl::MakeSpan(buffer), stun::Class::kRequest, Method::kAllocate, {1});
  const uint8_t key[16] = {};
  writer.AddIntegrity(Attribute::kMessageIntegrity, key);
  const Answer answer = client.SendRaw(writer.message());
  EXPECT_EQ(answer.error(), 400);
  EXPECT_FALSE(answer.Has(Attribute::kNonce));
  EXPECT_FALSE(answer.Has(Attribute::kRealm));
  EXPECT_FALSE(answer.Has(Attribute::kMessageIntegrity));
}

TEST(AuthenticationTest, StaleNonceBringsAFreshOne) {
  World world;
  Client client(world, 40000);
  ASSERT_TRUE(client.Allocate().ok());
  world.Sleep(10'000'001);
  const Answer answer = client.Refresh();
  EXPECT_EQ(answer.error(), 438);
  EXPECT_FALSE(answer.text(Attribute::kNonce).empty());
  EXPECT_FALSE(answer.Has(Attribute::kMessageIntegrity));
}

TEST(AuthenticationTest, UnknownAttributesComeAfterAuthentication) {
  World world;
  const Attr strange = Raw(Attribute{0x0077}, {1, 2, 3});
  for (const Method method : kTurnMethods) {
    Client client(world, 40000);
    EXPECT_EQ(client.AskAsStranger(method, {strange}).error(), 401);
    const Answer answer = client.Ask(method, {strange});
    EXPECT_EQ(answer.error(), 420);
    EXPECT_EQ(Unknown(answer), std::vector<uint16_t>{0x0077});
    EXPECT_TRUE(answer.Has(Attribute::kMessageIntegrity));
  }
}

TEST(AuthenticationTest, SoftwareOnAllocateAndRefreshOnly) {
  World world;
  Client client(world, 40000);
  client.fingerprint = true;
  EXPECT_EQ(client.Allocate().text(Attribute::kSoftware), "Causeway test");
  EXPECT_EQ(client.Refresh().text(Attribute::kSoftware), "Causeway test");
  EXPECT_EQ(client.Allocate().text(Attribute::kSoftware), "Causeway test") << "on errors too";
  EXPECT_FALSE(client.CreatePermission({Peer(At(kPeer, 0))}).Has(Attribute::kSoftware));
}

TEST(AuthenticationTest, EmptySoftwareLeavesItOut) {
  World::Setup setup;
  setup.software = "";
  World world(setup);
  EXPECT_FALSE(Client(world, 40000).Allocate().Has(Attribute::kSoftware));
}

TEST(AllocationMismatchTest, AllButAllocateNeedAnAllocation) {
  World world;
  Client client(world, 40000);
  EXPECT_EQ(client.Refresh().error(), 437);
  EXPECT_EQ(client.Refresh(0).error(), 437);
  EXPECT_EQ(client.CreatePermission({Peer(At(kPeer, 0))}).error(), 437);
  EXPECT_EQ(client.ChannelBind(0x4000, At(kPeer, 1)).error(), 437);
  EXPECT_EQ(world.stats().errors[437], 4u);
}

TEST(AllocationMismatchTest, TheFiveTupleHasTheServerAddressInIt) {
  World world;
  Client client(world, 40000);
  ASSERT_TRUE(client.Allocate().ok());
  client.tuple.local_index = 1;
  EXPECT_EQ(client.Refresh().error(), 437);
}

TEST(WrongCredentialsTest, AnotherUserCannotTouchAnAllocation) {
  World world;
  Client alice(world, 40000);
  ASSERT_TRUE(alice.Allocate().ok());
  Client bob(world, 40000, 0, "bob", "hunter2");
  const size_t commands = world.dataplane.commands.size();
  EXPECT_EQ(bob.Refresh(0).error(), 441);
  EXPECT_EQ(bob.CreatePermission({Peer(At(kPeer, 0))}).error(), 441);
  EXPECT_EQ(bob.ChannelBind(0x4000, At(kPeer, 1)).error(), 441);
  EXPECT_EQ(bob.Allocate().error(), 437);
  EXPECT_EQ(world.dataplane.commands.size(), commands);
  EXPECT_TRUE(alice.Refresh().ok());
}

TEST(SilenceTest, PortZeroIsNeverAnswered) {
  World world;
  Client client(world, 0);
  EXPECT_TRUE(client.AskAsStranger(Method::kBinding, {}).empty());
  EXPECT_TRUE(client.AskAsStranger(Method::kAllocate, {}).empty());
  EXPECT_EQ(world.stats().requests, 0u);
}

TEST(SilenceTest, UnknownMethodsAreNotAnswered) {
  World world;
  Client client(world, 40000);
  for (const int method : {0x000, 0x002, 0x005, 0x006, 0x007, 0x00a, 0x7ff, 0xfff}) {
    EXPECT_TRUE(client.AskAsStranger(static_cast<Method>(method), {}).empty()) << method;
    EXPECT_TRUE(client.SendRaw(client.Sign(Method::kAllocate, {})).error() == 400);
    EXPECT_TRUE(client.Ask(static_cast<Method>(method), {}).empty()) << method;
  }
}

TEST(SilenceTest, ResponsesAndIndicationsAreNotAnswered) {
  World world;
  Client client(world, 40000);
  for (const auto c : {stun::Class::kIndication, stun::Class::kSuccess, stun::Class::kError}) {
    for (const Method method : {Method::kBinding, Method::kAllocate, Method::kSend}) {
      std::vector<uint8_t> buffer(100);
      stun::Writer writer(absl::MakeSpan(buffer), c, method, {9});
      EXPECT_TRUE(client.SendRaw(writer.message()).empty());
    }
  }
}

TEST(MemoryTest, AMillionAllocationsStayWithinTheirShare) {
  World::Setup setup;
  setup.node.relay_addresses.clear();
  for (uint32_t i = 0; i < 62; ++i) {
    setup.node.relay_addresses.push_back(IpAddress::V4(0xcb007101 + i));
  }
  setup.node.allocations_per_shard = 1'000'000;
  setup.node.permissions_per_shard = 1'000'000;
  setup.node.channels_per_shard = 1'000'000;
  setup.limits.max_allocations = 1'000'000;
  World world(setup);
  EXPECT_LE(world.server->IdleBytesPerAllocation(), 168u);
  EXPECT_LE(world.server->BytesPerAllocation(), 260u);
  RecordProperty("idle_bytes", static_cast<int>(world.server->IdleBytesPerAllocation()));
  RecordProperty("all_bytes", static_cast<int>(world.server->BytesPerAllocation()));
  EXPECT_TRUE(Client(world, 40000).Allocate().ok());
}

}  // namespace
}  // namespace causeway::turn
