// DPDK's environment abstraction layer, started once per process.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/link/cpu_layout.h"

namespace causeway {

struct EalConfig {
  unsigned workers = 1;
  /// Memory that pools and tables will want, in bytes (hugepages are used when enough are free).
  uint64_t memory_bytes = 0;
  /// A PCI address to probe, or empty: no PCI scan at all.
  std::string pci_device;
  /// The kernel's interface that is served, or empty; with pci_device, it says which socket the
  /// link is at.
  std::string interface;
  /// False keeps away from hugepages even when there are some (tests).
  bool use_hugepages = true;
};

struct EalInfo {
  bool hugepages = false;
  /// One line for the operator: what memory is used and, without hugepages, what that costs.
  std::string memory_line;
  /// The lcore of each worker, in shard order. The main lcore runs control.
  std::vector<unsigned> worker_lcores;
  CpuLayout cpus;
  int port_socket = -1;  // as PortSocket (cpu_layout.h)
};

/// Starts EAL. Threads are pinned as LayOutCpus says; control sets all memory aside, so that it is
/// on control's socket, the link's. DPDK's own log goes to stderr from level warning up. Once per
/// process. ResourceExhaustedError when the machine lacks the memory, with what to lower.
absl::StatusOr<EalInfo> StartEal(const EalConfig& config);

/// Whether that much memory is free in hugepages. Where they would suffice but are taken, waits up
/// to two seconds: the kernel returns those of an AF_XDP socket some time after its process has
/// ended.
bool HugepagesSuffice(uint64_t bytes);

/// CPUs that this process may run on (its affinity when first asked, before EAL pinned threads).
unsigned UsableCpus();

}  // namespace causeway
