#include "perf/gen/frame_writer.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "control/stun/message.h"
#include "dataplane/byte_order.h"
#include "perf/gen/turn_client.h"

namespace causeway::gen {
namespace {

constexpr uint16_t kLargest = 1400;
const MacPair kMacs = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}};

IpAddress Parse(const char* text) { return *IpAddress::Parse(text); }

struct Case {
  const char* server;
  const char* client;
  const char* peer;
  const char* relayed;
};

class FrameWriterTest : public testing::TestWithParam<Case> {
 protected:
  const Endpoint server_ = {Parse(GetParam().server), 3478};
  const Endpoint client_ = {Parse(GetParam().client), 10001};
  const Endpoint peer_ = {Parse(GetParam().peer), 20002};
  const Endpoint relayed_ = {Parse(GetParam().relayed), 50003};

  Flow MakeFlow() const {
    Flow flow = {};
    const auto set = [](const Endpoint& from, uint8_t* address, uint16_t* port) {
      std::copy_n(from.address.bytes(), 16, address);
      *port = __builtin_bswap16(from.port);
    };
    set(client_, flow.client, &flow.client_port);
    set(peer_, flow.peer, &flow.peer_port);
    set(relayed_, flow.relayed, &flow.relayed_port);
    return flow;
  }

  // Writes a frame and checks all that lies around its UDP payload.
  UdpView Write(Direction direction, Encapsulation encapsulation, uint16_t size) {
    const bool to_peer = direction == Direction::kToPeer;
    const Endpoint& source = to_peer ? client_ : peer_;
    const Endpoint& destination = to_peer ? server_ : relayed_;
    const FrameWriter writer(direction, encapsulation, kMacs, server_, source.address.family(),
                             peer_.address.family(), kLargest);
    std::fill(std::begin(frame_), std::end(frame_), uint8_t{0xee});
    const uint16_t written = writer.Write(frame_, flow_, 77, 5, size, 123456789);
    UdpView view = {};
    EXPECT_TRUE(ReadUdp(frame_, written, view));
    EXPECT_EQ(view.payload + view.payload_size, frame_ + written);
    EXPECT_TRUE(std::equal(kMacs.destination.begin(), kMacs.destination.end(), frame_));
    EXPECT_TRUE(std::equal(kMacs.source.begin(), kMacs.source.end(), frame_ + 6));
    EXPECT_EQ(view.source(), source.address);
    EXPECT_EQ(view.source_port(), source.port);
    EXPECT_EQ(view.destination(), destination.address);
    EXPECT_EQ(view.destination_port(), destination.port);
    EXPECT_TRUE(ChecksumsAreRight(view, false)) << size;
    return view;
  }

  static void ExpectStamp(const uint8_t* payload, size_t size, Direction direction,
                          uint64_t sequence) {
    Stamp stamp;
    ASSERT_TRUE(ReadStamp(payload, size, stamp));
    EXPECT_EQ(stamp.flow, 77u);
    EXPECT_EQ(stamp.phase, 5);
    EXPECT_EQ(stamp.direction, static_cast<uint8_t>(direction));
    EXPECT_EQ(stamp.sequence, sequence);
    EXPECT_EQ(stamp.tsc, 123456789u);
  }

  Flow flow_ = MakeFlow();
  uint8_t frame_[2048];
};

TEST_P(FrameWriterTest, ChannelDataIsWhole) {
  uint64_t sequence = 0;
  for (const uint16_t size : {32, 33, 34, 35, 172, 1399, 1400}) {
    const UdpView view = Write(Direction::kToPeer, Encapsulation::kChannelData, size);
    ASSERT_EQ(view.payload_size, size + 4);
    EXPECT_EQ(LoadBe16(view.payload), kChannel);
    EXPECT_EQ(LoadBe16(view.payload + 2), size);
    ExpectStamp(view.payload + 4, size, Direction::kToPeer, sequence++);
  }
}

TEST_P(FrameWriterTest, PeersSendBarePayloads) {
  uint64_t sequence = 0;
  for (const uint16_t size : {32, 33, 34, 35, 172, 1400}) {
    const UdpView view = Write(Direction::kToClient, Encapsulation::kNone, size);
    ASSERT_EQ(view.payload_size, size);
    ExpectStamp(view.payload, size, Direction::kToClient, sequence++);
  }
}

TEST_P(FrameWriterTest, SendIndicationsAreStun) {
  uint64_t sequence = 0;
  for (const uint16_t size : {32, 33, 34, 35, 172}) {
    const UdpView view = Write(Direction::kToPeer, Encapsulation::kSend, size);
    stun::Message message;
    ASSERT_TRUE(message.Parse({view.payload, view.payload_size}));
    EXPECT_EQ(message.message_class(), stun::Class::kIndication);
    EXPECT_EQ(message.method(), stun::Method::kSend);
    const stun::AttributeView* peer = message.LookUp(stun::Attribute::kXorPeerAddress);
    const stun::AttributeView* data = message.LookUp(stun::Attribute::kData);
    ASSERT_NE(peer, nullptr);
    ASSERT_NE(data, nullptr);
    EXPECT_EQ(stun::DecodeXorAddress(*peer, message.transaction_id())->endpoint, peer_);
    ASSERT_EQ(data->value.size(), size);
    ExpectStamp(data->value.data(), size, Direction::kToPeer, sequence++);
  }
}

TEST_P(FrameWriterTest, DamageIsSeen) {
  const UdpView view = Write(Direction::kToPeer, Encapsulation::kChannelData, 172);
  const_cast<uint8_t*>(view.payload)[100] ^= 0x10;
  EXPECT_FALSE(ChecksumsAreRight(view, false));
  EXPECT_FALSE(ChecksumsAreRight(view, true));
}

INSTANTIATE_TEST_SUITE_P(
    Families, FrameWriterTest,
    testing::Values(Case{"203.0.113.5", "192.0.2.1", "198.51.100.9", "203.0.113.5"},
                    Case{"2001:db8::5", "2001:db8:1::1", "2001:db8:2::9", "2001:db8::5"},
                    Case{"203.0.113.5", "192.0.2.1", "2001:db8:2::9", "2001:db8::5"},
                    Case{"2001:db8::5", "2001:db8:1::1", "198.51.100.9", "203.0.113.5"}),
    [](const auto& test) {
      return absl::StrCat(Parse(test.param.client).IsV4() ? "V4" : "V6",
                          Parse(test.param.peer).IsV4() ? "ToV4" : "ToV6");
    });

}  // namespace
}  // namespace causeway::gen
