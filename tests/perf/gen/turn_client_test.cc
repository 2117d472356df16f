#include "perf/gen/turn_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "control/auth/keys.h"
#include "control/stun/writer.h"
#include "dataplane/byte_order.h"

namespace causeway::gen {
namespace {

using stun::Attribute;
using stun::Class;
using stun::ErrorCode;
using stun::Message;
using stun::Method;
using testing::HasSubstr;

constexpr uint64_t kHz = 1000;  // a cycle is a millisecond
constexpr char kRealm[] = "example.org";
const Endpoint kRelayed = {IpAddress::V4(0xCB007105), 50000};

Options MakeOptions() {
  Options options;
  options.server = {IpAddress::V4(0xCB007105), 3478};
  options.clients = EndpointPlan({*Prefix::Parse("203.0.113.64/28")}, 10000, 10009);
  options.peers = EndpointPlan({*Prefix::Parse("203.0.113.128/28")}, 10000, 10009);
  options.allocations = 4;
  return options;
}

struct Sent {
  uint32_t client;
  std::vector<uint8_t> bytes;
};

// A server of one's own words: each test says what is answered.
class TurnClientTest : public testing::Test, public ProgramListener {
 protected:
  void OnDone(uint32_t client, Program program, uint64_t /*now*/) override {
    done_.emplace_back(client, program);
  }
  void OnFailed(uint32_t /*client*/, Program /*program*/, const std::string& why,
                uint64_t /*now*/) override {
    failures_.push_back(why);
  }

  // The oldest request that was sent and not taken; its bytes stay in current_.
  Message Take() {
    Message request;
    EXPECT_FALSE(sent_.empty());
    if (sent_.empty()) return request;
    current_ = sent_.front();
    sent_.erase(sent_.begin());
    EXPECT_TRUE(request.Parse(current_.bytes));
    return request;
  }

  stun::Writer Begin(const Message& request, Class message_class) {
    return {absl::MakeSpan(answer_), message_class, request.method(), request.transaction_id()};
  }
  void Deliver(const stun::Writer& writer) { clients_.OnMessage(writer.message(), now_); }

  void Succeed(const Message& request, std::optional<stun::Attribute> integrity = std::nullopt) {
    stun::Writer writer = Begin(request, Class::kSuccess);
    if (request.method() == Method::kAllocate)
      writer.AddXorAddress(Attribute::kXorRelayedAddress, kRelayed);
    if (request.method() != Method::kChannelBind) writer.AddU32(Attribute::kLifetime, 600);
    if (integrity) writer.AddIntegrity(*integrity, KeyOf(*integrity));
    Deliver(writer);
  }

  void Refuse(const Message& request, ErrorCode code, const char* nonce = nullptr,
              bool offers_algorithms = false) {
    stun::Writer writer = Begin(request, Class::kError);
    writer.AddErrorCode(code);
    if (nonce != nullptr) {
      writer.AddText(Attribute::kRealm, kRealm);
      writer.AddText(Attribute::kNonce, nonce);
    }
    const stun::PasswordAlgorithm both[] = {stun::PasswordAlgorithm::kMd5,
                                            stun::PasswordAlgorithm::kSha256};
    if (offers_algorithms) writer.AddPasswordAlgorithms(both);
    Deliver(writer);
  }

  static stun::Bytes KeyOf(Attribute integrity) {
    static const auth::UserKeys keys = *auth::DeriveKeys("alice", kRealm, "secret");
    return integrity == Attribute::kMessageIntegrity ? keys.md5.view() : keys.sha256.view();
  }

  static std::string TextOf(const Message& message, Attribute type) {
    const stun::AttributeView* attribute = message.LookUp(type);
    if (attribute == nullptr) return "";
    return {attribute->value.begin(), attribute->value.end()};
  }

  void Advance(uint64_t milliseconds) {
    for (uint64_t i = 0; i < milliseconds; ++i) clients_.Tick(++now_);
  }

