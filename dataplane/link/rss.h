// Brings peers' datagrams to the queue of the shard that owns the relay port by receive-side
// scaling (RSS), where a device has no flow rules for it but lets its hash key and its redirection
// table (RETA) be set.
//
// Toeplitz's hash is linear: each bit of the key adds a run of the packet's bits to the hash. With
// one bit set, the index of the table is such a run: the last bits of the source port and the first
// bits of the destination port. Those of a relay port name its block, so all entries of a block
// name the block's owner. Those of all other ports name no block, and their entries deal datagrams,
// clients' above all, to the queues by the source port.
//
//   source address │ destination address │ source port │ destination port
//                                                  └─────────┘
//                                             index of the table
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/node_config.h"

namespace causeway {

struct RssPlan {
  std::vector<uint8_t> key;
  std::vector<uint16_t> queues;  // by the low bits of the hash
  /// The family whose peers are steered. All that comes in the other one is spread over the queues
  /// as a hash of it all would.
  bool is_v6;
};

/// Nullopt when the key is too short (40 bytes do), or the table too small: the index has the bits
/// that tell blocks of relay ports apart and enough others to spread clients evenly. Also when
/// relay addresses are IPv6 and a listening one is IPv4, for which such a key has no spread.
std::optional<RssPlan> PlanRss(const NodeConfig& node, size_t table_size, size_t key_size);

/// Gives a started port with RSS the key and the table of its plan, and reads both back. After an
/// error, which is one line, it has those that it had.
absl::StatusOr<RssPlan> SteerByRss(uint16_t port_id, const NodeConfig& node);

}  // namespace causeway
