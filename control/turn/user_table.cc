#include "control/turn/user_table.h"

#include <utility>

namespace causeway::turn {

User* UserTable::AddAllocation(absl::string_view name) {
  User* user = Intern(name);
  ++user->allocations;
  return user;
}

void UserTable::DropAllocation(User* user) {
  --user->allocations;
  ForgetIfUnused(user);
}

User* UserTable::AddReservation(absl::string_view name) {
  User* user = Intern(name);
  ++user->reservations;
  return user;
}

void UserTable::DropReservation(User* user) {
  --user->reservations;
  ForgetIfUnused(user);
}

uint32_t UserTable::Used(absl::string_view name) const {
  const auto found = users_.find(name);
  return found == users_.end() ? 0 : found->second->allocations + found->second->reservations;
}

User* UserTable::Intern(absl::string_view name) {
  const auto found = users_.find(name);
  if (found != users_.end()) return found->second.get();
  auto user = std::make_unique<User>();
  user->name = std::string(name);
  User* const raw = user.get();
  users_.emplace(raw->name, std::move(user));
  return raw;
}

void UserTable::ForgetIfUnused(User* user) {
  if (user->allocations > 0 || user->reservations > 0) return;
  const auto found = users_.find(user->name);
  const std::unique_ptr<User> last = std::move(found->second);
  users_.erase(found);
}

}  // namespace causeway::turn
