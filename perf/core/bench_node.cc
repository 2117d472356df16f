#include "perf/core/bench_node.h"

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_ring_elem.h>
#include <sched.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "absl/strings/str_cat.h"

namespace causeway::bench {
namespace {

const char* program_name = "bench";
constexpr unsigned kElementSize = 64;
constexpr unsigned kMegabytesOfAPage = 2;
constexpr unsigned kWarmBatch = 256;

void Write(Way way, uint32_t i, rte_mbuf* frame) {
  frame->data_len = static_cast<uint16_t>(WriteFrame(way, i, rte_pktmbuf_mtod(frame, uint8_t*)));
  frame->pkt_len = frame->data_len;
}

}  // namespace

void Require(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "%s: %s: %s\n", program_name, what, rte_strerror(rte_errno));
  std::exit(1);
}

std::vector<int> UsableCpus(size_t most) {
  cpu_set_t set;
  Require(sched_getaffinity(0, sizeof set, &set) == 0, "sched_getaffinity");
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE && cpus.size() < most; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

std::string StartEal(const char* program, const std::vector<int>& cpus, unsigned megabytes) {
  program_name = program;
  std::string lcores = "--lcores=";
  for (size_t i = 0; i < cpus.size(); ++i) {
    absl::StrAppend(&lcores, i == 0 ? "" : ",", i, "@", cpus[i]);
  }
  uint64_t free_pages = 0;
  std::ifstream("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages") >> free_pages;
  const bool huge = free_pages * kMegabytesOfAPage >= megabytes;
  std::vector<std::string> words = {program,       "--no-pci",          "--no-telemetry",
                                    "--no-shconf", "--log-level=error", lcores};
  if (huge) {
    words.emplace_back("--in-memory");
  } else {
    words.insert(words.end(), {"--no-huge", "-m", "1024"});
  }
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  Require(rte_eal_init(static_cast<int>(argv.size()), argv.data()) >= 0, "rte_eal_init");
  return huge ? "hugepages" : "ordinary 4 kB pages";
}

BenchNode::BenchNode(unsigned index, unsigned max_in_flight) : max_in_flight_(max_in_flight) {
  const auto name = [index](const char* what) { return absl::StrCat(what, index); };
  constexpr unsigned kPair = RING_F_SP_ENQ | RING_F_SC_DEQ;
  pool_ = rte_pktmbuf_pool_create(name("packets").c_str(), max_in_flight * 2 - 1, 256, 0,
                                  RTE_MBUF_DEFAULT_BUF_SIZE, 0);
  jumbo_ = rte_pktmbuf_pool_create(name("jumbo").c_str(), 15, 0, 0, 65535, 0);
  rx_ = rte_ring_create(name("rx").c_str(), max_in_flight * 2, 0, kPair);
  tx_ = rte_ring_create(name("tx").c_str(), max_in_flight * 2, 0, kPair);
  commands_ = rte_ring_create_elem(name("commands").c_str(), kElementSize, 1024, 0, kPair);
  events_ = rte_ring_create_elem(name("events").c_str(), kElementSize, 1024, 0, kPair);
  handoff_ = rte_ring_create(name("handoff").c_str(), 64, 0, RING_F_SC_DEQ);
  Require(pool_ && jumbo_ && rx_ && tx_ && commands_ && events_ && handoff_, "memory");
  port_ = rte_eth_from_rings(name("wire").c_str(), &rx_, 1, &tx_, 1, 0);
  const rte_eth_conf conf = {};
  Require(port_ >= 0 && rte_eth_dev_configure(port(), 1, 1, &conf) == 0 &&
              rte_eth_rx_queue_setup(port(), 0, 256, 0, nullptr, pool_) == 0 &&
              rte_eth_tx_queue_setup(port(), 0, 256, 0, nullptr) == 0 &&
              rte_eth_dev_start(port()) == 0,
          "port of rings");
  routes_ = RouteTable({{*Prefix::Parse("0.0.0.0/0"), kFirstNeighbour}});
}

BenchNode::~BenchNode() = default;

ShardConfig BenchNode::ConfigFor(uint32_t allocations) const {
  ShardConfig config;
  config.node.listen_addresses = {ServerAddress()};
  for (uint32_t i = 0; i * kPortsPerAddress < allocations; ++i) {
    config.node.relay_addresses.push_back(RelayAddress(i));
  }
  config.node.allocations_per_shard = allocations;
  config.node.permissions_per_shard = 2 * allocations;
  config.node.channels_per_shard = allocations;
  config.port_id = port();
  config.pool = pool_;
  config.jumbo_pool = jumbo_;
  config.commands = commands_;
  config.events = events_;
  config.handoff = {handoff_};
  config.epoch_tsc = rte_rdtsc();
  return config;
}

void BenchNode::Populate(uint32_t allocations, bool channels) {
  if (shard_ != nullptr && allocations_ == allocations && channels_ == channels) return;
  shard_.reset();
  allocations_ = allocations;
  channels_ = channels;
  const ShardConfig config = ConfigFor(allocations);
  auto shard = Shard::Create(config);
  if (!shard.ok()) {
    std::fprintf(stderr, "%s: %s\n", program_name, shard.status().ToString().c_str());
    std::exit(1);
  }
  shard_ = *std::move(shard);
  bytes_per_allocation_ = Shard::BytesPerAllocation(config.node);
  Command(SetNextHop{kFirstNeighbour, {2, 0, 0, 0, 0, 9}, true, 1500});
  Command(PublishRoutes{&routes_, 1});
  constexpr Deciseconds kNever = 4000000000u;
  for (uint32_t i = 0; i < allocations; ++i) {
    Command(InstallAllocation{i, {{ClientOf(i), kClientPort}, 0}, RelayOf(i), {}, kNever});
    Command(SetPermission{i, i, PeerOf(i), kNever});
    if (channels) Command(BindChannel{i, i, kChannel, {PeerOf(i), kPeerPort}, kNever});
    if (i % 64 == 63) Obey();
  }
  Obey();
  Warm(channels ? kChannelToPeer : kSendToPeer);
  Warm(channels ? kChannelToClient : kDataToClient);
}

void BenchNode::Warm(Way way) {
  for (uint32_t i = 0; i < allocations_;) {
    for (unsigned n = 0; n < kWarmBatch && i < allocations_; ++n, ++i) {
      rte_mbuf* frame = rte_pktmbuf_alloc(pool_);
      Require(frame != nullptr, "a buffer");
      Write(way, i, frame);
      Require(rte_ring_enqueue(rx_, frame) == 0, "receive ring");
    }
    while (shard_->Poll(rte_rdtsc()) != 0) {
    }
    Drain();
  }
}

void BenchNode::Prepare(Way way, unsigned count) {
  frames_.resize(count);
  Require(rte_pktmbuf_alloc_bulk(pool_, frames_.data(), count) == 0, "buffers");
  for (rte_mbuf* frame : frames_) {
    const auto i = static_cast<uint32_t>(random_() % allocations_);
    Write(way, i, frame);
  }
  Require(
      rte_ring_enqueue_bulk(rx_, reinterpret_cast<void**>(frames_.data()), count, nullptr) == count,
      "receive ring");
}

unsigned BenchNode::Drain() {
  frames_.resize(max_in_flight_);
  const unsigned count = rte_ring_dequeue_burst(tx_, reinterpret_cast<void**>(frames_.data()),
                                                max_in_flight_, nullptr);
  rte_pktmbuf_free_bulk(frames_.data(), count);
  return count;
}

void BenchNode::Command(const causeway::Command& command) {
  uint8_t element[kElementSize] = {};
  std::memcpy(element, &command, sizeof command);
  Require(rte_ring_sp_enqueue_elem(commands_, element, kElementSize) == 0, "command ring");
}

void BenchNode::Obey() {
  while (rte_ring_count(commands_) > 0) shard_->Poll(rte_rdtsc());
}

}  // namespace causeway::bench
