// How many relayed addresses a node has, and how many allocations their ports hold.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "control/config/values.h"
#include "dataplane/address.h"

namespace causeway::config {

/// The most that a RelayPort can number.
inline constexpr uint64_t kMaxRelayAddresses = 65535;
inline constexpr uint32_t kDefaultMaxAllocations = 16384;

struct RelayPlan {
  std::vector<IpAddress> addresses;
  uint32_t max_allocations = 0;
  /// Set when one family's ports hold fewer than max_allocations.
  std::string warning;
};

/// Expands prefixes to addresses. IPv4: all of a /31 or /32, else all but the network and broadcast
/// addresses. IPv6: a /128 as it is; of a shorter prefix as many as max_allocations needs ports
/// for, from ::1 on, and at least one. An allocation takes a port of one family or of both, so the
/// larger family's ports must hold max_allocations (default: kDefaultMaxAllocations, or what they
/// hold). InvalidArgumentError, in one line, for overlapping prefixes, more than kMaxRelayAddresses
/// addresses, and too few of them (says how many are missing).
absl::StatusOr<RelayPlan> PlanRelayAddresses(absl::Span<const Prefix> prefixes,
                                             const PortRange& ports,
                                             std::optional<uint32_t> max_allocations);

}  // namespace causeway::config
