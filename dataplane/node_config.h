// What both planes know of this node from its start to its end.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

#include "dataplane/address.h"
#include "dataplane/commands.h"

namespace causeway {

/// Fixed at start; read by every thread.
struct NodeConfig {
  std::vector<IpAddress> listen_addresses;  // where UDP clients reach us; at most 255
  uint16_t listen_port = 3478;
  std::vector<Endpoint> stream_listeners;  // where all others do; at most 255
  std::vector<IpAddress> relay_addresses;  // where peers reach our clients; at most 65,535
  uint16_t relay_port_first = 49152;
  uint16_t relay_port_last = 65535;  // inclusive
  ShardId shards = 1;
  // Capacity of each shard's pools.
  uint32_t allocations_per_shard = 16384;
  uint32_t permissions_per_shard = 65536;
  uint32_t channels_per_shard = 65536;
  /// STUN requests a second that one source prefix (/24, /56) may have answered; 0 is no limit.
  uint32_t requests_per_prefix = 0;

  /// The server's address and port of a five-tuple: its `local_index` counts listening addresses
  /// for UDP, and stream listeners for all else.
  Endpoint ServerOf(const ClientTuple& tuple) const {
    if (tuple.transport != Transport::kUdp) return stream_listeners[tuple.local_index];
    return {listen_addresses[tuple.local_index], listen_port};
  }
  /// log2 of the ports in one block. When blocks of one size give every shard just one, it is that:
  /// fewer blocks are easier to steer. Else it is the largest power of two that gives every shard
  /// four blocks or more, but never less than 2 ports (a block holds whole EVEN-PORT pairs).
  unsigned RelayBlockShift() const {
    const uint32_t ports = uint32_t{relay_port_last} - relay_port_first + 1;
    const uint32_t share = ports / shards;
    const bool one_each = std::has_single_bit(share) && share * shards == ports && share >= 2 &&
                          relay_port_first % share == 0;
    const uint32_t wanted = one_each ? share : std::max<uint32_t>(2, ports / (4u * shards));
    return static_cast<unsigned>(std::bit_width(wanted)) - 1;
  }
  /// The shard that owns a relay port, read off the port alone: blocks are dealt in turn.
  ShardId OwnerOfPort(uint16_t port) const {
    return static_cast<ShardId>((port >> RelayBlockShift()) % shards);
  }
};

}  // namespace causeway
