#include "tests/dataplane/shard/node.h"

#include <rte_cycles.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <algorithm>

#include "dataplane/shard/ring_element.h"

namespace causeway::testing {
namespace {

constexpr unsigned kRingSize = 512;

// Outlives tests: DPDK keeps no second port of this name.
RingPort* MakePort(const char* name) {
  return new RingPort(name, kMaxShards, {kRingSize, kRingSize}, PacketPool());
}
RingPort& Port(LinkId link = 0) {
  static RingPort* const ports[] = {MakePort("wire"), MakePort("wire2")};
  return *ports[link];
}

uint64_t TscAt(Deciseconds now) {
  return static_cast<uint64_t>(now) * rte_get_tsc_hz() / 10 + rte_get_tsc_hz() / 100;
}

EventRecord RecordOf(const Event& event) {
  if (const auto* e = std::get_if<RequestEvent>(&event)) {
    EventRecord record = {EventRecord::kRequest, e->tuple, ToBytes(e->buffer), {}};
    rte_pktmbuf_free(e->buffer);
    return record;
  }
  if (const auto* e = std::get_if<KernelFrameEvent>(&event)) {
    EventRecord record = {EventRecord::kKernelFrame, {}, ToBytes(e->buffer), {}};
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
  config.links = {{Port().id(), kOurMac, 1500, options.partial_checksums}};
  if (options.links == 2) config.links.push_back({Port(1).id(), kSecondMac, kSecondMtu, false});
  config.kernel_keeps_interface = options.kernel_keeps_interface;
  config.pool = PacketPool();
  config.jumbo_pool = JumboPool();
  routes_ = RouteTable({{*Prefix::Parse("0.0.0.0/0"), kRouterV4},
                        {*Prefix::Parse("::/0"), kRouterV6},
                        {*Prefix::Parse("198.18.0.0/15"), kNarrow},
                        {*Prefix::Parse("198.51.100.128/25"), kAbsent},
                        {*Prefix::Parse("192.0.2.0/24"), kOnLink},
                        {*Prefix::Parse("192.0.2.1"), kHairpin},
                        {*Prefix::Parse("2001:db8::1"), kHairpin},
                        {*Prefix::Parse("10.0.0.0/8"), kNoRoute}});
  Make("node", config, {256, 512});
  for (ShardId i = 0; i < options.shards; ++i) {
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
  Clear();
  counted_.clear();
  ExpectNoLeak();
}

void NodeTest::Arrive(const Bytes& frame, ShardId shard, unsigned segments, LinkId link) {
  const size_t each = (frame.size() + segments - 1) / segments;
  const std::span bytes(frame);
  rte_mbuf* whole = ToMbuf(bytes.first(std::min(each, frame.size())));
  for (size_t at = each; at < frame.size(); at += each) {
    rte_mbuf* next = ToMbuf(bytes.subspan(at, std::min(each, frame.size() - at)));
    ASSERT_EQ(rte_pktmbuf_chain(whole, next), 0);
  }
  ASSERT_EQ(rte_ring_enqueue(Port(link).rx(shard), whole), 0);
}

void NodeTest::ArriveForGeneralStages(const Bytes& frame, ShardId shard) {
  rte_mbuf* mbuf = ToMbuf(frame);
  mbuf->hash.usr = 0;
  ASSERT_EQ(rte_ring_enqueue(configs_[shard].handoff[shard], mbuf), 0);
}

unsigned NodeTest::Turn(int turns) {
  unsigned handled = 0;
  for (int i = 0; i < turns; ++i) handled += Poll(TscAt(now_));
  return handled;
}

std::vector<Bytes> NodeTest::Sent(LinkId link) {
  std::vector<Bytes> frames;
  for (uint16_t q = 0; q < Port(link).queues(); ++q) {
    void* frame;
    while (rte_ring_dequeue(Port(link).tx(q), &frame) == 0) {
      frames.push_back(ToBytes(static_cast<rte_mbuf*>(frame)));
      rte_pktmbuf_free(static_cast<rte_mbuf*>(frame));
    }
  }
  return frames;
}

std::vector<EventRecord> NodeTest::Events() {
  std::vector<EventRecord> records;
  for (const ShardConfig& config : configs_) {
    for (unsigned c = 0; c < kEventClasses; ++c) {
      RingElement element;
      while (DequeueElements(config.events[c], &element, 1) == 1) {
        Event event;
        element.Load(event);
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
  installed_[client] = id;
  Permit(id, id, peer, shard);
  if (number != 0) Command(BindChannel{id, id, number, At(peer), now_ + 6000}, shard);
  Turn();
}

void NodeTest::Redirect(const char* client, ShardId owner, ShardId arrival) {
  const Endpoint endpoint = At(client);
  const uint8_t local = endpoint.address.IsV4() ? 0 : 1;
  Command(AddClientRedirect{{endpoint, local}, owner, installed_[client]}, arrival);
}

void NodeTest::JamPort() {
  rte_mbuf* filler = rte_pktmbuf_alloc(PacketPool());
  while (rte_ring_free_count(Port().tx(0)) > 1) {
    rte_mbuf_refcnt_update(filler, 1);
    rte_ring_enqueue(Port().tx(0), filler);
  }
  rte_ring_enqueue(Port().tx(0), filler);
}

void NodeTest::JamEvents(EventClass event_class, ShardId shard) {
  rte_ring* ring = configs_[shard].events[static_cast<unsigned>(event_class)];
  while (EnqueueElement<Event>(ring, RoutesAdoptedEvent{0})) {
  }
}

void NodeTest::Replenish() { emptied_.clear(); }

void NodeTest::ExhaustPool(bool jumbo) {
  emptied_.emplace_back(jumbo ? JumboPool() : PacketPool());
}

void NodeTest::JamHandOff(ShardId shard, unsigned room) {
  rte_ring* ring = configs_[shard].handoff[shard];
  rte_mbuf* filler = rte_pktmbuf_alloc(PacketPool());
  while (rte_ring_free_count(ring) > room && rte_ring_enqueue(ring, filler) == 0) {
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
