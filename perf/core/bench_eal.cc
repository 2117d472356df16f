#include "perf/core/bench_eal.h"

#include <rte_eal.h>
#include <rte_mbuf.h>
#include <sched.h>

#include <cerrno>
#include <cstdint>
#include <fstream>

#include "absl/strings/str_cat.h"

namespace causeway::bench {
namespace {

constexpr unsigned kMegabytesOfAPage = 2;
constexpr unsigned kPoolCache = 256;

}  // namespace

std::vector<int> UsableCpus(size_t most) {
  cpu_set_t set;
  Require(sched_getaffinity(0, sizeof set, &set) == 0, "sched_getaffinity");
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE && cpus.size() < most; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

std::string StartEal(const std::vector<int>& cpus, unsigned megabytes, bool use_hugepages) {
  std::string lcores = "--lcores=";
  for (size_t i = 0; i < cpus.size(); ++i) {
    absl::StrAppend(&lcores, i == 0 ? "" : ",", i, "@", cpus[i]);
  }
  uint64_t free_pages = 0;
  std::ifstream("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages") >> free_pages;
  const bool huge = use_hugepages && free_pages * kMegabytesOfAPage >= megabytes;
  std::vector<std::string> words = {
      program_invocation_short_name, "--no-pci", "--no-telemetry", "--no-shconf",
      "--log-level=error",           lcores};
  if (huge) {
    words.emplace_back("--in-memory");
  } else {
    words.insert(words.end(), {"--no-huge", "-m", absl::StrCat(megabytes)});
  }
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  Require(rte_eal_init(static_cast<int>(argv.size()), argv.data()) >= 0, "rte_eal_init");
  return huge ? "hugepages" : "ordinary 4 kB pages";
}

Pools MakePools(unsigned index, unsigned packets) {
  const Pools pools = {
      rte_pktmbuf_pool_create(absl::StrCat("packets", index).c_str(), packets, kPoolCache, 0,
                              RTE_MBUF_DEFAULT_BUF_SIZE, 0),
      rte_pktmbuf_pool_create(absl::StrCat("jumbo", index).c_str(), 15, 0, 0, 65535, 0)};
  Require(pools.packets != nullptr && pools.jumbo != nullptr, "packet buffers");
  return pools;
}

}  // namespace causeway::bench
