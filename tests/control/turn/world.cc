#include "tests/control/turn/world.h"

#include <gtest/gtest.h>

#include <cstring>
#include <utility>

#include "control/auth/keys.h"

namespace causeway::turn {
namespace {

using stun::Attribute;

constexpr char kRealm[] = "example.org";
constexpr uint64_t kUnixStart = 1'700'000'000;

stun::Bytes AsBytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

}  // namespace

std::string TimeLimitedPassword(const std::string& secret, const std::string& user) {
  return auth::TimeLimitedPassword(secret, user);
}

Attr Raw(Attribute type, std::vector<uint8_t> value) {
  return [type, value = std::move(value)](stun::Writer& writer, const stun::TransactionId&) {
    writer.AddBytes(type, value);
  };
}
Attr Transport(uint8_t protocol) {
  return Raw(Attribute::kRequestedTransport, {protocol, 0, 0, 0});
}
Attr Lifetime(uint32_t seconds) {
  return [seconds](stun::Writer& writer, const stun::TransactionId&) {
    writer.AddU32(Attribute::kLifetime, seconds);
  };
}
Attr EvenPort(bool reserve) {
  return Raw(Attribute::kEvenPort, {static_cast<uint8_t>(reserve ? 0x80 : 0)});
}
Attr Token(uint64_t token) {
  return [token](stun::Writer& writer, const stun::TransactionId&) {
    writer.AddReservationToken(token);
  };
}
Attr RequestedFamily(uint8_t family) {
  return Raw(Attribute::kRequestedAddressFamily, {family, 0, 0, 0});
}
Attr AdditionalFamily(uint8_t family) {
  return Raw(Attribute::kAdditionalAddressFamily, {family, 0, 0, 0});
}
Attr DraftAdditionalFamily(uint8_t family) {
  return Raw(Attribute::kDraftAdditionalAddressFamily, {family, 0, 0, 0});
}
Attr DontFragment() { return Raw(Attribute::kDontFragment, {}); }
Attr Peer(const Endpoint& peer) {
  return [peer](stun::Writer& writer, const stun::TransactionId&) {
    writer.AddXorAddress(Attribute::kXorPeerAddress, peer);
  };
}
Attr PeerAsV6(const Endpoint& peer) {
  return [peer](stun::Writer& writer, const stun::TransactionId& id) {
    const uint8_t cookie[] = {0x21, 0x12, 0xa4, 0x42};
    std::vector<uint8_t> value = {0, 2, static_cast<uint8_t>((peer.port >> 8) ^ cookie[0]),
                                  static_cast<uint8_t>((peer.port & 0xff) ^ cookie[1])};
    for (size_t i = 0; i < 16; ++i) {
      value.push_back(peer.address.bytes()[i] ^ (i < 4 ? cookie[i] : id[i - 4]));
    }
    writer.AddBytes(Attribute::kXorPeerAddress, value);
  };
}
Attr Channel(uint16_t number) {
  return Raw(Attribute::kChannelNumber,
             {static_cast<uint8_t>(number >> 8), static_cast<uint8_t>(number & 0xff), 0, 0});
}

Answer::Answer(std::vector<uint8_t> bytes)
    : bytes_(std::move(bytes)), message_(std::make_unique<stun::Message>()) {
  EXPECT_TRUE(message_->Parse(bytes_)) << "the answer is not a STUN message";
}

int Answer::error() const {
  if (empty()) return -1;
  const auto* attribute = message_->LookUp(Attribute::kErrorCode);
  if (attribute == nullptr) return 0;
  return attribute->value[2] * 100 + attribute->value[3];
}

uint32_t Answer::lifetime() const {
  return stun::DecodeU32(*message_->LookUp(Attribute::kLifetime)).value();
}

std::optional<uint64_t> Answer::token() const {
  const auto* attribute = message_->LookUp(Attribute::kReservationToken);
  return attribute ? stun::DecodeReservationToken(*attribute) : std::nullopt;
}

std::vector<Endpoint> Answer::relayed() const {
  std::vector<Endpoint> found;
  for (const auto& attribute : message_->attributes()) {
    if (attribute.type != Attribute::kXorRelayedAddress) continue;
    found.push_back(stun::DecodeXorAddress(attribute, message_->transaction_id())->endpoint);
  }
  return found;
}

Endpoint Answer::mapped() const {
  const auto* attribute = message_->LookUp(Attribute::kXorMappedAddress);
  return stun::DecodeXorAddress(*attribute, message_->transaction_id())->endpoint;
}

std::string Answer::text(Attribute type) const {
  const auto* attribute = message_->LookUp(type);
  return attribute ? std::string(attribute->value.begin(), attribute->value.end()) : "";
}

World::Setup::Setup() {
  node.listen_addresses = {Ip("192.0.2.10"), Ip("2001:db8::10")};
  node.relay_addresses = {Ip("192.0.2.20"), Ip("2001:db8::20")};
  node.allocations_per_shard = 16;
  node.permissions_per_shard = 64;
  node.channels_per_shard = 64;
  limits.max_allocations = 1000;
}

std::shared_ptr<const access::Snapshot> World::MakeAccess() const {
  auth::CredentialsConfig credentials;
  credentials.realm = kRealm;
  credentials.users = setup.users;
  credentials.tenant = setup.tenant;
  credentials.secrets = setup.secrets;
  credentials.tenants = setup.tenants;
  access::PeerPolicy::Config config = setup.policy;
  config.node_addresses = setup.node.listen_addresses;
  config.relay_addresses = setup.node.relay_addresses;
  const access::PeerPolicy node(config);
  access::PeerPolicies policies(node);
  for (const auto& [tenant, rules] : setup.tenant_policies) {
    policies.Add(tenant, node.With(rules.allow, rules.deny));
  }
  return std::make_shared<const access::Snapshot>(
      access::Snapshot{*auth::Credentials::Create(credentials), std::move(policies)});
}

void World::UseAccess() {
  server->Use(MakeAccess());
  while (server->ReviewSlice(now)) {
  }
}

World::World(Setup s) : setup(std::move(s)), now{1000, kUnixStart + 100}, dataplane(setup.node) {
  auto access = MakeAccess();
  auth::NonceConfig nonces;
  nonces.nonce_lifetime_seconds = 1'000'000;
  nonces.nonce_key.assign(32, 7);
  authenticator = *auth::Authenticator::Create(nonces, access->credentials);
  ServerConfig server_config;
  server_config.node = setup.node;
  server_config.limits = setup.limits;
  server_config.software = setup.software;
  server_config.random = [generator = std::mt19937_64(42)](void* out, size_t size) mutable {
    for (size_t i = 0; i < size; ++i) static_cast<uint8_t*>(out)[i] = generator() & 0xff;
  };
  server = std::make_unique<Server>(server_config, dataplane, *authenticator, std::move(access));
}

void World::Sleep(Deciseconds time) {
  now.monotonic += time;
  now.unix_seconds = kUnixStart + now.monotonic / 10;
}

void World::Pass(Deciseconds time) {
  Sleep(time);
  server->Advance(now);
  DeliverEvents();
}

namespace {

class EndedSink : public EventSink {
 public:
  explicit EndedSink(Server& server) : server_(server) {}
  void OnRequest(const ClientLeg&, absl::Span<const uint8_t>) override {}
  void OnUnknownClient(ShardId, const ClientTuple&) override {}
  void OnUnresolved(ShardId, const IpAddress&) override {}
  void OnAllocationEnded(ShardId shard, AllocationId allocation,
                         const MeterReading& totals) override {
    server_.HandleAllocationEnded(shard, allocation, totals);
  }
  void OnRoutesAdopted(ShardId, uint32_t) override {}
  void OnKernelFrame(absl::Span<const uint8_t>) override {}