  const Options options_ = MakeOptions();
  Credentials credentials_ = *Credentials::Create("alice", "secret", "");
  uint64_t now_ = 0;
  std::vector<Sent> sent_;
  Sent current_ = {};
  uint8_t answer_[512];
  std::vector<std::pair<uint32_t, Program>> done_;
  std::vector<std::string> failures_;
  TurnClients clients_{options_,
                       {0, 4, 0xabcdef01, kHz},
                       credentials_,
                       [this](uint32_t client, absl::Span<const uint8_t> bytes) {
                         sent_.push_back({client, {bytes.begin(), bytes.end()}});
                       },
                       *this};
};

TEST_F(TurnClientTest, SetsUpWithoutCredentials) {
  clients_.Start(2, Program::kSetup, now_);
  const Message allocate = Take();
  EXPECT_EQ(allocate.method(), Method::kAllocate);
  EXPECT_EQ(current_.client, 2u);
  EXPECT_FALSE(allocate.Has(Attribute::kMessageIntegrity));
  Succeed(allocate);
  const Message bind = Take();
  EXPECT_EQ(bind.method(), Method::kChannelBind);
  EXPECT_EQ(stun::DecodeChannelNumber(*bind.LookUp(Attribute::kChannelNumber)), kChannel);
  EXPECT_EQ(stun::DecodeXorAddress(*bind.LookUp(Attribute::kXorPeerAddress), bind.transaction_id())
                ->endpoint,
            options_.peers.At(2));
  EXPECT_TRUE(done_.empty());
  Succeed(bind);
  ASSERT_EQ(done_.size(), 1u);
  EXPECT_EQ(clients_.Relayed(2), kRelayed);
  EXPECT_EQ(clients_.Lifetime(2), 600u);
  EXPECT_TRUE(clients_.IsBound(2));
  EXPECT_EQ(clients_.busy(), 0u);
}

TEST_F(TurnClientTest, SignsAsRfc5389ServersWant) {
  clients_.Start(0, Program::kSetup, now_);
  Refuse(Take(), ErrorCode::kUnauthenticated, "n1");
  const Message again = Take();
  EXPECT_EQ(TextOf(again, Attribute::kNonce), "n1");
  EXPECT_EQ(TextOf(again, Attribute::kUsername), "alice");
  EXPECT_TRUE(
      again.IntegrityMatches(Attribute::kMessageIntegrity, KeyOf(Attribute::kMessageIntegrity)));
  EXPECT_FALSE(again.Has(Attribute::kPasswordAlgorithm));
  Succeed(again, Attribute::kMessageIntegrity);
  Succeed(Take(), Attribute::kMessageIntegrity);
  EXPECT_EQ(done_.size(), 1u);
  EXPECT_TRUE(clients_.counts().errors.empty());
}

TEST_F(TurnClientTest, SignsAsRfc8489ServersWant) {
  // Feature bit 0, password algorithms, alone.
  const char nonce[] = "obMatJos2gAAAxyz";
  clients_.Start(0, Program::kSetup, now_);
  Refuse(Take(), ErrorCode::kUnauthenticated, nonce, true);
  const Message again = Take();
  EXPECT_TRUE(again.IntegrityMatches(Attribute::kMessageIntegritySha256,
                                     KeyOf(Attribute::kMessageIntegritySha256)));
  EXPECT_TRUE(again.Has(Attribute::kPasswordAlgorithms));
  EXPECT_TRUE(again.Has(Attribute::kPasswordAlgorithm));
  EXPECT_FALSE(again.Has(Attribute::kMessageIntegrity));
  Succeed(again, Attribute::kMessageIntegritySha256);
  EXPECT_TRUE(clients_.IsAllocated(0));
}

TEST_F(TurnClientTest, IgnoresAnswersThatAreNotSigned) {
  clients_.Start(0, Program::kSetup, now_);
  Refuse(Take(), ErrorCode::kUnauthenticated, "n1");
  Succeed(Take());
  EXPECT_FALSE(clients_.IsAllocated(0));
  EXPECT_EQ(clients_.counts().bad_integrity, 1u);
}

TEST_F(TurnClientTest, GivesUpWhenCredentialsAreRefused) {
  clients_.Start(1, Program::kSetup, now_);
  Refuse(Take(), ErrorCode::kUnauthenticated, "n1");
  Refuse(Take(), ErrorCode::kUnauthenticated, "n2");
  ASSERT_EQ(failures_.size(), 1u);
  EXPECT_THAT(failures_[0], HasSubstr("--user"));
  EXPECT_THAT(failures_[0], HasSubstr("401"));
  EXPECT_EQ(clients_.busy(), 0u);
}

TEST_F(TurnClientTest, TakesANewNonceForAStaleOne) {
  clients_.Start(0, Program::kSetup, now_);
  Refuse(Take(), ErrorCode::kUnauthenticated, "n1");
  Refuse(Take(), ErrorCode::kStaleNonce, "a-longer-nonce-than-the-first");
  const Message third = Take();
  EXPECT_EQ(TextOf(third, Attribute::kNonce), "a-longer-nonce-than-the-first");
  EXPECT_EQ(clients_.counts().errors.at(438), 1u);
}

TEST_F(TurnClientTest, EachClientHasItsNonce) {
  for (uint32_t client = 0; client < 2; ++client) clients_.Start(client, Program::kSetup, now_);
  const Message first = Take();
  Refuse(first, ErrorCode::kUnauthenticated, "n0");
  const Message second = Take();
  Refuse(second, ErrorCode::kUnauthenticated, "a-nonce-that-is-wider");
  EXPECT_EQ(TextOf(Take(), Attribute::kNonce), "n0");
  EXPECT_EQ(TextOf(Take(), Attribute::kNonce), "a-nonce-that-is-wider");
}

TEST_F(TurnClientTest, DeletesWhatIsLeftOnTheFiveTuple) {
  clients_.Start(0, Program::kSetup, now_);
  Refuse(Take(), ErrorCode::kAllocationMismatch);
  const Message refresh = Take();
  EXPECT_EQ(refresh.method(), Method::kRefresh);
  EXPECT_EQ(stun::DecodeU32(*refresh.LookUp(Attribute::kLifetime)), 0u);
  Succeed(refresh);
  EXPECT_TRUE(sent_.empty());
  Advance(500);
  EXPECT_EQ(Take().method(), Method::kAllocate);
}

TEST_F(TurnClientTest, RetransmitsAndGivesUp) {
  clients_.Start(3, Program::kSetup, now_);
  Take();
  const std::vector<uint8_t> first = current_.bytes;
  for (const uint64_t wait : {500, 1000, 2000, 4000}) {
    Advance(wait - 1);
    EXPECT_TRUE(sent_.empty());
    Advance(1);
    Take();
    EXPECT_EQ(current_.bytes, first);
  }
  Advance(3999);
  EXPECT_TRUE(failures_.empty());
  Advance(1);
  ASSERT_EQ(failures_.size(), 1u);
  EXPECT_THAT(failures_[0], HasSubstr("no answer to Allocate from 203.0.113.5:3478"));
  EXPECT_EQ(clients_.counts().retransmissions, 4u);
}

TEST_F(TurnClientTest, OldAnswersAreIgnored) {
  clients_.Start(0, Program::kSetup, now_);
  const Message allocate = Take();
  const Sent kept = current_;
  Succeed(allocate);
  Message again;
  ASSERT_TRUE(again.Parse(kept.bytes));
  Succeed(again);  // while it waits for the answer to ChannelBind
  EXPECT_EQ(sent_.size(), 1u);
  EXPECT_EQ(clients_.counts().answered, 1u);
}

TEST_F(TurnClientTest, CyclesAllocateAndDelete) {
  clients_.Start(0, Program::kCycle, now_);
  Succeed(Take());
  const Message refresh = Take();
  EXPECT_EQ(refresh.method(), Method::kRefresh);
  EXPECT_EQ(stun::DecodeU32(*refresh.LookUp(Attribute::kLifetime)), 0u);
  Succeed(refresh);
  ASSERT_EQ(done_.size(), 1u);
  EXPECT_EQ(done_[0].second, Program::kCycle);
  EXPECT_FALSE(clients_.IsAllocated(0));
  EXPECT_TRUE(sent_.empty());
}

TEST_F(TurnClientTest, RefreshKeepsChannelAlive) {
  clients_.Start(0, Program::kMaintain, now_);
  const Message refresh = Take();
  EXPECT_EQ(refresh.method(), Method::kRefresh);
  EXPECT_FALSE(refresh.Has(Attribute::kLifetime));
  Succeed(refresh);
  EXPECT_EQ(Take().method(), Method::kChannelBind);
}

TEST_F(TurnClientTest, SaysWhatToDoAboutARefusal) {
  clients_.Start(0, Program::kSetup, now_);
  Succeed(Take());
  Refuse(Take(), ErrorCode::kForbidden);
  ASSERT_EQ(failures_.size(), 1u);
  EXPECT_THAT(failures_[0], HasSubstr(options_.peers.At(0).ToString()));
  EXPECT_THAT(failures_[0], HasSubstr("--allow-peer"));
  EXPECT_EQ(clients_.counts().errors.at(403), 1u);
}

}  // namespace
}  // namespace causeway::gen
