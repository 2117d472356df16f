// What operators see and do, and what observers hear.
#include "control/turn/operator.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "tests/control/turn/world.h"

namespace causeway::turn {
namespace {

using Filter = Operator::Filter;

World::Setup BigSetup() {
  World::Setup setup;
  setup.secrets = {"node's secret"};
  setup.tenants.resize(1);
  setup.tenants[0].tenant.name = "acme";
  setup.tenants[0].secrets = {"acme's secret"};
  setup.node.shards = 2;
  setup.node.allocations_per_shard = 6000;
  setup.node.permissions_per_shard = 6000;
  setup.node.channels_per_shard = 6000;
  setup.limits.max_allocations = 12000;
  return setup;
}

class OperatorTest : public testing::Test {
 protected:
  Client Issued(uint16_t port, const std::string& id, ShardId shard = 0) {
    const std::string name = std::to_string(world_.now.unix_seconds + 1000) + ":" + id;
    const char* secret = id.starts_with("acme/") ? "acme's secret" : "node's secret";
    return Client(world_, port, shard, name, TimeLimitedPassword(secret, name));
  }
  /// Allocates, and gives the serial.
  AllocationSerial Made(uint16_t port, const std::string& id, ShardId shard = 0) {
    Client client = Issued(port, id, shard);
    EXPECT_TRUE(client.Allocate().ok());
    Filter filter;
    filter.client = {client.tuple.client.address, port};
    const auto page = operators_.List(filter, 0, 2);
    EXPECT_EQ(page.items.size(), 1u);
    return page.items.at(0).serial;
  }
  /// All that match, by pages of `limit`; each once.
  std::set<AllocationSerial> All(const Filter& filter, size_t limit = 1000) {
    std::set<AllocationSerial> found;
    std::optional<Operator::Cursor> next = 0;
    while (next) {
      const auto page = operators_.List(filter, *next, limit);
      EXPECT_LE(page.items.size(), limit);
      for (const auto& item : page.items) EXPECT_TRUE(found.insert(item.serial).second);
      next = page.next;
    }
    return found;
  }
  static Filter Of(std::optional<std::string> tenant, std::optional<std::string> user) {
    Filter filter;
    filter.tenant = std::move(tenant);
    filter.user = std::move(user);
    return filter;
  }

