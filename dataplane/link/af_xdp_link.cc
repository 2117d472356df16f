#include "dataplane/link/af_xdp_link.h"

#include <bpf/libbpf.h>
#include <rte_eal.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <mutex>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "dataplane/link/causeway_xdp.h"
#include "dataplane/link/interface.h"
#include "dataplane/link/kernel_routes.h"
#include "dataplane/link/port.h"
#include "dataplane/link/reservation.h"
#include "dataplane/link/try_while_held.h"
#include "dataplane/link/xdp_filter.h"

#if defined(__SANITIZE_ADDRESS__)  // gcc
#define CAUSEWAY_LEAK_SANITIZER
#elif defined(__has_feature)  // clang, and a header of libbsd
#if __has_feature(address_sanitizer)
#define CAUSEWAY_LEAK_SANITIZER
#endif
#endif
#ifdef CAUSEWAY_LEAK_SANITIZER
// DPDK's AF_XDP driver never frees its packet memory's description and its BPF object.
extern "C" const char* __lsan_default_suppressions();   // NOLINT: the sanitizer's name
extern "C" const char* __lsan_default_suppressions() {  // NOLINT
  return "leak:libxdp.so\nleak:libbpf.so\nleak:librte_net_af_xdp.so\n";
}
#endif

namespace causeway {
namespace {

// NAPI packets per busy poll. Never 0 where zero copy is possible: the driver's receive call would
// then sleep up to a second for want of buffers.
constexpr int kBusyBudget = 64;

// What an instance holds besides the port.
struct Claim {
  Interface interface;
  UniqueFd lock;
  std::vector<UniqueFd> ports;
};

// The warnings of libbpf while it loads: the only place that says why the kernel refused.
class LoaderLog {
 public:
  LoaderLog() { previous_ = libbpf_set_print(&Print); }
  ~LoaderLog() {
    libbpf_set_print(previous_);
    text_.clear();
  }
  LoaderLog(const LoaderLog&) = delete;
  LoaderLog& operator=(const LoaderLog&) = delete;
  /// The first line in parentheses, or nothing.
  std::string text() const {
    return text_.empty() ? "" : absl::StrCat(" (", text_.substr(0, text_.find('\n')), ")");
  }

