// Clients of several front ends: UDP by the shards, connections by threads of their own. The second
// front end is the test.
#include <gtest/gtest.h>

#include <map>

#include "control/turn/operator.h"
#include "tests/control/turn/world.h"

namespace causeway::turn {
namespace {

constexpr uint16_t kPort = 40000;
constexpr uint8_t kStreamThread = 7;  // not a shard's number
const char* const kListener = "192.0.2.11";

World::Setup TwoShards() {
  World::Setup setup;
  setup.node.shards = 2;
  setup.node.stream_listeners = {At(kListener, 80), At(kListener, 443)};
  return setup;
}

class ClientLegTest : public testing::TestWithParam<causeway::Transport> {
 protected:
  /// By a connection of its own; the same address and port as the client over UDP.
  Client Connected(uint32_t connection, const std::string& name = "alice",
                   const std::string& secret = "secret") {
    Client client(world_, kPort, kStreamThread, name, secret);
    client.tuple.transport = GetParam();
    client.tuple.local_index = 1;
    client.connection = connection;
    return client;
  }
  const InstallAllocation& OnlyAllocation() {
    EXPECT_EQ(world_.dataplane.allocations.size(), 1u);
    return world_.dataplane.allocations.begin()->second;
  }
  std::vector<AllocationInfo> Listed() { return world_.server->operators().List({}, 0, 100).items; }

