// Sizes of the application's packets.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace causeway::gen {

/// The stamp of every packet has this size (flow_meter.h): no payload is smaller.
inline constexpr uint16_t kMinPayload = 32;
/// The Ethernet payload that no packet exceeds, on either side of the relay.
inline constexpr uint16_t kMtu = 1500;

/// A repeated pattern of payload sizes (the UDP payload of the application, before any TURN
/// header), in bytes, each from kMinPayload to the largest that fits into kMtu.
///
///   imix   the simple IMIX, 7:4:1: payloads whose IP packets are of 40, 576 and 1,500 bytes where
///          the headers are largest (`overhead`). The stamp does not fit into the smallest: those
///          have a payload of 32 bytes.
///   voice  172 bytes: 20 ms of G.711 in RTP.
///   video  four pictures of a 30 Hz stream of about 2.3 Mbit/s in RTP: full pieces of 1,000 to
///          1,200 bytes, the last piece of each picture smaller.
class Profile {
 public:
  static Profile Fixed(uint16_t payload_bytes);
  /// InvalidArgumentError, which names those that there are. `overhead`: LegOverhead (options.h).
  static absl::StatusOr<Profile> Named(absl::string_view name, uint16_t overhead);

  /// Payload of packet `sequence` of a flow. Flows begin at different places of the pattern.
  uint16_t Size(uint32_t flow, uint64_t sequence) const {
    if (sizes_.size() == 1) return sizes_[0];
    return sizes_[(flow + static_cast<uint32_t>(sequence)) % static_cast<uint32_t>(sizes_.size())];
  }
  /// "imix", "voice", "video"; empty for Fixed.
  const std::string& name() const { return name_; }
  const std::vector<uint16_t>& sizes() const { return sizes_; }
  uint16_t largest() const;
  double mean() const;

 private:
  Profile(std::string name, std::vector<uint16_t> sizes);

  std::string name_;
  std::vector<uint16_t> sizes_;  // never empty
};

}  // namespace causeway::gen
