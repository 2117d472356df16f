#include "perf/gen/port.h"

#include <bpf/libbpf.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_log.h>
#include <rte_mbuf.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <xdp/libxdp.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "dataplane/link/eal.h"
#include "dataplane/link/interface.h"
#include "dataplane/link/packet_pool.h"
#include "dataplane/link/port.h"

// As in af_xdp_link.cc, which is not linked here: what DPDK's AF_XDP driver never frees.
extern "C" const char* __lsan_default_suppressions();   // NOLINT: the sanitizer's name
extern "C" const char* __lsan_default_suppressions() {  // NOLINT
  return "leak:libxdp.so\nleak:libbpf.so\nleak:librte_net_af_xdp.so\n";
}

namespace causeway::gen {
namespace {

// The AF_XDP driver takes 2,048 buffers to receive into and may hold as many to send.
constexpr unsigned kPackets = 16383;
constexpr uint16_t kMtuWanted = 1500;
constexpr unsigned kMemoryMegabytes = 128;
constexpr auto kLinkPatience = std::chrono::seconds(10);
constexpr auto kLinkPoll = std::chrono::milliseconds(5);

absl::StatusOr<unsigned> ChooseCpu(const Options& options) {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof(set), &set);
  std::string usable;
  unsigned last = 0;
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &set)) continue;
    absl::StrAppend(&usable, usable.empty() ? "" : ",", cpu);
    last = cpu;
  }
  if (!options.cpu) return last;
  if (*options.cpu < CPU_SETSIZE && CPU_ISSET(*options.cpu, &set)) return *options.cpu;
  return absl::InvalidArgumentError(absl::StrCat("--cpu ", *options.cpu,
                                                 ": this process may not run on that CPU; usable "
                                                 "are ",
                                                 usable));
}

absl::Status StartEal(unsigned cpu, const std::string& pci_device) {
  std::vector<std::string> arguments = {
      "causeway-gen", "--no-telemetry", "--log-level=warning", "--log-level=lib.eal:error",
      // It misses a multi-process channel, and repeats what our errors say.
      "--log-level=pmd.net.memif:critical", absl::StrCat("--lcores=0@", cpu)};
  if (HugepagesSuffice(uint64_t{kMemoryMegabytes} << 20)) {
    arguments.emplace_back("--in-memory");
  } else {
    arguments.insert(arguments.end(),
                     {"--no-huge", "--no-shconf", "-m", absl::StrCat(kMemoryMegabytes)});
  }
  if (pci_device.empty()) {
    arguments.insert(arguments.end(), {"--no-pci", "--iova-mode=va"});
  } else {
    arguments.insert(arguments.end(), {"-a", pci_device});
  }
  std::vector<char*> argv;
  argv.reserve(arguments.size());
  for (std::string& argument : arguments) argv.push_back(argument.data());
  rte_openlog_stream(stderr);
  if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0) {
    return absl::InternalError(absl::StrCat("DPDK did not start: ", rte_strerror(rte_errno)));
  }
  return absl::OkStatus();
}

absl::Status BecomeRealtime() {
  sched_param parameters = {};
  parameters.sched_priority = 1;
  if (sched_setscheduler(0, SCHED_FIFO, &parameters) == 0) return absl::OkStatus();
  return absl::PermissionDeniedError(
      "--realtime: the kernel refuses SCHED_FIFO: run as root or with CAP_SYS_NICE, or leave the "
      "option out");
}

// The driver serves one queue: what arrives on others would look lost.
absl::StatusOr<Interface> CheckInterface(const std::string& name) {
  absl::StatusOr<Interface> interface = ReadInterface(name);
  if (!interface.ok()) return interface.status();
  if (!interface->ethernet || !interface->up) {
    return absl::FailedPreconditionError(
        absl::StrCat("interface ", name,
                     interface->ethernet ? " is down: ip link set " + name + " up"
                                         : " is not an Ethernet interface: choose another"));
  }
  if (!CheckQueues(*interface, 1).ok()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "interface ", name, " receives on ", std::max(interface->queues, interface->receive_queues),
        " queues and the generator polls one: ethtool -L ", name,
        interface->is_virtual ? " rx 1" : " combined 1"));
  }
  return interface;
}

