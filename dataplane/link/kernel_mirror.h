// The kernel's end of a link whose hardware the kernel has lost: a TAP interface that carries
// what is not the relay's (ARP, ND, ICMP, TCP), and whose routes and neighbours are the relay's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "dataplane/address.h"
#include "dataplane/link/unique_fd.h"

namespace causeway {

/// Control thread only. The interface goes when the mirror does, or when the process dies.
class KernelMirror {
 public:
  /// Makes causeway0 (or the next free number), up, with the port's link address and MTU and these
  /// addresses (each with the length of its network, host bits kept).
  static absl::StatusOr<std::unique_ptr<KernelMirror>> Create(const MacAddress& mac, unsigned mtu,
                                                              absl::Span<const Prefix> addresses);

  const std::string& name() const { return name_; }
  int ifindex() const { return ifindex_; }
  /// Never blocks; readable when the kernel has a frame.
  int fd() const { return fd_.get(); }
  /// One frame of the kernel's, from the Ethernet header on; 0 when none waits. A longer frame
  /// than there is room for is cut.
  size_t Read(absl::Span<uint8_t> frame);
  /// Gives the kernel a frame. One that it has no room for is lost, as on a wire.
  void Write(absl::Span<const uint8_t> frame);

 private:
  KernelMirror(UniqueFd fd, std::string name, int ifindex)
      : fd_(std::move(fd)), name_(std::move(name)), ifindex_(ifindex) {}
  UniqueFd fd_;
  std::string name_;
  int ifindex_;
};

}  // namespace causeway
