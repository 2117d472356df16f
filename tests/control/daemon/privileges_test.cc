#include "control/daemon/privileges.h"

#include <dirent.h>
#include <linux/capability.h>
#include <sys/prctl.h>

#include <atomic>
#include <cstdint>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace causeway::daemon {
namespace {

constexpr uint64_t kKept =
    uint64_t{1} << CAP_NET_ADMIN | uint64_t{1} << CAP_NET_RAW | uint64_t{1} << CAP_BPF;

struct ThreadState {
  uint64_t permitted = ~uint64_t{0};
  uint64_t effective = ~uint64_t{0};
  int no_new_privs = 0;
};

ThreadState ReadState(const std::string& thread) {
  std::ifstream file("/proc/self/task/" + thread + "/status");
  ThreadState state;
  std::string key;
  while (file >> key) {
    if (key == "CapPrm:") file >> std::hex >> state.permitted >> std::dec;
    if (key == "CapEff:") file >> std::hex >> state.effective >> std::dec;
    if (key == "NoNewPrivs:") file >> state.no_new_privs;
  }
  return state;
}

std::vector<std::string> Threads() {
  std::vector<std::string> threads;
  DIR* tasks = opendir("/proc/self/task");
  while (const dirent* entry = readdir(tasks)) {
    if (entry->d_name[0] != '.') threads.emplace_back(entry->d_name);
  }
  closedir(tasks);
  return threads;
}

TEST(DropPrivileges, ReachesEveryThread) {
  std::atomic<bool> stop = false;
  std::vector<std::thread> workers;
  for (int i = 0; i < 2; ++i) {
    workers.emplace_back([&] {
      while (!stop) std::this_thread::yield();
    });
  }
  workers.emplace_back([&] {
    while (!stop) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  });

  const uint64_t before = ReadState(Threads().front()).permitted;
  const absl::Status status = DropPrivileges();
  EXPECT_TRUE(status.ok()) << status;
  const std::vector<std::string> threads = Threads();
  EXPECT_GE(threads.size(), 4u);
  for (const std::string& thread : threads) {
    const ThreadState state = ReadState(thread);
    EXPECT_EQ(state.permitted, before & kKept) << "thread " << thread;
    EXPECT_EQ(state.effective, before & kKept) << "thread " << thread;
    EXPECT_EQ(state.no_new_privs, 1) << "thread " << thread;
  }
  stop = true;
  for (std::thread& worker : workers) worker.join();
}

#ifndef __SANITIZE_ADDRESS__
TEST(ForbidMemoryDumps, MakesTheProcessUndumpable) {
  ForbidMemoryDumps();
  EXPECT_EQ(prctl(PR_GET_DUMPABLE), 0);
}
#endif

}  // namespace
}  // namespace causeway::daemon
