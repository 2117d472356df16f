#include "control/config/config.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "control/config/files.h"
#include "control/config/relay_plan.h"
#include "control/config/values.h"

namespace causeway::config {
namespace {

constexpr uint32_t kMaxWorkers = 127;  // of DPDK's 128 lcores, one runs control
constexpr uint32_t kMaxAllocations = 100'000'000;

absl::Status Missing(absl::string_view what) { return absl::InvalidArgumentError(what); }

/// Builds one Config; each step is one group of settings.
class Builder {
 public:
  Builder(const OptionValues& values, unsigned usable_cpus)
      : values_(values), usable_cpus_(usable_cpus) {}

  absl::StatusOr<Config> Build() {
    using Step = absl::Status (Builder::*)();
    constexpr Step kSteps[] = {&Builder::Link,    &Builder::Listening, &Builder::Relay,
                               &Builder::Workers, &Builder::Users,     &Builder::Secrets,
                               &Builder::Realm,   &Builder::Limits,    &Builder::Peers,
                               &Builder::Output};
    for (const Step step : kSteps) {
      if (absl::Status status = (this->*step)(); !status.ok()) return status;
    }
    SizePools();
    return std::move(config_);
  }

 private:
  bool Has(const char* name) const { return values_.contains(name); }
  const std::string& Value(const char* name) const { return values_.at(name).front(); }
  absl::Span<const std::string> List(const char* name) const {
    const auto found = values_.find(name);
    return found == values_.end() ? absl::Span<const std::string>() : found->second;
  }
  /// Leaves `out` as it is when the option is not given.
  template <typename T>
  absl::Status Number(const char* name, uint32_t min, uint32_t max, T& out) const {
    if (!Has(name)) return absl::OkStatus();
    auto number = ParseNumber(name, Value(name), min, max);
    if (number.ok()) out = static_cast<T>(*number);
    return number.status();
  }

  absl::Status Link();
  absl::Status Listening();
  absl::Status Relay();
  absl::Status CheckListeningPort() const;
  absl::Status Workers();
  absl::Status Users();
  absl::Status AddUser(absl::string_view origin, absl::string_view text);
  absl::Status Secrets();
  absl::Status Realm();
  absl::Status Limits();
  absl::Status Peers();
  absl::Status Output();
  void SizePools();

