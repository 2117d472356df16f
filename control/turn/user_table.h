// User names, each kept once however many allocations it has.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

namespace causeway::turn {

/// A user with at least one allocation or reservation. No key or password is kept: every request
/// is authenticated anew.
struct User {
  std::string name;
  uint32_t allocations = 0;
  uint32_t reservations = 0;
};

/// Pointers to users stay valid until their last allocation and reservation is dropped. Used on the
/// control thread only.
class UserTable {
 public:
  User* AddAllocation(absl::string_view name);
  void DropAllocation(User* user);
  User* AddReservation(absl::string_view name);
  void DropReservation(User* user);

  /// What counts against the quota: allocations and reservations.
  uint32_t Used(absl::string_view name) const;
  size_t size() const { return users_.size(); }

 private:
  User* Intern(absl::string_view name);
  void ForgetIfUnused(User* user);

  absl::flat_hash_map<absl::string_view, std::unique_ptr<User>> users_;  // keys are the users' own
};

}  // namespace causeway::turn
