#include "control/daemon/access.h"

#include <utility>

namespace causeway::daemon {

absl::Status ReplaceableAuthenticator::Replace(const config::Config& config) {
  auth::AuthConfig settings;
  settings.realm = config.realm;
  settings.users = config.users;
  settings.secrets = config.secrets;
  settings.nonce_key = nonce_key_;
  auto made = auth::Authenticator::Create(std::move(settings));
  if (!made.ok()) return made.status();
  current_ = *std::move(made);
  return absl::OkStatus();
}

turn::PeerPolicy MakePeerPolicy(const config::Config& config,
                                std::vector<IpAddress> kernel_addresses) {
  turn::PeerPolicy::Config settings;
  settings.allow = config.allow_peers;
  settings.deny = config.deny_peers;
  settings.node_addresses = std::move(kernel_addresses);
  settings.node_addresses.insert(settings.node_addresses.end(),
                                 config.node.listen_addresses.begin(),
                                 config.node.listen_addresses.end());
  settings.relay_addresses = config.node.relay_addresses;
  settings.allow_hairpin = config.allow_hairpin;
  return turn::PeerPolicy(std::move(settings));
}

}  // namespace causeway::daemon
