#include "tests/dataplane/shard/node.h"

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_ring_elem.h>

#include <algorithm>
#include <cstring>

namespace causeway::testing {
namespace {

constexpr unsigned kPoolSize = 1023;
constexpr unsigned kJumboPoolSize = 31;
constexpr unsigned kRingSize = 512;

// What outlives tests: EAL runs once a process.
struct World {
  rte_mempool* pool = nullptr;
  rte_mempool* jumbo = nullptr;
  rte_ring* rx[kMaxShards] = {};
  rte_ring* tx[kMaxShards] = {};
  uint16_t port = 0;
};
World world;

void Require(bool ok, const char* what) {
  if (ok) return;
  fprintf(stderr, "test set-up: %s: %s\n", what, rte_strerror(rte_errno));
  abort();
}

class EalEnvironment : public ::testing::Environment {
 public:
  void SetUp() override {
    std::vector<std::string> words = {
        "test", "--no-huge", "--no-pci", "--no-telemetry",   "--no-shconf", "-m",
        "256",  "-l",        "0",        "--log-level=error"};
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    Require(rte_eal_init(static_cast<int>(argv.size()), argv.data()) >= 0, "rte_eal_init");
    world.pool = rte_pktmbuf_pool_create("packets", kPoolSize, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
    world.jumbo = rte_pktmbuf_pool_create("jumbo", kJumboPoolSize, 0, 0, 65535, 0);
    Require(world.pool != nullptr && world.jumbo != nullptr, "pools");
    for (unsigned i = 0; i < kMaxShards; ++i) {
      const std::string name = std::to_string(i);
      world.rx[i] = rte_ring_create(("rx" + name).c_str(), kRingSize, 0, 0);
      world.tx[i] = rte_ring_create(("tx" + name).c_str(), kRingSize, 0, 0);
      Require(world.rx[i] != nullptr && world.tx[i] != nullptr, "rings");
    }
    const int port = rte_eth_from_rings("wire", world.rx, kMaxShards, world.tx, kMaxShards, 0);
    Require(port >= 0, "rte_eth_from_rings");
    world.port = static_cast<uint16_t>(port);
    const rte_eth_conf conf = {};
    Require(rte_eth_dev_configure(world.port, kMaxShards, kMaxShards, &conf) == 0, "configure");
    for (uint16_t q = 0; q < kMaxShards; ++q) {
      Require(rte_eth_rx_queue_setup(world.port, q, 256, 0, nullptr, world.pool) == 0, "rx queue");
      Require(rte_eth_tx_queue_setup(world.port, q, 256, 0, nullptr) == 0, "tx queue");
    }
    Require(rte_eth_dev_start(world.port) == 0, "start");
  }
};
const auto* const kEnvironment = ::testing::AddGlobalTestEnvironment(new EalEnvironment);

uint64_t TscAt(Deciseconds now) {
  return static_cast<uint64_t>(now) * rte_get_tsc_hz() / 10 + rte_get_tsc_hz() / 100;
}

Bytes BytesOf(rte_mbuf* mbuf) {
  Bytes bytes(mbuf->pkt_len);
  for (size_t at = 0; mbuf != nullptr; mbuf = mbuf->next) {
    std::copy_n(rte_pktmbuf_mtod(mbuf, uint8_t*), mbuf->data_len,
                bytes.begin() + static_cast<long>(at));
    at += mbuf->data_len;
  }
  return bytes;
}

rte_mbuf* MbufOf(const uint8_t* data, size_t size) {
  rte_mbuf* mbuf = rte_pktmbuf_alloc(size > 1900 ? world.jumbo : world.pool);
  Require(mbuf != nullptr, "a buffer for a frame");
  char* room = rte_pktmbuf_append(mbuf, static_cast<uint16_t>(size));
  Require(room != nullptr, "room for a frame");
  std::copy_n(data, size, room);
  return mbuf;
}

EventRecord RecordOf(const Event& event) {
  if (const auto* e = std::get_if<RequestEvent>(&event)) {
    EventRecord record = {EventRecord::kRequest, e->tuple, BytesOf(e->buffer), {}};
    rte_pktmbuf_free(e->buffer);
    return record;
  }
  if (const auto* e = std::get_if<KernelFrameEvent>(&event)) {
    EventRecord record = {EventRecord::kKernelFrame, {}, BytesOf(e->buffer), {}};
    rte_pktmbuf_free(e->buffer);
    return record;
  }
  if (const auto* e = std::get_if<UnknownClientEvent>(&event)) {
    return {EventRecord::kUnknownClient, e->tuple, {}, {}};
  }
  if (const auto* e = std::get_if<UnresolvedEvent>(&event)) {
    return {EventRecord::kUnresolved, {}, {}, e->destination};
  }
  if (const auto* e = std::get_if<AllocationEndedEvent>(&event)) {
    return {EventRecord::kEnded, {}, {}, {}, 0, e->allocation, e->totals};
  }
  return {EventRecord::kRoutesAdopted, {}, {}, {}, std::get<RoutesAdoptedEvent>(event).generation};
}

}  // namespace

void NodeTest::SetUp() { Build({}); }

void NodeTest::TearDown() { Demolish(); }

void NodeTest::Build(const NodeOptions& options) {
  if (!shards_.empty()) Demolish();
  ShardConfig config;
  config.node.listen_addresses = {At(kServerV4).address, At(kServerV6).address};
  config.node.relay_addresses = {At(kServerV4).address, At(kServerV6).address};
  config.node.shards = options.shards;
  config.node.allocations_per_shard = options.capacity;
  config.node.permissions_per_shard = 2 * options.capacity;
  config.node.channels_per_shard = options.capacity;
  config.node.requests_per_prefix = options.requests_per_prefix;
  config.port_id = world.port;
  config.mac = kOurMac;
  config.partial_checksums = options.partial_checksums;
  config.kernel_keeps_interface = options.kernel_keeps_interface;
  config.pool = world.pool;
  config.jumbo_pool = world.jumbo;
  const auto ring = [&](const std::string& name, unsigned element) {
    rings_.push_back(rte_ring_create_elem(name.c_str(), element, 256, 0, 0));
    Require(rings_.back() != nullptr, name.c_str());
    return rings_.back();
  };
  for (int i = 0; i < options.shards; ++i) {
    config.handoff.push_back(ring("handoff" + std::to_string(i), sizeof(void*)));
  }
  routes_ = RouteTable({{*Prefix::Parse("0.0.0.0/0"), kRouterV4},
                        {*Prefix::Parse("::/0"), kRouterV6},
                        {*Prefix::Parse("198.18.0.0/15"), kNarrow},
                        {*Prefix::Parse("198.51.100.128/25"), kAbsent},
                        {*Prefix::Parse("192.0.2.0/24"), kOnLink},
                        {*Prefix::Parse("192.0.2.1"), kHairpin},
                        {*Prefix::Parse("2001:db8::1"), kHairpin},
                        {*Prefix::Parse("10.0.0.0/8"), kNoRoute}});
  for (ShardId i = 0; i < options.shards; ++i) {
    config.id = i;
    config.commands = ring("commands" + std::to_string(i), 64);
    for (unsigned c = 0; c < kEventClasses; ++c) {
      config.events[c] = ring("events" + std::to_string(i) + "_" + std::to_string(c), 64);
    }
    auto shard = Shard::Create(config);
    ASSERT_TRUE(shard.ok()) << shard.status();
    shards_.push_back(*std::move(shard));
    configs_.push_back(config);
    Command(SetNextHop{kRouterV4, kRouterMac, true, 1500}, i);
    Command(SetNextHop{kRouterV6, kRouterMac, true, 1500}, i);
    Command(SetNextHop{kNarrow, kRouterMac, true, 1000}, i);
    Command(SetNextHop{kAbsent, {}, false, 1500}, i);
    Command(PublishRoutes{&routes_, 1}, i);
  }
  Turn();
  Events();
  Moved();
}

void NodeTest::Demolish() {
  Replenish();
  Sent();
  Events();
  for (ShardConfig& config : configs_) {
    for (rte_ring* ring : config.handoff) {
      void* frame;
      while (rte_ring_dequeue(ring, &frame) == 0) rte_pktmbuf_free(static_cast<rte_mbuf*>(frame));
    }
  }
  shards_.clear();
  configs_.clear();
  for (rte_ring* ring : rings_) rte_ring_free(ring);
  rings_.clear();
  counted_.clear();
  EXPECT_EQ(rte_mempool_in_use_count(world.pool), 0u) << "packet buffers leaked";
  EXPECT_EQ(rte_mempool_in_use_count(world.jumbo), 0u) << "jumbo buffers leaked";
}

void NodeTest::Command(const causeway::Command& command, ShardId shard) {
  uint8_t element[64] = {};
  std::memcpy(element, &command, sizeof command);
  ASSERT_EQ(rte_ring_sp_enqueue_elem(configs_[shard].commands, element, sizeof element), 0);
}

void NodeTest::Arrive(const Bytes& frame, ShardId shard, unsigned segments) {
  const size_t each = (frame.size() + segments - 1) / segments;
  rte_mbuf* whole = MbufOf(frame.data(), std::min(each, frame.size()));
  for (size_t at = each; at < frame.size(); at += each) {
    rte_mbuf* next = MbufOf(frame.data() + at, std::min(each, frame.size() - at));
    ASSERT_EQ(rte_pktmbuf_chain(whole, next), 0);
  }
  ASSERT_EQ(rte_ring_enqueue(world.rx[shard], whole), 0);
}

void NodeTest::ArriveForGeneralStages(const Bytes& frame, ShardId shard) {
  rte_mbuf* mbuf = MbufOf(frame.data(), frame.size());
  mbuf->hash.usr = 0;
  ASSERT_EQ(rte_ring_enqueue(configs_[shard].handoff[shard], mbuf), 0);
}

unsigned NodeTest::Turn(int turns) {
  unsigned handled = 0;
  for (int i = 0; i < turns; ++i) {
    for (auto& shard : shards_) handled += shard->Poll(TscAt(now_));
  }
  return handled;
}

std::vector<Bytes> NodeTest::Sent() {
  std::vector<Bytes> frames;
  for (rte_ring* ring : world.tx) {
    void* frame;
    while (rte_ring_dequeue(ring, &frame) == 0) {
      frames.push_back(BytesOf(static_cast<rte_mbuf*>(frame)));
      rte_pktmbuf_free(static_cast<rte_mbuf*>(frame));
    }
  }
  return frames;
}

std::vector<EventRecord> NodeTest::Events() {
  std::vector<EventRecord> records;
  for (const ShardConfig& config : configs_) {
    for (unsigned c = 0; c < kEventClasses; ++c) {
      uint8_t element[64];
      while (rte_ring_dequeue_elem(config.events[c], element, sizeof element) == 0) {
        Event event;
        std::memcpy(static_cast<void*>(&event), element, sizeof event);
        records.push_back(RecordOf(event));
        records.back().event_class = static_cast<EventClass>(c);
      }
    }
  }
  return records;
}

std::map<std::string, uint64_t> NodeTest::Moved() {
  std::map<std::string, uint64_t> moved;
  for (int i = 0; i < kCounterCount; ++i) {
    const auto counter = static_cast<Counter>(i);
    const std::string name = CounterName(counter);
    if (name.ends_with("bytes") || name.ends_with("cycles")) continue;
    uint64_t total = 0;
    for (auto& shard : shards_) total += shard->counters().Get(counter);
    if (total != counted_[name]) moved[name] = total - counted_[name];
    counted_[name] = total;
  }
  return moved;
}

std::vector<Bytes> NodeTest::Relay(const Bytes& frame, ShardId shard) {
  Arrive(frame, shard);
  Turn(2);
  return Sent();
}
std::vector<Bytes> NodeTest::Relay(const Datagram& datagram, ShardId shard) {
  return Relay(datagram.Encode(), shard);
}

void NodeTest::Permit(PermissionId permission, AllocationId allocation, const char* peer,
                      ShardId shard) {
  Command(SetPermission{permission, allocation, At(peer).address, now_ + 3000}, shard);
}

void NodeTest::Install(uint32_t id, const char* client, uint16_t relay_port, const char* peer,
                       uint16_t number, ShardId shard) {
  const Endpoint endpoint = At(client);
  const uint8_t local = endpoint.address.IsV4() ? 0 : 1;
  Command(InstallAllocation{id, {endpoint, local}, {0, relay_port}, {1, relay_port}, now_ + 6000},
          shard);
  Permit(id, id, peer, shard);
  if (number != 0) Command(BindChannel{id, id, number, At(peer), now_ + 6000}, shard);
  Turn();
}

void NodeTest::JamPort() {
  rte_mbuf* filler = rte_pktmbuf_alloc(world.pool);
  while (rte_ring_free_count(world.tx[0]) > 1) {
    rte_mbuf_refcnt_update(filler, 1);
    rte_ring_enqueue(world.tx[0], filler);
  }
  rte_ring_enqueue(world.tx[0], filler);
}

void NodeTest::JamEvents(EventClass event_class, ShardId shard) {
  uint8_t element[64] = {};
  const Event filler = RoutesAdoptedEvent{0};
  std::memcpy(element, &filler, sizeof filler);
  rte_ring* ring = configs_[shard].events[static_cast<unsigned>(event_class)];
  while (rte_ring_enqueue_elem(ring, element, sizeof element) == 0) {
  }
}

void NodeTest::Replenish() {
  for (rte_mbuf* mbuf : hoard_) rte_pktmbuf_free(mbuf);
  hoard_.clear();
}

void NodeTest::ExhaustPool(bool jumbo) {
  while (rte_mbuf* mbuf = rte_pktmbuf_alloc(jumbo ? world.jumbo : world.pool)) {
    hoard_.push_back(mbuf);
  }
}

void NodeTest::JamHandOff(ShardId shard) {
  rte_mbuf* filler = rte_pktmbuf_alloc(world.pool);
  while (rte_ring_enqueue(configs_[shard].handoff[shard], filler) == 0) {
    rte_mbuf_refcnt_update(filler, 1);
  }
  rte_pktmbuf_free(filler);
}

void ExpectFrame(const Bytes& frame, Datagram expected) {
  const Datagram decoded = Datagram::Decode(frame);
  if (expected.source.address.IsV4() && !expected.df) {
    EXPECT_NE(decoded.id, 0);
    expected.id = decoded.id;
  }
  expected.from_mac = kOurMac;
  expected.to_mac = kRouterMac;
  EXPECT_EQ(frame, expected.Encode()) << "sent:     " << decoded << "\nexpected: " << expected;
}

}  // namespace causeway::testing
