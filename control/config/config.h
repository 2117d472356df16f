// The daemon's whole configuration, checked.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "control/config/command_line.h"
#include "control/config/options.h"
#include "control/config/settings.h"
#include "control/turn/server.h"
#include "dataplane/address.h"
#include "dataplane/node_config.h"

namespace causeway::config {

/// The settings, and what follows from them.
struct Config : Settings {
  NodeConfig node;
  std::vector<Prefix> relay_prefixes;    // that node.relay_addresses come from
  std::vector<Prefix> mirror_addresses;  // with host bits; `device` only
  turn::Limits limits;
  /// What the operator should know and that does not prevent a start; one line each, no secret.
  std::vector<std::string> warnings;
};

/// Checks the settings against each other and fills in what was not given. `usable_cpus` is for the
/// number of workers. InvalidArgumentError: the first mistake, in one line, which holds no secret.
absl::StatusOr<Config> MakeConfig(Settings settings, unsigned usable_cpus);

/// Takes the number of workers, when it was not given, down to the `queues` that the link has (at
/// least 1), and sizes the shards' pools anew.
void LimitWorkers(Config& config, unsigned queues);

/// ReadTomlFile (when there is --config), Merge, ReadSettings and MakeConfig.
absl::StatusOr<Config> LoadConfig(const CommandLine& command_line, unsigned usable_cpus);

/// The configuration as a TOML file that would make it; passwords and secrets are shown as "***".
std::string Describe(const Config& config);

}  // namespace causeway::config
