#include "perf/core/scenes.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>

#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "perf/core/rte_hash_scene.h"

namespace causeway::bench {
namespace {

// Frames through Shard::Poll. With two shards each is polled in turn, and the cost is the sum of
// what the first spends on a frame that arrives and the second on one that it sends. What still
// waits between them at a round's end stays for the next one, as under lasting load.
class RelayScene : public Scene {
 public:
  RelayScene(BenchNode& node, std::vector<Datagram> kinds, bool lossless)
      : node_(node), kinds_(std::move(kinds)), lossless_(lossless) {}

  double Round(const std::vector<uint32_t>& allocations) override {
    node_.Arrive(kinds_, allocations);
    uint64_t spent[2] = {};
    while (Poll(0, spent) != 0) {
      if (node_.shards().size() == 1) continue;
      while (Poll(1, spent) != 0 && lossless_) {
      }
    }
    const auto arrived = static_cast<unsigned>(allocations.size());
    const unsigned sent = node_.Drain();
    arrived_ += arrived;
    sent_ += sent;
    const bool two = node_.shards().size() > 1;
    Require(two ? sent != 0 : sent == arrived, "packets were lost");
    return static_cast<double>(spent[0]) / arrived + static_cast<double>(spent[1]) / sent;
  }

  void Rest() override { node_.Settle(); }

  double TakeDroppedShare() override {
    const auto arrived = static_cast<double>(std::exchange(arrived_, 0));
    return 1 - static_cast<double>(std::exchange(sent_, 0)) / arrived;
  }

 private:
  unsigned Poll(size_t shard, uint64_t* spent) {
    const uint64_t begin = rte_rdtsc();
    const unsigned handled = node_.shards()[shard]->Poll(begin);
    spent[shard] += rte_rdtsc() - begin;
    return handled;
  }

  BenchNode& node_;
  std::vector<Datagram> kinds_;
  bool lossless_;
  uint64_t arrived_ = 0;
  uint64_t sent_ = 0;
};

// The port of rings with nothing between receive and transmit. It is not subtracted from the
// others.
class PortScene : public Scene {
 public:
  explicit PortScene(BenchNode& node) : node_(node) {}
  double Round(const std::vector<uint32_t>& allocations) override {
    node_.Arrive({Datagram{}}, allocations);
    const uint64_t begin = rte_rdtsc_precise();
    node_.Bounce();
    const uint64_t spent = rte_rdtsc_precise() - begin;
    Require(node_.Drain() == allocations.size(), "packets were lost");
    return static_cast<double>(spent) / static_cast<double>(allocations.size());
  }

 private:
  BenchNode& node_;
};

// Cycles a poll that finds nothing to do, while `held` packets wait for a link address.
class IdleScene : public Scene {
 public:
  IdleScene(BenchNode& node, unsigned held) : node_(node), held_(held) {}

  double Round(const std::vector<uint32_t>&) override {
    if (held_ != 0 && !holding_) Hold();
    constexpr unsigned kPolls = 4096;
    const uint64_t begin = rte_rdtsc_precise();
    unsigned handled = 0;
    for (unsigned i = 0; i < kPolls; ++i) handled += node_.shard().Poll(now_);
    const uint64_t spent = rte_rdtsc_precise() - begin;
    Require(handled == 0, "an idle poll found work");
    return static_cast<double>(spent) / kPolls;
  }

  // Lets the time pass after which what is held is dropped.
  void Rest() override {
    now_ += 2 * rte_get_tsc_hz();
    node_.shard().Poll(now_);
    holding_ = false;
  }

 private:
  // The clock stands still meanwhile: a held packet's second does not run out.
  void Hold() {
    std::vector<uint32_t> allocations(held_);
    std::iota(allocations.begin(), allocations.end(), 0);
    node_.Arrive({Datagram{}}, allocations);
    while (node_.shard().Poll(now_) != 0) {
    }
    total_held_ += held_;
    Require(node_.shard().counters().Get(Counter::k_held) == total_held_, "packets were not held");
    holding_ = true;
  }

