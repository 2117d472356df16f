// An allocation as operators and observers see it.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "control/auth/grant.h"
#include "dataplane/address.h"
#include "dataplane/commands.h"

namespace causeway::turn {

/// Names an allocation for good: the node deals each once, restarts included. Later ones are
/// greater. Never 0.
enum class AllocationSerial : uint64_t {};

enum class EndReason : uint8_t {
  kClient,             // a Refresh with a lifetime of 0
  kExpired,            // its lifetime is over
  kCredentialExpired,  // so is its credential's, which it may not outlive
  kOperator,
  kRevoked,           // nothing grants it any more: its user, tenant or secret is gone
  kConnectionClosed,  // its client's
};

struct PermissionInfo {
  IpAddress peer;
  Deciseconds expiry;
};
struct ChannelInfo {
  uint16_t number;
  Endpoint peer;
  Deciseconds expiry;
};

/// A copy, which any thread may take away.
struct AllocationInfo {
  AllocationSerial serial{};
  auth::GrantRef grant;                   // whose it is
  Endpoint client;                        // as the node sees it
  Endpoint server;                        // the listening address that the client speaks to
  Transport transport = Transport::kUdp;  // between the two
  std::optional<Endpoint> relayed_v4;     // one of the two at least
  std::optional<Endpoint> relayed_v6;
  Deciseconds created = 0;
  Deciseconds expiry = 0;
  auth::RateLimits limits;  // that hold now
  auth::Modality modality = auth::Modality::kUnknown;
  MeterReading meter;
  std::vector<PermissionInfo> permissions;
  std::vector<ChannelInfo> channels;
};

/// What is told of an allocation once it has left its shard.
struct EndedAllocation {
  AllocationSerial serial;
  const auth::Grant& grant;
  EndReason reason;
  Deciseconds created;
  const MeterReading& totals;
};

}  // namespace causeway::turn
