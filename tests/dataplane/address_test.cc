#include "dataplane/address.h"

#include "gtest/gtest.h"

namespace causeway {
namespace {

TEST(IpAddress, ParsesAndPrintsBothFamilies) {
  EXPECT_EQ(IpAddress::Parse("192.0.2.1")->ToString(), "192.0.2.1");
  EXPECT_EQ(IpAddress::Parse("2001:db8::5")->ToString(), "2001:db8::5");
  EXPECT_EQ(*IpAddress::Parse("192.0.2.1"), IpAddress::V4(0xC0000201));
  EXPECT_TRUE(IpAddress::Parse("192.0.2.1")->IsV4());
  EXPECT_FALSE(IpAddress::Parse("2001:db8::5")->IsV4());
  EXPECT_FALSE(IpAddress().IsV4());
  EXPECT_FALSE(IpAddress::Parse("192.0.2").ok());
}

TEST(IpAddress, OrdersAsNumbers) {
  EXPECT_LT(*IpAddress::Parse("192.0.2.255"), *IpAddress::Parse("192.0.3.0"));
  EXPECT_LT(*IpAddress::Parse("::1"), *IpAddress::Parse("0.0.0.0"));
  EXPECT_LT(*IpAddress::Parse("255.255.255.255"), *IpAddress::Parse("2001:db8::"));
}

TEST(Prefix, ContainsItsAddressesOnly) {
  auto prefix = Prefix::Parse("198.18.0.0/15");
  ASSERT_TRUE(prefix.ok());
  EXPECT_TRUE(prefix->Contains(*IpAddress::Parse("198.19.255.255")));
  EXPECT_FALSE(prefix->Contains(*IpAddress::Parse("198.20.0.0")));
  EXPECT_EQ(prefix->Last().ToString(), "198.19.255.255");
  EXPECT_EQ(prefix->ToString(), "198.18.0.0/15");
  EXPECT_EQ(Prefix::Parse("0.0.0.0/0")->ToString(), "0.0.0.0/0");
  EXPECT_EQ(Prefix::Parse("::/0")->ToString(), "::/0");
}

TEST(Prefix, RefusesHostBitsAndLengths) {
  EXPECT_FALSE(Prefix::Parse("192.0.2.1/24").ok());
  EXPECT_FALSE(Prefix::Parse("192.0.2.0/33").ok());
  EXPECT_FALSE(Prefix::Parse("192.0.2.0/").ok());
  EXPECT_FALSE(Prefix::Parse("2001:db8::/129").ok());
}

TEST(Advance, CarriesOverBytes) {
  EXPECT_EQ(Advance(*IpAddress::Parse("192.0.2.255"), 1).ToString(), "192.0.3.0");
  EXPECT_EQ(Advance(*IpAddress::Parse("2001:db8::ffff:ffff"), 1).ToString(), "2001:db8::1:0:0");
}

TEST(Endpoint, PrintsAsUrlsDo) {
  EXPECT_EQ((Endpoint{*IpAddress::Parse("192.0.2.1"), 80}).ToString(), "192.0.2.1:80");
  EXPECT_EQ((Endpoint{*IpAddress::Parse("2001:db8::1"), 80}).ToString(), "[2001:db8::1]:80");
}

}  // namespace
}  // namespace causeway