  World world_{TwoShards()};
  Client udp_{world_, kPort};
};

std::string NameOf(const testing::TestParamInfo<causeway::Transport>& transport) {
  return std::vector{"Udp", "Tcp", "Tls", "Dtls"}[static_cast<size_t>(transport.param)];
}
INSTANTIATE_TEST_SUITE_P(Transports, ClientLegTest,
                         testing::Values(causeway::Transport::kTcp, causeway::Transport::kTls,
                                         causeway::Transport::kDtls),
                         NameOf);

// Client::SendRaw holds each answer's leg against the request's.
TEST_P(ClientLegTest, AConnectionIsServedLikeUdp) {
  Client client = Connected(0x80000005);
  const Answer binding = client.AskAsStranger(stun::Method::kBinding, {});
  EXPECT_EQ(binding.mapped(), client.tuple.client);
  EXPECT_EQ(client.Ask(stun::Method::kAllocate, {Transport(6)}).error(), 442)
      << "a relay port is UDP's";
  const Answer allocated = client.Allocate({AdditionalFamily(2)});
  ASSERT_TRUE(allocated.ok());
  EXPECT_EQ(allocated.relayed().size(), 2u);
  EXPECT_EQ(allocated.mapped(), client.tuple.client);
  EXPECT_EQ(OnlyAllocation().leg, client.leg());

  EXPECT_TRUE(client.CreatePermission({Peer(At(kPeer, 0))}).ok());
  EXPECT_TRUE(client.ChannelBind(0x4000, At(kPeer6, 9)).ok());
  EXPECT_EQ(world_.dataplane.permissions.size(), 2u);
  EXPECT_EQ(world_.dataplane.channels.size(), 1u);
  EXPECT_EQ(client.Refresh(1000).lifetime(), 1000u);
  EXPECT_TRUE(client.Refresh(0, {RequestedFamily(2)}).ok());
  EXPECT_EQ(OnlyAllocation().leg, client.leg()) << "installed anew";
  EXPECT_TRUE(client.Refresh(0).ok());
  EXPECT_TRUE(world_.dataplane.allocations.empty());
  EXPECT_EQ(client.Refresh().error(), 437);
  EXPECT_TRUE(client.Allocate().ok()) << "the connection outlives its allocation";
  world_.Pass(6000);
  EXPECT_TRUE(world_.dataplane.allocations.empty());
  EXPECT_TRUE(world_.dataplane.All<AddClientRedirect>().empty());
  EXPECT_TRUE(world_.dataplane.All<RemoveClientRedirect>().empty());
}

TEST_P(ClientLegTest, TheSameAddressOverAnotherTransportIsAnotherClient) {
  Client stream = Connected(1);
  ASSERT_TRUE(udp_.Allocate().ok());
  EXPECT_EQ(stream.Refresh().error(), 437);
  EXPECT_EQ(stream.CreatePermission({Peer(At(kPeer, 0))}).error(), 437);
  EXPECT_EQ(stream.ChannelBind(0x4000, At(kPeer, 9)).error(), 437);
  ASSERT_TRUE(stream.Allocate().ok());
  EXPECT_EQ(world_.dataplane.allocations.size(), 2u);
  EXPECT_TRUE(stream.Refresh(0).ok());
  EXPECT_EQ(OnlyAllocation().leg, udp_.leg());
  EXPECT_TRUE(udp_.Refresh().ok());
  EXPECT_EQ(stream.Refresh().error(), 437);
}

TEST_P(ClientLegTest, AnotherListenerIsAnotherClient) {
  Client one = Connected(1);
  Client other = Connected(2);
  other.tuple.local_index = 0;
  ASSERT_TRUE(one.Allocate().ok());
  EXPECT_EQ(other.Refresh().error(), 437);
  ASSERT_TRUE(other.Allocate().ok());
  EXPECT_EQ(world_.dataplane.allocations.size(), 2u);
}

TEST_P(ClientLegTest, AClosedConnectionEndsItsAllocationAndNoOther) {
  Client stream = Connected(1);
  ASSERT_TRUE(udp_.Allocate().ok());
  ASSERT_TRUE(stream.Allocate().ok());
  ASSERT_TRUE(stream.ChannelBind(0x4000, At(kPeer, 9)).ok());
  for (const ClientLeg other : {ClientLeg{stream.tuple, {kStreamThread, 2}},
                                ClientLeg{stream.tuple, {kStreamThread + 1, 1}},
                                ClientLeg{{At("9.9.9.9", 9), 1, GetParam()}, stream.leg().route}}) {
    world_.server->HandleConnectionClosed(other);
  }
  EXPECT_EQ(world_.dataplane.allocations.size(), 2u);
  world_.server->HandleConnectionClosed(stream.leg());
  EXPECT_EQ(OnlyAllocation().leg, udp_.leg());
  EXPECT_TRUE(world_.dataplane.channels.empty());
  EXPECT_TRUE(world_.dataplane.permissions.empty());
  EXPECT_EQ(world_.stats().allocations, 1u);
  world_.server->HandleConnectionClosed(stream.leg());
  EXPECT_EQ(world_.stats().allocations, 1u);
}

TEST_P(ClientLegTest, AnEndedAllocationSaysThatItsConnectionClosed) {
  struct Ends : Observer {
    void OnEnded(const EndedAllocation& ended) override { reasons.push_back(ended.reason); }
    std::vector<EndReason> reasons;
  } ends;
  world_.server->operators().Observe(ends);
  Client stream = Connected(1);
  ASSERT_TRUE(stream.Allocate().ok());
  world_.server->HandleConnectionClosed(stream.leg());
  world_.DeliverEvents();
  EXPECT_EQ(ends.reasons, std::vector{EndReason::kConnectionClosed});
  world_.server->operators().StopObserving(ends);
}

// Two threads tell in any order that one connection has gone, and that the same address and port
// have another one.
TEST_P(ClientLegTest, ANewConnectionDoesNotInheritTheAllocationOfTheOldOne) {
  Client old = Connected(1);
  Client fresh = Connected(2);
  ASSERT_TRUE(old.Allocate().ok());
  EXPECT_EQ(fresh.Refresh().error(), 437);
  EXPECT_EQ(fresh.Allocate().error(), 437);
  EXPECT_EQ(OnlyAllocation().leg, old.leg());
  world_.server->HandleConnectionClosed(old.leg());
  ASSERT_TRUE(fresh.Allocate().ok());
  world_.server->HandleConnectionClosed(old.leg());
  EXPECT_EQ(OnlyAllocation().leg, fresh.leg());
}

TEST_P(ClientLegTest, ConnectionsAreDealtToTheShardsInTurn) {
  for (uint16_t i = 0; i < 6; ++i) {
    Client client = Connected(i);
    client.tuple.client.port = static_cast<uint16_t>(kPort + i);
    ASSERT_TRUE(client.Allocate().ok());
  }
  size_t by_shard[2] = {};
  for (const auto& [slot, installed] : world_.dataplane.allocations) ++by_shard[slot.first];
  EXPECT_EQ(by_shard[0], 3u);
  EXPECT_EQ(by_shard[1], 3u);
}

TEST_P(ClientLegTest, OperatorsSeeTheTransportAndItsListener) {
  ASSERT_TRUE(udp_.Allocate().ok());
  ASSERT_TRUE(Connected(1).Allocate().ok());
  std::map<causeway::Transport, Endpoint> servers;
  for (const AllocationInfo& info : Listed()) servers[info.transport] = info.server;
  EXPECT_EQ(servers,
            (std::map<causeway::Transport, Endpoint>{
                {causeway::Transport::kUdp, At("192.0.2.10", world_.setup.node.listen_port)},
                {GetParam(), At(kListener, 443)}}));
}

TEST_P(ClientLegTest, AReservedPortMayBeTakenOverAnotherTransport) {
  const Answer reserved = udp_.Allocate({EvenPort(true)});
  ASSERT_TRUE(reserved.ok());
  const Answer redeemed = Connected(1).Allocate({Token(reserved.token().value())});
  ASSERT_TRUE(redeemed.ok());
  EXPECT_EQ(redeemed.relayed()[0].port, reserved.relayed()[0].port + 1);
}

// The nonce shows that the client receives at its address, which a handshake shows no less.
TEST_P(ClientLegTest, ANonceIsTheAddressesWhateverTheTransport) {
  ASSERT_TRUE(udp_.Allocate().ok());
  Client moved = udp_;
  moved.tuple.transport = GetParam();
  moved.connection = 1;
  moved.shard = kStreamThread;
  EXPECT_TRUE(moved.Allocate().ok()) << "neither 401 nor 438";
  EXPECT_EQ(world_.stats().errors[401], 1u) << "the first challenge";
  EXPECT_EQ(world_.stats().errors[438], 0u);
}

TEST_P(ClientLegTest, AQuotaCountsAllTransports) {
  World::Setup setup = TwoShards();
  setup.tenant.allocations_per_user = 1;
  World world(setup);
  Client udp(world, kPort);
  Client stream(world, kPort, kStreamThread);
  stream.tuple.transport = GetParam();
  ASSERT_TRUE(udp.Allocate().ok());
  EXPECT_EQ(stream.Allocate().error(), 486);
  ASSERT_TRUE(udp.Refresh(0).ok());
  ASSERT_TRUE(stream.Allocate().ok());
  EXPECT_EQ(udp.Allocate().error(), 486);
  world.server->HandleConnectionClosed(stream.leg());
  EXPECT_TRUE(udp.Allocate().ok());
}

// A UDP client's answers follow its packets; its allocation stays where it is.
TEST(UdpLegTest, AnAnswerGoesByTheShardOfItsRequest) {
  World world(TwoShards());
  Client client(world, kPort);
  ASSERT_TRUE(client.Allocate().ok());
  client.shard = 1;
  ASSERT_TRUE(client.Refresh().ok());  // Client::SendRaw holds its leg against the request's
  EXPECT_EQ(world.dataplane.replies.back().leg.route, (ReplyRoute{1, 0}));
  EXPECT_EQ(world.dataplane.allocations.begin()->second.leg.route, (ReplyRoute{0, 0}));
}

}  // namespace
}  // namespace causeway::turn
