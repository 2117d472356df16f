// The peer policies of the node and of its tenants.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "control/access/peer_policy.h"
#include "control/auth/grant.h"

namespace causeway::access {

/// Immutable once built; any thread.
class PeerPolicies {
 public:
  /// `node` is the policy of every tenant that has none of its own.
  explicit PeerPolicies(PeerPolicy node) : node_(std::move(node)) {}
  /// `policy` is all of the tenant's, the node's rules included.
  void Add(std::string tenant, PeerPolicy policy) {
    tenants_.insert_or_assign(std::move(tenant), std::move(policy));
  }

  const PeerPolicy& Of(absl::string_view tenant) const {
    const auto found = tenants_.find(tenant);
    return found == tenants_.end() ? node_ : found->second;
  }
  /// Whether the grant lets its allocations exchange datagrams with this peer: its tenant's policy
  /// and its own peers have to allow it.
  PeerVerdict Check(const auth::Grant& grant, const IpAddress& peer) const;

 private:
  PeerPolicy node_;
  absl::flat_hash_map<std::string, PeerPolicy> tenants_;
};

}  // namespace causeway::access
