#include "dataplane/engine/worker.h"

#include <rte_cycles.h>
#include <rte_pause.h>
#include <sys/prctl.h>

#include <algorithm>
#include <ctime>

namespace causeway {
namespace {

constexpr unsigned kSpins = 1000;
constexpr unsigned kPauses = 4000;
constexpr unsigned kSharedSpins = 16;
constexpr unsigned kFirstSleepUs = 5;
constexpr unsigned long kTimerSlackNs = 1000;

void Sleep(unsigned microseconds) {
  const timespec time = {0, static_cast<long>(microseconds) * 1000};
  nanosleep(&time, nullptr);
}

}  // namespace

IdleLadder::IdleLadder(bool shares_cpu)
    : spins_(shares_cpu ? kSharedSpins : kSpins), pauses_(shares_cpu ? 0 : kPauses) {}

IdleLadder::Step IdleLadder::Idle() {
  if (idle_polls_ < spins_) {
    ++idle_polls_;
    return Step::kSpin;
  }
  if (idle_polls_ < spins_ + pauses_) {
    ++idle_polls_;
    return Step::kPause;
  }
  sleep_us_ = std::clamp(2 * sleep_us_, kFirstSleepUs, kLongestSleepUs);
  return Step::kSleep;
}

int RunWorker(void* argument) {
  auto* worker = static_cast<Worker*>(argument);
  Counters& counters = worker->shard->mutable_counters();
  IdleLadder ladder(worker->shares_cpu);
  prctl(PR_SET_TIMERSLACK, kTimerSlackNs, 0, 0, 0);
  uint64_t now = rte_rdtsc();
  while (!worker->stop.load(std::memory_order_relaxed)) {
    const bool worked = worker->shard->Poll(now) != 0;
    if (worked) {
      ladder.Work();
    } else {
      const IdleLadder::Step step = ladder.Idle();
      if (step == IdleLadder::Step::kPause) rte_pause();
      if (step == IdleLadder::Step::kSleep) Sleep(ladder.sleep_us());
    }
    const uint64_t then = now;
    now = rte_rdtsc();
    counters.Add(worked ? Counter::k_busy_cycles : Counter::k_idle_cycles, now - then);
  }
  return 0;
}

}  // namespace causeway
