// Who may use the relay, and which peers: the settings that SIGHUP reads again.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "control/access/snapshot.h"
#include "control/auth/credentials.h"
#include "control/config/config.h"
#include "dataplane/address.h"

namespace causeway::daemon {

/// Realm, users, secrets and tenants of these settings.
auth::CredentialsConfig MakeCredentialsConfig(const config::Config& config);

/// The policies of these settings, on a host with these addresses of its own. A tenant has one of
/// its own when it has peer rules, which stand beside the node's.
access::PeerPolicies MakePeerPolicies(const config::Config& config,
                                      const std::vector<IpAddress>& kernel_addresses);

/// All that these settings grant, on such a host. `fingerprint_key` is the same throughout a
/// process (CredentialsConfig). The errors of auth::Credentials::Create. Takes some microseconds a
/// user, and more for many rules.
absl::StatusOr<std::shared_ptr<const access::Snapshot>> MakeSnapshot(
    const config::Config& config, const std::vector<IpAddress>& kernel_addresses,
    const std::vector<uint8_t>& fingerprint_key);

}  // namespace causeway::daemon