 private:
  static int Print(libbpf_print_level level, const char* format, va_list arguments)
      __attribute__((format(printf, 2, 0))) {
    if (level != LIBBPF_WARN) return 0;
    char line[512];
    const int size = std::vsnprintf(line, sizeof(line), format, arguments);
    if (text_.size() < sizeof(line)) absl::StrAppend(&text_, line);
    return size;
  }
  static inline std::string text_;
  libbpf_print_fn_t previous_;
};

bool IsAssigned(const Interface& interface, const IpAddress& address) {
  return std::find(interface.addresses.begin(), interface.addresses.end(), address) !=
         interface.addresses.end();
}

std::string AddressList(const Interface& interface) {
  if (interface.addresses.empty()) return "it has none";
  return absl::StrCat("it has ", absl::StrJoin(interface.addresses, ", ",
                                               [](std::string* out, const IpAddress& address) {
                                                 absl::StrAppend(out, address.ToString());
                                               }));
}

absl::Status CheckUsable(const Interface& interface, const LinkConfig& config) {
  const std::string& name = interface.name;
  if (!interface.ethernet) {
    return absl::FailedPreconditionError(
        absl::StrCat("interface ", name, " is not an Ethernet interface"));
  }
  if (!interface.up) {
    return absl::FailedPreconditionError(
        absl::StrCat("interface ", name, " is down: ip link set ", name, " up"));
  }
  for (const IpAddress& address : config.node.listen_addresses) {
    if (IsAssigned(interface, address)) continue;
    return absl::FailedPreconditionError(absl::StrCat("address ", address.ToString(),
                                                      " is not on interface ", name, "; ",
                                                      AddressList(interface)));
  }
  if (interface.mtu > kMaxAfXdpMtu) {
    return absl::FailedPreconditionError(absl::StrCat(
        "interface ", name, " has MTU ", interface.mtu, "; AF_XDP serves ", kMaxAfXdpMtu,
        " at most: ip link set ", name, " mtu 1500, or use --device with a PCI device"));
  }
  if (config.node.shards > CAUSEWAY_MAX_QUEUES) {
    return absl::InvalidArgumentError(absl::StrCat(config.node.shards, " workers; AF_XDP serves ",
                                                   CAUSEWAY_MAX_QUEUES, " at most"));
  }
  return absl::OkStatus();
}

// A foreign program is an error that names it; one of ours is returned (0: none at all).
absl::StatusOr<uint32_t> OwnProgram(const Interface& interface) {
  absl::StatusOr<std::optional<AttachedProgram>> attached = FindAttachedProgram(interface.index);
  if (!attached.ok()) return attached.status();
  if (!attached->has_value()) return 0;
  if ((*attached)->IsOurs()) return (*attached)->id;
  const std::string& name = (*attached)->name;
  const std::string whose = name.empty()
                                ? "an XDP program whose name cannot be read without CAP_SYS_ADMIN"
                                : absl::StrCat("an XDP program of someone else, ", name);
  return absl::FailedPreconditionError(
      absl::StrCat("interface ", interface.name, " has ", whose, " (id ", (*attached)->id,
                   "): it is left alone; remove it (ip link set ", interface.name,
                   " xdp off) or use another interface"));
}

absl::StatusOr<Claim> Prepare(const LinkConfig& config) {
  absl::StatusOr<Interface> interface = ReadInterface(config.interface);
  if (!interface.ok()) return interface.status();
  if (absl::Status status = CheckUsable(*interface, config); !status.ok()) return status;
  if (absl::Status status = CheckPrivileges(); !status.ok()) return status;
  if (absl::Status status = CheckQueues(*interface, config.node.shards); !status.ok())
    return status;
  absl::StatusOr<UniqueFd> lock = ClaimInterface(interface->name);
  if (!lock.ok()) return lock.status();
  const absl::StatusOr<uint32_t> own = TryWhileHeld(
      [&] { return OwnProgram(*interface); },
      [](const absl::StatusOr<uint32_t>& found) { return IsFailedPrecondition(found.status()); });
  if (!own.ok()) return own.status();
  absl::StatusOr<std::vector<UniqueFd>> ports =
      ReservePort(config.node.listen_addresses, config.node.listen_port);
  if (!ports.ok()) return ports.status();
  return Claim{*std::move(interface), *std::move(lock), *std::move(ports)};
}

std::vector<Prefix> RelayPrefixes(const LinkConfig& config) {
  if (!config.relay_prefixes.empty()) return config.relay_prefixes;
  std::vector<Prefix> prefixes;
  for (const IpAddress& address : config.node.relay_addresses)
    prefixes.push_back(Prefix::Host(address));
  return prefixes;
}

std::string DeviceString(const Interface& interface, unsigned queues, int program) {
  static int opened = 0;
  // Without hugepages a buffer may straddle pages that are apart, which zero copy cannot take.
  const bool copy = interface.is_virtual || rte_eal_has_hugepages() == 0;
  return absl::StrCat("net_af_xdp", opened++, ",iface=", interface.name, ",queue_count=", queues,
                      ",busy_budget=", interface.is_virtual ? 0 : kBusyBudget,
                      ",force_copy=", copy ? 1 : 0, ",xdp_prog=/proc/self/fd/", program);
}

class AfXdpLink : public Link {
 public:
  AfXdpLink(Claim claim, Port port, uint32_t program, std::unique_ptr<KernelRoutes> routes,
            unsigned queues, std::vector<std::string> warnings)
      : claim_(std::move(claim)),
        port_(std::move(port)),
        program_(program),
        routes_(std::move(routes)),
        warnings_(std::move(warnings)) {
    if (queues > 1) {
      steering_ = absl::StrCat("datagrams come as interface ", claim_.interface.name,
                               " deals them to its queues, and are handed off when they are another"
                               " worker's");
    }
  }
  ~AfXdpLink() override {
    const int ifindex = claim_.interface.index;
    if (!DetachProgram(ifindex, program_).ok()) return;
    // The driver takes away whatever program it finds when it closes: let it find none.
    const absl::StatusOr<std::optional<AttachedProgram>> attached = FindAttachedProgram(ifindex);
    if (attached.ok() && !attached->has_value()) RemovePort(port_.id);
  }

  uint16_t port_id() const override { return port_.id; }
  MacAddress mac() const override { return port_.mac; }
  uint16_t mtu() const override { return static_cast<uint16_t>(claim_.interface.mtu); }
  bool partial_checksums() const override { return claim_.interface.is_virtual; }
  bool kernel_keeps_interface() const override { return true; }
  const std::string& kernel_interface() const override { return claim_.interface.name; }
  int mirror_fd() const override { return -1; }
  size_t ReadMirror(absl::Span<uint8_t>) override { return 0; }
  void WriteMirror(absl::Span<const uint8_t>) override {}
  const std::string& steering() const override { return steering_; }
  std::vector<std::string> warnings() const override { return warnings_; }

