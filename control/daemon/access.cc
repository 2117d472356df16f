#include "control/daemon/access.h"

#include <utility>

namespace causeway::daemon {
namespace {

auth::OnExpiry OnExpiryOf(bool end_with_credential) {
  return end_with_credential ? auth::OnExpiry::kTerminate : auth::OnExpiry::kKeep;
}

auth::Tenant MakeTenant(const config::Config& node, const config::TenantConfig& given) {
  auth::Tenant tenant;
  tenant.name = given.name;
  tenant.allocations = given.limits.allocations.value_or(0);
  tenant.allocations_per_user =
      given.limits.allocations_per_user.value_or(node.allocations_per_user);
  tenant.limits.kbps = given.limits.kbps.value_or(0);
  tenant.limits.packets_per_second = given.limits.packets_per_second.value_or(0);
  tenant.on_expiry = OnExpiryOf(node.end_with_credential || given.end_with_credential);
  return tenant;
}

}  // namespace

auth::CredentialsConfig MakeCredentialsConfig(const config::Config& config) {
  auth::CredentialsConfig credentials;
  credentials.realm = config.realm;
  credentials.tenant.allocations_per_user = config.allocations_per_user;
  credentials.tenant.on_expiry = OnExpiryOf(config.end_with_credential);
  credentials.users = config.users;
  credentials.secrets = config.secrets;
  for (const config::TenantConfig& tenant : config.tenants) {
    credentials.tenants.push_back({MakeTenant(config, tenant), tenant.secrets});
  }
  return credentials;
}

access::PeerPolicies MakePeerPolicies(const config::Config& config,
                                      const std::vector<IpAddress>& kernel_addresses) {
  access::PeerPolicy::Config node;
  node.allow = config.allow_peers;
  node.deny = config.deny_peers;
  node.node_addresses = kernel_addresses;
  node.node_addresses.insert(node.node_addresses.end(), config.node.listen_addresses.begin(),
                             config.node.listen_addresses.end());
  node.relay_addresses = config.node.relay_addresses;
  node.allow_hairpin = config.allow_hairpin;
  const access::PeerPolicy policy(node);
  access::PeerPolicies policies(policy);
  for (const config::TenantConfig& tenant : config.tenants) {
    if (tenant.allow_peers.empty() && tenant.deny_peers.empty()) continue;
    policies.Add(tenant.name, policy.With(tenant.allow_peers, tenant.deny_peers));
  }
  return policies;
}

absl::StatusOr<std::shared_ptr<const access::Snapshot>> MakeSnapshot(
    const config::Config& config, const std::vector<IpAddress>& kernel_addresses,
    const std::vector<uint8_t>& fingerprint_key) {
  auth::CredentialsConfig settings = MakeCredentialsConfig(config);
  settings.fingerprint_key = fingerprint_key;
  auto credentials = auth::Credentials::Create(std::move(settings));
  if (!credentials.ok()) return credentials.status();
  return std::make_shared<const access::Snapshot>(
      access::Snapshot{*std::move(credentials), MakePeerPolicies(config, kernel_addresses)});
}

}  // namespace causeway::daemon
