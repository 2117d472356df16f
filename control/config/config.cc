#include "control/config/config.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "control/config/relay_plan.h"
#include "control/config/values.h"

namespace causeway::config {
namespace {

absl::Status Missing(absl::string_view what) { return absl::InvalidArgumentError(what); }

// Ports are dealt to shards in blocks of two at least (RFC 8656's EVEN-PORT).
constexpr uint32_t kPortsPerWorker = 2;

/// A fair share of `total` and a quarter more: ports are dealt in blocks, and clients reach queues
/// by hash, so shards do not fill evenly.
uint32_t PerShard(uint64_t total, unsigned shards) {
  if (shards == 1) return static_cast<uint32_t>(total);
  const uint64_t share = (total + shards - 1) / shards;
  return static_cast<uint32_t>(std::min(total, share + share / 4 + 1024));
}

void SizePools(Config& config) {
  NodeConfig& node = config.node;
  const uint64_t allocations = config.limits.max_allocations;
  const uint64_t floor = allocations + 4096;
  node.allocations_per_shard = PerShard(allocations, node.shards);
  node.permissions_per_shard = PerShard(std::max(2 * allocations, floor), node.shards);
  node.channels_per_shard = PerShard(floor, node.shards);
}

/// Builds one Config; each step is one group of settings.
class Builder {
 public:
  Builder(Settings settings, unsigned usable_cpus)
      : config_{std::move(settings), {}, {}, {}, {}, {}}, usable_cpus_(usable_cpus) {}

  absl::StatusOr<Config> Build() {
    using Step = absl::Status (Builder::*)();
    constexpr Step kSteps[] = {&Builder::Link,    &Builder::Listening,   &Builder::Relay,
                               &Builder::Workers, &Builder::Credentials, &Builder::Limits};
    for (const Step step : kSteps) {
      if (absl::Status status = (this->*step)(); !status.ok()) return status;
    }
    SizePools(config_);
    return std::move(config_);
  }

 private:
  absl::Status Link();
  absl::Status Listening();
  absl::Status Relay();
  absl::Status CheckListeningPort() const;
  absl::Status Workers();
  absl::Status Credentials();
  absl::Status Limits();

  Config config_;
  const unsigned usable_cpus_;
};

absl::Status Builder::Link() {
  const std::vector<std::string>& interfaces = config_.interfaces;
  if (!interfaces.empty() && !config_.device.empty()) {
    return Missing("--interface and --device are both given: choose one");
  }
  if (interfaces.empty() && config_.device.empty()) {
    return Missing("--interface is missing: name the interface to serve");
  }
  if (interfaces.size() > kMaxLinks) {
    return BadValue("interface", interfaces[kMaxLinks],
                    absl::StrCat("is one too many: a node serves ", kMaxLinks, " at most"));
  }
  for (size_t i = 0; i < interfaces.size(); ++i) {
    if (std::find(interfaces.begin(), interfaces.begin() + i, interfaces[i]) !=
        interfaces.begin() + i) {
      return BadValue("interface", interfaces[i], "is given twice");
    }
  }
  return absl::OkStatus();
}

absl::Status Builder::Listening() {
  if (config_.addresses.empty()) {
    return Missing("--address is missing: give the address where clients reach this node");
  }
  for (const ListenAddress& item : config_.addresses) {
    if (item.has_length && config_.device.empty()) {
      return BadValue("address", WriteListenAddress(item),
                      "a prefix length is for --device only; the interface has its own");
    }
    config_.node.listen_addresses.push_back(item.address);
    if (!config_.device.empty()) config_.mirror_addresses.push_back(item.mirror);
  }
  config_.node.listen_port = config_.port;
  return absl::OkStatus();
}

absl::Status Builder::Relay() {
  config_.relay_prefixes = config_.given_relay_prefixes;
  if (config_.relay_prefixes.empty()) {
    for (const IpAddress& address : config_.node.listen_addresses) {
      config_.relay_prefixes.push_back(Prefix::Host(address));
    }
  }
  auto plan =
      PlanRelayAddresses(config_.relay_prefixes, config_.relay_ports, config_.max_allocations);
  if (!plan.ok()) return plan.status();
  config_.node.relay_port_first = config_.relay_ports.first;
  config_.node.relay_port_last = config_.relay_ports.last;
  config_.node.relay_addresses = std::move(plan->addresses);
  config_.limits.max_allocations = plan->max_allocations;
  if (!plan->warning.empty()) config_.warnings.push_back(plan->warning);
  return CheckListeningPort();
}

absl::Status Builder::CheckListeningPort() const {
  const NodeConfig& node = config_.node;
  if (node.listen_port < node.relay_port_first || node.listen_port > node.relay_port_last) {
    return absl::OkStatus();
  }
  for (const IpAddress& address : node.listen_addresses) {
    for (const Prefix& prefix : config_.relay_prefixes) {
      if (!prefix.Contains(address)) continue;
      return BadValue("port", absl::StrCat(node.listen_port),
                      absl::StrCat("lies in the relay ports ", node.relay_port_first, "-",
                                   node.relay_port_last, " of the same address ",
                                   address.ToString(), ": change --port or --relay-ports"));
    }
  }
  return absl::OkStatus();
}

absl::Status Builder::Workers() {
  const uint32_t most = config_.relay_ports.size() / kPortsPerWorker;
  const uint32_t by_cpus = usable_cpus_ <= 2 ? 1 : std::min(usable_cpus_ - 1, kMaxWorkers);
  const uint32_t workers = config_.workers.value_or(std::max(1u, std::min(by_cpus, most)));
  if (most < workers) {
    return BadValue("relay-ports", WritePortRange(config_.relay_ports),
                    absl::StrCat("too few for ", workers,
                                 " workers, which take 2 ports each or "
                                 "more: widen it or lower --workers"));
  }
  if (workers > 1 && workers >= usable_cpus_) {
    config_.warnings.push_back(absl::StrCat(workers, " workers and control share ", usable_cpus_,
                                            " CPUs: workers that share a CPU slow each other"));
  }
  config_.node.shards = static_cast<ShardId>(workers);
  return absl::OkStatus();
}

absl::Status Builder::Credentials() {
  if (config_.users.empty() && config_.secrets.empty() && config_.tenants.empty()) {
    return Missing(
        "nobody could use this relay: give --user NAME:PASSWORD or --auth-secret SECRET (or "
        "--user-file, --auth-secret-file)");
  }
  if (config_.realm.empty()) {
    return Missing("--realm is missing: give a name for the credentials, such as example.org");
  }
  return absl::OkStatus();
}

absl::Status Builder::Limits() {
  config_.limits.max_lifetime_seconds = config_.max_lifetime_seconds;
  config_.node.requests_per_prefix = config_.requests_per_prefix;
  return absl::OkStatus();
}

}  // namespace

void LimitWorkers(Config& config, unsigned queues) {
  if (config.workers.has_value() || queues >= config.node.shards) return;
  config.node.shards = static_cast<ShardId>(std::max(1u, queues));
  SizePools(config);
}

absl::StatusOr<Config> MakeConfig(Settings settings, unsigned usable_cpus) {
  return Builder(std::move(settings), usable_cpus).Build();
}

}  // namespace causeway::config
