// What one shard and two shards at once relay: each on a CPU of its own with its own port of rings,
// packets and allocations, ChannelData from clients to peers, no packet for the other's shard.
//
// A round: every worker writes its frames, all wait for each other, then each relays its own as
// fast as it can. A round lasts as long as its slower worker.
#include <benchmark/benchmark.h>
#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_pause.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "perf/core/bench_node.h"

namespace causeway::bench {
namespace {

constexpr uint32_t kAllocations = 100000;
constexpr unsigned kMegabytesEach = 150;
constexpr unsigned kMaxWorkers = 2;

struct Worker {
  std::unique_ptr<BenchNode> node;
  std::minstd_rand random{42};
  uint64_t cycles = 0;  // of the last round
  bool complete = true;
  std::atomic<unsigned>* ready = nullptr;  // workers that have written their frames
  unsigned workers = 0;
};

int RunRound(void* argument) {
  auto* worker = static_cast<Worker*>(argument);
  std::vector<uint32_t> allocations(kInFlight);
  for (uint32_t& allocation : allocations) {
    allocation = static_cast<uint32_t>(worker->random() % kAllocations);
  }
  worker->node->Arrive({Datagram{}}, allocations);
  worker->ready->fetch_add(1);
  while (worker->ready->load() < worker->workers) rte_pause();
  const uint64_t begin = rte_rdtsc_precise();
  while (worker->node->shard().Poll(rte_rdtsc()) != 0) {
  }
  worker->cycles = rte_rdtsc_precise() - begin;
  worker->complete = worker->node->Drain() == kInFlight;
  return 0;
}

std::vector<Worker> workers;

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

double Mpps(double packets, double cycles) {
  return packets / cycles * static_cast<double>(rte_get_tsc_hz()) / 1e6;
}

// One round of the first `count` workers: the last of them here, the others on their lcores.
bool Round(unsigned count) {
  std::atomic<unsigned> ready = 0;
  for (unsigned i = 0; i < count; ++i) {
    workers[i].ready = &ready;
    workers[i].workers = count;
  }
  for (unsigned i = 1; i < count; ++i) {
    Require(rte_eal_remote_launch(RunRound, &workers[i], i) == 0, "worker");
  }
  RunRound(workers.data());
  for (unsigned i = 1; i < count; ++i) rte_eal_wait_lcore(i);
  return std::all_of(workers.begin(), workers.begin() + count,
                     [](const Worker& worker) { return worker.complete; });
}

void Scale(benchmark::State& state, unsigned count) {
  if (workers.size() < count) return state.SkipWithError("fewer usable CPUs than workers");
  std::vector<double> each[kMaxWorkers];
  std::vector<double> total;
  while (state.KeepRunning()) {
    if (!Round(count)) return state.SkipWithError("packets were lost");
    uint64_t longest = 0;
    for (unsigned i = 0; i < count; ++i) {
      each[i].push_back(static_cast<double>(workers[i].cycles) / kInFlight);
      longest = std::max(longest, workers[i].cycles);
    }
    total.push_back(static_cast<double>(longest));
    state.SetIterationTime(static_cast<double>(longest) / static_cast<double>(rte_get_tsc_hz()));
  }
  constexpr const char* kNames[kMaxWorkers] = {"mpps_0", "mpps_1"};
  double cycles = 0;
  for (unsigned i = 0; i < count; ++i) {
    state.counters[kNames[i]] = Mpps(1, Median(each[i]));
    cycles += Median(each[i]) / count;
  }
  state.counters["mpps"] = Mpps(count * double{kInFlight}, Median(total));
  state.counters["cycles_per_packet"] = cycles;
}

void One(benchmark::State& state) { Scale(state, 1); }
void Two(benchmark::State& state) { Scale(state, 2); }
BENCHMARK(One)->Name("Scale/1")->UseManualTime();
BENCHMARK(Two)->Name("Scale/2")->UseManualTime();

int Main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  const std::vector<int> cpus = UsableCpus(kMaxWorkers);
  const auto megabytes = static_cast<unsigned>(kMegabytesEach * cpus.size());
  benchmark::AddCustomContext("memory", StartEal(cpus, megabytes));
  benchmark::AddCustomContext("tsc_hz", std::to_string(rte_get_tsc_hz()));
  benchmark::AddCustomContext("payload_bytes", std::to_string(kPayload));
  workers.resize(cpus.size());
  for (unsigned i = 0; i < workers.size(); ++i) {
    workers[i].node = std::make_unique<BenchNode>(Population{.allocations = kAllocations},
                                                  MakePools(i, 2 * kInFlight - 1));
    workers[i].node->Warm({{Direction::kToPeer}, {Direction::kToClient}});
  }
  benchmark::RunSpecifiedBenchmarks();
  workers.clear();
  return 0;
}

}  // namespace
}  // namespace causeway::bench

int main(int argc, char** argv) { return causeway::bench::Main(argc, argv); }
