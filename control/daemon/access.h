// Who may use the relay, and which peers: the settings that SIGHUP reads again.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "control/access/peer_policies.h"
#include "control/auth/authenticator.h"
#include "control/config/config.h"
#include "dataplane/address.h"

namespace causeway::daemon {

/// An Authenticator whose users, secrets and tenants can be replaced. Nonces stay valid, as the key
/// stays.
class ReplaceableAuthenticator : public auth::Authenticator {
 public:
  explicit ReplaceableAuthenticator(std::vector<uint8_t> nonce_key)
      : nonce_key_(std::move(nonce_key)) {}

  /// Takes realm, users, secrets and tenants over; on an error everything stays as it was. To be
  /// called before any other method.
  absl::Status Replace(const config::Config& config);

  auth::AuthResult Check(const stun::Message& request, const Endpoint& client,
                         uint64_t now) override {
    return current_->Check(request, client, now);
  }
  void AddChallenge(stun::Writer& writer, const Endpoint& client, uint64_t now) override {
    current_->AddChallenge(writer, client, now);
  }
  void Use(std::shared_ptr<const auth::Credentials> credentials) override {
    current_->Use(std::move(credentials));
  }

 private:
  std::vector<uint8_t> nonce_key_;
  std::unique_ptr<auth::Authenticator> current_;
};

/// Realm, users, secrets and tenants of these settings.
auth::CredentialsConfig MakeCredentialsConfig(const config::Config& config);

/// The policies of these settings, on a host with these addresses of its own. A tenant has one of
/// its own when it has peer rules, which stand beside the node's.
access::PeerPolicies MakePeerPolicies(const config::Config& config,
                                      const std::vector<IpAddress>& kernel_addresses);

}  // namespace causeway::daemon
