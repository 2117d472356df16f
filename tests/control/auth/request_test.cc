// RFC 8489 section 9.2.4, check by check: requests and what becomes of them.
#include <gtest/gtest.h>

#include "tests/control/auth/test_client.h"

namespace causeway::auth {
namespace {

using stun::Attribute;
using stun::ErrorCode;
using stun::PasswordAlgorithm;

constexpr ErrorCode kOk{};

struct Case {
  const char* name;
  ErrorCode error;
  /// Changes the request before it is signed.
  void (*change)(Request&);
};

std::string NameOf(const testing::TestParamInfo<Case>& test) { return test.param.name; }

std::string Without(std::string nonce, const char* features) {
  return nonce.replace(9, 4, features);
}

class OldClients : public testing::TestWithParam<Case> {};

TEST_P(OldClients, Get) {
  auto server = Make(StaticConfig());
  Request request = OldStyle(Challenged(*server).nonce);
  GetParam().change(request);
  const AuthResult result = request.Sent(*server);
  EXPECT_EQ(result.error, GetParam().error);
  if (!result.ok()) return;
  EXPECT_EQ(result.grant->username, "alice");
  EXPECT_EQ(TagUnder(*result.key), TagUnder(request.SigningKey()));
  EXPECT_EQ(result.integrity, Attribute::kMessageIntegrity);
  EXPECT_EQ(result.grant->expiry, 0u);
}

const Case kOldClients[] = {
    {"good", kOk, [](Request&) {}},
    {"no_integrity", ErrorCode::kUnauthenticated, [](Request& r) { r.sha1 = false; }},
    {"nothing_at_all", ErrorCode::kUnauthenticated,
     [](Request& r) {
       r.username = r.realm = r.nonce = std::nullopt;
       r.sha1 = false;
     }},
    {"no_username", ErrorCode::kBadRequest, [](Request& r) { r.username = std::nullopt; }},
    {"no_realm", ErrorCode::kBadRequest, [](Request& r) { r.realm = std::nullopt; }},
    {"no_nonce", ErrorCode::kBadRequest, [](Request& r) { r.nonce = std::nullopt; }},
    {"unknown_user", ErrorCode::kUnauthenticated,
     [](Request& r) { r.username = r.key_name = "carol"; }},
    {"empty_user", ErrorCode::kUnauthenticated, [](Request& r) { r.username = r.key_name = ""; }},
    {"name_of_another_user", ErrorCode::kUnauthenticated, [](Request& r) { r.username = "bob"; }},
    {"user_in_capitals", ErrorCode::kUnauthenticated, [](Request& r) { r.username = "Alice"; }},
    {"quoted_name_and_trailing_nul", kOk,
     [](Request& r) { r.username = std::string("\"alice\"\0\0", 9); }},
    {"quoted_realm", kOk, [](Request& r) { r.realm = "\"example.org\""; }},
    {"other_realm", ErrorCode::kUnauthenticated, [](Request& r) { r.realm = "example.net"; }},
    {"wrong_password", ErrorCode::kUnauthenticated, [](Request& r) { r.key_password = "guess"; }},
    {"empty_password", ErrorCode::kUnauthenticated, [](Request& r) { r.key_password = ""; }},
    {"key_of_sha256_unannounced", ErrorCode::kUnauthenticated,
     [](Request& r) { r.key_algorithm = PasswordAlgorithm::kSha256; }},
    {"both_tags", kOk, [](Request& r) { r.sha256 = true; }},
    {"sha256_tag_alone_with_md5_key", kOk,
     [](Request& r) {
       r.sha1 = false;
       r.sha256 = true;
     }},
    {"both_tags_sha256_decides", kOk, [](Request& r) { r.sha256 = r.break_sha1 = true; }},
    {"broken_sha1", ErrorCode::kUnauthenticated, [](Request& r) { r.break_sha1 = true; }},
    {"nonce_of_nobody", ErrorCode::kStaleNonce, [](Request& r) { r.nonce = "abc"; }},
    {"nonce_empty", ErrorCode::kStaleNonce, [](Request& r) { r.nonce = ""; }},
    {"nonce_too_long", ErrorCode::kStaleNonce, [](Request& r) { *r.nonce += "AAAA"; }},
    {"nonce_huge", ErrorCode::kStaleNonce, [](Request& r) { r.nonce = std::string(900, 'n'); }},
    {"nonce_changed", ErrorCode::kStaleNonce, [](Request& r) { r.nonce->back() ^= 1; }},
    {"bad_nonce_and_wrong_password", ErrorCode::kUnauthenticated,
     [](Request& r) {
       r.nonce = "abc";
       r.key_password = "guess";
     }},
    {"bid_down_features_cleared", ErrorCode::kStaleNonce,
     [](Request& r) { r.nonce = Without(*r.nonce, "AAAA"); }},
    {"bid_down_anonymity_cleared", ErrorCode::kStaleNonce,
     [](Request& r) { r.nonce = Without(*r.nonce, "gAAA"); }},
    {"bid_down_cookie_cut_off", ErrorCode::kStaleNonce,
     [](Request& r) { r.nonce = r.nonce->substr(13); }},
};

INSTANTIATE_TEST_SUITE_P(Requests, OldClients, testing::ValuesIn(kOldClients), NameOf);

class NewClients : public testing::TestWithParam<Case> {};

TEST_P(NewClients, Get) {
  auto server = Make(StaticConfig());
  Request request = NewStyle(Challenged(*server).nonce);
  GetParam().change(request);
  const AuthResult result = request.Sent(*server);
  EXPECT_EQ(result.error, GetParam().error);
  if (!result.ok()) return;
  EXPECT_EQ(result.grant->username, "alice");
  EXPECT_EQ(TagUnder(*result.key), TagUnder(request.SigningKey()));
  EXPECT_EQ(result.integrity, Attribute::kMessageIntegritySha256);
}

void UseHash(Request& request, absl::string_view name) {
  request.username = std::nullopt;
  request.userhash = HashOfName(name);
}

const Case kNewClients[] = {
    {"good", kOk, [](Request&) {}},
    {"userhash", kOk, [](Request& r) { UseHash(r, "alice"); }},
    {"userhash_unknown", ErrorCode::kUnauthenticated, [](Request& r) { UseHash(r, "carol"); }},
    {"userhash_of_another_user", ErrorCode::kUnauthenticated,
     [](Request& r) { UseHash(r, "bob"); }},
    {"userhash_cut", ErrorCode::kUnauthenticated,
     [](Request& r) {
       UseHash(r, "alice");
       r.userhash->pop_back();
     }},
    {"userhash_empty", ErrorCode::kUnauthenticated,
     [](Request& r) {
       r.username = std::nullopt;
       r.userhash = "";
     }},
    {"md5_chosen", kOk,
     [](Request& r) {
       r.algorithm = std::string("\0\1\0\0", 4);
       r.key_algorithm = PasswordAlgorithm::kMd5;
     }},
    {"sha1_tag_with_sha256_key", kOk,
     [](Request& r) {
       r.sha1 = true;
       r.sha256 = false;
     }},
    {"md5_key_under_sha256_label", ErrorCode::kUnauthenticated,
     [](Request& r) { r.key_algorithm = PasswordAlgorithm::kMd5; }},
    {"list_missing", ErrorCode::kBadRequest, [](Request& r) { r.algorithms = std::nullopt; }},
    {"choice_missing", ErrorCode::kBadRequest, [](Request& r) { r.algorithm = std::nullopt; }},
    {"list_with_one_stripped", ErrorCode::kBadRequest,
     [](Request& r) {
       r.algorithms = std::string("\0\1\0\0", 4);
       r.algorithm = std::string("\0\1\0\0", 4);
       r.key_algorithm = PasswordAlgorithm::kMd5;
     }},
    {"list_in_other_order", ErrorCode::kBadRequest,
     [](Request& r) { r.algorithms = std::string("\0\1\0\0\0\2\0\0", 8); }},
    {"list_empty", ErrorCode::kBadRequest, [](Request& r) { r.algorithms = ""; }},
    {"list_with_more", ErrorCode::kBadRequest,
     [](Request& r) { *r.algorithms += std::string("\0\3\0\0", 4); }},
    {"list_with_parameters", ErrorCode::kBadRequest,
     [](Request& r) { r.algorithms = std::string("\0\2\0\4\0\1\0\0", 8); }},
    {"choice_not_offered", ErrorCode::kBadRequest,
     [](Request& r) { r.algorithm = std::string("\0\3\0\0", 4); }},
    {"choice_with_parameters", ErrorCode::kBadRequest,
     [](Request& r) { r.algorithm = std::string("\0\2\0\1x", 5); }},
    {"choice_with_parameter_length", ErrorCode::kBadRequest,
     [](Request& r) { r.algorithm = std::string("\0\2\0\1", 4); }},
    {"choice_cut", ErrorCode::kBadRequest,
     [](Request& r) { r.algorithm = std::string("\0\2", 2); }},
    {"bad_list_comes_before_unknown_user", ErrorCode::kBadRequest,
     [](Request& r) {
       r.algorithms = std::nullopt;
       r.username = "carol";
     }},
    {"nonce_bit_cleared_and_list_stripped", ErrorCode::kStaleNonce,
     [](Request& r) {
       r.nonce = Without(*r.nonce, "AAAA");
       r.algorithms = std::nullopt;
     }},
    {"nonce_without_cookie_and_unknown_choice", ErrorCode::kBadRequest,
     [](Request& r) {
       r.nonce = "abc";
       r.algorithm = std::string("\0\3\0\0", 4);
     }},
    {"stranger_nonce_with_the_bit", ErrorCode::kStaleNonce,
     [](Request& r) { r.nonce = "obMatJos2gAAAstranger"; }},
};

INSTANTIATE_TEST_SUITE_P(Requests, NewClients, testing::ValuesIn(kNewClients), NameOf);

// An attacker strips PASSWORD-ALGORITHMS and the feature bits from the challenge: a client of RFC
// 8489 falls back to MD5 and sends neither attribute, and the nonce gives the attack away.
TEST(BidDown, IsFoundByTheNonce) {
  auto server = Make(StaticConfig());
  EXPECT_EQ(OldStyle(Without(Challenged(*server).nonce, "AAAA")).Sent(*server).error,
            ErrorCode::kStaleNonce);
}

TEST(Truncation, OfTheSha256TagIsNotAllowedInTurn) {
  auto server = Make(StaticConfig());
  Request request = NewStyle(Challenged(*server).nonce);
  request.sha256 = false;
  auto datagram = request.Build();
  const size_t covered = datagram.size();
  datagram[3] = static_cast<uint8_t>(covered - stun::kHeaderSize + 20);
  uint8_t tag[stun::kMaxHashSize];
  const Key key = request.SigningKey();
  stun::Hmac(stun::Hash::kSha256, key.view(), {datagram}, tag);
  datagram.insert(datagram.end(), {0, 0x1c, 0, 16});
  datagram.insert(datagram.end(), tag, tag + 16);
  stun::Message message;
  ASSERT_TRUE(message.Parse(datagram));
  EXPECT_TRUE(message.IntegrityMatches(Attribute::kMessageIntegritySha256, key.view()));
  EXPECT_EQ(server->Check(message, kClient, kNow).error, ErrorCode::kUnauthenticated);
}

TEST(Users, OfAnyScriptLogIn) {
  AuthConfig config = StaticConfig();
  config.users = {
      {"\u30DE\u30C8\u30EA\u30C3\u30AF\u30B9", "pa\u0308ss"}};  // a, combining diaeresis
  auto server = Make(config);
  Request request = OldStyle(Challenged(*server).nonce);
  request.username = request.key_name = "\u30DE\u30C8\u30EA\u30C3\u30AF\u30B9";
  request.key_password = "p\u00E4ss";
  EXPECT_TRUE(request.Sent(*server).ok());
}

}  // namespace
}  // namespace causeway::auth
