// All that says who may relay, how much and to whom.
#pragma once

#include <memory>
#include <utility>

#include "control/access/peer_policies.h"
#include "control/auth/credentials.h"

namespace causeway::access {

/// Users, secrets, tenants with their limits, and peer rules, as they hold together: made off the
/// control thread, swapped whole, immutable; any thread. To free a large one takes long, so the
/// last share in it is its maker's.
struct Snapshot {
  std::shared_ptr<const auth::Credentials> credentials;
  PeerPolicies policies;
};

}  // namespace causeway::access
