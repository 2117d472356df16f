// What we ask of the kernel's routing for an interface: that it answers for relay addresses, and
// that the mirror has its addresses.
#pragma once

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "dataplane/address.h"

namespace causeway {

/// Marks our routes (`ip route show table local proto 202`).
inline constexpr unsigned char kRouteProtocol = 202;

/// `local` routes for relay prefixes that are not the interface's own addresses: the kernel then
/// answers ARP and ping for them and takes in ICMP errors about them. (It answers neighbour
/// solicitations only for assigned addresses: an IPv6 relay prefix has to be routed to this node.)
/// Taking the interface down takes them away.
class KernelRoutes {
 public:
  /// First removes what an earlier instance left on the interface. A prefix that has such a route
  /// already, from whomever, is left as it is.
  static absl::StatusOr<std::unique_ptr<KernelRoutes>> Add(int ifindex,
                                                           absl::Span<const Prefix> prefixes);
  /// Removes them.
  ~KernelRoutes();
  KernelRoutes(const KernelRoutes&) = delete;
  KernelRoutes& operator=(const KernelRoutes&) = delete;

 private:
  KernelRoutes(int ifindex, std::vector<Prefix> added)
      : ifindex_(ifindex), added_(std::move(added)) {}
  int ifindex_;
  std::vector<Prefix> added_;
};

/// Gives an interface an address. `with_length` keeps the address whole: its length is that of the
/// network on the link.
absl::Status AddInterfaceAddress(int ifindex, const Prefix& with_length);

}  // namespace causeway
