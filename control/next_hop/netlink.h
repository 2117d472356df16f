// The kernel's routing socket: dumps, notices and the one request that we make of it.
#pragma once

#include <linux/netlink.h>

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/address.h"

namespace causeway::next_hop {

/// What NextHops needs of rtnetlink; a test stands in for the kernel here. One thread at a time.
class Netlink {
 public:
  /// Called for each message, whose header and length have been checked to lie within the buffer;
  /// the message is valid during the call only.
  using Handler = std::function<void(const nlmsghdr&)>;
  enum class Notices {
    kRead,  // handled what waited, or a bounded part of it: fd() stays readable for the rest
    kLost,  // some were lost (ENOBUFS); all that waited are thrown away: dump everything anew
  };

  virtual ~Netlink() = default;
  /// Readable when notices wait: links, neighbours, routes, next-hop objects and addresses of
  /// both families.
  virtual int fd() const = 0;
  /// Never blocks.
  virtual absl::StatusOr<Notices> ReadNotices(const Handler& handler) = 0;
  /// Dumps one kind of object: RTM_GETLINK, RTM_GETADDR, RTM_GETROUTE or RTM_GETNEIGH of AF_INET,
  /// AF_INET6 or AF_UNSPEC. The kernel answers within the call.
  virtual absl::Status Dump(uint16_t type, uint8_t family, const Handler& handler) = 0;
  /// Tells the kernel that the neighbour is in use (NTF_USE): it resolves an unknown or failed one,
  /// confirms a stale one, and does nothing about one that it reached lately. Needs CAP_NET_ADMIN.
  virtual absl::Status UseNeighbour(int interface_index, const IpAddress& address) = 0;
};

/// Opens and subscribes in the network namespace of the calling thread.
absl::StatusOr<std::unique_ptr<Netlink>> OpenNetlink();

}  // namespace causeway::next_hop
