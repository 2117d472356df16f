// Which CPU each worker and the control thread get.
#pragma once

#include <string>
#include <vector>

#include "absl/types/span.h"

namespace causeway {

struct Cpu {
  unsigned id = 0;
  unsigned core = 0;   // the first CPU of its physical core; hyperthreads share a core
  int socket = 0;      // NUMA node
  unsigned speed = 0;  // to compare with other CPUs' only; 0 is unknown
};

struct CpuLayout {
  Cpu control;
  std::vector<Cpu> workers;  // in shard order
};

/// What /sys (or `root` in its place) says of these CPUs. What it does not say of one is as if the
/// CPU had a core of its own, on socket 0.
std::vector<Cpu> ReadCpus(absl::Span<const unsigned> ids, const std::string& root = "/sys");

/// The socket of a kernel's interface or PCI device (the other is empty); -1 when there is one
/// socket, or the device is virtual.
int PortSocket(const std::string& interface, const std::string& pci_device,
               const std::string& root = "/sys");

/// Control gets a CPU of its own on the port's socket (-1: any): of the slower kind where there
/// are two kinds, and the lowest. Each worker gets a physical core while there are some: those of
/// the port's socket first, and among them the faster kind; then hyperthreads, in the same order.
/// With more threads than CPUs the last workers share from control's CPU on. `cpus`: those that
/// this process may use, in ascending order, one or more.
CpuLayout LayOutCpus(absl::Span<const Cpu> cpus, unsigned workers, int port_socket);

/// One line for the operator: who runs where, which of the first `workers` workers share a physical
/// core or CPU, and which are on another socket than the port.
std::string DescribeLayout(const CpuLayout& layout, unsigned workers, int port_socket);

}  // namespace causeway
