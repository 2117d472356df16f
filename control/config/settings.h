// The options as they are given, each typed and checked by itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/auth/authenticator.h"
#include "control/config/values.h"
#include "dataplane/address.h"

namespace causeway::config {

inline constexpr uint32_t kMaxWorkers = 127;  // of DPDK's 128 lcores, one runs control

/// What a tenant may take at once; absent: as much as the node has. Never 0.
struct TenantLimits {
  std::optional<uint32_t> allocations;
  std::optional<uint32_t> allocations_per_user;  // absent: the node's
  // Of each allocation, each way by itself:
  std::optional<uint32_t> kbps;  // 1,000 bits a second of UDP payload
  std::optional<uint32_t> packets_per_second;
};

/// `[tenant.NAME]` of the configuration file. The tenant `default` is none of these: the node's own
/// users, secrets and options make it.
struct TenantConfig {
  std::string name;                  // a DNS label in lower case
  std::vector<std::string> secrets;  // of time-limited credentials; 1 to 4, the newest first
  TenantLimits limits;
  std::vector<Prefix> allow_peers;   // beside the node's own
  std::vector<Prefix> deny_peers;    // beside the node's own
  bool end_with_credential = false;  // the node's own true holds for all tenants
};

/// A new option takes a field here and a declaration in options.cc or tenant_options.cc.
struct Settings {
  std::vector<std::string> interfaces;  // by LinkId
  std::string device;                   // as ParseDevice returns it
  std::vector<ListenAddress> addresses;
  uint16_t port = 3478;
  std::string realm;
  std::vector<auth::StaticUser> users;  // those of user_file too
  std::string user_file;
  std::vector<std::string> secrets;  // those of auth_secret_file too
  std::string auth_secret_file;
  std::vector<Prefix> given_relay_prefixes;  // empty: the listening addresses
  PortRange relay_ports{49152, 65535};
  std::optional<uint32_t> max_allocations;
  uint32_t max_lifetime_seconds = 3600;
  uint32_t allocations_per_user = 0;  // 0: any number
  bool end_with_credential = false;
  uint32_t requests_per_prefix = 1000;  // a second; 0: any number
  std::vector<Prefix> allow_peers;
  std::vector<Prefix> deny_peers;
  bool allow_hairpin = true;
  std::optional<uint32_t> workers;
  uint32_t stats_seconds = 0;  // 0: no lines of counters
  LogLevel log_level = LogLevel::kInfo;
  std::vector<TenantConfig> tenants;  // by name
};

}  // namespace causeway::config
