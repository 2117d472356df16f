// A worker lcore's loop: one shard, polled until told to stop.
#pragma once

#include <atomic>

#include "dataplane/shard/shard.h"

namespace causeway {

/// What an idle worker does, by how many polls in a row found nothing: first it polls on, then it
/// pauses the CPU between polls, then it sleeps, at most kLongestSleepUs. Work resets it.
class IdleLadder {
 public:
  static constexpr unsigned kLongestSleepUs = 50;

  /// A worker that shares its CPU sleeps much earlier: what it waits for may need that CPU.
  explicit IdleLadder(bool shares_cpu);

  enum class Step { kSpin, kPause, kSleep };
  /// One more poll without work: what to do before the next one.
  Step Idle();
  /// How long the last kSleep should be.
  unsigned sleep_us() const { return sleep_us_; }
  void Work() {
    idle_polls_ = 0;
    sleep_us_ = 0;
  }

 private:
  const unsigned spins_;
  const unsigned pauses_;
  unsigned idle_polls_ = 0;
  unsigned sleep_us_ = 0;
};

/// Owned by the engine, outlives the lcore's function.
struct Worker {
  Shard* shard = nullptr;
  bool shares_cpu = false;
  std::atomic<bool> stop = false;
};

/// For rte_eal_remote_launch; `argument` is a Worker. Counts busy and idle cycles in the shard's
/// counters. Returns 0 soon (one poll, one sleep) after `stop` is set.
int RunWorker(void* argument);

}  // namespace causeway