  const OptionValues& values_;
  const unsigned usable_cpus_;
  Config config_;
  absl::flat_hash_set<std::string> user_names_;
};

absl::Status Builder::Link() {
  if (Has("interface") && Has("device")) {
    return Missing("--interface and --device are both given: choose one");
  }
  if (Has("interface")) {
    auto name = ParseInterface("interface", Value("interface"));
    if (name.ok()) config_.interface = *name;
    return name.status();
  }
  if (!Has("device")) return Missing("--interface is missing: name the interface to serve");
  auto device = ParseDevice("device", Value("device"));
  if (device.ok()) config_.device = *device;
  return device.status();
}

absl::Status Builder::Listening() {
  if (!Has("address")) {
    return Missing("--address is missing: give the address where clients reach this node");
  }
  auto addresses = ParseListenAddresses("address", Value("address"));
  if (!addresses.ok()) return addresses.status();
  for (const ListenAddress& item : *addresses) {
    if (item.has_length && config_.device.empty()) {
      return BadValue("address", Value("address"),
                      "a prefix length is for --device only; the interface has its own");
    }
    config_.node.listen_addresses.push_back(item.address);
    if (!config_.device.empty()) config_.mirror_addresses.push_back(item.mirror);
  }
  return Number("port", 1, 65535, config_.node.listen_port);
}

absl::Status Builder::Relay() {
  PortRange ports{config_.node.relay_port_first, config_.node.relay_port_last};
  if (Has("relay-ports")) {
    auto given = ParsePortRange("relay-ports", Value("relay-ports"));
    if (!given.ok()) return given.status();
    ports = *given;
  }
  for (const std::string& text : List("relay-address")) {
    auto prefix = ParseHostPrefix("relay-address", text);
    if (!prefix.ok()) return prefix.status();
    config_.relay_prefixes.push_back(*prefix);
  }
  if (config_.relay_prefixes.empty()) {
    for (const IpAddress& address : config_.node.listen_addresses) {
      config_.relay_prefixes.push_back(Prefix::Host(address));
    }
  }
  std::optional<uint32_t> wanted;
  absl::Status status = Number("max-allocations", 1, kMaxAllocations, wanted.emplace());
  if (!status.ok()) return status;
  if (!Has("max-allocations")) wanted.reset();
  auto plan = PlanRelayAddresses(config_.relay_prefixes, ports, wanted);
  if (!plan.ok()) return plan.status();
  config_.node.relay_port_first = ports.first;
  config_.node.relay_port_last = ports.last;
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
  uint32_t workers = usable_cpus_ <= 2 ? 1 : std::min(usable_cpus_ - 1, kMaxWorkers);
  absl::Status status = Number("workers", 1, kMaxWorkers, workers);
  if (!status.ok()) return status;
  const uint32_t ports = uint32_t{config_.node.relay_port_last} - config_.node.relay_port_first + 1;
  if (ports < 2 * workers) {
    return BadValue("relay-ports",
                    absl::StrCat(config_.node.relay_port_first, "-", config_.node.relay_port_last),
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

absl::Status Builder::AddUser(absl::string_view origin, absl::string_view text) {
  auto user = ParseUser(origin, text);
  if (!user.ok()) return user.status();
  if (!user_names_.insert(user->name).second) {
    return absl::InvalidArgumentError(
        absl::StrCat(origin, ": user '", absl::CHexEscape(user->name), "' is given twice"));
  }
  config_.users.push_back(*std::move(user));
  return absl::OkStatus();
}

absl::Status Builder::Users() {
  int number = 0;
  for (const std::string& text : List("user")) {
    absl::Status status = AddUser(absl::StrCat("--user, value ", ++number), text);
    if (!status.ok()) return status;
  }
  if (!Has("user-file")) return absl::OkStatus();
  const std::string& path = Value("user-file");
  auto lines = ReadSecretLines(path);
  if (!lines.ok()) return lines.status();
  for (const SecretLine& line : *lines) {
    absl::Status status = AddUser(absl::StrCat(path, ":", line.number), line.text);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Builder::Secrets() {
  for (const std::string& secret : List("auth-secret")) config_.secrets.push_back(secret);
  if (Has("auth-secret-file")) {
    auto lines = ReadSecretLines(Value("auth-secret-file"));
    if (!lines.ok()) return lines.status();
    for (SecretLine& line : *lines) config_.secrets.push_back(std::move(line.text));
  }
  for (const std::string& secret : config_.secrets) {
    if (secret.empty()) return Missing("--auth-secret: empty; anybody could make credentials");
  }
  if (config_.users.empty() && config_.secrets.empty()) {
    return Missing(
        "nobody could use this relay: give --user NAME:PASSWORD or --auth-secret SECRET (or "
        "--user-file, --auth-secret-file)");
  }
  return absl::OkStatus();
}

absl::Status Builder::Realm() {
  if (!Has("realm") || Value("realm").empty()) {
    return Missing("--realm is missing: give a name for the credentials, such as example.org");
  }
  if (Value("realm").size() > 127) {
    return absl::InvalidArgumentError(absl::StrCat("--realm: ", Value("realm").size(),
                                                   " bytes; at most 127 (RFC 8489 section 14.9)"));
  }
  config_.realm = Value("realm");
  return absl::OkStatus();
}

absl::Status Builder::Limits() {
  absl::Status status = Number("max-lifetime", config_.limits.default_lifetime_seconds, 86400,
                               config_.limits.max_lifetime_seconds);
  status.Update(Number("user-quota", 0, kMaxAllocations, config_.limits.allocations_per_user));
  config_.limits.end_with_credential = Has("end-with-credential");
  config_.node.requests_per_prefix = 1000;
  status.Update(Number("requests-per-prefix", 0, 1'000'000'000, config_.node.requests_per_prefix));
  return status;
}

absl::Status Builder::Peers() {
  for (auto [name, out] : {std::pair{"allow-peer", &config_.allow_peers},
                           std::pair{"deny-peer", &config_.deny_peers}}) {
    for (const std::string& text : List(name)) {
      auto prefix = ParsePrefix(name, text);
      if (!prefix.ok()) return prefix.status();
      out->push_back(*prefix);
    }
  }
  config_.allow_hairpin = !Has("no-hairpin");
  return absl::OkStatus();
}

absl::Status Builder::Output() {
  if (Has("log-level")) {
    const std::string& text = Value("log-level");
    constexpr std::pair<absl::string_view, LogLevel> kLevels[] = {{"debug", LogLevel::kDebug},
                                                                  {"info", LogLevel::kInfo},
                                                                  {"warning", LogLevel::kWarning},
                                                                  {"error", LogLevel::kError}};
    const auto* level = std::find_if(std::begin(kLevels), std::end(kLevels),
                                     [&](const auto& entry) { return entry.first == text; });
    if (level == std::end(kLevels)) {
      return BadValue("log-level", text, "must be debug, info, warning or error");
    }
    config_.log_level = level->second;
  }
  return Number("stats", 0, 86400, config_.stats_seconds);
}

/// A fair share of `total` and a quarter more: ports are dealt in blocks, and clients reach queues
/// by hash, so shards do not fill evenly.
uint32_t PerShard(uint64_t total, unsigned shards) {
  if (shards == 1) return static_cast<uint32_t>(total);
  const uint64_t share = (total + shards - 1) / shards;
  return static_cast<uint32_t>(std::min(total, share + share / 4 + 1024));
}

void Builder::SizePools() {
  NodeConfig& node = config_.node;
  const uint64_t allocations = config_.limits.max_allocations;
  const uint64_t floor = allocations + 4096;
  node.allocations_per_shard = PerShard(allocations, node.shards);
  node.permissions_per_shard = PerShard(std::max(2 * allocations, floor), node.shards);
  node.channels_per_shard = PerShard(floor, node.shards);
}

}  // namespace

absl::StatusOr<Config> MakeConfig(const OptionValues& values, unsigned usable_cpus) {
  return Builder(values, usable_cpus).Build();
}

}  // namespace causeway::config
