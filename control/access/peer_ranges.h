// The rules about peers, compiled to ranges of addresses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "dataplane/address.h"

namespace causeway::access {

/// What a rule says of its addresses. Of all rules that cover an address the greatest one holds.
enum class PeerRule : uint8_t {
  kNone,
  kSpecialPurpose,
  kAllow,
  kOwnAddress,
  kRelayAddress,
  kDeny,
};
inline constexpr size_t kPeerRules = 6;

/// A map from every address to the rule that holds for it. IPv4 and IPv6 lie in one order, that of
/// IpAddress. Immutable once made; any thread.
class PeerRanges {
 public:
  struct Entry {
    Prefix prefix;
    PeerRule rule;
  };

  /// kNone everywhere.
  PeerRanges() = default;
  /// Any number of entries in any order, which may lie in each other. Sorts them.
  explicit PeerRanges(absl::Span<const Entry> entries);

  /// One binary search.
  PeerRule LookUp(const IpAddress& address) const;
  bool empty() const { return ranges_.empty(); }
  /// At most twice the number of entries.
  size_t size() const { return ranges_.size(); }

 private:
  // From `first` up to the next range. What lies below the first range has no rule.
  struct Range {
    IpAddress first;
    PeerRule rule;
  };

  std::vector<Range> ranges_;
};

}  // namespace causeway::access
