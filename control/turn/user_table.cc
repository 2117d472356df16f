#include "control/turn/user_table.h"

namespace causeway::turn {

const User* UserTable::LookUp(absl::string_view tenant, absl::string_view principal) const {
  const auto found = users_.find(Key(tenant, principal));
  return found == users_.end() ? nullptr : found->get();
}

const TenantAccount* UserTable::LookUpTenant(absl::string_view name) const {
  const auto found = tenants_.find(name);
  return found == tenants_.end() ? nullptr : &found->second;
}

User* UserTable::Add(const auth::Grant& grant, uint32_t Holdings::*kind) {
  User* const user = Intern(grant);
  ++(user->holdings.*kind);
  ++(user->tenant->holdings.*kind);
  return user;
}

User* UserTable::Intern(const auth::Grant& grant) {
  const auto found = users_.find(Key(grant.tenant->name, grant.principal()));
  if (found != users_.end()) return found->get();
  TenantAccount& tenant = tenants_[grant.tenant->name];
  tenant.name = grant.tenant->name;
  auto user = std::make_unique<User>();
  user->tenant = &tenant;
  user->name = std::string(grant.principal());
  return users_.insert(std::move(user)).first->get();
}

void UserTable::Drop(User* user, uint32_t Holdings::*kind) {
  TenantAccount* const tenant = user->tenant;
  --(user->holdings.*kind);
  --(tenant->holdings.*kind);
  if (user->holdings.total() == 0) users_.erase(users_.find(KeyOf(Key(tenant->name, user->name))));
  if (tenant->holdings.total() == 0) tenants_.erase(tenants_.find(tenant->name));
}

}  // namespace causeway::turn