 private:
  Claim claim_;
  Port port_;
  uint32_t program_;
  std::unique_ptr<KernelRoutes> routes_;
  std::string steering_;
  std::vector<std::string> warnings_;
};

std::vector<std::string> Warnings(const LinkConfig& config, const Interface& interface) {
  std::vector<std::string> warnings;
  const std::vector<Prefix> prefixes = RelayPrefixes(config);
  const bool shared = std::any_of(
      interface.addresses.begin(), interface.addresses.end(), [&](const IpAddress& address) {
        return std::any_of(prefixes.begin(), prefixes.end(),
                           [&](const Prefix& prefix) { return prefix.Contains(address); });
      });
  const std::string ports =
      shared ? LocalPortWarning(config.node.relay_port_first, config.node.relay_port_last) : "";
  if (!ports.empty()) warnings.push_back(ports);
  return warnings;
}

// Brings the port up; on failure no program of ours stays behind. The port itself is left as it
// is then: the driver's close function would touch memory that its failed set-up freed.
absl::StatusOr<Port> StartAfXdpPort(const Interface& interface,
                                    absl::Span<rte_mempool* const> pools) {
  absl::StatusOr<UniqueFd> object = XdpObjectFile();
  if (!object.ok()) return object.status();
  const LoaderLog log;
  absl::StatusOr<uint16_t> id =
      AddVirtualPort(DeviceString(interface, static_cast<unsigned>(pools.size()), object->get()));
  if (!id.ok()) return id.status();
  absl::StatusOr<Port> port = StartPort(*id, static_cast<uint16_t>(interface.mtu), pools);
  if (port.ok()) return port;
  const absl::StatusOr<uint32_t> own = OwnProgram(interface);
  if (own.ok() && *own == 0 && log.text().empty()) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the kernel does not lend packet memory to AF_XDP on interface ",
                     interface.name, ": give CAP_IPC_LOCK, or raise ulimit -l"));
  }
  if (own.ok() && *own == 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the kernel does not take our XDP program on interface ", interface.name, log.text()));
  }
  if (own.ok()) DetachProgram(interface.index, *own).IgnoreError();
  return port.status();
}

}  // namespace

absl::Status CheckAfXdpLink(const LinkConfig& config) { return Prepare(config).status(); }

absl::StatusOr<uint16_t> AfXdpMtu(const LinkConfig& config) {
  absl::StatusOr<Interface> interface = ReadInterface(config.interface);
  if (!interface.ok()) return interface.status();
  if (absl::Status status = CheckUsable(*interface, config); !status.ok()) return status;
  return static_cast<uint16_t>(interface->mtu);
}

absl::StatusOr<unsigned> AfXdpQueues(const LinkConfig& config) {
  absl::StatusOr<Interface> interface = ReadInterface(config.interface);
  if (!interface.ok()) return interface.status();
  return std::clamp<unsigned>(interface->queues, 1, CAUSEWAY_MAX_QUEUES);
}

absl::StatusOr<std::unique_ptr<Link>> OpenAfXdpLink(const LinkConfig& config,
                                                    absl::Span<rte_mempool* const> pools) {
  absl::StatusOr<Claim> claim = Prepare(config);
  if (!claim.ok()) return claim.status();
  const Interface& interface = claim->interface;
  // We hold the claim, so a program of ours is one that a dead instance left.
  absl::StatusOr<uint32_t> stale = OwnProgram(interface);
  if (!stale.ok()) return stale.status();
  if (*stale != 0) {
    if (absl::Status status = DetachProgram(interface.index, *stale); !status.ok()) return status;
  }
  absl::StatusOr<Port> port = StartAfXdpPort(interface, pools);
  if (!port.ok()) return port.status();

  absl::StatusOr<uint32_t> program = OwnProgram(interface);
  if (!program.ok()) return program.status();
  const std::vector<Prefix> prefixes = RelayPrefixes(config);
  std::vector<Prefix> routed;
  for (const Prefix& prefix : prefixes) {
    if (prefix.length < 128 || !IsAssigned(interface, prefix.address)) routed.push_back(prefix);
  }
  absl::StatusOr<std::unique_ptr<KernelRoutes>> routes = KernelRoutes::Add(interface.index, routed);
  absl::Status filled = routes.ok() ? FillFilter(*program, config.node, prefixes) : routes.status();
  if (!filled.ok()) {
    DetachProgram(interface.index, *program).IgnoreError();
    return filled;
  }
  std::vector<std::string> warnings = Warnings(config, interface);
  return std::make_unique<AfXdpLink>(*std::move(claim), *std::move(port), *program,
                                     *std::move(routes), config.node.shards, std::move(warnings));
}

}  // namespace causeway
