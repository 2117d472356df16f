// The daemon's whole configuration, checked.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "control/auth/authenticator.h"
#include "control/config/command_line.h"
#include "control/config/options.h"
#include "control/turn/server.h"
#include "dataplane/address.h"
#include "dataplane/node_config.h"

namespace causeway::config {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

/// What a tenant may take at once; absent: as much as the node has. Never 0.
struct TenantLimits {
  std::optional<uint32_t> allocations;
  std::optional<uint32_t> allocations_per_user;
  std::optional<uint32_t> kbps;  // 1,000 bits a second of UDP payload, each way by itself
  std::optional<uint32_t> packets_per_second;  // each way by itself
};

/// `[tenant.NAME]` of the configuration file. The tenant `default` is none of these: the node's own
/// users, secrets and options make it.
struct TenantConfig {
  std::string name;                  // a DNS label in lower case
  std::vector<std::string> secrets;  // of time-limited credentials; 1 to 4, the newest first
  TenantLimits limits;
  std::vector<Prefix> allow_peers;  // beside the node's own
  std::vector<Prefix> deny_peers;   // beside the node's own
  bool end_with_credential = false;
};

struct Config {
  std::string interface;  // this or `device` is empty
  std::string device;     // as ParseDevice returns it
  NodeConfig node;
  std::vector<Prefix> relay_prefixes;    // that node.relay_addresses come from
  std::vector<Prefix> mirror_addresses;  // with host bits; `device` only
  std::string realm;
  std::vector<auth::StaticUser> users;
  std::vector<std::string> secrets;
  std::vector<TenantConfig> tenants;  // by name
  turn::Limits limits;
  std::vector<Prefix> allow_peers;
  std::vector<Prefix> deny_peers;
  bool allow_hairpin = true;
  unsigned stats_seconds = 0;  // 0: no lines of counters
  LogLevel log_level = LogLevel::kInfo;
  /// What the operator should know and that does not prevent a start; one line each, no secret.
  std::vector<std::string> warnings;
};

/// Checks all values and fills in what was not given. `usable_cpus` is for the number of workers.
/// Reads user-file and auth-secret-file. InvalidArgumentError: the first mistake, in one line,
/// which holds no secret.
absl::StatusOr<Config> MakeConfig(const OptionValues& values, unsigned usable_cpus);

/// ReadTomlFile (when there is --config), Merge and MakeConfig.
absl::StatusOr<Config> LoadConfig(const CommandLine& command_line, unsigned usable_cpus);

/// The configuration as a TOML file that would make it; passwords and secrets are shown as "***".
std::string Describe(const Config& config);

}  // namespace causeway::config
