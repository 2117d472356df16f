// What the benchmark of the shard measures: scenes, one round at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "perf/core/bench_node.h"

namespace causeway::bench {

/// Rounds of one scene. A round is short; the caller decides how many make a figure.
class Scene {
 public:
  virtual ~Scene() = default;
  /// Serves frames of these allocations, all kInFlight of them; TSC cycles each of them cost.
  virtual double Round(const std::vector<uint32_t>& allocations) = 0;
  /// After the last round before another scene's turn.
  virtual void Rest() {}
  /// Of the frames since this was last called, the share that was dropped.
  virtual double TakeDroppedShare() { return 0; }
};

/// Nodes by name, each made when the first scene asks for it.
class Nodes {
 public:
  explicit Nodes(const Pools& pools) : pools_(pools) {}
  BenchNode& Get(const std::string& name, const Population& population);

 private:
  Pools pools_;
  std::map<std::string, std::unique_ptr<BenchNode>> nodes_;
};

struct SceneMaker {
  std::string name;
  std::string reference;  // the scene that this one's cost is compared with; "" for none
  std::function<std::unique_ptr<Scene>(Nodes& nodes)> make;
};

/// The scenes for so many allocations, a reference before those that are compared with it.
/// `lossless`: the second shard of a hand-off is polled until it has nothing left, so that the ring
/// between them never fills.
std::vector<SceneMaker> ScenesOf(uint32_t allocations, bool lossless);

}  // namespace causeway::bench
