// ICMP errors about our relayed packets, which the kernel receives and shows to raw sockets.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/address.h"

namespace causeway::next_hop {

/// An ICMP error with the UDP packet inside it (RFC 8656 section 11.5).
struct IcmpError {
  Endpoint source;       // of the packet that the error is about: one of our relayed addresses
  Endpoint destination;  // the peer
  uint8_t type;
  uint8_t code;
  uint32_t error_data;  // MTU for ICMPv4 3/4 and ICMPv6 2, else 0 (RFC 8656 section 18.13)
};

/// Parses an ICMP or ICMPv6 message (from its type field on). False unless it is one of the types
/// of RFC 8656 section 11.5 (ICMPv4 3, 11; ICMPv6 1, 2, 3) about a UDP packet whose ports are there
/// to read. The checksum is not looked at.
bool ParseIcmpError(Family family, const uint8_t* message, size_t size, IcmpError* out);

/// Raw sockets, filtered in the kernel to the error types, in the network namespace of the thread
/// that calls Create. They hear what the kernel receives for its own addresses: a relayed address
/// must be one of those (an address of an interface, or a local route). Control thread.
class IcmpListener {
 public:
  /// PermissionDeniedError without CAP_NET_RAW. A kernel without IPv6 is no error.
  static absl::StatusOr<std::unique_ptr<IcmpListener>> Create();
  ~IcmpListener();
  IcmpListener(const IcmpListener&) = delete;
  IcmpListener& operator=(const IcmpListener&) = delete;

  /// One or two sockets to poll for reading.
  std::vector<int> fds() const;
  /// Reads what waits, a bounded number, and calls back for each error about UDP.
  void OnReadable(const std::function<void(const IcmpError&)>& callback);

 private:
  IcmpListener() = default;
  int v4_fd_ = -1;
  int v6_fd_ = -1;
};

}  // namespace causeway::next_hop
