// What the shards of a node must do with a packet, told by plain maps from RFC 8656: no hashes, no
// hot line, no stages. It hears the same commands as the shards.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "dataplane/commands.h"
#include "dataplane/node_config.h"

namespace causeway::model {

/// A datagram that comes in by the link, at the queue of `shard`.
struct Arrival {
  enum Kind { kChannelData, kSend, kFromPeer } kind;
  ShardId shard;
  Endpoint from;
  Endpoint to;          // kSend: the peer in the indication; kFromPeer: the relayed address
  uint16_t number = 0;  // kChannelData
};

/// What becomes of it.
struct Fate {
  enum Form { kNothing, kPlain, kChannelData, kDataIndication, kIcmpIndication };
  /// Counters that move, by name; the link's and the hand-off ring's receive counters are left out.
  std::map<std::string, uint64_t> counters;
  Form form = kNothing;  // of what leaves
  Endpoint from;
  Endpoint to;
  uint16_t number = 0;  // kChannelData
  Endpoint peer;        // of an indication
  int hops = 0;         // what the time to live loses
  /// What an allocation relays, in order: a hairpin is relayed by two.
  struct Relayed {
    ShardId shard;
    AllocationId allocation;
    bool to_client;
    uint8_t mark;  // SetMarking's
  };
  std::vector<Relayed> relayed;

  std::string ToString() const;
  /// Without `relayed`: two models may number allocations in their own ways.
  friend bool operator==(const Fate& a, const Fate& b) {
    return std::tie(a.counters, a.form, a.from, a.to, a.number, a.peer, a.hops) ==
           std::tie(b.counters, b.form, b.from, b.to, b.number, b.peer, b.hops);
  }
};

class RelayModel {
 public:
  using Slot = std::pair<ShardId, uint32_t>;
  struct Allocation {
    ClientTuple tuple;
    RelayPort relay_v4;
    RelayPort relay_v6;
    Deciseconds expiry;
    SetMarking marking = {};
    MeterReading meter = {};  // but for the time of the last activity
    bool Has(Family family) const { return Relay(family).IsSet(); }
    const RelayPort& Relay(Family family) const {
      return family == Family::kIpv4 ? relay_v4 : relay_v6;
    }
  };

  explicit RelayModel(NodeConfig node) : node_(std::move(node)) {}

  void Hear(ShardId shard, const Command& command);
  Fate Decide(const Arrival& arrival, Deciseconds now) const;
  /// Of an ICMP error that control tells a shard of; what leaves is no datagram of a peer.
  Fate Decide(ShardId shard, const RelayIcmp& error, Deciseconds now) const;
  /// A datagram of `size` bytes of data had this fate.
  void Count(const Fate& fate, size_t size);

  std::optional<Slot> AllocationOf(const ClientTuple& tuple) const;
  Endpoint Relayed(const Allocation& allocation, Family family) const;
  bool IsEmpty() const;

  // What the shards hold, whether it has run out or not.
  std::map<Slot, Allocation> allocations;
  std::map<Slot, SetPermission> permissions;
  std::map<Slot, BindChannel> channels;
  std::map<std::pair<ShardId, Endpoint>, ShardId> redirects;  // by client

 private:
  void On(ShardId shard, const InstallAllocation& c);
  void On(ShardId shard, const RefreshAllocation& c);
  void On(ShardId shard, const RemoveAllocation& c);
  void On(ShardId shard, const SetMarking& c);
  void On(ShardId shard, const SetPermission& c);
  void On(ShardId shard, const RemovePermission& c);
  void On(ShardId shard, const BindChannel& c);
  void On(ShardId shard, const UnbindChannel& c);
  void On(ShardId shard, const AddClientRedirect& c);
  void On(ShardId shard, const RemoveClientRedirect& c);
  void On(ShardId, const auto&) {}  // changes nothing that the model tells

  bool IsPermitted(const Slot& slot, const IpAddress& peer, Deciseconds now) const;
  template <typename Match>
  const BindChannel* LiveChannel(const Slot& slot, Deciseconds now, Match match) const;
  void FromClient(Fate& fate, const Arrival& arrival, Deciseconds now) const;
  void ToPeer(Fate& fate, const Slot& slot, const Endpoint& peer, const char* counter,
              Deciseconds now) const;
  void FromPeer(Fate& fate, ShardId shard, const Endpoint& from, const Endpoint& to,
                Deciseconds now) const;
  void ToClient(Fate& fate, const Slot& slot, const Endpoint& peer, Deciseconds now) const;
  bool IsOurs(const IpAddress& address) const;

  NodeConfig node_;
};

/// The index of the listening address that this client uses: the tests' nodes have one of each
/// family, IPv4 first.
inline uint8_t LocalIndexOf(const Endpoint& client) { return client.address.IsV4() ? 0 : 1; }

}  // namespace causeway::model
