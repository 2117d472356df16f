// What a TURN server must answer and hold (RFC 8656), told by plain maps: no slots, no timers, no
// shards.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "control/turn/server.h"
#include "tests/model/relay_model.h"

namespace causeway::model {

class TurnModel {
 public:
  struct Channel {
    Endpoint peer;
    Deciseconds expiry;
  };
  struct Allocation {
    std::string user;
    std::map<Family, Endpoint> relayed;
    std::map<Family, Deciseconds> expiry;
    std::map<IpAddress, Deciseconds> permissions;
    std::map<uint16_t, Channel> channels;
  };
  /// An error code, or 0 for success, and the lifetime of a success that tells one.
  struct Answer {
    int error = 0;
    uint32_t lifetime = 0;
    friend bool operator==(const Answer&, const Answer&) = default;
  };
  /// What a client asks of Allocate or Refresh beside the lifetime.
  struct Families {
    std::optional<uint8_t> requested;  // REQUESTED-ADDRESS-FAMILY
    bool additional = false;           // ADDITIONAL-ADDRESS-FAMILY of IPv6
  };

  /// All users are of this tenant.
  TurnModel(NodeConfig node, turn::Limits limits, auth::Tenant tenant)
      : node_(std::move(node)), limits_(limits), tenant_(std::move(tenant)) {}

  // A request of `user` from `client` at `now`. What has run out by then is forgotten first.
  Answer Allocate(const Endpoint& client, const std::string& user, const Families& families,
                  std::optional<uint32_t> lifetime, Deciseconds now);
  Answer Refresh(const Endpoint& client, const std::string& user, const Families& families,
                 std::optional<uint32_t> lifetime, Deciseconds now);
  Answer CreatePermission(const Endpoint& client, const std::string& user,
                          const std::vector<IpAddress>& peers, Deciseconds now);
  Answer ChannelBind(const Endpoint& client, const std::string& user, uint16_t number,
                     const Endpoint& peer, Deciseconds now);

  /// What the server chose, once Allocate has succeeded; or why that is no relayed address.
  std::string TakeRelayed(const Endpoint& client, const std::vector<Endpoint>& relayed);

  /// What becomes of a datagram now: a node of one shard that holds what this model holds.
  RelayModel AsShard() const;
  void Forget(Deciseconds now);

  std::map<Endpoint, Allocation> allocations;  // by client

 private:
  Answer Check(const Endpoint& client, const std::string& user, Deciseconds now);
  uint32_t Lifetime(std::optional<uint32_t> requested) const;
  bool IsForbidden(const IpAddress& peer) const;
  void RemoveFamily(const Endpoint& client, Family family);
  Answer SetPermissions(Allocation& allocation, const std::vector<IpAddress>& peers,
                        Deciseconds now);

  NodeConfig node_;
  turn::Limits limits_;
  auth::Tenant tenant_;
};

}  // namespace causeway::model
