#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "control/config/config.h"

namespace causeway::config {
namespace {

/// A TOML basic string. Control characters and quotes are escaped; UTF-8 stays.
std::string Quote(absl::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      absl::StrAppend(&out, "\\", absl::string_view(&c, 1));
    } else if (byte < 0x20 || byte == 0x7f) {
      absl::StrAppend(&out, "\\u", absl::Hex(byte, absl::kZeroPad4));
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
  return out;
}

std::string List(const std::vector<std::string>& items) {
  return absl::StrCat(
      "[",
      absl::StrJoin(items, ", ",
                    [](std::string* out, const auto& item) { absl::StrAppend(out, Quote(item)); }),
      "]");
}

std::string Bare(const Prefix& prefix) {
  return prefix.length == 128 ? prefix.address.ToString() : prefix.ToString();
}

std::string PrefixList(const std::vector<Prefix>& prefixes) {
  std::vector<std::string> items;
  items.reserve(prefixes.size());
  for (const Prefix& prefix : prefixes) items.push_back(Bare(prefix));
  return List(items);
}

std::string Addresses(const Config& config) {
  if (!config.device.empty()) return PrefixList(config.mirror_addresses);
  std::vector<std::string> items;
  items.reserve(config.node.listen_addresses.size());
  for (const IpAddress& address : config.node.listen_addresses) items.push_back(address.ToString());
  return List(items);
}

std::string Credentials(const Config& config) {
  std::string out;
  if (!config.users.empty()) {
    std::vector<std::string> items;
    for (const auto& user : config.users) items.push_back(absl::StrCat(user.name, ":***"));
    absl::StrAppend(&out, "user = ", List(items), "\n");
  }
  if (!config.secrets.empty()) {
    absl::StrAppend(
        &out, "auth-secret = ", List(std::vector<std::string>(config.secrets.size(), "***")), "\n");
  }
  return out;
}

const char* LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "info";
}

}  // namespace

std::string Describe(const Config& config) {
  const NodeConfig& node = config.node;
  std::string out = config.device.empty()
                        ? absl::StrCat("interface = ", Quote(config.interface), "\n")
                        : absl::StrCat("device = ", Quote(config.device), "\n");
  absl::StrAppend(&out, "address = ", Addresses(config), "\nport = ", node.listen_port,
                  "\nrealm = ", Quote(config.realm), "\n", Credentials(config));
  absl::StrAppend(&out, "relay-address = ", PrefixList(config.relay_prefixes), "  # ",
                  node.relay_addresses.size(), " in use\nrelay-ports = \"", node.relay_port_first,
                  "-", node.relay_port_last, "\"\n");
  absl::StrAppend(&out, "max-allocations = ", config.limits.max_allocations,
                  "\nmax-lifetime = ", config.limits.max_lifetime_seconds,
                  "\nuser-quota = ", config.limits.allocations_per_user,
                  "\nend-with-credential = ", config.limits.end_with_credential ? "true" : "false",
                  "\nrequests-per-prefix = ", node.requests_per_prefix,
                  "\nallow-peer = ", PrefixList(config.allow_peers),
                  "\ndeny-peer = ", PrefixList(config.deny_peers),
                  "\nno-hairpin = ", config.allow_hairpin ? "false" : "true");
  absl::StrAppend(&out, "\nworkers = ", unsigned{node.shards}, "\nstats = ", config.stats_seconds,
                  "\nlog-level = ", Quote(LevelName(config.log_level)), "\n");
  return out;
}

}  // namespace causeway::config
