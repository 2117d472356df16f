// Who gets which CPU, on machines that this one is not.
#include "dataplane/link/cpu_layout.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"

namespace causeway {
namespace {

constexpr unsigned kFast = 5200;
constexpr unsigned kSlow = 3900;

// `sockets` of `cores` each, of `threads` hyperthreads; numbered as Linux does on most servers: all
// first threads, then all second ones.
std::vector<Cpu> Machine(int sockets, unsigned cores, unsigned threads) {
  std::vector<Cpu> cpus;
  const unsigned all = static_cast<unsigned>(sockets) * cores;
  for (unsigned id = 0; id < all * threads; ++id)
    cpus.push_back({id, id % all, static_cast<int>(id % all / cores), kFast});
  return cpus;
}

// Four fast cores of two threads, which follow each other, then eight slow ones of one.
std::vector<Cpu> Hybrid() {
  std::vector<Cpu> cpus;
  for (unsigned id = 0; id < 8; ++id) cpus.push_back({id, id / 2 * 2, 0, kFast});
  for (unsigned id = 8; id < 16; ++id) cpus.push_back({id, id, 0, kSlow});
  return cpus;
}

std::vector<Cpu> Only(const std::vector<Cpu>& cpus, const std::vector<unsigned>& ids) {
  std::vector<Cpu> allowed;
  for (const unsigned id : ids) allowed.push_back(cpus[id]);
  return allowed;
}

struct Case {
  const char* name;
  std::vector<Cpu> cpus;
  unsigned workers;
  int port_socket;
  const char* line;
};

class CpuLayoutTest : public testing::TestWithParam<Case> {};

TEST_P(CpuLayoutTest, SaysWhoRunsWhere) {
  const Case& param = GetParam();
  const CpuLayout layout = LayOutCpus(param.cpus, param.workers, param.port_socket);
  EXPECT_EQ(layout.workers.size(), param.workers);
  EXPECT_EQ(DescribeLayout(layout, param.workers, param.port_socket), param.line);
}

INSTANTIATE_TEST_SUITE_P(
    Machines, CpuLayoutTest,
    testing::Values(
        Case{"OneCpu", Machine(1, 1, 1), 1, -1,
             "CPUs: control on 0, workers on 0; workers that share a CPU: 0"},
        Case{"TwoCpusOneWorker", Machine(1, 2, 1), 1, -1, "CPUs: control on 0, workers on 1"},
        Case{"TwoCpusTwoWorkers", Machine(1, 2, 1), 2, -1,
             "CPUs: control on 0, workers on 1,0; workers that share a CPU: 1"},
        Case{"TwoCpusThreeWorkers", Machine(1, 2, 1), 3, -1,
             "CPUs: control on 0, workers on 1,0,1; workers that share a CPU: 0,1,2"},
        Case{"TwoHyperthreads", Machine(1, 1, 2), 1, -1,
             "CPUs: control on 0, workers on 1; workers beside control on its physical core: 0"},
        Case{"LaptopThreeWorkers", Machine(1, 4, 2), 3, 0,
             "CPUs: control on 0, workers on 1,2,3; the link is at socket 0"},
        Case{"LaptopFourWorkers", Machine(1, 4, 2), 4, -1,
             "CPUs: control on 0, workers on 1,2,3,4; workers beside control on its physical core: "
             "3"},
        Case{"LaptopSevenWorkers", Machine(1, 4, 2), 7, -1,
             "CPUs: control on 0, workers on 1,2,3,4,5,6,7; workers that share a physical core: "
             "0,1,2,4,5,6; workers beside control on its physical core: 3"},
        Case{"HybridThreeWorkers", Hybrid(), 3, -1, "CPUs: control on 8, workers on 0,2,4"},
        Case{"HybridElevenWorkers", Hybrid(), 11, -1,
             "CPUs: control on 8, workers on 0,2,4,6,9,10,11,12,13,14,15"},
        Case{"HybridTwelveWorkers", Hybrid(), 12, -1,
             "CPUs: control on 8, workers on 0,2,4,6,9,10,11,12,13,14,15,1; workers that share a "
             "physical core: 0,11"},
        Case{"TwoSocketsLinkAtTheSecond", Machine(2, 16, 2), 15, 1,
             "CPUs: control on 16, workers on 17,18,19,20,21,22,23,24,25,26,27,28,29,30,31; the "
             "link is at socket 1"},
        Case{"TwoSocketsOneWorkerTooMany", Machine(2, 16, 2), 18, 1,
             "CPUs: control on 16, workers on 17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,48,0,1; "
             "the link is at socket 1; workers beside control on its physical core: 15; workers on "
             "another socket than the link: 16,17"},
        Case{"TwoSocketsVirtualLink", Machine(2, 2, 1), 3, -1,
             "CPUs: control on 0, workers on 1,2,3"},
        Case{"CgroupOfHyperthreads", Only(Machine(1, 4, 2), {2, 3, 6, 7}), 2, 0,
             "CPUs: control on 2, workers on 3,6; the link is at socket 0; workers beside control "
             "on its physical core: 1"},
        Case{"CgroupOnTheOtherSocket", Only(Machine(2, 4, 1), {1, 2, 3}), 2, 1,
             "CPUs: control on 1, workers on 2,3; the link is at socket 1; workers on another "
             "socket than the link: 0,1"}),
    [](const testing::TestParamInfo<Case>& param_info) { return param_info.param.name; });

TEST(CpuLayout, SlightlyFasterCoresAreOfOneKind) {
  std::vector<Cpu> cpus = Machine(1, 4, 1);
  cpus[2].speed = kFast + 100;
  EXPECT_EQ(DescribeLayout(LayOutCpus(cpus, 2, -1), 2, -1), "CPUs: control on 0, workers on 1,2");
}

TEST(CpuLayout, UnknownSpeedIsNotSlow) {
  std::vector<Cpu> cpus = Machine(1, 4, 1);
  cpus[2].speed = 0;
  EXPECT_EQ(DescribeLayout(LayOutCpus(cpus, 2, -1), 2, -1), "CPUs: control on 0, workers on 1,2");
}

TEST(CpuLayout, DescribesTheWorkersThatThereAreInTheEnd) {
  const CpuLayout layout = LayOutCpus(Machine(1, 2, 2), 3, -1);
  EXPECT_EQ(DescribeLayout(layout, 1, -1), "CPUs: control on 0, workers on 1");
}

// A directory laid out as /sys is.
class SysTest : public testing::Test {
 protected:
  SysTest() { std::filesystem::create_directories(root_); }
  ~SysTest() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& path, const std::string& line) {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path) << line << "\n";
  }

