// The frames that clients and peers send in the benchmarks of the shard.
#pragma once

#include <cstdint>

#include "dataplane/address.h"

namespace causeway::bench {

inline constexpr unsigned kPayload = 172;  // bytes of application data
inline constexpr uint16_t kFirstChannel = 0x4000;
inline constexpr unsigned kMaxChannels = 2;
/// No frame of WriteFrame is larger.
inline constexpr unsigned kMaxFrame = 320;

/// Who sends to whom on behalf of one allocation.
struct Parties {
  Endpoint client;
  Endpoint server;  // where clients reach the node
  Endpoint relay;
  Endpoint peers[kMaxChannels];  // [k]: of channel number kFirstChannel + k
};

enum class Direction : uint8_t { kToPeer, kToClient };
enum class Form : uint8_t { kChannel, kIndication };

/// What kind of datagram arrives.
struct Datagram {
  Direction direction = Direction::kToPeer;
  Form form = Form::kChannel;
  unsigned channel = 0;  // which peer sends, or is sent to
  bool checksum = true;  // of UDP; without it, zero
};

/// Writes a frame, all checksums right; returns its size. Client and peers are of one family; an
/// indication is IPv4.
unsigned WriteFrame(const Datagram& datagram, const Parties& parties, uint8_t* frame);

}  // namespace causeway::bench
