// Principals and tenants with something on the node, each kept once however much that is.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/container/node_hash_map.h"
#include "absl/hash/hash.h"
#include "absl/strings/string_view.h"
#include "control/auth/grant.h"
#include "control/turn/slot_pool.h"

namespace causeway::turn {

/// What counts against a quota.
struct Holdings {
  uint32_t allocations = 0;
  uint32_t reservations = 0;
  uint32_t total() const { return allocations + reservations; }
};

struct TenantAccount {
  std::string name;
  Holdings holdings;
  uint32_t first = kNoRecord;  // of its allocations, the newest
};

/// A principal with at least one allocation or reservation. No key or password is kept: every
/// request is authenticated anew.
struct User {
  TenantAccount* tenant = nullptr;
  std::string name;  // the principal
  Holdings holdings;
  uint32_t first = kNoRecord;  // of its allocations, the newest
};

/// Pointers to users stay valid until their last allocation and reservation is dropped. Used on the
/// control thread only.
class UserTable {
 public:
  User* AddAllocation(const auth::Grant& grant) { return Add(grant, &Holdings::allocations); }
  void DropAllocation(User* user) { Drop(user, &Holdings::allocations); }
  User* AddReservation(const auth::Grant& grant) { return Add(grant, &Holdings::reservations); }
  void DropReservation(User* user) { Drop(user, &Holdings::reservations); }

  /// The principal of this grant; nullptr when it has nothing.
  const User* LookUp(const auth::Grant& grant) const {
    return LookUp(grant.tenant->name, grant.principal());
  }
  const User* LookUp(absl::string_view tenant, absl::string_view principal) const;
  const TenantAccount* LookUpTenant(absl::string_view name) const;
  size_t size() const { return users_.size(); }

 private:
  using Key = std::pair<absl::string_view, absl::string_view>;  // tenant, principal
  static Key KeyOf(const Key& key) { return key; }
  static Key KeyOf(const std::unique_ptr<User>& user) { return {user->tenant->name, user->name}; }
  struct Hash {
    using is_transparent = void;
    size_t operator()(const auto& user) const { return absl::Hash<Key>()(KeyOf(user)); }
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(const auto& a, const auto& b) const { return KeyOf(a) == KeyOf(b); }
  };

  User* Add(const auth::Grant& grant, uint32_t Holdings::*kind);
  void Drop(User* user, uint32_t Holdings::*kind);
  User* Intern(const auth::Grant& grant);

  absl::node_hash_map<std::string, TenantAccount> tenants_;
  absl::flat_hash_set<std::unique_ptr<User>, Hash, Equal> users_;
};

}  // namespace causeway::turn
