// Who talks to whom in the benchmarks of the shard, and the frames that they send.
#pragma once

#include <cstdint>

#include "dataplane/commands.h"

namespace causeway::bench {

inline constexpr unsigned kPayload = 172;  // bytes of application data
inline constexpr uint16_t kClientPort = 5000;
inline constexpr uint16_t kPeerPort = 6000;
inline constexpr uint16_t kChannel = 0x4001;
inline constexpr uint16_t kFirstPort = 49152;
inline constexpr uint32_t kPortsPerAddress = 16384;

/// What kind of datagram arrives.
enum Way { kChannelToPeer, kChannelToClient, kSendToPeer, kDataToClient };

// Allocation i's parties.
inline IpAddress ServerAddress() { return IpAddress::V4(0xc6336401u); }
inline IpAddress RelayAddress(uint32_t index) { return IpAddress::V4(0xc0000200u + index); }
inline IpAddress ClientOf(uint32_t i) { return IpAddress::V4(0x0a000000u + i); }
inline IpAddress PeerOf(uint32_t i) { return IpAddress::V4(0xac100000u + i * 7 % 1000003); }
inline RelayPort RelayOf(uint32_t i) {
  return {static_cast<uint16_t>(i / kPortsPerAddress),
          static_cast<uint16_t>(kFirstPort + i % kPortsPerAddress)};
}

/// Writes a frame of allocation i, all checksums right; returns its size. 300 bytes suffice.
unsigned WriteFrame(Way way, uint32_t i, uint8_t* frame);

}  // namespace causeway::bench
