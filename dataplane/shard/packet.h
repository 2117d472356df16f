// A datagram of a burst after classification.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "dataplane/address.h"
#include "dataplane/ip/checksum.h"

struct rte_mbuf;

namespace causeway {

inline constexpr unsigned kBurst = 32;
/// What is taken from the link at a time.
inline constexpr unsigned kLinkBurst = 64;

// IpAddress::FromV4Bytes and FromV6Bytes without a call.
inline IpAddress LoadV4(const uint8_t* bytes) {
  std::array<uint8_t, 16> mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  std::memcpy(mapped.data() + 12, bytes, 4);
  return std::bit_cast<IpAddress>(mapped);
}
inline IpAddress LoadV6(const uint8_t* bytes) {
  std::array<uint8_t, 16> all;
  std::memcpy(all.data(), bytes, 16);
  return std::bit_cast<IpAddress>(all);
}

/// One UDP datagram to one of our addresses. Ports are in host order, `check` is as in the packet.
struct Packet {
  static constexpr uint8_t kFromV6 = 1;
  static constexpr uint8_t kDontFragment = 2;  // IPv4's DF
  static constexpr uint8_t kFragmented = 4;    // came in fragments
  static constexpr uint8_t kHandedOver = 8;    // by another shard: never handed on again
  static constexpr uint8_t kHairpin = 16;      // from another allocation of this node
  static constexpr uint8_t kKnownClient = 32;  // has an allocation, on whatever shard
  static constexpr uint8_t kOrdinary = 64;     // handed over, and FastClassify's checks held

  rte_mbuf* mbuf;
  uint8_t* payload;     // of UDP
  ChecksumSum old_sum;  // of what the checksum covers but for `payload` and the protocol number
  uint64_t hash;        // of the client's tuple, later of the permission's or channel number's key
  uint64_t channel_hash;  // of the channel's peer
  IpAddress source;
  IpAddress destination;
  uint32_t slot;         // allocation, or FlowTables::kNone
  uint16_t payload_len;  // by the UDP length field
  uint16_t source_port;
  uint16_t destination_port;
  uint16_t local;  // index of the destination among listen or relay addresses
  uint16_t check;  // 0: none was sent
  uint8_t tos;     // DSCP and ECN
  uint8_t ttl;
  uint8_t flags;

  bool HasAny(uint8_t wanted) const { return (flags & wanted) != 0; }
  bool Has(uint8_t flag) const { return HasAny(flag); }
  bool FromV6() const { return Has(kFromV6); }
};

/// A burst's packets of one kind, in order of arrival.
struct PacketList {
  Packet* items[kBurst];
  unsigned count = 0;
  void Push(Packet* packet) { items[count++] = packet; }
  Packet* const* begin() const { return items; }
  Packet* const* end() const { return items + count; }
};

/// A burst sorted by what is to be done.
struct Burst {
  Packet packets[kBurst];
  PacketList clients;       // to the listening port
  PacketList peers;         // to relay ports of this shard
  PacketList channel_data;  // of clients, allocation found
  PacketList stun;          // of clients, allocation found or not
};

}  // namespace causeway