  BenchNode& node_;
  unsigned held_;
  uint64_t now_ = rte_rdtsc();
  bool holding_ = false;
  uint64_t total_held_ = 0;
};

constexpr char kFirst[] = "first_channel";
constexpr char kPlain[] = "plain";

/// What a group of scenes is about.
struct Group {
  std::string name;
  std::string node;
  Population population;
  std::vector<Datagram> kinds;  // taken in turn; of no direction yet
  bool lossless = false;
};

std::unique_ptr<Scene> MakeRelayScene(Nodes& nodes, const Group& group,
                                      const std::vector<Datagram>& kinds, bool warm) {
  BenchNode& node = nodes.Get(group.node, group.population);
  if (warm) node.Warm(kinds);
  return std::make_unique<RelayScene>(node, kinds, group.lossless);
}

std::vector<Datagram> Towards(Direction direction, std::vector<Datagram> kinds) {
  for (Datagram& kind : kinds) kind.direction = direction;
  return kinds;
}

std::string Name(const std::string& group, Direction direction) {
  return absl::StrCat(group, direction == Direction::kToPeer ? ".to_peer" : ".to_client");
}

/// To peers, to clients, and both in turn.
void AddGroup(const Group& group, std::vector<SceneMaker>& scenes) {
  const bool is_first = group.name == kFirst;
  std::vector<Datagram> mixed;
  for (const Direction direction : {Direction::kToPeer, Direction::kToClient}) {
    const std::vector<Datagram> kinds = Towards(direction, group.kinds);
    mixed.insert(mixed.end(), kinds.begin(), kinds.end());
    scenes.push_back({Name(group.name, direction), is_first ? "rte_hash" : Name(kFirst, direction),
                      [=](Nodes& nodes) { return MakeRelayScene(nodes, group, kinds, true); }});
  }
  scenes.push_back({group.name + ".mixed", is_first ? "" : absl::StrCat(kFirst, ".mixed"),
                    [=](Nodes& nodes) { return MakeRelayScene(nodes, group, mixed, false); }});
}

void AddIndications(uint32_t allocations, std::vector<SceneMaker>& scenes) {
  for (const Direction direction : {Direction::kToPeer, Direction::kToClient}) {
    const Group group = {direction == Direction::kToPeer ? "send" : "data",
                         "indications",
                         {.allocations = allocations, .channels = 0},
                         {{direction, Form::kIndication}}};
    scenes.push_back({group.name, Name(kFirst, direction), [=](Nodes& nodes) {
                        return MakeRelayScene(nodes, group, group.kinds, true);
                      }});
  }
}

void AddIdle(std::vector<SceneMaker>& scenes) {
  const Population population = {.allocations = 1000, .peers_resolved = false};
  const std::string empty = "idle_poll.empty";
  const std::string held = "idle_poll.held64";
  scenes.push_back({empty, "", [=](Nodes& nodes) {
                      return std::make_unique<IdleScene>(nodes.Get(empty, population), 0);
                    }});
  scenes.push_back({held, empty, [=](Nodes& nodes) {
                      return std::make_unique<IdleScene>(nodes.Get(held, population), 64);
                    }});
}

}  // namespace

BenchNode& Nodes::Get(const std::string& name, const Population& population) {
  std::unique_ptr<BenchNode>& node = nodes_[name];
  if (node == nullptr) node = std::make_unique<BenchNode>(population, pools_);
  return *node;
}

std::vector<SceneMaker> ScenesOf(uint32_t allocations, bool lossless) {
  const Population plain = {.allocations = allocations};
  std::vector<SceneMaker> scenes = {
      {"port", "", [=](Nodes& n) { return std::make_unique<PortScene>(n.Get(kPlain, plain)); }},
      {"rte_hash", "", [=](Nodes& n) { return MakeRteHashScene(n.Get(kPlain, plain)); }}};
  AddGroup({kFirst, kPlain, plain, {{}}}, scenes);
  AddIndications(allocations, scenes);
  AddIdle(scenes);
  const Population two = {.allocations = allocations, .channels = 2};
  AddGroup({"second_channel", "second_channel", two, {{.channel = 1}}}, scenes);
  AddGroup({"alternating_channels", "alternating", two, {{.channel = 0}, {.channel = 1}}}, scenes);
  AddGroup({"ipv6", "ipv6", {.allocations = allocations, .v6 = true}, {{}}}, scenes);
  AddGroup({"checksum0", kPlain, plain, {{.checksum = false}}}, scenes);
  const Population as_af_xdp = {.allocations = allocations, .headroom = 384};
  AddGroup({"af_xdp_headroom", "af_xdp_headroom", as_af_xdp, {{}}}, scenes);
  AddGroup({"limits", "limits", {.allocations = allocations, .limited = true}, {{}}}, scenes);
  const Population handed_off = {.allocations = allocations, .handed_off = true};
  AddGroup({"handoff", "handoff", handed_off, {{}}, lossless}, scenes);
  return scenes;
}

}  // namespace causeway::bench