 private:
  Server& server_;
};

}  // namespace

void World::DeliverEvents() {
  EndedSink sink(*server);
  dataplane.Poll(sink);
}

Client::Client(World& world, uint16_t port, ShardId arrival, std::string name, std::string secret)
    : tuple{{Ip("198.51.100.7"), port}, 0},
      shard(arrival),
      user(std::move(name)),
      password(std::move(secret)),
      world_(world) {}

void Client::NextTransaction() {
  if (!std::exchange(repeat_transaction, false)) ++counter_;
  std::memcpy(id_.data(), &counter_, sizeof(counter_));
  std::memcpy(id_.data() + 4, &tuple.client.port, 2);
}

std::vector<uint8_t> Client::key() const {
  const auto keys = auth::DeriveKeys(user, kRealm, password).value();
  const auth::Key& key = rfc8489 ? keys.sha256 : keys.md5;
  return {key.bytes, key.bytes + key.size};
}

Attribute Client::integrity() const {
  return rfc8489 ? Attribute::kMessageIntegritySha256 : Attribute::kMessageIntegrity;
}

std::vector<uint8_t> Client::Sign(stun::Method method, const std::vector<Attr>& attributes) {
  if (nonce_.empty()) GetNonce(method);
  NextTransaction();
  std::vector<uint8_t> buffer(4096);
  stun::Writer writer(absl::MakeSpan(buffer), stun::Class::kRequest, method, id_);
  for (const Attr& attribute : attributes) attribute(writer, id_);
  writer.AddBytes(Attribute::kUsername, AsBytes(user));
  writer.AddBytes(Attribute::kRealm, AsBytes(realm_));
  writer.AddBytes(Attribute::kNonce, AsBytes(nonce_));
  if (rfc8489) {
    writer.AddBytes(Attribute::kPasswordAlgorithms, AsBytes(algorithms_));
    writer.AddBytes(Attribute::kPasswordAlgorithm, std::vector<uint8_t>{0, 2, 0, 0});
  }
  writer.AddIntegrity(integrity(), key());
  if (fingerprint) writer.AddFingerprint();
  EXPECT_FALSE(writer.overflow());
  return {writer.message().begin(), writer.message().end()};
}

void Client::GetNonce(stun::Method method) {
  const Answer challenge = AskAsStranger(method, {});
  ASSERT_EQ(challenge.error(), 401);
  realm_ = challenge.text(Attribute::kRealm);
  nonce_ = challenge.text(Attribute::kNonce);
  algorithms_ = challenge.text(Attribute::kPasswordAlgorithms);
}

Answer Client::Ask(stun::Method method, const std::vector<Attr>& attributes) {
  Answer answer = SendRaw(Sign(method, attributes));
  if (answer.empty()) return answer;
  EXPECT_EQ(answer.message().transaction_id(), id_);
  EXPECT_EQ(answer.message().method(), method);
  if (answer.error() != 401 && answer.error() != 438) {
    EXPECT_TRUE(answer.message().IntegrityMatches(integrity(), key()));
  }
  return answer;
}

Answer Client::Allocate(std::vector<Attr> more) {
  more.insert(more.begin(), Transport());
  return Ask(stun::Method::kAllocate, more);
}

Answer Client::Refresh(std::optional<uint32_t> lifetime, std::vector<Attr> more) {
  if (lifetime) more.push_back(Lifetime(*lifetime));
  return Ask(stun::Method::kRefresh, more);
}

Answer Client::AskAsStranger(stun::Method method, const std::vector<Attr>& attributes) {
  NextTransaction();
  std::vector<uint8_t> buffer(4096);
  stun::Writer writer(absl::MakeSpan(buffer), stun::Class::kRequest, method, id_);
  for (const Attr& attribute : attributes) attribute(writer, id_);
  if (fingerprint) writer.AddFingerprint();
  return SendRaw(writer.message());
}

Answer Client::SendRaw(absl::Span<const uint8_t> datagram) {
  const size_t before = world_.dataplane.replies.size();
  world_.DeliverEvents();
  world_.server->HandleRequest(leg(), datagram, world_.now);
  if (world_.dataplane.replies.size() == before) return Answer();
  EXPECT_EQ(world_.dataplane.replies.size(), before + 1);
  const FakeDataplane::Reply& reply = world_.dataplane.replies.back();
  EXPECT_EQ(reply.leg, leg());
  EXPECT_EQ(reply.commands_before, world_.dataplane.commands.size()) << "state comes first";
  Answer answer(reply.message);
  EXPECT_EQ(answer.Has(Attribute::kFingerprint), fingerprint);
  return answer;
}

}  // namespace causeway::turn
