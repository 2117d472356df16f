// The wire: one Ethernet port with a queue for every shard, whatever drives it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "dataplane/address.h"
#include "dataplane/node_config.h"

struct rte_mempool;

namespace causeway {

struct LinkConfig {
  /// A Linux interface, taken over AF_XDP with our XDP program; empty when `device` is given.
  std::string interface;
  /// A PCI address under vfio ("0000:03:00.0") or any DPDK device string
  /// ("net_memif0,role=client").
  std::string device;
  /// What the XDP program sends to us: UDP to these addresses on the listening port, and to the
  /// relay prefixes on the relay ports. Of several links each has its own addresses here
  /// (PlanLinks).
  NodeConfig node;
  std::vector<Prefix> relay_prefixes;
  /// Addresses with prefix lengths that the kernel's mirror (TAP) is given, in `device` mode.
  std::vector<Prefix> mirror_addresses;
};

/// An open port. Made and destroyed on the control thread; shards use the port number with DPDK's
/// burst calls.
class Link {
 public:
  /// Everything that Open would refuse before it touches anything, at no cost: call it before
  /// memory is set aside. Always OkStatus in `device` mode.
  static absl::Status Check(const LinkConfig& config);
  /// The largest IP packet that Open's pools must have room for: the interface's MTU, or 1500 in
  /// `device` mode.
  static absl::StatusOr<uint16_t> BufferMtu(const LinkConfig& config);

  /// How many queues Open can use at most; 1 or more. In `device` mode EAL runs already, and a
  /// virtual device is added and removed again. FailedPreconditionError and others as from Open.
  static absl::StatusOr<unsigned> Queues(const LinkConfig& config);

  /// Opens, configures and starts the port with node.shards queues; queue k receives into pools[k]
  /// (from CreatePacketPool, dataplane/link/packet_pool.h).
  /// Waits up to two seconds for what a program that is just ending holds. Errors carry one line
  /// that says what to do (see docs/operating.md). The pools outlive the link.
  static absl::StatusOr<std::unique_ptr<Link>> Open(const LinkConfig& config,
                                                    absl::Span<rte_mempool* const> pools);
  /// Stops the port and takes our XDP program away. Shards have stopped.
  virtual ~Link() = default;

  virtual uint16_t port_id() const = 0;
  virtual MacAddress mac() const = 0;
  /// Bytes of the largest IP packet.
  virtual uint16_t mtu() const = 0;
  /// Local senders may leave UDP checksums unfinished on this link (veth, TAP): complete them on
  /// receipt.
  virtual bool partial_checksums() const = 0;
  /// The kernel still has the interface (AF_XDP); else frames that are not ours go to the mirror.
  virtual bool kernel_keeps_interface() const = 0;
  /// The kernel interface whose routes, neighbours and addresses count: the interface itself or the
  /// TAP.
  virtual const std::string& kernel_interface() const = 0;
  /// The mirror's file descriptor to poll for frames of the kernel, or -1.
  virtual int mirror_fd() const = 0;
  /// Reads one frame that the kernel sends; 0 when none waits.
  virtual size_t ReadMirror(absl::Span<uint8_t> frame) = 0;
  /// Gives the kernel a frame.
  virtual void WriteMirror(absl::Span<const uint8_t> frame) = 0;
  /// One line for the operator: how datagrams find their worker. Empty when there is one.
  virtual const std::string& steering() const = 0;
  /// Lines for the operator about what works but should be otherwise.
  virtual std::vector<std::string> warnings() const = 0;
};

}  // namespace causeway
