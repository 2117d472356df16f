// Cycles a packet of one shard: bursts drawn at random from many allocations, 172 bytes of data,
// through the real Shard::Poll on a port made of rings. Arguments: allocations, packets in flight
// (each in a buffer of its own, written before the clock starts).
//
// What is timed is Poll alone, driver calls included: with a port of rings that is copying buffer
// pointers. "Harness" is the same port with nothing between receive and transmit; it is not
// subtracted from the other figures.
#include <benchmark/benchmark.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "perf/core/bench_node.h"

namespace causeway::bench {
namespace {

constexpr unsigned kMaxInFlight = 65536;
constexpr unsigned kMegabytes = 700;

std::unique_ptr<BenchNode> node;

void Report(benchmark::State& state, std::vector<double>& cycles) {
  std::sort(cycles.begin(), cycles.end());
  if (cycles.empty()) return;
  const double median = cycles[cycles.size() / 2];
  state.counters["cycles_per_packet"] = median;
  state.counters["p10"] = cycles[cycles.size() / 10];
  state.counters["p90"] = cycles[cycles.size() * 9 / 10];
  state.counters["mpps"] = static_cast<double>(rte_get_tsc_hz()) / median / 1e6;
}

// `turn` is called until it finds nothing to do; it is given the time and returns how many packets
// it took.
template <typename Turn>
void Run(benchmark::State& state, Way way, unsigned in_flight, const Turn& turn) {
  std::vector<double> cycles;  // a packet, of each turn
  for (auto _ : state) {
    node->Prepare(way, in_flight);
    const uint64_t begin = rte_rdtsc_precise();
    uint64_t before = begin;
    while (const unsigned taken = turn(before)) {
      const uint64_t after = rte_rdtsc();
      cycles.push_back(static_cast<double>(after - before) / taken);
      before = after;
    }
    const auto spent = static_cast<double>(rte_rdtsc_precise() - begin);
    if (node->Drain() != in_flight) return state.SkipWithError("packets were lost");
    state.SetIterationTime(spent / static_cast<double>(rte_get_tsc_hz()));
  }
  Report(state, cycles);
}

void Relay(benchmark::State& state, Way way) {
  node->Populate(static_cast<uint32_t>(state.range(0)), way != kDataToClient && way != kSendToPeer);
  Run(state, way, static_cast<unsigned>(state.range(1)),
      [](uint64_t now) { return node->shard().Poll(now); });
  state.counters["bytes_per_allocation"] = node->bytes_per_allocation();
}

void Harness(benchmark::State& state) {
  node->Populate(static_cast<uint32_t>(state.range(0)), true);
  Run(state, kChannelToPeer, static_cast<unsigned>(state.range(1)), [](uint64_t) {
    constexpr unsigned kBurstSize = 64;
    rte_mbuf* frames[kBurstSize];
    const uint16_t count = rte_eth_rx_burst(node->port(), 0, frames, kBurstSize);
    return unsigned{rte_eth_tx_burst(node->port(), 0, frames, count)};
  });
}

void Register() {
  struct {
    const char* name;
    Way way;
  } constexpr kWays[] = {{"ChannelData/client_to_peer", kChannelToPeer},
                         {"ChannelData/peer_to_client", kChannelToClient},
                         {"Indication/client_to_peer", kSendToPeer},
                         {"Indication/peer_to_client", kDataToClient}};
  // In an order that fills each population once.
  for (int64_t allocations : {1000, 100000, 1000000}) {
    for (int64_t in_flight : {4096, static_cast<int>(kMaxInFlight)}) {
      benchmark::RegisterBenchmark("Harness", Harness)
          ->Args({allocations, in_flight})
          ->UseManualTime();
    }
    for (const auto& way : kWays) {
      for (int64_t in_flight : {4096, static_cast<int>(kMaxInFlight)}) {
        benchmark::RegisterBenchmark(way.name, [w = way.way](benchmark::State& s) { Relay(s, w); })
            ->Args({allocations, in_flight})
            ->UseManualTime();
      }
    }
  }
}

int Main(int argc, char** argv) {
  // What the command line says comes later and wins.
  std::string min_time = "--benchmark_min_time=0.1";
  std::vector<char*> words(argv, argv + argc);
  words.insert(words.begin() + 1, min_time.data());
  int count = static_cast<int>(words.size());
  words.push_back(nullptr);
  benchmark::Initialize(&count, words.data());
  if (benchmark::ReportUnrecognizedArguments(count, words.data())) return 1;
  benchmark::AddCustomContext("memory", StartEal("shard_bench", UsableCpus(1), kMegabytes));
  benchmark::AddCustomContext("tsc_hz", std::to_string(rte_get_tsc_hz()));
  benchmark::AddCustomContext("payload_bytes", std::to_string(kPayload));
  node = std::make_unique<BenchNode>(0, kMaxInFlight);
  Register();
  benchmark::RunSpecifiedBenchmarks();
  node.reset();
  return 0;
}

}  // namespace
}  // namespace causeway::bench

int main(int argc, char** argv) { return causeway::bench::Main(argc, argv); }
