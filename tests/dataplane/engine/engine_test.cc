// The engine with a real shard on a real lcore, over a DPDK ring that returns what is sent. Control
// and worker share one CPU, so rings do fill up. As root: each run has a network namespace.
#include "dataplane/engine/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <chrono>
#include <thread>

#include "absl/strings/str_cat.h"
#include "dataplane/engine/worker.h"
#include "dataplane/ip/checksum.h"
#include "dataplane/route_table.h"

namespace causeway {
namespace {

using Bytes = std::vector<uint8_t>;
constexpr std::chrono::seconds kPatience(20);

EalInfo* eal = nullptr;

// The ring driver keeps rings, with what they hold, beyond the device: a new device each time.
EngineConfig Config() {
  static int made = 0;
  EngineConfig config;
  config.eal = *eal;
  NodeConfig& node = config.node;
  node.listen_addresses = {*IpAddress::Parse("192.0.2.1")};
  node.relay_addresses = {*IpAddress::Parse("192.0.2.1")};
  node.allocations_per_shard = 64;
  node.permissions_per_shard = 64;
  node.channels_per_shard = 64;
  LinkConfig link;
  link.device = absl::StrCat("net_ring", made++);
  link.mirror_addresses = {{*IpAddress::Parse("192.0.2.1"), 96 + 24}};
  link.node = node;
  config.links = {link};
  return config;
}

class Sink : public EventSink {
 public:
  void OnRequest(const ClientLeg& leg, absl::Span<const uint8_t> message) override {
    if (on_request) on_request(leg, message);
  }
  void OnUnknownClient(ShardId, const ClientTuple&) override {}
  void OnUnresolved(ShardId, const IpAddress&) override {}
  void OnAllocationEnded(ShardId shard, AllocationId allocation, const MeterReading&) override {
    EXPECT_EQ(shard, 0);
    ended.push_back(allocation);
  }
  void OnRoutesAdopted(ShardId shard, uint32_t generation) override {
    EXPECT_EQ(shard, 0);
    generations.push_back(generation);
  }
  void OnKernelFrame(absl::Span<const uint8_t> frame) override {
    frames.emplace_back(frame.begin(), frame.end());
  }

