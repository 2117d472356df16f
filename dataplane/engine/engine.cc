#include "dataplane/engine/engine.h"

#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <numeric>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/engine/command_queue.h"
#include "dataplane/engine/deliver.h"
#include "dataplane/engine/pools.h"
#include "dataplane/engine/worker.h"
#include "dataplane/shard/shard.h"

namespace causeway {
namespace {

constexpr unsigned kCommands = 4096;
constexpr unsigned kHandoff = 4096;
// By EventClass: a ring's elements, and how many of them control takes of each shard in a turn.
constexpr unsigned kEvents[kEventClasses] = {2048, 4096, 512, 512};
constexpr unsigned kEventsPerTurn[kEventClasses] = {64, 64, 16, 16};
constexpr unsigned kMostEventsPerTurn = 64;
constexpr unsigned kEventsPerFlush = 16;
constexpr unsigned kEthernetAndTag = 18;

struct RingFree {
  void operator()(rte_ring* ring) const { rte_ring_free(ring); }
};
using Ring = std::unique_ptr<rte_ring, RingFree>;

// A shard and control's side of it.
struct ShardHandle {
  std::unique_ptr<Shard> shard;
  Ring commands;
  std::array<Ring, kEventClasses> events;
  std::unique_ptr<CommandQueue> queue;
  Worker worker;
  unsigned lcore = 0;
};

Ring MakeRing(const std::string& name, unsigned element, unsigned count, unsigned flags) {
  return Ring(rte_ring_create_elem(name.c_str(), element, count, SOCKET_ID_ANY, flags));
}

class EngineImpl final : public Engine {
 public:
  EngineImpl(const EngineConfig& config, Pools pools, std::vector<std::unique_ptr<Link>> links)
      : config_(config),
        epoch_tsc_(rte_rdtsc()),
        pools_(std::move(pools)),
        links_(std::move(links)) {
    for (const auto& link : links_) largest_mtu_ = std::max(largest_mtu_, link->mtu());
  }
  ~EngineImpl() override;
  EngineImpl(const EngineImpl&) = delete;
  EngineImpl& operator=(const EngineImpl&) = delete;

  absl::Status CreateShards();
  absl::Status Launch();

  void Submit(ShardId shard, const Command& command) override;
  void Transmit(const ClientLeg& leg, absl::Span<const uint8_t> message) override;
  void TransmitFrame(absl::Span<const uint8_t> frame) override;
  MeterReading ReadMeter(ShardId shard, AllocationId allocation) const override {
    return shards_[shard]->shard->ReadMeter(allocation);
  }
  int Poll(EventSink& sink) override;
  const std::vector<std::unique_ptr<Link>>& links() const override { return links_; }
  const Counters& counters(ShardId shard) const override {
    return shards_[shard]->shard->counters();
  }
  const Counters& control_counters() const override { return control_counters_; }
  uint64_t CyclesPerSecond() const override { return rte_get_tsc_hz(); }
  Deciseconds Now() const override {
    const uint64_t ticks = rte_rdtsc() - epoch_tsc_;
    return static_cast<Deciseconds>(static_cast<unsigned __int128>(ticks) * 10 / rte_get_tsc_hz());
  }

 private:
  absl::Status CreateRings();
  ShardConfig ConfigOf(ShardId id) const;
  void FlushAll();
  unsigned TakeEvents(ShardId id, unsigned event_class, EventSink& sink);
  rte_mbuf* Copy(absl::Span<const uint8_t> bytes);
  rte_mbuf* ReuseRequest(absl::Span<const uint8_t> bytes);