  World world_{BigSetup()};
  Operator& operators_ = world_.server->operators();
};

TEST_F(OperatorTest, GetTellsAllOfAnAllocationWithItsMeter) {
  Client client = Issued(40000, "acme/carol");
  ASSERT_TRUE(client.Allocate({AdditionalFamily(2), Lifetime(700)}).ok());
  ASSERT_TRUE(client.ChannelBind(0x4000, At(kPeer, 9)).ok());
  ASSERT_TRUE(client.CreatePermission({Peer(At(kPeer6, 0))}).ok());
  MeterReading meter;
  meter.to_peer = {3, 300};
  meter.drops_rate_limit = 7;
  world_.dataplane.meters[world_.dataplane.allocations.begin()->first] = meter;
  const auto found = All({});
  ASSERT_EQ(found.size(), 1u);
  const auto info = operators_.Get(*found.begin());
  ASSERT_TRUE(info.has_value());
  EXPECT_EQ(info->serial, *found.begin());
  EXPECT_EQ(info->grant->principal(), "carol");
  EXPECT_EQ(info->grant->tenant->name, "acme");
  EXPECT_EQ(info->client, client.tuple.client);
  EXPECT_EQ(info->server, At("192.0.2.10", 3478));
  const InstallAllocation& installed = world_.dataplane.allocations.begin()->second;
  EXPECT_EQ(info->relayed_v4, At("192.0.2.20", installed.relay_v4.port));
  EXPECT_EQ(info->relayed_v6, At("2001:db8::20", installed.relay_v6.port));
  EXPECT_EQ(info->created, world_.now.monotonic);
  EXPECT_EQ(info->expiry, world_.now.monotonic + 7000);
  EXPECT_EQ(info->meter, meter);
  ASSERT_EQ(info->permissions.size(), 2u);
  EXPECT_EQ(info->permissions[0].peer, Ip(kPeer6)) << "the newest first";
  EXPECT_EQ(info->permissions[0].expiry, world_.now.monotonic + 3000);
  ASSERT_EQ(info->channels.size(), 1u);
  EXPECT_EQ(info->channels[0].number, 0x4000);
  EXPECT_EQ(info->channels[0].peer, At(kPeer, 9));
  EXPECT_EQ(info->channels[0].expiry, world_.now.monotonic + 6000);
  EXPECT_FALSE(operators_.Get(AllocationSerial{99}).has_value());
}

TEST_F(OperatorTest, SerialsAreNeverUsedAgain) {
  std::set<AllocationSerial> seen;
  AllocationSerial last{};
  for (int i = 0; i < 50; ++i) {
    Client client = Issued(40000, "carol");
    ASSERT_TRUE(client.Allocate().ok());
    const AllocationSerial serial = *All({}).begin();
    EXPECT_TRUE(seen.insert(serial).second);
    EXPECT_GT(serial, last);
    last = serial;
    ASSERT_TRUE(client.Refresh(0).ok());
    EXPECT_FALSE(operators_.Get(serial).has_value());
  }
}

TEST_F(OperatorTest, ListsByEveryFilter) {
  const auto a = Made(1, "acme/carol"), b = Made(2, "acme/dave", 1), c = Made(3, "carol");
  Client last = Issued(4, "carol");
  ASSERT_TRUE(last.Allocate({RequestedFamily(2)}).ok());
  const std::set<AllocationSerial> all = All({});
  ASSERT_EQ(all.size(), 4u);
  const AllocationSerial d = *all.rbegin();
  using Serials = std::set<AllocationSerial>;
  EXPECT_EQ(All(Of("acme", {})), (Serials{a, b}));
  EXPECT_EQ(All(Of("default", {})), (Serials{c, d}));
  EXPECT_EQ(All(Of("acme", "carol")), Serials{a});
  EXPECT_EQ(All(Of({}, "carol")), (Serials{a, c, d}));
  EXPECT_EQ(All(Of("acme", "erin")), Serials{});
  EXPECT_EQ(All(Of("beta", {})), Serials{});
  Filter filter;
  filter.client = {Ip("198.51.100.7"), 0};
  EXPECT_EQ(All(filter), all);
  filter.client->port = 2;
  EXPECT_EQ(All(filter), Serials{b});
  filter.client->address = Ip("198.51.100.8");
  EXPECT_EQ(All(filter), Serials{});
  filter = {};
  filter.relayed = {Ip("2001:db8::20"), 0};
  EXPECT_EQ(All(filter), Serials{d});
  filter.relayed = {Ip("192.0.2.20"), operators_.Get(a)->relayed_v4->port};
  EXPECT_EQ(All(filter), Serials{a});
  ASSERT_TRUE(last.ChannelBind(0x4000, At(kPeer6, 9)).ok());
  filter = {};
  filter.peer = {Ip(kPeer6), 0};
  EXPECT_EQ(All(filter), Serials{d});
  filter.peer->port = 9;
  EXPECT_EQ(All(filter), Serials{d});
  filter.peer->port = 8;
  EXPECT_EQ(All(filter), Serials{});
}

TEST_F(OperatorTest, ACursorStaysRightWhileAllocationsComeAndGo) {
  std::vector<Client> clients;
  for (int i = 0; i < 3000; ++i) {
    clients.push_back(Issued(static_cast<uint16_t>(1000 + i), i % 2 ? "acme/carol" : "dave",
                             static_cast<ShardId>(i % 2)));
    ASSERT_TRUE(clients.back().Allocate().ok());
  }
  for (const auto& tenant : {std::optional<std::string>(), std::optional<std::string>("acme")}) {
    const Filter filter = Of(tenant, {});
    std::set<AllocationSerial> lasting = All(filter);
    std::mt19937 random(5);
    std::multiset<AllocationSerial> met;
    std::optional<Operator::Cursor> next = 0;
    while (next) {
      const auto page = operators_.List(filter, *next, 50);
      for (const auto& item : page.items) met.insert(item.serial);
      next = page.next;
      for (int i = 0; i < 20; ++i) {
        Client& client = clients[random() % clients.size()];
        Filter its;
        its.client = {client.tuple.client.address, client.tuple.client.port};
        for (const AllocationSerial serial : All(its)) lasting.erase(serial);
        ASSERT_TRUE(client.Refresh(0).ok());
        ASSERT_TRUE(client.Allocate().ok());
      }
    }
    EXPECT_GT(lasting.size(), 100u);
    for (const AllocationSerial serial : lasting) EXPECT_EQ(met.count(serial), 1u);
    for (const AllocationSerial serial : met) EXPECT_EQ(met.count(serial), 1u);
  }
}

TEST_F(OperatorTest, APageIsBoundedAndASliceEndsEarlyWithoutMatches) {
  for (int i = 0; i < 5000; ++i) {
    ASSERT_TRUE(Issued(static_cast<uint16_t>(1000 + i), "dave").Allocate().ok());
  }
  EXPECT_EQ(operators_.List({}, 0, 100000).items.size(), Operator::kMaxPage);
  Filter none;
  none.client = {Ip("203.0.113.1"), 0};
  const auto slice = operators_.List(none, 0, 10);
  EXPECT_TRUE(slice.items.empty());
  ASSERT_TRUE(slice.next.has_value()) << "not all were looked at in one go";
  EXPECT_TRUE(All(none).empty());
}

TEST_F(OperatorTest, EndsOneAtOnce) {
  Client client = Issued(40000, "carol");
  ASSERT_TRUE(client.Allocate().ok());
  ASSERT_TRUE(client.ChannelBind(0x4000, At(kPeer, 9)).ok());
  const AllocationSerial serial = *All({}).begin();
  EXPECT_TRUE(operators_.End(serial));
  EXPECT_TRUE(world_.dataplane.allocations.empty());
  EXPECT_EQ(client.Refresh().error(), 437);
  EXPECT_FALSE(operators_.End(serial));
  EXPECT_TRUE(All({}).empty());
  EXPECT_TRUE(client.Allocate().ok());
}

TEST_F(OperatorTest, EndsThoseThatMatchInSlices) {
  for (int i = 0; i < 3000; ++i) {
    ASSERT_TRUE(Issued(static_cast<uint16_t>(1000 + i), i % 3 ? "acme/carol" : "dave",
                       static_cast<ShardId>(i % 2))
                    .Allocate()
                    .ok());
  }
  size_t ended = 0;
  int slices = 0;
  std::optional<Operator::Cursor> next = 0;
  for (; next; ++slices) {
    const auto slice = operators_.End(Of("acme", "carol"), *next);
    EXPECT_LE(slice.count, 256u);
    ended += slice.count;
    next = slice.next;
  }
  EXPECT_EQ(ended, 2000u);
  EXPECT_GE(slices, 8);
  EXPECT_EQ(world_.stats().allocations, 1000u);
  EXPECT_EQ(All(Of("default", "dave")).size(), 1000u);
  EXPECT_TRUE(All(Of("acme", {})).empty());
}

TEST_F(OperatorTest, LimitsAndMarksAtOnce) {
  const AllocationSerial serial = Made(40000, "carol");
  EXPECT_TRUE(operators_.Limit(serial, {300, 40}));
  const auto limits = world_.dataplane.All<SetLimits>();
  ASSERT_EQ(limits.size(), 1u);
  EXPECT_EQ(limits[0].kbps, 300u);
  EXPECT_EQ(limits[0].packets_per_second, 40u);
  const std::pair<auth::Modality, uint8_t> marks[] = {
      {auth::Modality::kAudio, 46},
      {auth::Modality::kVideo, 34},
      {auth::Modality::kSharing, 18},
      {auth::Modality::kData, SetMarking::kKeep},
      {auth::Modality::kUnknown, SetMarking::kKeep},
  };
  for (const auto& [modality, mark] : marks) {
    EXPECT_TRUE(operators_.SetModality(serial, modality));
    EXPECT_EQ(world_.dataplane.All<SetMarking>().back().to_peer, mark);
    EXPECT_EQ(world_.dataplane.All<SetMarking>().back().to_client, mark);
    EXPECT_EQ(operators_.Get(serial)->modality, modality);
  }
  EXPECT_EQ(operators_.Get(serial)->limits, (auth::RateLimits{300, 40}));
  ASSERT_TRUE(operators_.End(serial));
  EXPECT_FALSE(operators_.Limit(serial, {1, 1}));
  EXPECT_FALSE(operators_.SetModality(serial, auth::Modality::kAudio));
}

/// Writes down what it hears.
class Diary : public Observer {
 public:
  void OnCreated(const AllocationInfo& info) override {
    Add(info.serial, "created " + std::string(info.grant->principal()));
  }
  void OnRefreshed(AllocationSerial serial, Deciseconds expiry) override {
    Add(serial, "refreshed " + std::to_string(expiry));
  }
  void OnPermissionAdded(AllocationSerial serial, const PermissionInfo& added) override {
    Add(serial, "permission " + added.peer.ToString());
  }
  void OnChannelAdded(AllocationSerial serial, const ChannelInfo& added) override {
    Add(serial, "channel " + std::to_string(added.number) + " " + added.peer.ToString());
  }
  void OnEnded(const EndedAllocation& ended) override {
    reasons.push_back(ended.reason);
    Add(ended.serial, "ended " + std::string(ended.grant.principal()) + " " +
                          std::to_string(ended.totals.to_peer.bytes));
  }
  void Add(AllocationSerial serial, const std::string& what) { heard[serial].push_back(what); }

