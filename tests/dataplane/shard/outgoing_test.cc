// The checksum of what leaves: carried over from what came, or computed when the payload changed.
#include "dataplane/shard/outgoing.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <tuple>
#include <vector>

namespace causeway {
namespace {

constexpr DataPrefix::TransactionId kId = {0x04030201, 0x08070605, 0x0c0b0a09};
constexpr unsigned kRoom = 128;  // before the data

const IpAddress kV4Source = IpAddress::V4(0xc0000201);
const IpAddress kV4Destination = IpAddress::V4(0xc633644d);
const IpAddress kV6Source = *IpAddress::Parse("2001:db8::1");
const IpAddress kV6Destination = *IpAddress::Parse("2001:db8:ffff::abcd");

enum class Before { kNothing, kChannel, kIndication };

// Family to send in, what comes before the data, size of the data.
using Param = std::tuple<bool, Before, uint16_t>;

class OutgoingChecksum : public testing::TestWithParam<Param> {
 protected:
  OutgoingChecksum() : buffer_(kRoom + size() + 4) {
    for (size_t i = 0; i < buffer_.size(); ++i) buffer_[i] = static_cast<uint8_t>(i * 37 + 11);
    packet_.source = kV4Source;
    packet_.check = ArrivingCheck();
    packet_.old_sum = kArrivingRest;
    outgoing_.packet = &packet_;
    outgoing_.data = buffer_.data() + kRoom;
    outgoing_.size = size();
    outgoing_.padding = 0;
    outgoing_.payload_changed = false;
    outgoing_.leg = v6() ? Leg{kV6Source, kV6Destination, 49152, 3478}
                         : Leg{kV4Source, kV4Destination, 49152, 3478};
    SetPrefix();
  }

  static bool v6() { return std::get<0>(GetParam()); }
  static uint16_t size() { return std::get<2>(GetParam()); }

  uint16_t Computed() const {
    const auto length = static_cast<uint16_t>(outgoing_.UdpLength());
    return v6() ? UdpChecksumOf<true>(outgoing_, length) : UdpChecksumOf<false>(outgoing_, length);
  }

  // Whether a receiver finds the whole datagram undamaged (RFC 768).
  bool Holds(uint16_t check) const {
    std::vector<uint8_t> datagram(kUdpHeaderSize + outgoing_.prefix.size() + size());
    StoreBe16(datagram.data(), outgoing_.leg.source_port);
    StoreBe16(&datagram[2], outgoing_.leg.destination_port);
    StoreBe16(&datagram[4], static_cast<uint16_t>(datagram.size() + outgoing_.padding));
    std::memcpy(&datagram[6], &check, 2);
    outgoing_.prefix.Write(datagram.data() + kUdpHeaderSize);
    std::memcpy(datagram.data() + kUdpHeaderSize + outgoing_.prefix.size(), outgoing_.data, size());
    datagram.insert(datagram.end(), outgoing_.padding, 0);
    ChecksumSum sum = SumBytes(datagram.data(), datagram.size());
    sum += v6() ? SumAddressV6(kV6Source.bytes()) + SumAddressV6(kV6Destination.bytes())
                : SumAddressV4(kV4Source.v4_bytes()) + SumAddressV4(kV4Destination.v4_bytes());
    uint8_t protocol_and_length[4] = {0, 17, 0, 0};
    StoreBe16(protocol_and_length + 2, static_cast<uint16_t>(datagram.size()));
    return FoldChecksum(sum + SumBytes(protocol_and_length, 4)) == 0xffff;
  }

  void ChangeData() {
    for (unsigned i = 0; i < size(); ++i) outgoing_.data[i] ^= 0x5a;
  }

  Packet packet_ = {};
  Outgoing outgoing_;

 private:
  // Of headers that are not looked at here.
  static constexpr ChecksumSum kArrivingRest = 0x0001'2345'6789;

  uint16_t ArrivingCheck() const {
    return UdpChecksumField(kArrivingRest + kUdpProtocolWord +
                            SumBytes(buffer_.data() + kRoom, size()));
  }
  void SetPrefix() {
    switch (std::get<1>(GetParam())) {
      case Before::kNothing:
        return outgoing_.prefix.SetNone();
      case Before::kChannel:
        return outgoing_.prefix.SetChannel(0x4001, size());
      case Before::kIndication:
        outgoing_.padding = static_cast<uint8_t>(-size() & 3);
        return outgoing_.prefix.SetDataIndication({v6() ? kV6Destination : kV4Destination, 4000},
                                                  size(), outgoing_.padding, kId);
    }
  }

  std::vector<uint8_t> buffer_;
};

std::string Name(const testing::TestParamInfo<Param>& info) {
  const auto& [v6, before, size] = info.param;
  static constexpr const char* kBefore[] = {"bare", "channel", "indication"};
  return std::string(v6 ? "ipv6" : "ipv4") + "_" + kBefore[static_cast<int>(before)] + "_" +
         std::to_string(size) + "_bytes";
}

INSTANTIATE_TEST_SUITE_P(Datagrams, OutgoingChecksum,
                         testing::Combine(testing::Bool(),
                                          testing::Values(Before::kNothing, Before::kChannel,
                                                          Before::kIndication),
                                          testing::Values(0, 1, 2, 3, 4, 63, 172, 1200, 1301)),
                         Name);

TEST_P(OutgoingChecksum, IsCarriedOverWithTheDataThatCame) { EXPECT_TRUE(Holds(Computed())); }

class OutgoingChecksumOfData : public OutgoingChecksum {};

INSTANTIATE_TEST_SUITE_P(Datagrams, OutgoingChecksumOfData,
                         testing::Combine(testing::Bool(),
                                          testing::Values(Before::kNothing, Before::kChannel,
                                                          Before::kIndication),
                                          testing::Values(1, 2, 3, 4, 63, 172, 1200, 1301)),
                         Name);

TEST_P(OutgoingChecksumOfData, ShowsDamageThatHappenedBefore) {
  outgoing_.data[size() / 2] ^= 0x10;
  EXPECT_FALSE(Holds(Computed()));
}

TEST_P(OutgoingChecksum, IsComputedOverAChangedPayload) {
  ChangeData();
  outgoing_.payload_changed = true;
  EXPECT_TRUE(Holds(Computed()));
}

TEST_P(OutgoingChecksum, OfAChangedPayloadIsThereThoughNoneCame) {
  packet_.check = 0;
  ChangeData();
  outgoing_.payload_changed = true;
  EXPECT_TRUE(Holds(Computed()));
}

TEST_P(OutgoingChecksum, ThatDidNotComeStaysAwayTowardsIpv4Alone) {
  packet_.check = 0;
  if (v6()) {
    EXPECT_TRUE(Holds(Computed()));
  } else {
    EXPECT_EQ(Computed(), 0);
  }
}

}  // namespace
}  // namespace causeway