  std::function<void(const ClientLeg&, absl::Span<const uint8_t>)> on_request;
  std::vector<AllocationId> ended;
  std::vector<uint32_t> generations;
  std::vector<Bytes> frames;
};

class EngineTest : public testing::Test {
 protected:
  void SetUp() override {
    auto started = Engine::Start(Config());
    ASSERT_TRUE(started.ok()) << started.status();
    engine_ = *std::move(started);
  }
  template <typename Condition>
  bool PollUntil(const Condition& condition) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!condition() && std::chrono::steady_clock::now() < deadline) {
      if (engine_->Poll(sink_) == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return condition();
  }

  std::unique_ptr<Engine> engine_;
  Sink sink_;
};

// An ARP request with a serial number in its sender's address.
Bytes Arp(uint8_t number) {
  Bytes frame(60);
  std::fill_n(frame.begin(), 6, 0xff);
  frame[12] = 0x08;
  frame[13] = 0x06;
  frame[31] = number;
  return frame;
}

TEST_F(EngineTest, FramesGoOutAndWhatIsNotOursComesBackForTheKernel) {
  for (uint8_t number = 0; number < 3; ++number) engine_->TransmitFrame(Arp(number));
  ASSERT_TRUE(PollUntil([&] { return sink_.frames.size() == 3; }));
  EXPECT_THAT(sink_.frames, testing::ElementsAre(Arp(0), Arp(1), Arp(2)));
  EXPECT_EQ(engine_->counters(0).Get(Counter::k_mirror_sent), 3u);
}

TEST_F(EngineTest, MessagesLeaveAfterTheCommandsBeforeThem) {
  const IpAddress client = *IpAddress::Parse("192.0.2.77");
  const RouteTable routes({{Prefix::Host(client), kFirstNeighbour}});
  const MacAddress mac = {2, 0, 0, 0, 0, 77};
  engine_->Submit(0, SetNextHop{kFirstNeighbour, mac, true, 1500});
  engine_->Submit(0, PublishRoutes{&routes, 1});
  const Bytes message = {1, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  engine_->Transmit(ClientLeg{{{client, 4000}, 0}, {}}, message);
  ASSERT_TRUE(PollUntil([&] { return !sink_.frames.empty() && !sink_.generations.empty(); }));
  const Bytes& frame = sink_.frames[0];
  ASSERT_GE(frame.size(), 14 + 20 + 8 + message.size());
  EXPECT_EQ(Bytes(frame.begin(), frame.begin() + 6), Bytes(mac.begin(), mac.end()));
  const MacAddress own = engine_->links()[0]->mac();
  EXPECT_EQ(Bytes(frame.begin() + 6, frame.begin() + 12), Bytes(own.begin(), own.end()));
  EXPECT_EQ(Bytes(frame.begin() + 42, frame.begin() + 42 + static_cast<long>(message.size())),
            message);
  EXPECT_EQ(sink_.generations, std::vector<uint32_t>{1});
}

// An Allocate request of client 192.0.2.77:4000 whose transaction id begins with this number.
Bytes Request(const MacAddress& mac, uint8_t number) {
  Bytes frame(14 + 20 + 8 + 20);
  std::copy(mac.begin(), mac.end(), frame.begin());
  const uint8_t rest[] = {0x08, 0,   0x45, 0, 0,  48,  0, 0, 0,    0,    64,   17,   0,
                          0,    192, 0,    2, 77, 192, 0, 2, 1,    0x0f, 0xa0, 0x0d, 0x96,
                          0,    28,  0,    0, 0,  3,   0, 0, 0x21, 0x12, 0xa4, 0x42, number};
  std::copy(std::begin(rest), std::end(rest), frame.begin() + 12);
  const uint16_t checksum = ~FoldChecksum(SumBytes(&frame[14], 20));
  std::memcpy(&frame[24], &checksum, 2);
  return frame;
}

TEST_F(EngineTest, AnswersFollowTheCommandsOfTheirRequest) {
  const IpAddress client = *IpAddress::Parse("192.0.2.77");
  const RouteTable routes({{Prefix::Host(client), kFirstNeighbour}});
  engine_->Submit(0, SetNextHop{kFirstNeighbour, {2, 0, 0, 0, 0, 77}, true, 1500});
  constexpr uint8_t kMany = 200;
  std::vector<uint8_t> seen;
  sink_.on_request = [&](const ClientLeg& leg, absl::Span<const uint8_t> bytes) {
    ASSERT_EQ(bytes.size(), 20u);
    seen.push_back(bytes[8]);
    engine_->Submit(0, PublishRoutes{&routes, seen.back()});
    engine_->Transmit(leg, Bytes(20 + seen.size(), seen.back()));
    engine_->Transmit(leg, Bytes(1200, seen.back()));
  };
  for (uint8_t number = 1; number <= kMany; ++number) {
    engine_->TransmitFrame(Request(engine_->links()[0]->mac(), number));
  }
  ASSERT_TRUE(PollUntil([&] { return sink_.frames.size() == 2 * kMany; }))
      << seen.size() << " requests, " << sink_.frames.size() << " answers";
  for (size_t i = 0; i < kMany; ++i) {
    const auto number = static_cast<uint8_t>(i + 1);
    EXPECT_EQ(seen[i], number);
    EXPECT_EQ(Bytes(sink_.frames[2 * i].begin() + 42, sink_.frames[2 * i].end()),
              Bytes(20 + i + 1, number));
    EXPECT_EQ(Bytes(sink_.frames[2 * i + 1].begin() + 42, sink_.frames[2 * i + 1].end()),
              Bytes(1200, number));
  }
  EXPECT_EQ(engine_->counters(0).Get(Counter::k_replies_sent), 2u * kMany);
}

// Control looks only when 300 strangers wait and the ring of neighbours has overflowed.
TEST_F(EngineTest, AKnownClientIsHeardFirstWhateverFloodsIn) {
  const Counters& counters = engine_->counters(0);
  const auto wait_until = [&](const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!condition() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    return condition();
  };
  const ClientTuple known = {{*IpAddress::Parse("192.0.2.77"), 4001}, 0};
  engine_->Submit(0, InstallAllocation{0, {known, {}}, {0, 50000}, {}, 4000000000u});
  std::vector<uint16_t> ports;
  sink_.on_request = [&](const ClientLeg& leg, absl::Span<const uint8_t>) {
    ports.push_back(leg.tuple.client.port);
  };
  constexpr unsigned kStrangers = 300;
  for (unsigned i = 0; i < kStrangers; ++i) {
    engine_->TransmitFrame(Request(engine_->links()[0]->mac(), 1));
  }
  ASSERT_TRUE(wait_until([&] { return counters.Get(Counter::k_punted) == kStrangers; }));
  ASSERT_TRUE(wait_until([&] {
    engine_->TransmitFrame(Arp(1));
    return counters.Get(Counter::k_drop_neighbour_full) > 0;
  }));
  Bytes refresh = Request(engine_->links()[0]->mac(), 2);
  refresh[35] = 0xa1;  // client port 4001
  engine_->TransmitFrame(refresh);
  ASSERT_TRUE(wait_until([&] { return counters.Get(Counter::k_punted) == kStrangers + 1; }));
  engine_->Poll(sink_);
  ASSERT_FALSE(ports.empty());
  EXPECT_EQ(ports.front(), 4001);
  EXPECT_GT(std::count(ports.begin(), ports.end(), 4000), 0) << "strangers have their share";
  EXPECT_FALSE(sink_.frames.empty()) << "neighbours have theirs";
}

TEST_F(EngineTest, WhatDoesNotFitInTheRingWaitsInOrder) {
  const RouteTable routes;
  constexpr uint32_t kMany = 50000;  // twelve rings full
  for (uint32_t generation = 1; generation <= kMany; ++generation) {
    engine_->Submit(0, PublishRoutes{&routes, generation});
  }
  ASSERT_TRUE(
      PollUntil([&] { return !sink_.generations.empty() && sink_.generations.back() == kMany; }));
  EXPECT_TRUE(std::is_sorted(sink_.generations.begin(), sink_.generations.end()));
}

TEST_F(EngineTest, CountsWhatControlCannotSend) {
  engine_->TransmitFrame(Bytes(1519, 0xff));
  EXPECT_EQ(engine_->control_counters().Get(Counter::k_drop_too_big), 1u);
  const Counters& counters = engine_->control_counters();
  for (int i = 0; i < 200000 && counters.Get(Counter::k_drop_no_buffer) == 0; ++i) {
    engine_->TransmitFrame(Arp(1));
  }
  EXPECT_GT(counters.Get(Counter::k_drop_no_buffer), 0u);
  EXPECT_TRUE(PollUntil([&] {
    engine_->TransmitFrame(Arp(200));
    return !sink_.frames.empty() && sink_.frames.back() == Arp(200);
  })) << "the buffers come back";
}

TEST_F(EngineTest, CountsIdleTimeAndKeepsTime) {
  const Deciseconds start = engine_->Now();
  const uint64_t idle = engine_->counters(0).Get(Counter::k_idle_cycles);
  EXPECT_TRUE(PollUntil([&] { return engine_->Now() > start; }));
  EXPECT_GT(engine_->counters(0).Get(Counter::k_idle_cycles), idle);
}

TEST_F(EngineTest, StopsWithWorkUnderWayAndStartsAgain) {
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 100; ++i) engine_->TransmitFrame(Arp(1));
    engine_.reset();
    SetUp();
  }
}

TEST(EngineErrors, NameWhatIsWrong) {
  EngineConfig config = Config();
  config.node.shards = 2;
  EXPECT_EQ(Engine::Start(config).status().message(), "2 shards for the 1 workers that EAL has");
  config.node.shards = 1;
  config.links[0].device = "net_nosuch0";
  EXPECT_EQ(Engine::Start(config).status().code(), absl::StatusCode::kNotFound);
  config = Config();
  config.node.listen_addresses.clear();
  EXPECT_EQ(Engine::Start(config).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(EngineMemory, GrowsWithCapacityAndMtu) {
  NodeConfig node;
  const uint64_t small = Engine::MemoryNeeded(node);
  node.allocations_per_shard *= 4;
  EXPECT_GT(Engine::MemoryNeeded(node), small);
  EXPECT_GT(Engine::MemoryNeeded(node, 3498), Engine::MemoryNeeded(node, 1500));
  EXPECT_GT(Engine::BytesPerAllocation(node), 64.0);
}

TEST(IdleLadder, SpinsPausesThenSleepsLongerAndLonger) {
  IdleLadder ladder(false);
  EXPECT_EQ(ladder.Idle(), IdleLadder::Step::kSpin);
  int spins = 1;
  IdleLadder::Step step = ladder.Idle();
  for (; step == IdleLadder::Step::kSpin; step = ladder.Idle()) ++spins;
  EXPECT_EQ(step, IdleLadder::Step::kPause);
  int pauses = 0;
  for (; step == IdleLadder::Step::kPause; step = ladder.Idle()) ++pauses;
  EXPECT_EQ(step, IdleLadder::Step::kSleep);
  EXPECT_GT(pauses, spins);
  unsigned last = ladder.sleep_us();
  EXPECT_GT(last, 0u);
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(ladder.Idle(), IdleLadder::Step::kSleep);
    EXPECT_GE(ladder.sleep_us(), last);
    last = ladder.sleep_us();
  }
  EXPECT_EQ(last, IdleLadder::kLongestSleepUs);
  ladder.Work();
  EXPECT_EQ(ladder.Idle(), IdleLadder::Step::kSpin);
}

TEST(IdleLadder, AWorkerOnASharedCpuSleepsSoon) {
  IdleLadder ladder(true);
  int polls = 0;
  while (ladder.Idle() != IdleLadder::Step::kSleep) ++polls;
  EXPECT_LT(polls, 100);
}

class Environment : public testing::Environment {
  void SetUp() override {
    ASSERT_EQ(unshare(CLONE_NEWNET), 0) << "this test needs root";
    cpu_set_t one;
    ASSERT_EQ(sched_getaffinity(0, sizeof(one), &one), 0);
    int first = 0;
    while (!CPU_ISSET(first, &one)) ++first;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
    auto info = StartEal({.workers = 1,
                          .memory_bytes = Engine::MemoryNeeded(NodeConfig()),
                          .pci_device = "",
                          .interface = "",
                          .use_hugepages = false});
    ASSERT_TRUE(info.ok()) << info.status();
    EXPECT_FALSE(info->hugepages);
    EXPECT_THAT(info->memory_line, testing::HasSubstr("sysctl -w vm.nr_hugepages="));
    EXPECT_THAT(info->worker_lcores, testing::ElementsAre(1));
    EXPECT_EQ(UsableCpus(), 1u);
    eal = new EalInfo(*info);
  }
  void TearDown() override { delete eal; }
};

}  // namespace
}  // namespace causeway

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  testing::AddGlobalTestEnvironment(new causeway::Environment);
  return RUN_ALL_TESTS();
}
