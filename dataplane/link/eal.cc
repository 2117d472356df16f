#include "dataplane/link/eal.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_log.h>
#include <sched.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "dataplane/link/try_while_held.h"

namespace causeway {
namespace {

constexpr uint64_t kMegabyte = 1 << 20;
constexpr char kHugepages[] = "/sys/kernel/mm/hugepages";

const std::vector<unsigned>& AllowedCpus() {
  static const std::vector<unsigned> cpus = [] {
    std::vector<unsigned> found;
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof(set), &set) == 0) {
      for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        if (CPU_ISSET(cpu, &set)) found.push_back(cpu);
      }
    }
    if (found.empty()) found.push_back(0);
    return found;
  }();
  return cpus;
}

uint64_t ReadNumber(const std::filesystem::path& path) {
  uint64_t value = 0;
  std::ifstream(path) >> value;
  return value;
}

// `count` is "free_hugepages" or "nr_hugepages".
uint64_t HugepageBytes(const char* count) {
  uint64_t bytes = 0;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(kHugepages, ignored)) {
    const std::string name = entry.path().filename();  // hugepages-2048kB
    absl::string_view size = name;
    uint64_t kilobytes = 0;
    if (absl::ConsumePrefix(&size, "hugepages-") && absl::ConsumeSuffix(&size, "kB") &&
        absl::SimpleAtoi(size, &kilobytes)) {
      bytes += kilobytes * 1024 * ReadNumber(entry.path() / count);
    }
  }
  return bytes;
}

uint64_t AvailableMemoryBytes() {
  std::ifstream meminfo("/proc/meminfo");
  std::string key;
  uint64_t kilobytes = 0;
  std::string unit;
  while (meminfo >> key >> kilobytes) {
    if (key == "MemAvailable:") return kilobytes * 1024;
    std::getline(meminfo, unit);
  }
  return UINT64_MAX;
}

uint64_t Megabytes(uint64_t bytes) { return (bytes + kMegabyte - 1) / kMegabyte; }

// The lcores option: lcore 0 is control, lcore k+1 is worker k.
std::string LcoreMap(const CpuLayout& cpus) {
  std::string map = absl::StrCat("0@", cpus.control.id);
  unsigned lcore = 0;
  for (const Cpu& cpu : cpus.workers) absl::StrAppend(&map, ",", ++lcore, "@", cpu.id);
  return map;
}

struct MemoryPlan {
  std::vector<std::string> arguments;
  bool hugepages;
  std::string line;
};

absl::StatusOr<MemoryPlan> PlanMemory(const EalConfig& config) {
  // EAL's own needs, and the allocator's loss at the ends of its segments.
  const uint64_t wanted = config.memory_bytes + config.memory_bytes / 8 + 64 * kMegabyte;
  if (config.use_hugepages && HugepagesSuffice(wanted)) {
    return MemoryPlan{
        {"--in-memory"},
        true,
        absl::StrCat("memory: hugepages, about ", Megabytes(config.memory_bytes), " MB")};
  }
  const uint64_t available = AvailableMemoryBytes();
  if (wanted > available) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the configured capacity takes ", Megabytes(wanted), " MB of memory and ",
                     Megabytes(available), " MB are available: lower --max-allocations"));
  }
  const uint64_t pages = (wanted + 2 * kMegabyte - 1) / (2 * kMegabyte);
  return MemoryPlan{
      {"--no-huge", "--no-shconf", "-m", absl::StrCat(Megabytes(wanted))},
      false,
      absl::StrCat("memory: ordinary 4 kB pages, about ", Megabytes(config.memory_bytes),
                   " MB, without hugepages: cold look-ups in big tables take about twice as long "
                   "(TLB misses), and AF_XDP always copies packets; to reserve them: sysctl -w "
                   "vm.nr_hugepages=",
                   pages)};
}

}  // namespace

unsigned UsableCpus() { return static_cast<unsigned>(AllowedCpus().size()); }

bool HugepagesSuffice(uint64_t bytes) {
  if (HugepageBytes("nr_hugepages") < bytes) return false;
  const auto missing = [bytes](uint64_t free) { return free < bytes; };
  return !missing(TryWhileHeld([] { return HugepageBytes("free_hugepages"); }, missing));
}

absl::StatusOr<EalInfo> StartEal(const EalConfig& config) {
  if (config.workers + 1 > RTE_MAX_LCORE) {
    return absl::InvalidArgumentError(absl::StrCat(config.workers, " workers are more than the ",
                                                   RTE_MAX_LCORE - 1, " that DPDK allows"));
  }
  absl::StatusOr<MemoryPlan> memory = PlanMemory(config);
  if (!memory.ok()) return memory.status();
  const int socket = PortSocket(config.interface, config.pci_device);
  const CpuLayout cpus = LayOutCpus(ReadCpus(AllowedCpus()), config.workers, socket);

  std::vector<std::string> arguments = {
      "causewayd", "--no-telemetry", "--log-level=warning", "--log-level=lib.eal:error",
      // It warns that there is no channel to secondary processes.
      "--log-level=pmd.net.memif:error", absl::StrCat("--lcores=", LcoreMap(cpus))};
  arguments.insert(arguments.end(), memory->arguments.begin(), memory->arguments.end());
  if (config.pci_device.empty()) {
    arguments.insert(arguments.end(), {"--no-pci", "--iova-mode=va"});
  } else {
    arguments.insert(arguments.end(), {"-a", config.pci_device});
  }
  std::vector<char*> argv;
  argv.reserve(arguments.size());
  for (std::string& argument : arguments) argv.push_back(argument.data());
  rte_openlog_stream(stderr);
  if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0) {
    return absl::InternalError(absl::StrCat("DPDK did not start: ", rte_strerror(rte_errno)));
  }
  rte_log_set_level_pattern("lib.eal", RTE_LOG_WARNING);

  EalInfo info{memory->hugepages, memory->line, {}, cpus, socket};
  for (unsigned worker = 0; worker < config.workers; ++worker) {
    info.worker_lcores.push_back(worker + 1);
  }
  return info;
}

}  // namespace causeway
