// Cycles a packet of one shard, scene by scene: bursts drawn at random from many allocations, 172
// bytes of data, through the real Shard::Poll on a port made of rings, 4,096 packets in flight,
// each in a buffer of its own that was written before the clock started.
//
// Scenes take turns (A B C A B C …), a few milliseconds each time, and each is compared with its
// reference of the same lap: what the machine does meanwhile meets both. A turn's first half is for
// the caches and does not count. What is timed is Poll alone, driver calls included: with a port of
// rings that is copying buffer pointers.
#include <rte_cycles.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <fstream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/match.h"
#include "nlohmann/json.hpp"
#include "perf/core/scenes.h"

namespace causeway::bench {
namespace {

using nlohmann::json;

constexpr unsigned kMegabytes = 800;
constexpr unsigned kBuffers = 4 * kInFlight - 1;

struct Options {
  std::vector<uint32_t> sizes = {1000, 100000, 1000000};
  std::vector<std::string> only;
  unsigned laps = 6;
  unsigned rounds = 48;
  bool ordinary_pages = false;
  bool lossless = false;
  std::string json_path;
};

/// A scene at work, and its figures, one a lap.
struct Entry {
  std::string name;
  std::string reference;
  std::unique_ptr<Scene> scene;
  std::vector<double> cycles;
  std::vector<double> ratios;
  std::vector<double> dropped;
};

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 != 0 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

// Without --only: the scenes whose figures depend on how many allocations there are at every size,
// the others at one.
bool IsWanted(const Options& options, uint32_t size, const std::string& name) {
  static const std::vector<std::string> kEverywhere = {"port", "rte_hash", "first_channel", "send",
                                                       "data"};
  const auto is_among = [&](const std::vector<std::string>& words) {
    return std::any_of(words.begin(), words.end(), [&](const std::string& word) {
      return name == word || absl::StartsWith(name, word + ".");
    });
  };
  if (!options.only.empty()) return is_among(options.only) || options.only.front() == "all";
  if (is_among(kEverywhere)) return true;
  return size == (is_among({"idle_poll"}) ? 1000 : 100000);
}

std::vector<Entry> MakeEntries(const Options& options, uint32_t size, Nodes& nodes) {
  std::vector<SceneMaker> makers = ScenesOf(size, options.lossless);
  std::vector<bool> wanted(makers.size());
  for (size_t i = makers.size(); i-- > 0;) {
    wanted[i] = IsWanted(options, size, makers[i].name) ||
                std::any_of(makers.begin(), makers.end(), [&](const SceneMaker& other) {
                  return other.reference == makers[i].name && IsWanted(options, size, other.name);
                });
  }
  std::vector<Entry> entries;
  for (size_t i = 0; i < makers.size(); ++i) {
    if (!wanted[i]) continue;
    entries.push_back({makers[i].name, makers[i].reference, makers[i].make(nodes), {}, {}, {}});
  }
  return entries;
}

// The same allocations in the same order for every scene of a lap.
std::vector<uint32_t> Draw(uint32_t size, unsigned seed) {
  std::minstd_rand random(seed + 1);
  std::vector<uint32_t> allocations(kInFlight);
  for (uint32_t& allocation : allocations) allocation = static_cast<uint32_t>(random() % size);
  return allocations;
}

// Rounds first to last - 1; the median of their costs. A function of its own, so that callgrind can
// be told to count until its end (suite/callgrind.py).
[[gnu::noinline]] double ServeRounds(Scene& scene, uint32_t size, unsigned first, unsigned last) {
  std::vector<double> cycles;
  for (unsigned round = first; round < last; ++round) {
    cycles.push_back(scene.Round(Draw(size, round)));
  }
  return Median(cycles);
}

void TakeTurn(const Options& options, uint32_t size, unsigned lap, Entry& entry) {
  const unsigned first = lap * options.rounds;
  const unsigned middle = first + options.rounds / 2;
  ServeRounds(*entry.scene, size, first, middle);
  entry.scene->TakeDroppedShare();
  entry.cycles.push_back(ServeRounds(*entry.scene, size, middle, first + options.rounds));
  entry.dropped.push_back(entry.scene->TakeDroppedShare());
  entry.scene->Rest();
}

void CompareLap(std::vector<Entry>& entries) {
  for (Entry& entry : entries) {
    for (const Entry& other : entries) {
      if (other.name != entry.reference) continue;
      entry.ratios.push_back(entry.cycles.back() / other.cycles.back());
    }
  }
}

void Print(uint32_t size, const Entry& entry) {
  const auto [low, high] = std::minmax_element(entry.cycles.begin(), entry.cycles.end());
  std::printf("%9u  %-32s%8.1f  (%.1f - %.1f)", size, entry.name.c_str(), Median(entry.cycles),
              *low, *high);
  if (!entry.ratios.empty()) {
    std::printf("  %.2f x %s", Median(entry.ratios), entry.reference.c_str());
  }
  if (Median(entry.dropped) > 0) std::printf("  %.1f %% dropped", 100 * Median(entry.dropped));
  std::printf("\n");
}

json MeasureSize(const Options& options, uint32_t size, const Pools& pools) {
  Nodes nodes(pools);
  std::vector<Entry> entries = MakeEntries(options, size, nodes);
  for (unsigned lap = 0; lap < options.laps; ++lap) {
    for (Entry& entry : entries) TakeTurn(options, size, lap, entry);
    CompareLap(entries);
  }
  json rows = json::array();
  for (const Entry& entry : entries) {
    Print(size, entry);
    rows.push_back({{"scene", entry.name},
                    {"allocations", size},
                    {"cycles", entry.cycles},
                    {"reference", entry.reference},
                    {"ratios", entry.ratios},
                    {"dropped_share", entry.dropped}});
  }
  return rows;
}

int Measure(const Options& options) {
  const std::string memory = StartEal(UsableCpus(1), kMegabytes, !options.ordinary_pages);
  const Pools pools = MakePools(0, kBuffers);
  std::printf("%s, TSC at %.2f GHz; TSC cycles a packet (of an idle poll: a poll)\n",
              memory.c_str(), static_cast<double>(rte_get_tsc_hz()) / 1e9);
  json report = {{"memory", memory},
                 {"tsc_hz", rte_get_tsc_hz()},
                 {"payload_bytes", kPayload},
                 {"scenes", json::array()}};
  for (const uint32_t size : options.sizes) {
    for (json& row : MeasureSize(options, size, pools)) {
      report["scenes"].push_back(std::move(row));
    }
  }
  if (options.json_path.empty()) return 0;
  std::ofstream file(options.json_path);
  file << report.dump(1) << "\n";
  file.close();
  if (file) return 0;
  std::fprintf(stderr, "shard_bench: cannot write %s\n", options.json_path.c_str());
  return 1;
}

int Main(int argc, char** argv) {
  Options options;
  CLI::App app("Cycles a packet of one shard", "shard_bench");
  app.add_option("--sizes", options.sizes, "numbers of allocations")->delimiter(',');
  app.add_option("--only", options.only,
                 "scenes or groups of them, or all; what they are compared with comes along")
      ->delimiter(',');
  app.add_option("--laps", options.laps, "how often every scene has its turn")
      ->check(CLI::PositiveNumber);
  app.add_option("--rounds", options.rounds, "rounds of 4,096 packets in a turn")
      ->check(CLI::PositiveNumber);
  app.add_flag("--ordinary-pages", options.ordinary_pages, "no hugepages, though some are free");
  app.add_flag("--lossless", options.lossless,
               "poll a hand-off's second shard until it is idle: nothing is dropped");
  app.add_option("--json", options.json_path, "the figures of each lap go there too");
  CLI11_PARSE(app, argc, argv);
  return Measure(options);
}

}  // namespace
}  // namespace causeway::bench

int main(int argc, char** argv) {
  try {
    return causeway::bench::Main(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "shard_bench: %s\n", error.what());
    return 1;
  }
}
