// Which peers a client may reach. A relay without this is a hole in its owner's network.
#pragma once

#include <vector>

#include "absl/types/span.h"
#include "dataplane/address.h"

namespace causeway::turn {

enum class PeerVerdict : uint8_t { kAllowed, kDenied };

/// Immutable once built; read on the control thread.
class PeerPolicy {
 public:
  struct Config {
    std::vector<Prefix> allow = {};              // --allow-peer: opens what the default list closes
    std::vector<Prefix> deny = {};               // --deny-peer: closes, before everything else
    std::vector<IpAddress> node_addresses = {};  // this node's own; denied whatever `allow` says
    // Allowed when `allow_hairpin`, even if they are also ours; else denied.
    std::vector<IpAddress> relay_addresses = {};
    bool allow_hairpin = true;
  };
  explicit PeerPolicy(Config config);

  /// Order: deny; hairpin to a relay address; own addresses; allow; the default lists of
  /// special-purpose blocks; else allowed. Matches the address itself and the IPv4 addresses that
  /// it carries (mapped, compatible, translated, 6to4, NAT64 well-known and local-use prefixes,
  /// Teredo), denying if any is denied. Hairpin goes by the plain address only: a relay address
  /// that is carried in another one is denied.
  PeerVerdict Check(const IpAddress& peer) const;

  /// The IPv4 addresses that an IPv6 address carries, each to be checked too; none for most.
  static std::vector<IpAddress> CarriedAddresses(const IpAddress& address);
  static absl::Span<const Prefix> DefaultDenied();

 private:
  bool DeniedByLists(const IpAddress& address) const;

  Config config_;
};

}  // namespace causeway::turn
