#include "control/config/credential_fields.h"
#include "control/config/fields.h"
#include "control/config/options.h"

namespace causeway::config {
namespace {

constexpr uint32_t kMaxAllocations = 100'000'000;
constexpr uint32_t kDaySeconds = 86400;

using S = Settings;
using C = CommandLine;

std::vector<Option<S>> LinkOptions() {
  return {
      {.name = "interface",
       .field = List<S, std::string>(&S::interfaces, ParseInterface,
                                     [](const std::string& name) { return name; }),
       .value = "NAME",
       .help = "Linux interface to serve, over AF_XDP; repeatable; or give --device",
       .manual = "Only UDP to this node's addresses on the listening and relay ports is taken from "
                 "it; the kernel keeps all else. It needs a queue for each worker. Of several, "
                 "each serves the addresses that it has, and datagrams leave by the one that the "
                 "kernel's routes name."},
      {.name = "device",
       .field = Text(&S::device, ParseDevice),
       .value = "DEVICE",
       .help = "PCI address under vfio, or a DPDK device string",
       .manual = "The kernel has lost such an interface. What is not this node's goes to a TAP, "
                 "causeway0, which has the addresses of --address."},
      {.name = "address",
       .field = Items<S, ListenAddress>(&S::addresses, ParseListenAddresses, WriteListenAddress),
       .value = "A[,B]",
       .help = "address or addresses where clients reach this node; with --device each may carry "
               "/LEN, the prefix length for the kernel's mirror"},
      {.name = "port",
       .field = Number(&S::port, 1, 65535),
       .value = "PORT",
       .help = "UDP port where clients reach this node"},
  };
}

std::vector<Option<S>> CredentialOptions() {
  return {
      {.name = "realm",
       .field = Text(&S::realm, ParseRealm),
       .value = "REALM",
       .help = "realm of the credentials, such as example.org",
       .reload = Reload::kReload},
      {.name = "user",
       .field = Users(),
       .value = "NAME:PASSWORD",
       .help = "a user with a password of its own; repeatable",
       .reload = Reload::kReload,
       .secret = Secret::kAfterColon,
       .manual = "The first colon ends the name. On the command line the password stands in the "
                 "shell's history; the process overwrites it in its own memory at once."},
      {.name = "user-file",
       .field = UserFile(),
       .value = "FILE",
       .help = "file of NAME:PASSWORD lines ('#' begins a comment line)",
       .reload = Reload::kReload},
      {.name = "auth-secret",
       .field = Secrets(),
       .value = "SECRET",
       .help = "shared secret of time-limited credentials, the newest first; repeatable",
       .reload = Reload::kReload,
       .secret = Secret::kAll,
       .manual =
           "The user name of such a credential is EXPIRY:ID, with the expiry in Unix seconds; "
           "its password is base64(HMAC-SHA1(secret, user name)). All secrets are accepted, "
           "so that they can be rotated."},
      {.name = "auth-secret-file",
       .field = SecretFile(),
       .value = "FILE",
       .help = "file of secrets, one a line ('#' begins a comment line)",
       .reload = Reload::kReload},
  };
}

std::vector<Option<S>> RelayOptions() {
  return {
      {.name = "relay-address",
       .field = List<S, Prefix>(&S::given_relay_prefixes, ParseHostPrefix, WritePrefix),
       .value = "ADDRESS|PREFIX",
       .help = "where peers reach this node's clients; repeatable",
       .default_text = "the addresses of --address",
       .manual = "A prefix stands for all its addresses; of an IPv6 prefix as many are taken as "
                 "are needed. Route it to this node."},
      {.name = "relay-ports",
       .field = Text<S, PortRange>(&S::relay_ports, ParsePortRange, WritePortRange),
       .value = "FIRST-LAST",
       .help = "ports of the relayed addresses",
       .manual = "The kernel must not use these ports on the relayed addresses: see "
                 "net.ipv4.ip_local_reserved_ports."},
      {.name = "max-allocations",
       .field = Number(&S::max_allocations, 1, kMaxAllocations),
       .value = "N",
       .help = "allocations to set memory aside for",
       .default_text = "16384, or what the relay ports hold if fewer"},
      {.name = "max-lifetime",
       .field = Number(&S::max_lifetime_seconds, 600, kDaySeconds),
       .value = "SECONDS",
       .help = "longest lifetime of an allocation"},
      {.name = "user-quota",
       .field = Number(&S::allocations_per_user, 0, kMaxAllocations),
       .value = "N",
       .help = "allocations that one user may have at a time, 0 for any",
       .reload = Reload::kReload,
       .manual = "An Allocate beyond it gets error 486. Time-limited user names that differ in "
                 "their expiry alone are one user's. A tenant may have a number of its own."},
      {.name = "end-with-credential",
       .field = Flag(&S::end_with_credential),
       .help = "let no allocation outlive the time-limited credential that it was made with",
       .reload = Reload::kReload,
       .manual = "Without it a live allocation goes on when its credential runs out."},
  };
}

std::vector<Option<S>> AbuseOptions() {
  return {
      {.name = "requests-per-prefix",
       .field = Number(&S::requests_per_prefix, 0, 1'000'000'000),
       .value = "N",
       .help = "STUN requests a second answered to one source prefix (/24, /56), 0 for any"},
      {.name = "allow-peer",
       .field = List<S, Prefix>(&S::allow_peers, ParsePrefix, WritePrefix),
       .value = "CIDR",
       .help = "peers to allow that are denied by default; repeatable",
       .reload = Reload::kReload,
       .manual =
           "By default all special-purpose blocks, the addresses of this node, and every IPv6 "
           "form of a denied IPv4 address are denied. The node's own addresses stay so."},
      {.name = "deny-peer",
       .field = List<S, Prefix>(&S::deny_peers, ParsePrefix, WritePrefix),
       .value = "CIDR",
       .help = "peers to deny, whatever is allowed; repeatable",
       .reload = Reload::kReload},
      {.name = "no-hairpin",
       .field = Flag(&S::allow_hairpin, false),
       .help = "deny traffic between two allocations of this node",
       .reload = Reload::kReload},
  };
}

std::vector<Option<S>> ProcessOptions() {
  return {
      {.name = "workers",
       .field = Number(&S::workers, 1, kMaxWorkers),
       .value = "N",
       .help = "worker threads",
       .default_text = "one fewer than the CPUs, but no more than the link has queues",
       .manual = "Each polls on a CPU of its own, from CPU 1 on; control runs on CPU 0."},
      {.name = "stats",
       .field = Number(&S::stats_seconds, 0, kDaySeconds),
       .value = "SECONDS",
       .help = "print a line of counters that often, 0 for never"},
      {.name = "log-level",
       .field = Text<S, LogLevel>(&S::log_level, ParseLogLevel, LogLevelName),
       .value = "LEVEL",
       .help = "debug, info, warning or error",
       .manual = "The log has lines of this level and of those above it."},
  };
}

std::vector<Option<S>> AllOptions() {
  std::vector<Option<S>> all;
  for (auto* group : {LinkOptions, CredentialOptions, RelayOptions, AbuseOptions, ProcessOptions}) {
    for (Option<S>& option : group()) all.push_back(std::move(option));
  }
  return all;
}

}  // namespace

absl::Span<const Option<Settings>> Options() {
  static const auto* const options = new std::vector<Option<S>>(AllOptions());
  return *options;
}

absl::Span<const Option<CommandLine>> CommandLineOptions() {
  static const auto* const options = new std::vector<Option<C>>{
      {.name = "config",
       .field = Text(&C::config_file, ParsePath),
       .value = "FILE",
       .help = "TOML file with these same names; repeatable options on the command line add to the "
               "file's, the others replace them"},
      {.name = "check-config",
       .field = Flag(&C::check_config),
       .help = "print what would run, secrets left out, and exit"},
      {.name = "man",
       .field = Flag(&C::manual),
       .help = "print the manual page, for `man -l -`, and exit"},
  };
  return *options;
}

}  // namespace causeway::config