absl::StatusOr<std::string> DeviceString(const Options& options) {
  if (options.interface.empty()) return options.device;
  absl::StatusOr<Interface> interface = CheckInterface(options.interface);
  if (!interface.ok()) return interface.status();
  const bool copy = interface->is_virtual || rte_eal_has_hugepages() == 0;
  return absl::StrCat(options.device, interface->is_virtual ? ",busy_budget=0" : "",
                      copy ? ",force_copy=1" : "");
}

// libxdp and libbpf tell much that is no error; what is one, the driver's result says as well.
void SilenceXdpLibraries() {
  libbpf_set_print(nullptr);
  libxdp_set_print(nullptr);
}

bool LinkIsUp(uint16_t id) {
  rte_eth_link link = {};
  return rte_eth_link_get_nowait(id, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

absl::Status Explain(const absl::Status& status, const std::string& device) {
  const char* question = "";
  if (absl::StartsWith(device, "net_memif")) {
    question = ": is the program at the other end of the memif socket running, in the other role?";
  } else if (absl::StartsWith(device, "net_af_xdp") && !absl::IsUnavailable(status)) {
    question = ": does another program have the interface (ip link shows its XDP program)?";
  }
  return absl::Status(status.code(),
                      absl::StrCat("device ", device, ": ", status.message(), question));
}

absl::Status WaitForLink(uint16_t id, const std::string& name) {
  const auto deadline = std::chrono::steady_clock::now() + kLinkPatience;
  while (!LinkIsUp(id)) {
    if (std::chrono::steady_clock::now() > deadline) {
      return absl::UnavailableError(
          absl::StrCat("the link of ", name, " has not come up in ", kLinkPatience.count(),
                       " s: is the program or cable at its other end there?"));
    }
    std::this_thread::sleep_for(kLinkPoll);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Port>> Port::Open(const Options& options) {
  absl::StatusOr<unsigned> cpu = ChooseCpu(options);
  if (!cpu.ok()) return cpu.status();
  const bool pci = IsPciAddress(options.device);
  if (absl::Status started = StartEal(*cpu, pci ? options.device : ""); !started.ok())
    return started;
  absl::StatusOr<std::string> device = DeviceString(options);
  if (!device.ok()) return device.status();
  if (pci) {
    if (absl::StatusOr<uint16_t> found = FindPciPort(*device); !found.ok()) return found.status();
  }
  rte_mempool* pool = CreatePacketPool("gen_packets", kPackets, kMtuWanted);
  if (pool == nullptr) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "no memory for packet buffers: they take ", kMemoryMegabytes,
        " MB; free some, or reserve hugepages (sysctl -w vm.nr_hugepages=", kMemoryMegabytes / 2,
        ")"));
  }
  SilenceXdpLibraries();
  absl::StatusOr<uint16_t> id = pci ? FindPciPort(*device) : AddVirtualPort(*device);
  if (!id.ok()) return id.status();
  absl::StatusOr<causeway::Port> started = StartPort(*id, kMtuWanted, {&pool, 1});
  if (!started.ok()) return Explain(started.status(), *device);
  if (rte_eth_allmulticast_enable(*id) != 0 && pci) rte_eth_promiscuous_enable(*id);

  std::unique_ptr<Port> port(new Port(*id, pool));
  port->mac_ = started->mac;
  port->mtu_ = started->mtu;
  port->name_ = options.interface.empty() ? options.device : "interface " + options.interface;
  port->partial_checksums_ = !pci && !absl::StartsWith(*device, "net_memif");
  if (absl::Status up = WaitForLink(*id, port->name_); !up.ok()) return up;
  // By default the kernel lets a sleeper oversleep by 50 microseconds.
  prctl(PR_SET_TIMERSLACK, 1000);
  if (options.realtime) {
    if (absl::Status realtime = BecomeRealtime(); !realtime.ok()) return realtime;
  }
  return port;
}

Port::~Port() {
  rte_pktmbuf_free_bulk(waiting_, waiting_count_);
  RemovePort(id_);
}

rte_mbuf* Port::NewFrame() { return rte_pktmbuf_alloc(pool_); }

void Port::Send(rte_mbuf* frame) {
  waiting_[waiting_count_++] = frame;
  if (waiting_count_ == kBurst) Flush();
}

void Port::Flush() {
  if (waiting_count_ == 0) return;
  const uint16_t sent = rte_eth_tx_burst(id_, 0, waiting_, waiting_count_);
  rte_pktmbuf_free_bulk(waiting_ + sent, waiting_count_ - sent);
  waiting_count_ = 0;
}

}  // namespace causeway::gen
