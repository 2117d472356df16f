#include "control/access/peer_policies.h"

#include <algorithm>

namespace causeway::access {

PeerVerdict PeerPolicies::Check(const auth::Grant& grant, const IpAddress& peer) const {
  const bool granted =
      grant.peers.empty() || std::any_of(grant.peers.begin(), grant.peers.end(),
                                         [&](const Prefix& p) { return p.Contains(peer); });
  return granted ? Of(grant.tenant->name).Check(peer) : PeerVerdict::kDenied;
}

}  // namespace causeway::access
