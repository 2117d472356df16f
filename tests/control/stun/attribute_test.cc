// Each attribute, written and read.
#include <gtest/gtest.h>

#include "control/stun/hmac.h"
#include "control/stun/message.h"
#include "control/stun/writer.h"
#include "tests/control/stun/vectors.h"

namespace causeway::stun {
namespace {

constexpr TransactionId kId = {0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34,
                               0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae};

class Attributes : public testing::Test {
 protected:
  /// The attributes written so far.
  Bytes Written() const { return writer_.message().subspan(kHeaderSize); }

  uint8_t buffer_[200];
  Writer writer_{absl::MakeSpan(buffer_), Class::kSuccess, Method::kAllocate, kId};
};

AttributeView View(const std::vector<uint8_t>& value) {
  return {Attribute::kData, value, kHeaderSize};
}

TEST_F(Attributes, BytesArePaddedWithZeros) {
  std::fill(std::begin(buffer_) + kHeaderSize, std::end(buffer_), 0xee);
  writer_.AddBytes(Attribute::kData, AsBytes("abcde"));
  writer_.AddBytes(Attribute::kDontFragment, {});
  EXPECT_EQ(Written(), Bytes(Hex("00130005 61626364 65000000 001a0000")));
  EXPECT_EQ(writer_.message()[3], 16);
}

TEST_F(Attributes, Text) {
  writer_.AddText(Attribute::kRealm, "example.org");
  EXPECT_EQ(Written(), Bytes(Hex("0014000b 6578616d 706c652e 6f726700")));
}

TEST_F(Attributes, Lifetime) {
  writer_.AddU32(Attribute::kLifetime, 0x01020304);
  EXPECT_EQ(Written(), Bytes(Hex("000d0004 01020304")));
  EXPECT_EQ(DecodeU32(View(Hex("01020304"))), 0x01020304u);
  EXPECT_EQ(DecodeU32(View(Hex("010203"))), std::nullopt);
  EXPECT_EQ(DecodeU32(View(Hex("0102030405"))), std::nullopt);
}

TEST_F(Attributes, XorAddressV4) {
  const Endpoint endpoint = {IpAddress::V4(0xC0000201), 32853};
  writer_.AddXorAddress(Attribute::kXorMappedAddress, endpoint);
  EXPECT_EQ(Written(), Bytes(Hex("00200008 0001a147 e112a643")));
  const auto value = DecodeXorAddress(View(Hex("ff01a147 e112a643")), kId);
  ASSERT_TRUE(value.has_value());
  EXPECT_EQ(value->endpoint, endpoint);
  EXPECT_EQ(value->family, Family::kIpv4);
  EXPECT_FALSE(value->mapped_in_v6);
}

TEST_F(Attributes, XorAddressV6) {
  const Endpoint endpoint = {*IpAddress::Parse("2001:db8:1234:5678:11:2233:4455:6677"), 32853};
  writer_.AddXorAddress(Attribute::kXorRelayedAddress, endpoint);
  EXPECT_EQ(Written(), Bytes(Hex("00160014 0002a147 0113a9fa a5d3f179 bc25f4b5 bed2b9d9")));
  const auto value =
      DecodeXorAddress(View(Hex("0002a147 0113a9fa a5d3f179 bc25f4b5 bed2b9d9")), kId);
  ASSERT_TRUE(value.has_value());
  EXPECT_EQ(value->endpoint, endpoint);
  EXPECT_EQ(value->family, Family::kIpv6);
  EXPECT_FALSE(value->mapped_in_v6);
}

TEST_F(Attributes, XorAddressMappedIntoV6IsTold) {
  // ::ffff:192.0.2.1 under cookie and transaction id.
  const auto value =
      DecodeXorAddress(View(Hex("0002a147 2112a442 b7e7a701 bc342979 3a87ddaf")), kId);
  ASSERT_TRUE(value.has_value());
  EXPECT_EQ(value->family, Family::kIpv6);
  EXPECT_TRUE(value->mapped_in_v6);
  EXPECT_EQ(value->endpoint.address, IpAddress::V4(0xC0000201));
}

TEST_F(Attributes, XorAddressOfWrongShapeIsNone) {
  for (const char* hex :
       {"", "0001a147", "0001a147 e112a6", "0001a147 e112a643 00", "0002a147 e112a643",
        "0001a147 0113a9fa a5d3f179 bc25f4b5 bed2b9d9", "0003a147 e112a643", "0000a147 e112a643",
        "0002a147 0113a9fa a5d3f179 bc25f4b5 bed2b9"}) {
    EXPECT_FALSE(DecodeXorAddress(View(Hex(hex)), kId).has_value()) << hex;
  }
}

TEST_F(Attributes, ErrorCode) {
  writer_.AddErrorCode(ErrorCode::kStaleNonce);
  EXPECT_EQ(Written(), Bytes(Hex("0009000f 00000426 5374616c 65204e6f 6e636500")));
}

TEST_F(Attributes, EveryErrorCodeHasAReason) {
  for (int code : {300, 400, 401, 403, 420, 437, 438, 440, 441, 442, 443, 486, 500, 508}) {
    const absl::string_view reason = ReasonPhrase(static_cast<ErrorCode>(code));
    EXPECT_FALSE(reason.empty()) << code;
    EXPECT_LE(reason.size(), 32u) << code;
  }
  EXPECT_STREQ(ReasonPhrase(static_cast<ErrorCode>(599)), "");
}

TEST_F(Attributes, UnknownAttributes) {
  writer_.AddUnknownAttributes(
      {Attribute::kEvenPort, static_cast<Attribute>(0x7fff), Attribute::kUserhash});
  EXPECT_EQ(Written(), Bytes(Hex("000a0006 00187fff 001e0000")));
}

TEST_F(Attributes, ReservationToken) {
  writer_.AddReservationToken(0x0102030405060708);
  EXPECT_EQ(Written(), Bytes(Hex("00220008 01020304 05060708")));
  EXPECT_EQ(DecodeReservationToken(View(Hex("01020304 05060708"))), 0x0102030405060708u);
  EXPECT_EQ(DecodeReservationToken(View(Hex("01020304"))), std::nullopt);
}

TEST_F(Attributes, AddressErrorCode) {
  writer_.AddAddressErrorCode(Family::kIpv6, ErrorCode::kInsufficientCapacity);
  EXPECT_EQ(Written(),
            Bytes(Hex("80010019 02000508 496e7375 66666963 69656e74 20436170 61636974 79000000")));
}

TEST_F(Attributes, PasswordAlgorithms) {
  writer_.AddPasswordAlgorithms({PasswordAlgorithm::kSha256, PasswordAlgorithm::kMd5});
  EXPECT_EQ(Written(), Bytes(Hex("80020008 00020000 00010000")));
}

TEST_F(Attributes, ChannelNumber) {
  EXPECT_EQ(DecodeChannelNumber(View(Hex("40010000"))), 0x4001);
  EXPECT_EQ(DecodeChannelNumber(View(Hex("4fffabcd"))), 0x4fff);
  EXPECT_EQ(DecodeChannelNumber(View(Hex("4001"))), std::nullopt);
}

TEST_F(Attributes, RequestedTransport) {
  EXPECT_EQ(DecodeRequestedTransport(View(Hex("11000000"))), 17);
  EXPECT_EQ(DecodeRequestedTransport(View(Hex("06ffffff"))), 6);
  EXPECT_EQ(DecodeRequestedTransport(View(Hex("11"))), std::nullopt);
}

TEST_F(Attributes, RequestedFamily) {
  EXPECT_EQ(DecodeFamily(View(Hex("01000000"))), 1);
  EXPECT_EQ(DecodeFamily(View(Hex("07ffffff"))), 7);
  EXPECT_EQ(DecodeFamily(View(Hex("0100"))), std::nullopt);
}

TEST_F(Attributes, EvenPort) {
  EXPECT_EQ(DecodeEvenPort(View(Hex("80"))), true);
  EXPECT_EQ(DecodeEvenPort(View(Hex("7f"))), false);
  EXPECT_EQ(DecodeEvenPort(View(Hex("80000000"))), std::nullopt);
  EXPECT_EQ(DecodeEvenPort(View({})), std::nullopt);
}

TEST_F(Attributes, FingerprintCoversItsOwnLength) {
  writer_.AddFingerprint();
  Message message;
  ASSERT_TRUE(message.Parse(writer_.message()));
  EXPECT_TRUE(message.Has(Attribute::kFingerprint));
}

TEST(Writer, LeavesOutWholeWhatDoesNotFit) {
  std::vector<uint8_t> buffer(kHeaderSize + 12, 0xee);
  Writer writer(absl::MakeSpan(buffer), Class::kRequest, Method::kBinding, kId);
  writer.AddText(Attribute::kSoftware, "123456789");
  EXPECT_TRUE(writer.overflow());
  EXPECT_EQ(writer.message().size(), size_t{kHeaderSize});
  EXPECT_EQ(buffer[kHeaderSize], 0xee);
  writer.AddIntegrity(Attribute::kMessageIntegrity, AsBytes("key"));
  EXPECT_EQ(writer.message().size(), size_t{kHeaderSize});
  writer.AddText(Attribute::kSoftware, "12345678");
  EXPECT_EQ(writer.message().size(), buffer.size());
  writer.AddFingerprint();
  EXPECT_EQ(writer.message().size(), buffer.size());
  EXPECT_EQ(writer.message()[3], 12);
  EXPECT_TRUE(writer.overflow());
}

TEST(Writer, OfTooSmallABufferWritesNothing) {
  uint8_t buffer[kHeaderSize - 1];
  Writer writer(absl::MakeSpan(buffer), Class::kRequest, Method::kBinding, kId);
  writer.AddU32(Attribute::kLifetime, 1);
  writer.AddIntegrity(Attribute::kMessageIntegritySha256, AsBytes("key"));
  writer.AddFingerprint();
  EXPECT_TRUE(writer.overflow());
  EXPECT_TRUE(writer.message().empty());
}

TEST(Writer, StopsAtTheLengthField) {
  std::vector<uint8_t> buffer(140000);
  const std::vector<uint8_t> huge(0x10000);
  Writer writer(absl::MakeSpan(buffer), Class::kRequest, Method::kBinding, kId);
  writer.AddBytes(Attribute::kData, huge);
  EXPECT_EQ(writer.message().size(), size_t{kHeaderSize});
  EXPECT_TRUE(writer.overflow());
  writer.AddBytes(Attribute::kData, Bytes(huge).subspan(0, 0xfff8));
  EXPECT_EQ(writer.message().size(), kHeaderSize + size_t{0xfffc});
  writer.AddBytes(Attribute::kDontFragment, {});
  EXPECT_EQ(writer.message().size(), kHeaderSize + size_t{0xfffc});
  Message message;
  EXPECT_TRUE(message.Parse(writer.message()));
}

}  // namespace
}  // namespace causeway::stun