  std::map<AllocationSerial, std::vector<std::string>> heard;
  std::vector<EndReason> reasons;
};

TEST_F(OperatorTest, ObserversHearWhatBecomesOfAllocations) {
  Diary diary;
  operators_.Observe(diary);
  Client client = Issued(40000, "acme/carol");
  ASSERT_TRUE(client.Allocate().ok());
  ASSERT_TRUE(client.CreatePermission({Peer(At("1.1.1.1", 0))}).ok());
  ASSERT_TRUE(client.ChannelBind(0x4000, At(kPeer, 9)).ok());
  ASSERT_TRUE(client.ChannelBind(0x4000, At(kPeer, 9)).ok());
  ASSERT_TRUE(client.Refresh(900).ok());
  MeterReading meter;
  meter.to_peer = {3, 300};
  world_.dataplane.meters[world_.dataplane.allocations.begin()->first] = meter;
  world_.dataplane.hold_ended = true;
  ASSERT_TRUE(client.Refresh(0).ok());
  EXPECT_TRUE(diary.reasons.empty()) << "the totals are not there yet";
  world_.dataplane.hold_ended = false;
  world_.DeliverEvents();
  const std::vector<std::string> expected = {
      "created carol",
      "permission 1.1.1.1",
      "permission 1.2.3.4",
      "channel 16384 1.2.3.4:9",
      "refreshed " + std::to_string(world_.now.monotonic + 9000),
      "ended carol 300",
  };
  ASSERT_EQ(diary.heard.size(), 1u);
  EXPECT_EQ(diary.heard.begin()->second, expected);
  EXPECT_EQ(diary.reasons, std::vector{EndReason::kClient});
  operators_.StopObserving(diary);
  ASSERT_TRUE(client.Allocate().ok());
  EXPECT_EQ(diary.heard.size(), 1u);
}

TEST_F(OperatorTest, ObserversHearWhyAnAllocationEnded) {
  Diary diary;
  operators_.Observe(diary);
  ASSERT_TRUE(Issued(40000, "carol").Allocate().ok());
  world_.Pass(6010);
  Made(40001, "carol");
  ASSERT_TRUE(operators_.End(*All({}).begin()));
  Made(40002, "carol");
  ASSERT_TRUE(operators_.End(*All({}).begin(), EndReason::kRevoked));
  world_.DeliverEvents();
  EXPECT_EQ(diary.reasons,
            (std::vector{EndReason::kExpired, EndReason::kOperator, EndReason::kRevoked}));
  operators_.StopObserving(diary);
}

TEST(OperatorCredentialTest, TellsThatACredentialEndedAnAllocation) {
  World::Setup setup = BigSetup();
  setup.tenant.on_expiry = auth::OnExpiry::kTerminate;
  World world(setup);
  Diary diary;
  world.server->operators().Observe(diary);
  const std::string name = std::to_string(world.now.unix_seconds + 100) + ":carol";
  const std::string password = TimeLimitedPassword("node's secret", name);
  ASSERT_TRUE(Client(world, 1, 0, name, password).Allocate().ok());
  world.Pass(1000);
  EXPECT_EQ(diary.reasons, std::vector{EndReason::kCredentialExpired});
}

}  // namespace
}  // namespace causeway::turn
