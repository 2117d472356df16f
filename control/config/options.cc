#include "control/config/options.h"

#include <algorithm>

namespace causeway::config {
namespace {

constexpr auto kValue = OptionKind::kValue;
constexpr auto kList = OptionKind::kList;
constexpr auto kFlag = OptionKind::kFlag;

constexpr Option kOptions[] = {
    {"interface", kValue, "NAME", "Linux interface to serve, over AF_XDP; or give --device"},
    {"device", kValue, "DEVICE", "PCI address under vfio, or a DPDK device string"},
    {"address", kValue, "A[,B]",
     "address or addresses where clients reach this node; with --device each may carry /LEN, the "
     "prefix length for the kernel's mirror"},
    {"port", kValue, "PORT", "UDP port where clients reach this node [3478]"},
    {"realm", kValue, "REALM", "realm of the credentials, such as example.org"},
    {"user", kList, "NAME:PASSWORD", "a user with a password of its own; repeatable"},
    {"user-file", kValue, "FILE", "file of NAME:PASSWORD lines ('#' begins a comment line)"},
    {"auth-secret", kList, "SECRET",
     "shared secret of time-limited credentials, the newest first; repeatable"},
    {"auth-secret-file", kValue, "FILE", "file of secrets, one a line ('#' begins a comment line)"},
    {"relay-address", kList, "ADDRESS|PREFIX",
     "where peers reach this node's clients; repeatable [the addresses of --address]"},
    {"relay-ports", kValue, "FIRST-LAST", "ports of the relayed addresses [49152-65535]"},
    {"max-allocations", kValue, "N",
     "allocations to set memory aside for [16384, or what the relay ports hold if fewer]"},
    {"max-lifetime", kValue, "SECONDS", "longest lifetime of an allocation [3600]"},
    {"user-quota", kValue, "N", "allocations that one user may have at a time, 0 for any [0]"},
    {"end-with-credential", kFlag, "",
     "let no allocation outlive the time-limited credential that it was made with"},
    {"requests-per-prefix", kValue, "N",
     "STUN requests a second answered to one source prefix (/24, /56), 0 for any [1000]"},
    {"allow-peer", kList, "CIDR", "peers to allow that are denied by default; repeatable"},
    {"deny-peer", kList, "CIDR", "peers to deny, whatever is allowed; repeatable"},
    {"no-hairpin", kFlag, "", "deny traffic between two allocations of this node"},
    {"workers", kValue, "N", "worker threads [1 on two CPUs, else one fewer than the CPUs]"},
    {"stats", kValue, "SECONDS", "print a line of counters that often, 0 for never [0]"},
    {"log-level", kValue, "LEVEL", "debug, info, warning or error [info]"},
    {"config", kValue, "FILE",
     "TOML file with these same names; repeatable options on the command line add to the file's, "
     "the others replace them",
     false},
    {"check-config", kFlag, "", "print what would run, secrets left out, and exit", false},
};

size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

absl::Span<const Option> Options() { return kOptions; }

const Option* FindOption(absl::string_view name) {
  const auto* found = std::find_if(std::begin(kOptions), std::end(kOptions),
                                   [&](const Option& option) { return name == option.name; });
  return found == std::end(kOptions) ? nullptr : found;
}

std::string NearestOption(absl::string_view name) {
  const char* nearest = "";
  size_t best = std::max<size_t>(2, name.size() / 3) + 1;
  if (name.size() < 3) return "";
  for (const Option& option : kOptions) {
    const size_t distance = EditDistance(name, option.name);
    if (distance < best) {
      best = distance;
      nearest = option.name;
    }
  }
  return nearest;
}

OptionValues Merge(const OptionValues& file, const OptionValues& command_line) {
  OptionValues merged = file;
  for (const auto& [name, values] : command_line) {
    auto& target = merged[name];
    if (FindOption(name)->kind != kList) target.clear();
    target.insert(target.end(), values.begin(), values.end());
  }
  return merged;
}

}  // namespace causeway::config