  const EngineConfig config_;
  const uint64_t epoch_tsc_;
  // In order of construction: shards go before rings, the links and pools.
  Pools pools_;
  std::vector<std::unique_ptr<Link>> links_;
  uint16_t largest_mtu_ = 0;
  std::vector<Ring> handoff_;
  std::vector<std::unique_ptr<ShardHandle>> shards_;
  Counters control_counters_;
  bool polling_ = false;
  rte_mbuf* request_ = nullptr;  // that is being dealt with
};

EngineImpl::~EngineImpl() {
  for (const auto& handle : shards_) handle->worker.stop.store(true, std::memory_order_relaxed);
  for (const auto& handle : shards_) {
    if (handle->lcore != 0) rte_eal_wait_lcore(handle->lcore);
  }
  shards_.clear();
  // The AF_XDP driver never lets go of the memory that it receives into, until the process ends;
  // so too in OpenLinks.
  if (links_[0]->kernel_keeps_interface()) pools_.Leave();
  links_.clear();
}

absl::Status EngineImpl::CreateRings() {
  static unsigned created = 0;
  const std::string prefix = absl::StrCat("cw", created++, "_");
  bool complete = true;
  for (unsigned id = 0; id < config_.node.shards; ++id) {
    auto& handle = *shards_.emplace_back(std::make_unique<ShardHandle>());
    handle.commands = MakeRing(absl::StrCat(prefix, "commands", id), sizeof(RingElement), kCommands,
                               RING_F_SP_ENQ | RING_F_SC_DEQ);
    for (unsigned c = 0; c < kEventClasses; ++c) {
      handle.events[c] = MakeRing(absl::StrCat(prefix, "events", id, "_", c), sizeof(RingElement),
                                  kEvents[c], RING_F_SP_ENQ | RING_F_SC_DEQ);
      complete = complete && handle.events[c];
    }
    handoff_.push_back(
        MakeRing(absl::StrCat(prefix, "handoff", id), sizeof(void*), kHandoff, RING_F_SC_DEQ));
    handle.queue = std::make_unique<CommandQueue>(handle.commands.get());
    complete = complete && handle.commands && handoff_.back();
  }
  if (complete) return absl::OkStatus();
  return absl::ResourceExhaustedError("DPDK's memory does not suffice for the workers' rings");
}

ShardConfig EngineImpl::ConfigOf(ShardId id) const {
  ShardConfig shard;
  shard.node = config_.node;
  shard.id = id;
  shard.links.clear();
  for (const auto& link : links_) {
    shard.links.push_back({link->port_id(), link->mac(), link->mtu(), link->partial_checksums()});
  }
  shard.kernel_keeps_interface = links_[0]->kernel_keeps_interface();
  shard.pool = pools_.packets()[id];
  shard.jumbo_pool = pools_.jumbo();
  shard.commands = shards_[id]->commands.get();
  for (unsigned c = 0; c < kEventClasses; ++c) shard.events[c] = shards_[id]->events[c].get();
  for (const Ring& ring : handoff_) shard.handoff.push_back(ring.get());
  shard.epoch_tsc = epoch_tsc_;
  return shard;
}

absl::Status EngineImpl::CreateShards() {
  if (absl::Status status = CreateRings(); !status.ok()) return status;
  for (unsigned id = 0; id < shards_.size(); ++id) {
    absl::StatusOr<std::unique_ptr<Shard>> shard =
        Shard::Create(ConfigOf(static_cast<ShardId>(id)));
    if (!shard.ok()) return shard.status();
    shards_[id]->shard = *std::move(shard);
    shards_[id]->worker.shard = shards_[id]->shard.get();
  }
  return absl::OkStatus();
}

absl::Status EngineImpl::Launch() {
  const std::vector<unsigned>& lcores = config_.eal.worker_lcores;
  std::multiset<int> cpus = {rte_lcore_to_cpu_id(static_cast<int>(rte_get_main_lcore()))};
  for (const unsigned lcore : lcores) cpus.insert(rte_lcore_to_cpu_id(static_cast<int>(lcore)));
  for (size_t id = 0; id < shards_.size(); ++id) {
    ShardHandle& handle = *shards_[id];
    handle.worker.shares_cpu = cpus.count(rte_lcore_to_cpu_id(static_cast<int>(lcores[id]))) > 1;
    if (int error = rte_eal_remote_launch(&RunWorker, &handle.worker, lcores[id]); error != 0) {
      return absl::InternalError(
          absl::StrCat("worker ", id, " does not start on lcore ", lcores[id], ": ", error));
    }
    handle.lcore = lcores[id];
  }
  return absl::OkStatus();
}

void EngineImpl::FlushAll() {
  for (const auto& handle : shards_) handle->queue->Flush();
}

// What Poll leads to goes out in batches, what anything else leads to at once.
void EngineImpl::Submit(ShardId shard, const Command& command) {
  CommandQueue& queue = *shards_[shard]->queue;
  queue.Push(command);
  if (!polling_) queue.Flush();
}

rte_mbuf* EngineImpl::Copy(absl::Span<const uint8_t> bytes) {
  if (bytes.size() > largest_mtu_ + size_t{kEthernetAndTag}) {
    control_counters_.Add(Counter::k_drop_too_big);
    return nullptr;
  }
  rte_mbuf* buffer = rte_pktmbuf_alloc(pools_.control());
  if (buffer == nullptr) {
    control_counters_.Add(Counter::k_drop_no_buffer);
    return nullptr;
  }
  std::memcpy(rte_pktmbuf_append(buffer, static_cast<uint16_t>(bytes.size())), bytes.data(),
              bytes.size());
  return buffer;
}

// The request's own buffer is in this core's cache already, and goes back to its shard's pool.
rte_mbuf* EngineImpl::ReuseRequest(absl::Span<const uint8_t> bytes) {
  if (request_ == nullptr || bytes.size() > largest_mtu_ || !TakesReply(request_, bytes.size())) {
    return nullptr;
  }
  rte_mbuf* buffer = std::exchange(request_, nullptr);
  std::memcpy(rte_pktmbuf_mtod(buffer, uint8_t*), bytes.data(), bytes.size());
  buffer->data_len = static_cast<uint16_t>(bytes.size());
  buffer->pkt_len = buffer->data_len;
  return buffer;
}

void EngineImpl::Transmit(const ClientLeg& leg, absl::Span<const uint8_t> message) {
  rte_mbuf* buffer = ReuseRequest(message);
  if (buffer == nullptr) buffer = Copy(message);
  if (buffer != nullptr) Submit(leg.route.front_end, TransmitBuffer{buffer, leg.tuple, false});
}

void EngineImpl::TransmitFrame(absl::Span<const uint8_t> frame) {
  rte_mbuf* buffer = Copy(frame);
  if (buffer != nullptr) Submit(0, TransmitBuffer{buffer, {}, true});
}

unsigned EngineImpl::TakeEvents(ShardId id, unsigned event_class, EventSink& sink) {
  RingElement elements[kMostEventsPerTurn];
  Event events[kMostEventsPerTurn];
  const unsigned count = DequeueElements(shards_[id]->events[event_class].get(), elements,
                                         kEventsPerTurn[event_class]);
  for (unsigned i = 0; i < count; ++i) elements[i].Load(events[i]);
  const Deliver deliver = {sink, id, request_};
  for (unsigned i = 0; i < count; ++i) {
    PrefetchRequests(events, count, i);
    std::visit(deliver, events[i]);
    if (i % kEventsPerFlush == kEventsPerFlush - 1) FlushAll();
  }
  return count;
}

// Each class has its share of every turn: a flood of one makes the others wait for its share, no
// longer, and known clients, who come first, for nobody.
int EngineImpl::Poll(EventSink& sink) {
  unsigned total = 0;
  polling_ = true;
  for (unsigned c = 0; c < kEventClasses; ++c) {
    for (size_t id = 0; id < shards_.size(); ++id) {
      total += TakeEvents(static_cast<ShardId>(id), c, sink);
    }
  }
  FlushAll();
  polling_ = false;
  return static_cast<int>(total);
}

struct Opened {
  Pools pools;
  std::vector<std::unique_ptr<Link>> links;
};

absl::StatusOr<Opened> OpenLinks(const EngineConfig& config) {
  uint16_t largest_mtu = 0;
  for (const LinkConfig& link : config.links) {
    const absl::StatusOr<uint16_t> mtu = Link::BufferMtu(link);
    if (!mtu.ok()) return mtu.status();
    largest_mtu = std::max(largest_mtu, *mtu);
  }
  absl::StatusOr<Pools> pools = Pools::Create(config.node, largest_mtu, config.links.size());
  if (!pools.ok()) return pools.status();
  Opened opened{*std::move(pools), {}};
  for (const LinkConfig& each : config.links) {
    absl::StatusOr<std::unique_ptr<Link>> link = Link::Open(each, opened.pools.packets());
    if (!link.ok()) {
      if (!opened.links.empty() && opened.links[0]->kernel_keeps_interface()) opened.pools.Leave();
      return link.status();
    }
    opened.links.push_back(*std::move(link));
  }
  return opened;
}

}  // namespace

uint64_t Engine::MemoryNeeded(const NodeConfig& node, uint16_t mtu, size_t links) {
  const unsigned elements = std::accumulate(std::begin(kEvents), std::end(kEvents), kCommands);
  const uint64_t rings =
      uint64_t{node.shards} * (elements * sizeof(RingElement) + kHandoff * sizeof(void*));
  return Pools::MemoryNeeded(node, mtu, links) + rings + node.shards * Shard::MemoryNeeded(node);
}

double Engine::BytesPerAllocation(const NodeConfig& node) {
  return Shard::BytesPerAllocation(node);
}

absl::StatusOr<std::unique_ptr<Engine>> Engine::Start(const EngineConfig& config) {
  const unsigned shards = config.node.shards;
  if (shards == 0 || config.eal.worker_lcores.size() < shards) {
    return absl::InvalidArgumentError(absl::StrCat(
        shards, " shards for the ", config.eal.worker_lcores.size(), " workers that EAL has"));
  }
  absl::StatusOr<Opened> opened = OpenLinks(config);
  if (!opened.ok()) return opened.status();
  auto engine =
      std::make_unique<EngineImpl>(config, std::move(opened->pools), std::move(opened->links));
  if (absl::Status status = engine->CreateShards(); !status.ok()) return status;
  if (absl::Status status = engine->Launch(); !status.ok()) return status;
  return engine;
}

}  // namespace causeway
