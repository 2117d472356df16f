// The frames of the load: headers from templates, checksums from sums made beforehand.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/ip/checksum.h"
#include "perf/gen/flow_meter.h"
#include "perf/gen/frames.h"

namespace causeway::gen {

/// An allocation with load, one cache line. Addresses as in IpAddress; ports in network order.
struct alignas(64) Flow {
  uint8_t client[16];
  uint8_t relayed[16];
  uint8_t peer[16];
  uint16_t client_port;
  uint16_t relayed_port;
  uint16_t peer_port;
  uint16_t reserved;
  uint32_t sequence[2];  // of the next packet, by Direction
};
static_assert(sizeof(Flow) == 64);

enum class Encapsulation : uint8_t { kNone, kChannelData, kSend };

/// Writes the frames of one direction. Immutable, so that any number of frames may be under way.
class FrameWriter {
 public:
  /// Frames from clients to `server` (kToPeer) or from peers to relayed addresses (kToClient, for
  /// which the encapsulation is kNone). `from` and `peer` are the families of the senders and of
  /// the peers. Payloads are at most `largest` bytes.
  FrameWriter(Direction direction, Encapsulation encapsulation, const MacPair& macs,
              const Endpoint& server, Family from, Family peer, uint16_t largest);

  /// Writes a whole frame with `payload_size` bytes of payload (kMinPayload to largest), whose
  /// stamp has `tsc`, and takes the flow's next sequence. Returns its size. `frame` has room for
  /// that and for 64 bytes at least.
  uint16_t Write(uint8_t* frame, Flow& flow, uint32_t number, uint16_t phase, uint16_t payload_size,
                 uint64_t tsc) const {
    return from_v4_ ? WriteAs<true>(frame, flow, number, phase, payload_size, tsc)
                    : WriteAs<false>(frame, flow, number, phase, payload_size, tsc);
  }

 private:
  static constexpr size_t kHeadersRoom = 64;

  template <bool is_v4>
  uint16_t WriteAs(uint8_t* frame, Flow& flow, uint32_t number, uint16_t phase,
                   uint16_t payload_size, uint64_t tsc) const;
  size_t WriteEncapsulation(uint8_t* at, const Flow& flow, uint16_t payload_size) const;

  Direction direction_;
  Encapsulation encapsulation_;
  bool from_v4_;
  bool peer_v4_;
  uint8_t headers_[kHeadersRoom] =
      {};                   // Ethernet, IP, UDP without what differs from frame to frame
  ChecksumSum ip_sum_ = 0;  // of the IPv4 header of the template
  uint8_t server_[16];
  uint16_t server_port_;  // network order
  std::vector<uint8_t> filler_;
  std::vector<uint32_t> filler_sums_;  // by payload size, what follows the stamp
};

}  // namespace causeway::gen
