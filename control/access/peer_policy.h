// Which peers a client may reach. A relay without this is a hole in its owner's network.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "control/access/peer_ranges.h"
#include "dataplane/address.h"

namespace causeway::access {

enum class PeerVerdict : uint8_t { kAllowed, kDenied };

/// Immutable once built; any thread.
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
  /// Compiles the rules: a check is a binary search, however many there are.
  explicit PeerPolicy(const Config& config);

  /// This policy with more rules beside its own. It shares what this one has compiled.
  PeerPolicy With(absl::Span<const Prefix> allow, absl::Span<const Prefix> deny) const;

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
  PeerRule RuleFor(const IpAddress& address) const;

  std::shared_ptr<const PeerRanges> ranges_;
  PeerRanges added_;  // by With
  bool allow_hairpin_;
};

}  // namespace causeway::access
