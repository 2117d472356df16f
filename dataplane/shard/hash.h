// The keyed hash of the flow tables. Secrets are random per process: who does not know them cannot
// aim many clients at one bucket (a CRC is linear and would let them).
#pragma once

#include <cstdint>

#include "dataplane/commands.h"

namespace causeway {

struct HashSecret {
  uint64_t key[4];
};

inline uint64_t MultiplyMix(uint64_t a, uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

inline uint64_t HashWords(const HashSecret& secret, uint64_t a, uint64_t b, uint64_t c) {
  return MultiplyMix(MultiplyMix(a ^ secret.key[0], b ^ secret.key[1]) ^ secret.key[3],
                     c ^ secret.key[2]);
}

inline uint64_t HashAddress(const HashSecret& secret, const IpAddress& address, uint64_t extra) {
  const auto [high, low] = address.words();
  return HashWords(secret, high, low, extra);
}

/// `extra` of a client's hash. All clients of a shard speak UDP.
inline uint64_t ClientExtra(uint16_t port, uint8_t local_index) {
  return port | uint32_t{local_index} << 16;
}
inline uint64_t HashClient(const HashSecret& secret, const ClientTuple& tuple) {
  return HashAddress(secret, tuple.client.address,
                     ClientExtra(tuple.client.port, tuple.local_index));
}
inline uint64_t HashPermission(const HashSecret& secret, AllocationId allocation,
                               const IpAddress& peer) {
  return HashAddress(secret, peer, allocation);
}
inline uint64_t HashChannelPeer(const HashSecret& secret, AllocationId allocation,
                                const Endpoint& peer) {
  return HashAddress(secret, peer.address, uint64_t{allocation} << 16 | peer.port);
}
inline uint64_t HashChannelNumber(const HashSecret& secret, AllocationId allocation,
                                  uint16_t number) {
  return HashWords(secret, allocation, number, 0);
}

}  // namespace causeway
