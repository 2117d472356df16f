// What is a STUN message and what is not; the order of attributes; integrity.
#include "control/stun/message.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "control/stun/hmac.h"
#include "control/stun/writer.h"
#include "dataplane/byte_order.h"
#include "tests/control/stun/vectors.h"

namespace causeway::stun {
namespace {

constexpr TransactionId kId = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
constexpr char kHeader[] = "00010000 2112a442 0102030405060708090a0b0c";

std::vector<uint8_t> WithLength(std::vector<uint8_t> datagram) {
  StoreBe16(&datagram[2], static_cast<uint16_t>(datagram.size() - kHeaderSize));
  return datagram;
}

/// A message of the attributes given in hexadecimal.
std::vector<uint8_t> Of(absl::string_view attributes) {
  std::vector<uint8_t> datagram = Hex(kHeader);
  const auto rest = Hex(attributes);
  datagram.insert(datagram.end(), rest.begin(), rest.end());
  return WithLength(datagram);
}

std::vector<Attribute> Types(const Message& message) {
  std::vector<Attribute> types;
  for (const AttributeView& a : message.attributes()) types.push_back(a.type);
  return types;
}

struct Malformed {
  const char* name;
  const char* hex;
};

class NoMessage : public testing::TestWithParam<Malformed> {};

TEST_P(NoMessage, IsRefused) {
  Message message;
  const auto good = Hex(kRequest5769);
  ASSERT_TRUE(message.Parse(good));
  const auto datagram = Hex(GetParam().hex);
  EXPECT_FALSE(message.Parse(datagram));
  EXPECT_TRUE(message.attributes().empty());
}

const Malformed kMalformed[] = {
    {"empty", ""},
    {"one_byte", "00"},
    {"short_header", "00010000 2112a442 0102030405060708090a0b"},
    {"first_bit", "80010000 2112a442 0102030405060708090a0b0c"},
    {"channel_data", "40010000 2112a442 0102030405060708090a0b0c"},
    {"cookie", "00010000 2112a443 0102030405060708090a0b0c"},
    {"length_too_big", "00010004 2112a442 0102030405060708090a0b0c"},
    {"length_too_small", "00010000 2112a442 0102030405060708090a0b0c 80220000"},
    {"length_odd", "00010003 2112a442 0102030405060708090a0b0c 802200"},
    {"attribute_cut", "00010004 2112a442 0102030405060708090a0b0c 80220001"},
    {"attribute_beyond", "00010008 2112a442 0102030405060708090a0b0c 80220005 01020304"},
    {"attribute_huge", "00010008 2112a442 0102030405060708090a0b0c 8022ffff 01020304"},
    {"fingerprint_wrong", "00010008 2112a442 0102030405060708090a0b0c 80280004 00000000"},
    {"fingerprint_short", "00010004 2112a442 0102030405060708090a0b0c 80280000"},
};

INSTANTIATE_TEST_SUITE_P(Message, NoMessage, testing::ValuesIn(kMalformed),
                         [](const auto& test) { return test.param.name; });

TEST(Message, OfHeaderAlone) {
  const auto datagram = Hex(kHeader);
  Message message;
  ASSERT_TRUE(message.Parse(datagram));
  EXPECT_EQ(message.transaction_id(), kId);
  EXPECT_EQ(message.datagram(), Bytes(datagram));
  EXPECT_TRUE(message.attributes().empty());
}

TEST(Message, ClassAndMethodAreInterleaved) {
  const struct {
    uint16_t type;
    Class message_class;
    uint16_t method;
  } cases[] = {{0x0001, Class::kRequest, 0x001},    {0x0011, Class::kIndication, 0x001},
               {0x0101, Class::kSuccess, 0x001},    {0x0111, Class::kError, 0x001},
               {0x0016, Class::kIndication, 0x006}, {0x0113, Class::kError, 0x003},
               {0x3eef, Class::kRequest, 0xfff},    {0x3fff, Class::kError, 0xfff},
               {0x2000, Class::kRequest, 0x800},    {0x0020, Class::kRequest, 0x010}};
  for (const auto& c : cases) {
    auto datagram = Hex(kHeader);
    StoreBe16(&datagram[0], c.type);
    Message message;
    ASSERT_TRUE(message.Parse(datagram));
    EXPECT_EQ(message.message_class(), c.message_class) << c.type;
    EXPECT_EQ(static_cast<uint16_t>(message.method()), c.method) << c.type;

    uint8_t buffer[kHeaderSize];
    Writer writer(absl::MakeSpan(buffer), c.message_class, static_cast<Method>(c.method), kId);
    EXPECT_EQ(writer.message(), Bytes(datagram)) << c.type;
  }
}

TEST(Message, TakesAsManyAttributesAsItSays) {
  std::string attributes;
  for (int i = 0; i < Message::kMaxAttributes; ++i) attributes += "80220000";
  Message message;
  auto datagram = Of(attributes);
  ASSERT_TRUE(message.Parse(datagram));
  EXPECT_EQ(message.attributes().size(), size_t{Message::kMaxAttributes});
  datagram = Of(attributes + "80220000");
  EXPECT_FALSE(message.Parse(datagram));
}

TEST(Message, PaddingIsNoPartOfTheValueAndMayHoldAnything) {
  const auto datagram = Of("80220001 41ffffff 80220003 42434400");
  Message message;
  ASSERT_TRUE(message.Parse(datagram));
  EXPECT_EQ(message.attributes()[0].value, AsBytes("A"));
  EXPECT_EQ(message.attributes()[1].value, AsBytes("BCD"));
  EXPECT_EQ(message.attributes()[1].offset, 28);
}

TEST(Message, OfDuplicatesTheFirstCounts) {
  const auto datagram = Of("000d0004 00000001 000d0004 00000002");
  Message message;
  ASSERT_TRUE(message.Parse(datagram));
  EXPECT_EQ(DecodeU32(*message.LookUp(Attribute::kLifetime)), 1u);
}

TEST(Message, FingerprintMustBeLast) {
  uint8_t buffer[64];
  Writer writer(absl::MakeSpan(buffer), Class::kRequest, Method::kBinding, kId);
  writer.AddFingerprint();
  Message message;
  EXPECT_TRUE(message.Parse(writer.message()));
  writer.AddText(Attribute::kSoftware, "x");
  EXPECT_FALSE(message.Parse(writer.message()));
}

constexpr char kSha1Tag[] = "00080014 0000000000000000000000000000000000000000";
constexpr char kSha256Tag[] =
    "001c0020 0000000000000000000000000000000000000000000000000000000000000000";
constexpr char kSoftware[] = "80220000";
constexpr char kUsername[] = "00060000";

TEST(Message, AfterIntegrityOnlySha256IntegrityAndFingerprintCount) {
  const auto datagram = Of(absl::StrCat(kUsername, kSha1Tag, kSoftware, kSha1Tag, kUsername,
                                        kSha256Tag, kSoftware, kSha256Tag, kSha1Tag));
  Message message;
  ASSERT_TRUE(message.Parse(datagram));
  EXPECT_EQ(Types(message), (std::vector{Attribute::kUsername, Attribute::kMessageIntegrity,
                                         Attribute::kMessageIntegritySha256}));
}

TEST(Message, AfterSha256IntegrityOnlyFingerprintCounts) {
  uint8_t buffer[200];
  Writer writer(absl::MakeSpan(buffer), Class::kRequest, Method::kBinding, kId);
  writer.AddIntegrity(Attribute::kMessageIntegritySha256, AsBytes("key"));
  writer.AddText(Attribute::kSoftware, "dropped");
  writer.AddIntegrity(Attribute::kMessageIntegrity, AsBytes("key"));
  writer.AddFingerprint();
  Message message;
  ASSERT_TRUE(message.Parse(writer.message()));
  EXPECT_EQ(Types(message),
            (std::vector{Attribute::kMessageIntegritySha256, Attribute::kFingerprint}));
  EXPECT_TRUE(message.IntegrityMatches(Attribute::kMessageIntegritySha256, AsBytes("key")));
  EXPECT_FALSE(message.IntegrityMatches(Attribute::kMessageIntegrity, AsBytes("key")));
}

TEST(Message, UnknownRequiredNamesEachOnceInOrder) {
  const auto datagram = Of("7fff0000 00010000 80ff0000 00250000 7fff0000 00060000" +
                           std::string(kSha1Tag) + "00260000");
  Message message;
  ASSERT_TRUE(message.Parse(datagram));
  const Attribute known[] = {Attribute::kUsername, Attribute::kMessageIntegrity};
  Attribute out[8];
  ASSERT_EQ(message.UnknownRequired(known, out, 8), 3);
  EXPECT_EQ(static_cast<uint16_t>(out[0]), 0x7fff);
  EXPECT_EQ(static_cast<uint16_t>(out[1]), 0x0001);
  EXPECT_EQ(static_cast<uint16_t>(out[2]), 0x0025);
  EXPECT_EQ(message.UnknownRequired(known, out, 2), 2);
  EXPECT_EQ(message.UnknownRequired(known, out, 0), 0);
}

TEST(Integrity, HoldsForBothTagsAndUnderFingerprint) {
  uint8_t buffer[200];
  Writer writer(absl::MakeSpan(buffer), Class::kRequest, Method::kAllocate, kId);
  writer.AddText(Attribute::kUsername, "alice");
  writer.AddIntegrity(Attribute::kMessageIntegrity, AsBytes("key"));
  writer.AddIntegrity(Attribute::kMessageIntegritySha256, AsBytes("key"));
  writer.AddFingerprint();
  ASSERT_FALSE(writer.overflow());
  Message message;
  ASSERT_TRUE(message.Parse(writer.message()));
  EXPECT_TRUE(message.IntegrityMatches(Attribute::kMessageIntegrity, AsBytes("key")));
  EXPECT_TRUE(message.IntegrityMatches(Attribute::kMessageIntegritySha256, AsBytes("key")));
  EXPECT_FALSE(message.IntegrityMatches(Attribute::kMessageIntegrity, AsBytes("kez")));
  EXPECT_FALSE(message.IntegrityMatches(Attribute::kMessageIntegritySha256, AsBytes("kez")));
  EXPECT_FALSE(message.IntegrityMatches(Attribute::kUsername, AsBytes("key")));
}

class EveryBit : public testing::TestWithParam<Attribute> {};

TEST_P(EveryBit, OfTheMessageIsCovered) {
  uint8_t buffer[200];
  Writer writer(absl::MakeSpan(buffer), Class::kRequest, Method::kAllocate, kId);
  writer.AddText(Attribute::kUsername, "bob");
  writer.AddIntegrity(GetParam(), AsBytes("key"));
  for (size_t bit = 0; bit < 8 * writer.message().size(); ++bit) {
    std::vector<uint8_t> changed(writer.message().begin(), writer.message().end());
    changed[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    Message message;
    EXPECT_FALSE(message.Parse(changed) && message.IntegrityMatches(GetParam(), AsBytes("key")))
        << "bit " << bit;
  }
}

INSTANTIATE_TEST_SUITE_P(Integrity, EveryBit,
                         testing::Values(Attribute::kMessageIntegrity,
                                         Attribute::kMessageIntegritySha256),
                         [](const auto& test) {
                           return test.param == Attribute::kMessageIntegrity ? "Sha1" : "Sha256";
                         });

/// A message with a SHA-256 tag cut to `size` bytes, its HMAC made as RFC 8489 section 14.6 says.
std::vector<uint8_t> WithCutTag(size_t size) {
  auto datagram = Of("00060003 616c6900");
  const size_t covered = datagram.size();
  StoreBe16(&datagram[2], static_cast<uint16_t>(covered - kHeaderSize + 4 + ((size + 3) & ~3u)));
  uint8_t tag[64] = {};
  Hmac(Hash::kSha256, AsBytes("key"), {Bytes(datagram)}, tag);
  const uint8_t header[] = {0, 0x1c, 0, static_cast<uint8_t>(size)};
  datagram.insert(datagram.end(), header, header + 4);
  datagram.insert(datagram.end(), tag, tag + ((size + 3) & ~3u));
  return datagram;
}

TEST(Integrity, Sha256TagMayBeCutToMultiplesOfFourFrom16) {
  for (size_t size = 0; size <= 40; ++size) {
    const auto datagram = WithCutTag(size);
    Message message;
    ASSERT_TRUE(message.Parse(datagram)) << size;
    EXPECT_EQ(message.IntegrityMatches(Attribute::kMessageIntegritySha256, AsBytes("key")),
              size >= 16 && size <= 32 && size % 4 == 0)
        << size;
  }
}

TEST(Integrity, Sha1TagIsTwentyBytes) {
  for (const char* attribute : {"00080010 00000000000000000000000000000000", "00080000",
                                "00080018 000000000000000000000000000000000000000000000000"}) {
    const auto datagram = Of(attribute);
    Message message;
    ASSERT_TRUE(message.Parse(datagram));
    EXPECT_FALSE(message.IntegrityMatches(Attribute::kMessageIntegrity, AsBytes("key")));
  }
}

}  // namespace
}  // namespace causeway::stun
