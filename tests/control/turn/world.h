// A server with real authentication in front of a recording dataplane, and clients that talk to it
// through the real codec.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "control/auth/authenticator.h"
#include "control/stun/message.h"
#include "control/stun/writer.h"
#include "control/turn/server.h"
#include "tests/control/turn/fake_dataplane.h"

namespace causeway::turn {

inline IpAddress Ip(const char* text) { return IpAddress::Parse(text).value(); }
inline Endpoint At(const char* address, uint16_t port) { return {Ip(address), port}; }

inline const char* const kPeer = "1.2.3.4";
inline const char* const kPeer6 = "2606:4700::1";

/// The password that goes with a time-limited user name.
std::string TimeLimitedPassword(const std::string& secret, const std::string& user);

/// Adds one attribute to a request.
using Attr = std::function<void(stun::Writer&, const stun::TransactionId&)>;
Attr Raw(stun::Attribute type, std::vector<uint8_t> value);
Attr Transport(uint8_t protocol = 17);
Attr Lifetime(uint32_t seconds);
Attr EvenPort(bool reserve);
Attr Token(uint64_t token);
Attr RequestedFamily(uint8_t family);
Attr AdditionalFamily(uint8_t family);
/// As coturn's client numbers it.
Attr DraftAdditionalFamily(uint8_t family);
Attr DontFragment();
Attr Peer(const Endpoint& peer);
/// XOR-PEER-ADDRESS of family IPv6 with the 16 bytes of `peer` even if it is an IPv4 one.
Attr PeerAsV6(const Endpoint& peer);
Attr Channel(uint16_t number);

/// An answer as the client sees it.
class Answer {
 public:
  Answer() = default;
  explicit Answer(std::vector<uint8_t> bytes);

  bool empty() const { return bytes_.empty(); }
  bool ok() const { return !empty() && message_->message_class() == stun::Class::kSuccess; }
  /// The error code; 0 when it is a success, -1 when there was no answer.
  int error() const;
  bool Has(stun::Attribute type) const { return message_->Has(type); }
  uint32_t lifetime() const;
  std::optional<uint64_t> token() const;
  std::vector<Endpoint> relayed() const;
  Endpoint mapped() const;
  std::string text(stun::Attribute type) const;
  const stun::Message& message() const { return *message_; }
  const std::vector<uint8_t>& bytes() const { return bytes_; }

 private:
  std::vector<uint8_t> bytes_;
  std::unique_ptr<stun::Message> message_;
};

class World {
 public:
  struct Setup {
    NodeConfig node;
    Limits limits;
    access::PeerPolicy::Config policy;
    auth::Tenant tenant;  // `default`
    std::vector<auth::StaticUser> users = {{"alice", "secret"}, {"bob", "hunter2"}};
    std::vector<std::string> secrets;
    std::vector<auth::TenantSecrets> tenants;
    std::map<std::string, access::PeerPolicy::Config>
        tenant_policies;  // `allow` and `deny` of them
    std::string software = "Causeway test";
    Setup();
  };

  explicit World(Setup s = Setup());

  /// Lets time pass, with the timers running at the end of it.
  void Pass(Deciseconds time);
  /// Tells the server which allocations have left the dataplane; Pass and every client's request
  /// do.
  void DeliverEvents();
  /// Sets the clocks on without running the timers.
  void Sleep(Deciseconds time);
  const ServerStats& stats() const { return server->stats(); }
  /// What `setup` grants now.
  std::shared_ptr<const access::Snapshot> MakeAccess() const;
  /// The same, in force, and all reviewed.
  void UseAccess();

  Setup setup;
  Now now;
  FakeDataplane dataplane;
  std::unique_ptr<auth::Authenticator> authenticator;
  std::unique_ptr<Server> server;
};

class Client {
 public:
  Client(World& world, uint16_t port, ShardId arrival = 0, std::string name = "alice",
         std::string secret = "secret");

  /// Sends an authenticated request; gets a nonce first if there is none yet. Checks that the
  /// answer came by the same leg, repeats the transaction id and proves the user's key.
  Answer Ask(stun::Method method, const std::vector<Attr>& attributes);
  Answer Allocate(std::vector<Attr> more = {});
  Answer Refresh(std::optional<uint32_t> lifetime = std::nullopt, std::vector<Attr> more = {});
  Answer CreatePermission(const std::vector<Attr>& peers) {
    return Ask(stun::Method::kCreatePermission, peers);
  }
  Answer ChannelBind(uint16_t number, const Endpoint& peer) {
    return Ask(stun::Method::kChannelBind, {Channel(number), Peer(peer)});
  }
  /// Sends a request without credentials.
  Answer AskAsStranger(stun::Method method, const std::vector<Attr>& attributes);
  /// Sends a datagram as it is.
  Answer SendRaw(absl::Span<const uint8_t> datagram);
  /// A request with credentials, under the current nonce.
  std::vector<uint8_t> Sign(stun::Method method, const std::vector<Attr>& attributes);

  /// The one that the next request comes by.
  ClientLeg leg() const { return {tuple, {shard, connection}}; }

  ClientTuple tuple;
  ShardId shard;  // or front end
  uint32_t connection = 0;
  std::string user;
  std::string password;
  bool fingerprint = false;
  /// Uses the credentials of RFC 8489 (SHA-256, PASSWORD-ALGORITHM) instead of RFC 5389's.
  bool rfc8489 = false;
  /// Repeats the last transaction id in the next request.
  bool repeat_transaction = false;

 private:
  void NextTransaction();
  void GetNonce(stun::Method method);
  std::vector<uint8_t> key() const;
  stun::Attribute integrity() const;

  World& world_;
  std::string realm_;
  std::string nonce_;
  std::string algorithms_;  // as offered
  stun::TransactionId id_ = {};
  uint32_t counter_ = 0;
};

}  // namespace causeway::turn
