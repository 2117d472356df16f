// Garbage in: no crash, no state, and no answer to what is not a well-formed request.
#include <gtest/gtest.h>

#include <random>

#include "tests/control/turn/world.h"

namespace causeway::turn {
namespace {

using stun::Method;

// Feeds a datagram and checks that an answer only comes to a well-formed request of our methods.
void Feed(World& world, Client& client, const std::vector<uint8_t>& datagram) {
  stun::Message message;
  const bool request = message.Parse(datagram) && message.message_class() == stun::Class::kRequest;
  world.dataplane.replies.clear();
  world.server->HandleRequest({client.tuple, {}}, datagram, world.now);
  if (world.dataplane.replies.empty()) return;
  ASSERT_TRUE(request) << "an answer to garbage";
  ASSERT_EQ(world.dataplane.replies.size(), 1u);
  stun::Message answer;
  ASSERT_TRUE(answer.Parse(world.dataplane.replies[0].message));
  EXPECT_EQ(answer.transaction_id(), message.transaction_id());
  EXPECT_EQ(answer.method(), message.method());
  EXPECT_NE(answer.message_class(), stun::Class::kRequest);
  EXPECT_NE(answer.message_class(), stun::Class::kIndication);
}

TEST(RobustnessTest, RandomDatagramsOfEveryLength) {
  World world;
  Client client(world, 40000);
  std::mt19937 random(11);
  for (size_t size = 0; size <= 1600; ++size) {
    std::vector<uint8_t> datagram(size);
    for (uint8_t& byte : datagram) byte = static_cast<uint8_t>(random());
    Feed(world, client, datagram);
    if (size >= 20) {  // a right header in front of random attributes
      datagram[0] = 0;
      datagram[1] = 3;
      datagram[2] = static_cast<uint8_t>((size - 20) >> 8);
      datagram[3] = static_cast<uint8_t>(size - 20);
      datagram[4] = 0x21;
      datagram[5] = 0x12;
      datagram[6] = 0xa4;
      datagram[7] = 0x42;
      Feed(world, client, datagram);
    }
  }
  EXPECT_TRUE(world.dataplane.commands.empty());
  EXPECT_TRUE(client.Allocate().ok()) << "still serving";
}

TEST(RobustnessTest, MutatedRequestsChangeNothing) {
  World world;
  Client client(world, 40000);
  const Attr peer = Peer(At(kPeer, 5000));
  ASSERT_TRUE(client.Allocate().ok());
  std::vector<std::vector<uint8_t>> originals;
  for (const bool fingerprint : {false, true}) {
    client.fingerprint = fingerprint;
    originals.push_back(client.Sign(Method::kAllocate, {Transport(), EvenPort(true)}));
    originals.push_back(client.Sign(Method::kRefresh, {Lifetime(0)}));
    originals.push_back(client.Sign(Method::kCreatePermission, {peer, peer}));
    originals.push_back(client.Sign(Method::kChannelBind, {Channel(0x4000), peer}));
    originals.push_back(client.Sign(Method::kBinding, {}));
  }
  const size_t commands = world.dataplane.commands.size();
  std::mt19937 random(5);
  for (size_t i = 0; i < originals.size(); ++i) {
    const std::vector<uint8_t>& original = originals[i];
    const bool fingerprinted = i >= originals.size() / 2;
    for (int round = 0; round < 2000; ++round) {
      std::vector<uint8_t> mutant = original;
      // FINGERPRINT is not covered by the integrity: a change there alone would forge nothing.
      const size_t covered = mutant.size() - (fingerprinted ? 8 : 0);
      const size_t flips = 1 + random() % 3;
      for (size_t flip = 0; flip < flips; ++flip) {
        mutant[random() % covered] ^= static_cast<uint8_t>(1 + random() % 255);
      }
      if (random() % 4 == 0) mutant.resize(random() % (mutant.size() + 1));
      if (mutant == original) continue;
      Feed(world, client, mutant);
    }
  }
  EXPECT_EQ(world.dataplane.commands.size(), commands) << "nothing forged got through";
  client.fingerprint = false;
  EXPECT_TRUE(client.Refresh().ok()) << "still serving";
}

TEST(RobustnessTest, SignedNonsenseIsRefusedWithoutHarm) {
  World world;
  Client client(world, 40000);
  ASSERT_TRUE(client.Allocate().ok());
  std::mt19937 random(17);
  const stun::Attribute types[] = {
      stun::Attribute::kChannelNumber,
      stun::Attribute::kLifetime,
      stun::Attribute::kXorPeerAddress,
      stun::Attribute::kRequestedAddressFamily,
      stun::Attribute::kEvenPort,
      stun::Attribute::kRequestedTransport,
      stun::Attribute::kReservationToken,
      stun::Attribute::kAdditionalAddressFamily,
      stun::Attribute::kDontFragment,
      stun::Attribute::kData,
      stun::Attribute{0x0666},
      stun::Attribute::kMappedAddress,
  };
  const Method methods[] = {Method::kAllocate, Method::kCreatePermission, Method::kChannelBind,
                            Method::kRefresh, Method::kBinding};
  for (int round = 0; round < 4000; ++round) {
    std::vector<Attr> attributes;
    for (uint32_t i = random() % 6; i > 0; --i) {
      std::vector<uint8_t> value(random() % 24);
      for (uint8_t& byte : value) byte = static_cast<uint8_t>(random() % 4);
      attributes.push_back(Raw(types[random() % std::size(types)], value));
    }
    Feed(world, client, client.Sign(methods[random() % std::size(methods)], attributes));
    ASSERT_EQ(world.dataplane.replies.size(), 1u) << "a well-formed request is always answered";
  }
}

}  // namespace
}  // namespace causeway::turn
