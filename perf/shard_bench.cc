// Cycles a packet of one shard: bursts drawn at random from many allocations, 172 bytes of data,
// through the real Shard::Poll on a port made of rings. Arguments: allocations, packets in flight
// (each in a buffer of its own, written before the clock starts).
//
// What is timed is Poll alone, driver calls included: with a port of rings that is copying buffer
// pointers. "Harness" is the same port with nothing between receive and transmit; it is not
// subtracted from the other figures.
#include <benchmark/benchmark.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_ring_elem.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "dataplane/ip/checksum.h"
#include "dataplane/ip/headers.h"
#include "dataplane/route_table.h"
#include "dataplane/shard/shard.h"

namespace causeway {
namespace {

constexpr unsigned kMaxInFlight = 65536;
constexpr unsigned kBurstSize = 32;
constexpr unsigned kPayload = 172;
constexpr uint16_t kFirstPort = 49152;
constexpr uint32_t kPortsPerAddress = 16384;
constexpr uint16_t kChannel = 0x4001;

enum Way { kChannelToPeer, kChannelToClient, kSendToPeer, kDataToClient };

void Require(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "shard_bench: %s: %s\n", what, rte_strerror(rte_errno));
  std::exit(1);
}

IpAddress ClientOf(uint32_t i) { return IpAddress::V4(0x0a000000u + i); }
IpAddress PeerOf(uint32_t i) { return IpAddress::V4(0xac100000u + i * 7 % 1000003); }
RelayPort RelayOf(uint32_t i) {
  return {static_cast<uint16_t>(i / kPortsPerAddress),
          static_cast<uint16_t>(kFirstPort + i % kPortsPerAddress)};
}
IpAddress RelayAddress(uint32_t index) { return IpAddress::V4(0xc0000200u + index); }
const IpAddress kServer = IpAddress::V4(0xc6336401u);

/// The port, the pool and one shard with its allocations.
class Bench {
 public:
  Bench() {
    pool_ = rte_pktmbuf_pool_create("packets", kMaxInFlight * 2 - 1, 256, 0,
                                    RTE_MBUF_DEFAULT_BUF_SIZE, 0);
    jumbo_ = rte_pktmbuf_pool_create("jumbo", 15, 0, 0, 65535, 0);
    rx_ = rte_ring_create("rx", kMaxInFlight * 2, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
    tx_ = rte_ring_create("tx", kMaxInFlight * 2, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
    commands_ = rte_ring_create_elem("commands", 64, 1024, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
    events_ = rte_ring_create_elem("events", 64, 1024, 0, RING_F_SP_ENQ | RING_F_SC_DEQ);
    handoff_ = rte_ring_create("handoff", 64, 0, RING_F_SC_DEQ);
    Require(pool_ && jumbo_ && rx_ && tx_ && commands_ && events_ && handoff_, "memory");
    port_ = rte_eth_from_rings("wire", &rx_, 1, &tx_, 1, 0);
    const rte_eth_conf conf = {};
    Require(port_ >= 0 && rte_eth_dev_configure(Port(), 1, 1, &conf) == 0 &&
                rte_eth_rx_queue_setup(Port(), 0, 256, 0, nullptr, pool_) == 0 &&
                rte_eth_tx_queue_setup(Port(), 0, 256, 0, nullptr) == 0 &&
                rte_eth_dev_start(Port()) == 0,
            "port of rings");
    routes_ = RouteTable({{*Prefix::Parse("0.0.0.0/0"), kFirstNeighbour}});
  }

  uint16_t Port() const { return static_cast<uint16_t>(port_); }
  Shard& shard() { return *shard_; }

  void Populate(uint32_t allocations, bool channels) {
    if (shard_ != nullptr && allocations_ == allocations && channels_ == channels) return;
    shard_.reset();
    allocations_ = allocations;
    channels_ = channels;
    ShardConfig config;
    config.node.listen_addresses = {kServer};
    for (uint32_t i = 0; i * kPortsPerAddress < allocations; ++i) {
      config.node.relay_addresses.push_back(RelayAddress(i));
    }
    config.node.allocations_per_shard = allocations;
    config.node.permissions_per_shard = 2 * allocations;
    config.node.channels_per_shard = allocations;
    config.port_id = Port();
    config.pool = pool_;
    config.jumbo_pool = jumbo_;
    config.commands = commands_;
    config.events = events_;
    config.handoff = {handoff_};
    config.epoch_tsc = rte_rdtsc();
    auto shard = Shard::Create(config);
    if (!shard.ok()) {
      std::fprintf(stderr, "shard_bench: %s\n", shard.status().ToString().c_str());
      std::exit(1);
    }
    shard_ = *std::move(shard);
    bytes_per_allocation_ = Shard::BytesPerAllocation(config.node);
    Command(SetNextHop{kFirstNeighbour, {2, 0, 0, 0, 0, 9}, true, 1500});
    Command(PublishRoutes{&routes_, 1});
    constexpr Deciseconds kNever = 4000000000u;
    for (uint32_t i = 0; i < allocations; ++i) {
      Command(InstallAllocation{i, {{ClientOf(i), 5000}, 0}, RelayOf(i), {}, kNever});
      Command(SetPermission{i, i, PeerOf(i), kNever});
      if (channels) Command(BindChannel{i, i, kChannel, {PeerOf(i), 6000}, kNever});
      if (i % 64 == 63) Obey();
    }
    Obey();
  }
  double bytes_per_allocation() const { return bytes_per_allocation_; }

  /// Fills the receive ring with datagrams of random allocations.
  void Prepare(Way way, unsigned count) {
    frames_.resize(count);
    Require(rte_pktmbuf_alloc_bulk(pool_, frames_.data(), count) == 0, "buffers");
    for (rte_mbuf* frame : frames_)
      Write(way, frame, static_cast<uint32_t>(random_() % allocations_));
    Require(rte_ring_enqueue_bulk(rx_, reinterpret_cast<void**>(frames_.data()), count, nullptr) ==
                count,
            "receive ring");
  }
  /// Frees what was sent; returns how many.
  unsigned Drain() {
    frames_.resize(kMaxInFlight);
    const unsigned count = rte_ring_dequeue_burst(tx_, reinterpret_cast<void**>(frames_.data()),
                                                  kMaxInFlight, nullptr);
    rte_pktmbuf_free_bulk(frames_.data(), count);
    return count;
  }
  bool RingEmpty() const { return rte_ring_empty(rx_) != 0; }

 private:
  void Command(const causeway::Command& command) {
    uint8_t element[64] = {};
    std::memcpy(element, &command, sizeof command);
    Require(rte_ring_sp_enqueue_elem(commands_, element, 64) == 0, "command ring");
  }

  void Obey() {
    while (rte_ring_count(commands_) > 0) shard_->Poll(rte_rdtsc());
  }

  static unsigned WritePayload(Way way, uint8_t* p, uint32_t i) {
    if (way == kChannelToPeer) {
      WriteBe16(p, kChannel);
      WriteBe16(p + 2, kPayload);
      return kPayload + 4;
    }
    if (way != kSendToPeer) return kPayload;
    std::memset(p, 7, 36);
    WriteBe16(p, 0x0016);
    WriteBe16(p + 2, 12 + 4 + kPayload);
    WriteBe32(p + 4, 0x2112A442);
    WriteBe32(p + 20, 0x00120008);
    WriteBe16(p + 24, 1);
    WriteBe16(p + 26, 6000 ^ 0x2112);
    WriteBe32(p + 28, PeerOf(i).v4() ^ 0x2112A442);
    WriteBe32(p + 32, 0x00130000 | kPayload);
    return kPayload + 36;
  }

  void Write(Way way, rte_mbuf* frame, uint32_t i) {
    const bool from_client = way == kChannelToPeer || way == kSendToPeer;
    auto* p = rte_pktmbuf_mtod(frame, uint8_t*);
    std::memset(p, 2, 42);
    WriteBe16(p + 12, 0x0800);
    const unsigned size = WritePayload(way, p + 42, i);
    WriteBe32(p + 14, 0x45000000 | (size + 28));
    WriteBe32(p + 18, 0x4000);
    WriteBe32(p + 22, 64u << 24 | 17u << 16);
    const RelayPort relay = RelayOf(i);
    const IpAddress source = from_client ? ClientOf(i) : PeerOf(i);
    const IpAddress destination = from_client ? kServer : RelayAddress(relay.address_index);
    std::memcpy(p + 26, source.v4_bytes(), 4);
    std::memcpy(p + 30, destination.v4_bytes(), 4);
    FinishIpv4Header(p + 14, 20);
    WriteBe16(p + 34, from_client ? 5000 : 6000);
    WriteBe16(p + 36, from_client ? 3478 : relay.port);
    WriteBe16(p + 38, size + 8);
    WriteBe16(p + 40, 0);
    const uint16_t check = UdpChecksumField(SumBytes(p + 26, 8) + SumBytes(p + 34, size + 8) +
                                            __builtin_bswap16(static_cast<uint16_t>(size + 8)) +
                                            __builtin_bswap16(17));
    std::memcpy(p + 40, &check, 2);
    frame->data_len = static_cast<uint16_t>(42 + size);
    frame->pkt_len = frame->data_len;
  }

  rte_mempool* pool_;
  rte_mempool* jumbo_;
  rte_ring* rx_;
  rte_ring* tx_;
  rte_ring* commands_;
  rte_ring* events_;
  rte_ring* handoff_;
  int port_ = -1;
  RouteTable routes_;
  std::unique_ptr<Shard> shard_;
  uint32_t allocations_ = 0;
  bool channels_ = false;
  double bytes_per_allocation_ = 0;
  std::vector<rte_mbuf*> frames_;
  std::minstd_rand random_{42};
};

std::unique_ptr<Bench> bench;

template <typename Turn>
void Run(benchmark::State& state, Way way, unsigned in_flight, const Turn& turn) {
  std::vector<double> cycles;  // a packet, of each turn
  for (auto _ : state) {
    bench->Prepare(way, in_flight);
    const uint64_t begin = rte_rdtsc_precise();
    for (uint64_t before = begin; !bench->RingEmpty();) {
      turn(before);
      const uint64_t after = rte_rdtsc();
      cycles.push_back(static_cast<double>(after - before) / kBurstSize);
      before = after;
    }
    const auto spent = static_cast<double>(rte_rdtsc_precise() - begin);
    if (bench->Drain() != in_flight) return state.SkipWithError("packets were lost");
    state.SetIterationTime(spent / static_cast<double>(rte_get_tsc_hz()));
  }
  std::sort(cycles.begin(), cycles.end());
  if (cycles.empty()) return;
  state.counters["cycles_per_packet"] = cycles[cycles.size() / 2];
  state.counters["p10"] = cycles[cycles.size() / 10];
  state.counters["p90"] = cycles[cycles.size() * 9 / 10];
  state.SetItemsProcessed(state.iterations() * in_flight);
}

void Relay(benchmark::State& state, Way way) {
  bench->Populate(static_cast<uint32_t>(state.range(0)),
                  way != kDataToClient && way != kSendToPeer);
  Run(state, way, static_cast<unsigned>(state.range(1)),
      [](uint64_t now) { bench->shard().Poll(now); });
  state.counters["bytes_per_allocation"] = bench->bytes_per_allocation();
}

void Harness(benchmark::State& state) {
  bench->Populate(static_cast<uint32_t>(state.range(0)), true);
  Run(state, kChannelToPeer, static_cast<unsigned>(state.range(1)), [](uint64_t) {
    rte_mbuf* frames[kBurstSize];
    const uint16_t count = rte_eth_rx_burst(bench->Port(), 0, frames, kBurstSize);
    rte_eth_tx_burst(bench->Port(), 0, frames, count);
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
  for (int64_t allocations : {1000, 100000, 1000000}) {
    for (int64_t in_flight : {4096, static_cast<int>(kMaxInFlight)}) {
      benchmark::RegisterBenchmark("Harness", Harness)
          ->Args({allocations, in_flight})
          ->UseManualTime();
      for (const auto& way : kWays) {
        benchmark::RegisterBenchmark(way.name, [w = way.way](benchmark::State& s) { Relay(s, w); })
            ->Args({allocations, in_flight})
            ->UseManualTime();
      }
    }
  }
}

/// Hugepages as causewayd uses them when 700 MB of them are free, else ordinary pages.
void StartEal() {
  uint64_t free_pages = 0;
  std::ifstream("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages") >> free_pages;
  const bool huge = free_pages >= 350;
  std::printf("memory: %s\n", huge ? "hugepages" : "ordinary 4 kB pages");
  std::vector<std::string> words = {
      "shard_bench", "--no-pci", "--no-telemetry", "--no-shconf", "--log-level=error", "-l", "0"};
  if (huge) {
    words.emplace_back("--in-memory");
  } else {
    words.insert(words.end(), {"--no-huge", "-m", "1024"});
  }
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  Require(rte_eal_init(static_cast<int>(argv.size()), argv.data()) >= 0, "rte_eal_init");
}

}  // namespace
}  // namespace causeway

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  causeway::StartEal();
  causeway::bench = std::make_unique<causeway::Bench>();
  causeway::Register();
  benchmark::RunSpecifiedBenchmarks();
  causeway::bench.reset();
  return 0;
}