  const std::string root_ =
      absl::StrCat(std::filesystem::temp_directory_path().string(), "/causeway-sys-", getpid());
};

TEST_F(SysTest, ReadsCoreSocketAndSpeed) {
  Write("/devices/system/cpu/cpu5/topology/thread_siblings_list", "1,5");
  Write("/devices/system/cpu/cpu5/node1/cpulist", "1,5");
  Write("/devices/system/cpu/cpu5/cpufreq/cpuinfo_max_freq", "3900000");
  Write("/devices/system/cpu/cpu7/topology/thread_siblings_list", "6-7");
  Write("/devices/system/cpu/cpu7/cpu_capacity", "768");
  Write("/devices/system/cpu/cpu7/cpufreq/cpuinfo_max_freq", "3900000");
  const std::vector<Cpu> cpus = ReadCpus({5, 7, 9}, root_);
  ASSERT_EQ(cpus.size(), 3u);
  const auto is = [](const Cpu& cpu, const Cpu& expected) {
    return std::tie(cpu.id, cpu.core, cpu.socket, cpu.speed) ==
           std::tie(expected.id, expected.core, expected.socket, expected.speed);
  };
  EXPECT_TRUE(is(cpus[0], {5, 1, 1, 3'900'000}));
  EXPECT_TRUE(is(cpus[1], {7, 6, 0, 768}));
  EXPECT_TRUE(is(cpus[2], {9, 9, 0, 0})) << "nothing is said of it";
}

TEST_F(SysTest, ReadsTheLinksSocket) {
  Write("/class/net/eth1/device/numa_node", "1");
  Write("/bus/pci/devices/0000:03:00.0/numa_node", "0");
  EXPECT_EQ(PortSocket("eth1", "", root_), 1);
  EXPECT_EQ(PortSocket("", "03:00.0", root_), 0);
  EXPECT_EQ(PortSocket("", "0000:03:00.0", root_), 0);
  EXPECT_EQ(PortSocket("veth0", "", root_), -1);
  EXPECT_EQ(PortSocket("", "", root_), -1);
}

}  // namespace
}  // namespace causeway
