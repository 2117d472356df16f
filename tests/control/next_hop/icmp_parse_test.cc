#include <gtest/gtest.h>

#include <memory>
#include <random>

#include "control/next_hop/icmp_listener.h"

namespace causeway::next_hop {
namespace {

using Bytes = std::vector<uint8_t>;

// 203.0.113.5:49152 to 198.51.100.7:4000.
const Bytes kQuotedIpv4 = {0x45, 0, 0,   36, 0x12, 0x34, 0x40, 0,    61,   17,   0, 0,  203, 0,
                           113,  5, 198, 51, 100,  7,    0xc0, 0x00, 0x0f, 0xa0, 0, 16, 0,   0};
// [2001:db8::5]:49152 to [2001:db8:1::7]:4000.
const Bytes kQuotedIpv6 = {0x60, 0, 0, 0, 0, 16, 17, 61, 0x20, 0x01, 0x0d, 0xb8, 0, 0,  0, 0,
                           0,    0, 0, 0, 0, 0,  0,  5,  0x20, 0x01, 0x0d, 0xb8, 0, 1,  0, 0,
                           0,    0, 0, 0, 0, 0,  0,  7,  0xc0, 0x00, 0x0f, 0xa0, 0, 16, 0, 0};

Bytes Message(uint8_t type, uint8_t code, const Bytes& quoted, uint32_t data = 0) {
  Bytes message(8 + quoted.size());
  message[0] = type;
  message[1] = code;
  for (size_t i = 0; i < 4; ++i) message[4 + i] = static_cast<uint8_t>(data >> (24 - 8 * i));
  std::copy(quoted.begin(), quoted.end(), message.begin() + 8);
  return message;
}

// Copies, so that AddressSanitizer sees a read past the end.
bool Parse(Family family, const Bytes& message, IcmpError* out) {
  const auto copy = std::make_unique<uint8_t[]>(message.size());
  std::copy(message.begin(), message.end(), copy.get());
  return ParseIcmpError(family, copy.get(), message.size(), out);
}

TEST(IcmpParseTest, TypesOfBothFamilies) {
  struct Case {
    Family family;
    uint8_t type;
    uint8_t code;
    uint32_t data;
    bool relayed;
    uint32_t error_data;
  };
  const Case cases[] = {{Family::kIpv4, 3, 0, 0, true, 0},
                        {Family::kIpv4, 3, 1, 0, true, 0},
                        {Family::kIpv4, 3, 3, 1400, true, 0},
                        {Family::kIpv4, 3, 4, 1400, true, 1400},
                        {Family::kIpv4, 3, 4, 0xabcd0578, true, 1400},
                        {Family::kIpv4, 3, 4, 0, true, 0},
                        {Family::kIpv4, 3, 13, 7, true, 0},
                        {Family::kIpv4, 11, 0, 0, true, 0},
                        {Family::kIpv4, 11, 4, 9, true, 0},
                        {Family::kIpv4, 0, 0, 0, false, 0},
                        {Family::kIpv4, 1, 0, 0, false, 0},
                        {Family::kIpv4, 2, 0, 0, false, 0},
                        {Family::kIpv4, 4, 0, 0, false, 0},
                        {Family::kIpv4, 5, 0, 0, false, 0},
                        {Family::kIpv4, 8, 0, 0, false, 0},
                        {Family::kIpv4, 12, 0, 0, false, 0},
                        {Family::kIpv6, 1, 0, 0, true, 0},
                        {Family::kIpv6, 1, 4, 7, true, 0},
                        {Family::kIpv6, 2, 0, 1280, true, 1280},
                        {Family::kIpv6, 2, 0, 0x12345678, true, 0x12345678},
                        {Family::kIpv6, 2, 9, 1300, true, 1300},
                        {Family::kIpv6, 3, 0, 5, true, 0},
                        {Family::kIpv6, 0, 0, 0, false, 0},
                        {Family::kIpv6, 4, 0, 0, false, 0},
                        {Family::kIpv6, 11, 0, 0, false, 0},
                        {Family::kIpv6, 128, 0, 0, false, 0},
                        {Family::kIpv6, 135, 0, 0, false, 0}};
  for (const Case& c : cases) {
    SCOPED_TRACE(::testing::Message() << int{c.type} << "/" << int{c.code});
    const bool v4 = c.family == Family::kIpv4;
    IcmpError error;
    ASSERT_EQ(
        Parse(c.family, Message(c.type, c.code, v4 ? kQuotedIpv4 : kQuotedIpv6, c.data), &error),
        c.relayed);
    if (!c.relayed) continue;
    EXPECT_EQ(error.type, c.type);
    EXPECT_EQ(error.code, c.code);
    EXPECT_EQ(error.error_data, c.error_data);
    EXPECT_EQ(error.source.ToString(), v4 ? "203.0.113.5:49152" : "[2001:db8::5]:49152");
    EXPECT_EQ(error.destination.ToString(), v4 ? "198.51.100.7:4000" : "[2001:db8:1::7]:4000");
  }
}

TEST(IcmpParseTest, PortsMustBeThere) {
  IcmpError error;
  for (size_t size = 0; size <= kQuotedIpv4.size(); ++size) {
    const Bytes quoted(kQuotedIpv4.begin(), kQuotedIpv4.begin() + static_cast<long>(size));
    EXPECT_EQ(Parse(Family::kIpv4, Message(3, 3, quoted), &error), size >= 24) << size;
  }
  for (size_t size = 0; size <= kQuotedIpv6.size(); ++size) {
    const Bytes quoted(kQuotedIpv6.begin(), kQuotedIpv6.begin() + static_cast<long>(size));
    EXPECT_EQ(Parse(Family::kIpv6, Message(1, 4, quoted), &error), size >= 44) << size;
  }
  for (size_t size = 0; size < 8; ++size) {
    EXPECT_FALSE(Parse(Family::kIpv4, Bytes(size, 3), &error));
    EXPECT_FALSE(Parse(Family::kIpv6, Bytes(size, 3), &error));
  }
}

TEST(IcmpParseTest, QuotedIpv4Variants) {
  IcmpError error;
  Bytes with_options = kQuotedIpv4;
  with_options[0] = 0x46;
  with_options.insert(with_options.begin() + 20, {1, 1, 1, 0});
  ASSERT_TRUE(Parse(Family::kIpv4, Message(3, 3, with_options), &error));
  EXPECT_EQ(error.source.port, 49152);
  Bytes first_fragment = kQuotedIpv4;
  first_fragment[6] = 0x20;
  EXPECT_TRUE(Parse(Family::kIpv4, Message(3, 3, first_fragment), &error));
  for (auto [at, value] : {std::pair<size_t, uint8_t>{0, 0x65},
                           {0, 0x44},
                           {0, 0x4f},
                           {6, 0x1f},
                           {7, 1},
                           {9, 6},
                           {9, 1}}) {
    Bytes bad = kQuotedIpv4;
    bad[at] = value;
    EXPECT_FALSE(Parse(Family::kIpv4, Message(3, 3, bad), &error)) << at << " " << int{value};
  }
}

TEST(IcmpParseTest, QuotedIpv6Variants) {
  IcmpError error;
  Bytes first_fragment = kQuotedIpv6;
  first_fragment[6] = 44;
  first_fragment.insert(first_fragment.begin() + 40, {17, 0, 0, 1, 1, 2, 3, 4});
  ASSERT_TRUE(Parse(Family::kIpv6, Message(1, 4, first_fragment), &error));
  EXPECT_EQ(error.destination.port, 4000);
  Bytes later_fragment = first_fragment;
  later_fragment[43] = 9;
  EXPECT_FALSE(Parse(Family::kIpv6, Message(1, 4, later_fragment), &error));
  first_fragment.resize(47);
  EXPECT_FALSE(Parse(Family::kIpv6, Message(1, 4, first_fragment), &error));
  for (auto [at, value] : {std::pair<size_t, uint8_t>{0, 0x45}, {6, 6}, {6, 0}, {6, 58}}) {
    Bytes bad = kQuotedIpv6;
    bad[at] = value;
    EXPECT_FALSE(Parse(Family::kIpv6, Message(1, 4, bad), &error)) << at << " " << int{value};
  }
  for (size_t at : {8u, 24u}) {
    Bytes mapped = kQuotedIpv6;
    std::fill_n(mapped.begin() + static_cast<long>(at), 10, uint8_t{0});
    std::fill_n(mapped.begin() + static_cast<long>(at) + 10, 2, uint8_t{0xff});
    EXPECT_FALSE(Parse(Family::kIpv6, Message(1, 4, mapped), &error)) << "IPv4-mapped at " << at;
  }
}

TEST(IcmpParseTest, MutatedMessagesYieldErrorsOfTheirFamilyOnly) {
  std::mt19937 random(7);
  for (int i = 0; i < 50'000; ++i) {
    const Family family = i % 2 == 0 ? Family::kIpv4 : Family::kIpv6;
    Bytes message =
        Message(family == Family::kIpv4 ? 3 : 1, 0, i % 4 < 2 ? kQuotedIpv4 : kQuotedIpv6);
    for (unsigned flips = random() % 6; flips-- > 0;) {
      message[random() % message.size()] ^= static_cast<uint8_t>(1u << random() % 8);
    }
    message.resize(random() % (message.size() + 1));
    IcmpError error;
    if (!Parse(family, message, &error)) continue;
    EXPECT_EQ(error.source.address.family(), family);
    EXPECT_EQ(error.destination.address.family(), family);
    EXPECT_LE(error.type, 11);
  }
}

}  // namespace
}  // namespace causeway::next_hop
