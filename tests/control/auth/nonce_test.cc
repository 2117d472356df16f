// The nonce and the challenge that carries it.
#include "control/auth/nonce.h"

#include <gtest/gtest.h>

#include "tests/control/auth/test_client.h"

namespace causeway::auth {
namespace {

using stun::ErrorCode;

NonceMint Mint(uint8_t key = 1) {
  return NonceMint(std::vector<uint8_t>(32, key), 600, kPasswordAlgorithmsFeature);
}

TEST(Nonce, StartsWithTheCookieAndItsFeatures) {
  EXPECT_EQ(Mint().Make(kClient, kNow).substr(0, 13), "obMatJos2gAAA");
  const NonceMint both(std::vector<uint8_t>{1, 2, 3}, 600,
                       kPasswordAlgorithmsFeature | kUsernameAnonymityFeature);
  EXPECT_EQ(both.Make(kClient, kNow).substr(0, 13), "obMatJos2wAAA");
}

TEST(Nonce, IsShortAndOneLine) {
  const std::string nonce = Mint().Make(kClient, kNow);
  EXPECT_EQ(nonce.size(), 33u);
  EXPECT_EQ(nonce.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                    "0123456789+/"),
            std::string::npos);
}

TEST(Nonce, LastsForItsLifetime) {
  const NonceMint mint = Mint();
  const std::string nonce = mint.Make(kClient, kNow);
  EXPECT_TRUE(mint.IsValid(nonce, kClient, kNow));
  EXPECT_TRUE(mint.IsValid(nonce, kClient, kNow + 599));
  EXPECT_FALSE(mint.IsValid(nonce, kClient, kNow + 600));
  EXPECT_FALSE(mint.IsValid(nonce, kClient, kNow + 1'000'000));
  EXPECT_FALSE(mint.IsValid(nonce, kClient, kNow - 1));
}

TEST(Nonce, OutlivesTheWrapOf32BitTime) {
  const NonceMint mint = Mint();
  const uint64_t wrap = uint64_t{1} << 32;
  const std::string nonce = mint.Make(kClient, wrap - 10);
  EXPECT_TRUE(mint.IsValid(nonce, kClient, wrap + 10));
  EXPECT_FALSE(mint.IsValid(nonce, kClient, wrap + 600));
}

TEST(Nonce, BelongsToOneAddressPortAndKey) {
  const Endpoint others[] = {{kClient.address, 40001},
                             {IpAddress::V4(0xC0000202), kClient.port},
                             {*IpAddress::Parse("2001:db8::1"), kClient.port}};
  const NonceMint mint = Mint();
  const std::string nonce = mint.Make(kClient, kNow);
  for (const Endpoint& other : others) {
    EXPECT_FALSE(mint.IsValid(nonce, other, kNow)) << other.ToString();
    EXPECT_NE(mint.Make(other, kNow), nonce) << other.ToString();
  }
  EXPECT_FALSE(Mint(2).IsValid(nonce, kClient, kNow));
}

TEST(Nonce, BreaksWithAnyChangedCharacter) {
  const NonceMint mint = Mint();
  const std::string nonce = mint.Make(kClient, kNow);
  for (size_t i = 0; i < nonce.size(); ++i) {
    for (char c : {'A', 'b', '=', ' ', '\0', '\xff'}) {
      std::string changed = nonce;
      if (changed[i] == c) continue;
      changed[i] = c;
      EXPECT_FALSE(mint.IsValid(changed, kClient, kNow)) << i;
    }
    EXPECT_FALSE(mint.IsValid(nonce.substr(0, i), kClient, kNow)) << i;
  }
}

TEST(NonceFeatures, AreReadFromAnyCookie) {
  EXPECT_EQ(NonceFeatures("obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA"), 0x000002u);  // RFC 8489 B.1
  EXPECT_EQ(NonceFeatures("obMatJos2gAAA"), kPasswordAlgorithmsFeature);
  EXPECT_EQ(NonceFeatures("obMatJos2QAAAx"), kUsernameAnonymityFeature);
  EXPECT_EQ(NonceFeatures("obMatJos2"), std::nullopt);
  EXPECT_EQ(NonceFeatures("obMatJos2AAA"), std::nullopt);
  EXPECT_EQ(NonceFeatures("obMatJos2A AA"), std::nullopt);
  EXPECT_EQ(NonceFeatures("obMatJos2*AAA"), std::nullopt);
  EXPECT_EQ(NonceFeatures("f//499k954d6OL34oL9FSTvy64sA"), std::nullopt);
  EXPECT_EQ(NonceFeatures(""), std::nullopt);
}

TEST(Challenge, CarriesRealmNonceAndAlgorithms) {
  auto server = Make(StaticConfig());
  const Challenge challenge = Challenged(*server);
  EXPECT_EQ(challenge.realm, kRealm);
  EXPECT_EQ(NonceFeatures(challenge.nonce), kPasswordAlgorithmsFeature | kUsernameAnonymityFeature);
  EXPECT_EQ(challenge.algorithms, kOfferedList);
  EXPECT_LE(challenge.size, 112u);  // header 20, error 20, realm 16, nonce 40, algorithms 12: 108
}

TEST(Challenge, AsksForNoAnonymityWhereNamesCannotBeFoundByHash) {
  AuthConfig config = StaticConfig();
  config.secrets = {"s"};
  EXPECT_EQ(NonceFeatures(Challenged(*Make(config)).nonce), kPasswordAlgorithmsFeature);
}

TEST(StaleNonce, IsToldOnlyToWhoKnowsThePassword) {
  auto server = Make(StaticConfig());
  const std::string nonce = Challenged(*server).nonce;
  Request request = OldStyle(nonce);
  EXPECT_TRUE(request.Sent(*server, kClient, kNow + 599).ok());
  EXPECT_EQ(request.Sent(*server, kClient, kNow + 600).error, ErrorCode::kStaleNonce);
  EXPECT_EQ(NewStyle(nonce).Sent(*server, kClient, kNow + 600).error, ErrorCode::kStaleNonce);
  request.key_password = "guess";
  EXPECT_EQ(request.Sent(*server, kClient, kNow + 600).error, ErrorCode::kUnauthenticated);
}

TEST(StaleNonce, IsToldToAnotherAddress) {
  auto server = Make(StaticConfig());
  const Request request = OldStyle(Challenged(*server).nonce);
  EXPECT_EQ(request.Sent(*server, {kClient.address, 40001}).error, ErrorCode::kStaleNonce);
  EXPECT_EQ(request.Sent(*server, {IpAddress::V4(0xC6336401), 40000}).error,
            ErrorCode::kStaleNonce);
}

TEST(StaleNonce, IsToldAfterARestart) {
  const std::string nonce = Challenged(*Make(StaticConfig())).nonce;
  AuthConfig config = StaticConfig();
  config.nonce_key.assign(32, 0x77);
  auto restarted = Make(config);
  EXPECT_EQ(OldStyle(nonce).Sent(*restarted).error, ErrorCode::kStaleNonce);
  EXPECT_EQ(NewStyle(nonce).Sent(*restarted).error, ErrorCode::kStaleNonce);
  EXPECT_TRUE(OldStyle(Challenged(*restarted).nonce).Sent(*restarted).ok());
}

}  // namespace
}  // namespace causeway::auth
