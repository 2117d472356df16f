// The generator as an IP host on its link: neighbours, and datagrams to the server.
#pragma once

#include <cstdint>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "perf/gen/frames.h"
#include "perf/gen/options.h"
#include "perf/gen/port.h"

namespace causeway::gen {

/// Answers ARP requests and neighbour solicitations for all addresses of clients and peers, and
/// nothing else. Everything that it sends goes to one MAC: the gateway's.
class Host {
 public:
  Host(Port& port, const Options& options) : port_(port), options_(options) {}

  /// Finds the gateway's MAC. Polls the port meanwhile, for 4 seconds at most, or until
  /// `interrupted` says so (CancelledError). UnavailableError says what to look at.
  absl::Status Resolve(absl::FunctionRef<bool()> interrupted);
  /// Instead: it is this MAC.
  void Take(const MacAddress& gateway) { macs_ = {port_.mac(), gateway}; }
  const MacPair& macs() const { return macs_; }

  /// A received frame that is no UDP datagram.
  void OnFrame(const uint8_t* frame, size_t size);

  /// A datagram to the server, sent at the port's next Flush; lost when no buffer is free.
  void SendToServer(const Endpoint& client, absl::Span<const uint8_t> payload);

 private:
  void SendArp(uint16_t operation, const IpAddress& sender, const MacAddress& target_mac,
               const IpAddress& target);
  void SendSolicitation();
  void SendAdvertisement(const uint8_t* solicitation_frame, const IpAddress& target);
  void OnArp(const uint8_t* frame, size_t size);
  void OnIcmpV6(const uint8_t* frame, size_t size);
  void Learn(const uint8_t* mac);
  bool IsOurs(const IpAddress& address) const {
    return options_.clients.AddressIndex(address) || options_.peers.AddressIndex(address);
  }
  void Transmit(absl::Span<const uint8_t> frame);

  Port& port_;
  const Options& options_;
  MacPair macs_ = {};
  bool resolved_ = false;
};

}  // namespace causeway::gen
