// RFC 8656 section 7.2.
#include <gtest/gtest.h>

#include "tests/control/turn/world.h"
#include "tests/test_name.h"

namespace causeway::turn {
namespace {

using stun::Attribute;
using stun::Method;

struct Case {
  const char* name;
  std::vector<Attr> attributes;
  int error;  // 0: success
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class AllocateTest : public testing::TestWithParam<Case> {};

TEST_P(AllocateTest, AnswersWithTheRightCode) {
  World world;
  Client client(world, 40000);
  const Answer answer = client.Ask(Method::kAllocate, GetParam().attributes);
  EXPECT_EQ(answer.error(), GetParam().error);
  EXPECT_EQ(world.dataplane.allocations.size(), GetParam().error == 0 ? 1u : 0u);
  EXPECT_EQ(world.stats().allocations, world.dataplane.allocations.size());
  if (GetParam().error != 0) {
    EXPECT_TRUE(world.dataplane.commands.empty());
  }
}

INSTANTIATE_TEST_SUITE_P(
    Requests, AllocateTest,
    testing::Values(
        Case{"plain", {Transport()}, 0}, Case{"no transport", {}, 400},
        Case{"malformed transport", {Raw(Attribute::kRequestedTransport, {17})}, 400},
        Case{"tcp", {Transport(6)}, 442}, Case{"protocol 0", {Transport(0)}, 442},
        Case{"first of two transports counts", {Transport(), Transport(6)}, 0},
        Case{"dont fragment", {Transport(), DontFragment()}, 0},
        Case{"malformed lifetime", {Transport(), Raw(Attribute::kLifetime, {1, 2})}, 400},
        Case{"even port", {Transport(), EvenPort(false)}, 0},
        Case{"pair", {Transport(), EvenPort(true)}, 0},
        Case{"malformed even port", {Transport(), Raw(Attribute::kEvenPort, {})}, 400},
        Case{"unknown token", {Transport(), Token(77)}, 508},
        Case{"token 0", {Transport(), Token(0)}, 508},
        Case{"malformed token", {Transport(), Raw(Attribute::kReservationToken, {1})}, 400},
        Case{"token and even port", {Transport(), Token(77), EvenPort(false)}, 400},
        Case{"token and family", {Transport(), Token(77), RequestedFamily(1)}, 400},
        Case{"token and second family", {Transport(), Token(77), AdditionalFamily(2)}, 400},
        Case{"tcp comes before token", {Transport(6), Token(77), EvenPort(false)}, 442},
        Case{"ipv4", {Transport(), RequestedFamily(1)}, 0},
        Case{"ipv6", {Transport(), RequestedFamily(2)}, 0},
        Case{"family 0", {Transport(), RequestedFamily(0)}, 440},
        Case{"family 3", {Transport(), RequestedFamily(3)}, 440},
        Case{"malformed family",
             {Transport(), Raw(Attribute::kRequestedAddressFamily, {1, 0})},
             400},
        Case{"both", {Transport(), AdditionalFamily(2)}, 0},
        Case{"additional ipv4", {Transport(), AdditionalFamily(1)}, 400},
        Case{"additional 3", {Transport(), AdditionalFamily(3)}, 400},
        Case{"malformed additional",
             {Transport(), Raw(Attribute::kAdditionalAddressFamily, {})},
             400},
        Case{"draft's number", {Transport(), DraftAdditionalFamily(2)}, 0},
        Case{"draft's ipv4", {Transport(), DraftAdditionalFamily(1)}, 400},
        Case{"draft's and token", {Transport(), Token(77), DraftAdditionalFamily(2)}, 400},
        Case{"both attributes", {Transport(), RequestedFamily(1), AdditionalFamily(2)}, 400},
        Case{"both, even", {Transport(), AdditionalFamily(2), EvenPort(false)}, 0},
        Case{"both, pair", {Transport(), AdditionalFamily(2), EvenPort(true)}, 400},
        Case{"known but unexpected", {Transport(), Channel(0x4000), Peer(At(kPeer, 1))}, 0},
        Case{"unknown optional", {Transport(), Raw(Attribute{0x9000}, {1, 2, 3})}, 0}),
    [](const auto& test) { return TestName(test.param.name); });

TEST(AllocateAnswerTest, HoldsWhatTheRfcLists) {
  World world;
  Client client(world, 40000);
  const Answer answer = client.Allocate();
  ASSERT_TRUE(answer.ok());
  ASSERT_EQ(answer.relayed().size(), 1u);
  EXPECT_EQ(answer.relayed()[0].address, Ip("192.0.2.20"));
  EXPECT_EQ(answer.lifetime(), 600u);
  EXPECT_EQ(answer.mapped(), client.tuple.client);
  EXPECT_FALSE(answer.token().has_value());
  EXPECT_FALSE(answer.Has(Attribute::kAddressErrorCode));
  const auto installed = world.dataplane.All<InstallAllocation>();
  ASSERT_EQ(installed.size(), 1u);
  EXPECT_EQ(installed[0].leg, client.leg());
  EXPECT_EQ(installed[0].relay_v4.port, answer.relayed()[0].port);
  EXPECT_FALSE(installed[0].relay_v6.IsSet());
  EXPECT_EQ(installed[0].expiry, world.now.monotonic + 6000);
}

TEST(AllocateAnswerTest, FamilyAndDualAddresses) {
  World world;
  const Answer v6 = Client(world, 40000).Allocate({RequestedFamily(2)});
  ASSERT_EQ(v6.relayed().size(), 1u);
  EXPECT_EQ(v6.relayed()[0].address, Ip("2001:db8::20"));
  EXPECT_EQ(Client(world, 40002).Allocate({DraftAdditionalFamily(2)}).relayed().size(), 2u);
  const Answer dual = Client(world, 40001).Allocate({AdditionalFamily(2), EvenPort(false)});
  ASSERT_EQ(dual.relayed().size(), 2u);
  EXPECT_EQ(dual.relayed()[0].address, Ip("192.0.2.20"));
  EXPECT_EQ(dual.relayed()[1].address, Ip("2001:db8::20"));
  EXPECT_EQ(dual.relayed()[0].port % 2, 0);
  EXPECT_EQ(dual.relayed()[1].port % 2, 0);
  EXPECT_FALSE(dual.Has(Attribute::kAddressErrorCode));
}

struct FamilyCase {
  const char* only;  // the node's one relay address
  std::vector<Attr> attributes;
  int error;
  int partial_family;  // of ADDRESS-ERROR-CODE; 0: none
};

TEST(AllocateAnswerTest, NodesWithOneFamily) {
  const FamilyCase cases[] = {
      {"192.0.2.20", {}, 0, 0},
      {"192.0.2.20", {RequestedFamily(1)}, 0, 0},
      {"192.0.2.20", {RequestedFamily(2)}, 440, 0},
      {"192.0.2.20", {AdditionalFamily(2)}, 0, 2},
      {"2001:db8::20", {}, 440, 0},
      {"2001:db8::20", {RequestedFamily(1)}, 440, 0},
      {"2001:db8::20", {RequestedFamily(2)}, 0, 0},
      {"2001:db8::20", {AdditionalFamily(2)}, 0, 1},
  };
  for (const FamilyCase& c : cases) {
    World::Setup setup;
    setup.node.relay_addresses = {Ip(c.only)};
    World world(setup);
    Client client(world, 40000);
    const Answer answer = client.Allocate(c.attributes);
    EXPECT_EQ(answer.error(), c.error) << c.only;
    if (c.error != 0) continue;
    EXPECT_EQ(answer.relayed()[0].address, Ip(c.only));
    ASSERT_EQ(answer.Has(Attribute::kAddressErrorCode), c.partial_family != 0);
    if (c.partial_family == 0) continue;
    client.repeat_transaction = true;
    for (const Answer& a : {Answer(answer.bytes()), client.Allocate(c.attributes)}) {
      const auto* partial = a.message().LookUp(Attribute::kAddressErrorCode);
      ASSERT_NE(partial, nullptr);
      EXPECT_EQ(partial->value[0], c.partial_family);
      EXPECT_EQ(partial->value[2] * 100 + partial->value[3], 440);
    }
  }
}

TEST(AllocateAnswerTest, DualWithOneFamilyExhausted) {
  World::Setup setup;
  setup.node.relay_port_first = 50000;
  setup.node.relay_port_last = 50001;
  World world(setup);
  ASSERT_TRUE(Client(world, 40000).Allocate({RequestedFamily(2)}).ok());
  ASSERT_TRUE(Client(world, 40001).Allocate({RequestedFamily(2)}).ok());
  const Answer answer = Client(world, 40002).Allocate({AdditionalFamily(2)});
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer.relayed().size(), 1u);
  const auto* partial = answer.message().LookUp(Attribute::kAddressErrorCode);
  ASSERT_NE(partial, nullptr);
  EXPECT_EQ(partial->value[0], 2);
  EXPECT_EQ(partial->value[2] * 100 + partial->value[3], 508);
  ASSERT_TRUE(Client(world, 40003).Allocate().ok());
  EXPECT_EQ(Client(world, 40004).Allocate({AdditionalFamily(2)}).error(), 508);
}

TEST(LifetimeTest, IsClampedToDefaultAndMaximum) {
  const struct {
    uint32_t asked, granted;
  } cases[] = {{0, 600},     {1, 600},     {599, 600},   {600, 600},        {601, 601},
               {1800, 1800}, {3600, 3600}, {3601, 3600}, {0xffffffff, 3600}};
  for (const auto& c : cases) {
    World world;
    Client client(world, 40000);
    EXPECT_EQ(client.Allocate({Lifetime(c.asked)}).lifetime(), c.granted) << c.asked;
    EXPECT_EQ(world.dataplane.All<InstallAllocation>()[0].expiry,
              world.now.monotonic + 10 * c.granted);
  }
}

TEST(LifetimeTest, AMaximumBelowTheDefaultGivesTheDefault) {
  World::Setup setup;
  setup.limits.default_lifetime_seconds = 300;
  setup.limits.max_lifetime_seconds = 200;
  World world(setup);
  EXPECT_EQ(Client(world, 40000).Allocate({Lifetime(250)}).lifetime(), 300u);
}

TEST(LifetimeTest, AllocationsEndToTheDecisecond) {
  World world;
  Client client(world, 40000);
  ASSERT_TRUE(client.Allocate().ok());
  world.Pass(5999);
  EXPECT_EQ(world.dataplane.allocations.size(), 1u);
  world.Pass(1);
  EXPECT_TRUE(world.dataplane.allocations.empty());
  EXPECT_EQ(world.stats().expired_total, 1u);
  EXPECT_EQ(client.Refresh().error(), 437);
  EXPECT_TRUE(client.Allocate().ok());
}

TEST(LifetimeTest, ARequestAtTheEndFindsTheAllocationGoneEvenBeforeTheTimersRun) {
  World world;
  Client client(world, 40000);
  ASSERT_TRUE(client.Allocate().ok());
  world.Sleep(6000);
  EXPECT_EQ(client.Refresh().error(), 437);
  EXPECT_TRUE(world.dataplane.allocations.empty());
}

TEST(CredentialTest, ALifetimeMayBeCutAtTheCredentialsEnd) {
  for (const bool end : {false, true}) {
    World::Setup setup;
    setup.secrets = {"shared"};
    setup.tenant.on_expiry = end ? auth::OnExpiry::kTerminate : auth::OnExpiry::kKeep;
    World world(setup);
    const std::string user = std::to_string(world.now.unix_seconds + 100) + ":carol";
    Client client(world, 40000, 0, user, TimeLimitedPassword("shared", user));
    EXPECT_EQ(client.Allocate({Lifetime(3000)}).lifetime(), end ? 100u : 3000u);
    world.Pass(600);
    EXPECT_EQ(client.Refresh(1000).lifetime(), end ? 40u : 1000u);
    world.Pass(400);
    EXPECT_EQ(world.dataplane.allocations.size(), end ? 0u : 1u);
  }
}

TEST(CredentialTest, AnExpiredOneKeepsUpWhatItMadeAndMakesNothingNew) {
  for (const bool end : {false, true}) {
    World::Setup setup;
    setup.secrets = {"shared"};
    setup.tenant.on_expiry = end ? auth::OnExpiry::kTerminate : auth::OnExpiry::kKeep;
    World world(setup);
    const std::string user = std::to_string(world.now.unix_seconds + 100) + ":carol";
    const std::string password = TimeLimitedPassword("shared", user);
    Client client(world, 40000, 0, user, password);
    ASSERT_TRUE(client.Allocate().ok());
    world.Pass(1010);
    EXPECT_EQ(client.Refresh().error(), end ? 401 : 0);
    EXPECT_EQ(client.ChannelBind(0x4000, At(kPeer, 9)).error(), end ? 401 : 0);
    Client other(world, 40001, 0, user, password);
    EXPECT_EQ(other.Allocate().error(), 401);
    EXPECT_EQ(other.Refresh().error(), 401) << "there is no allocation to keep up";
  }
}

TEST(RetransmissionTest, GetsTheSameAnswer) {
  World world;
  Client client(world, 40000);
  const Answer first = client.Allocate({EvenPort(true), Lifetime(1000)});
  ASSERT_TRUE(first.ok());
  world.Pass(25);
  const size_t commands = world.dataplane.commands.size();
  client.repeat_transaction = true;
  const Answer second = client.Allocate({EvenPort(true), Lifetime(1000)});
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(second.relayed(), first.relayed());
  EXPECT_EQ(second.token(), first.token());
  EXPECT_EQ(second.lifetime(), 997u) << "what is left";
  EXPECT_EQ(world.dataplane.commands.size(), commands);
  EXPECT_EQ(world.stats().allocations, 1u);
  EXPECT_EQ(world.stats().reservations, 1u);
}

TEST(RetransmissionTest, AnotherTransactionOnTheTupleIsRefused) {
  World world;
  Client client(world, 40000);
  ASSERT_TRUE(client.Allocate().ok());
  EXPECT_EQ(client.Allocate().error(), 437);
  EXPECT_EQ(client.Allocate({Token(3), EvenPort(true)}).error(), 437) << "before other checks";
}

TEST(QuotaTest, CountsAllocationsAndReservationsByUserName) {
  World::Setup setup;
  setup.tenant.allocations_per_user = 2;
  World world(setup);
  Client a(world, 40000), b(world, 40001), c(world, 40002);
  ASSERT_TRUE(a.Allocate().ok());
  ASSERT_TRUE(b.Allocate().ok());
  EXPECT_EQ(c.Allocate().error(), 486);
  EXPECT_TRUE(Client(world, 40003, 0, "bob", "hunter2").Allocate().ok());
  ASSERT_TRUE(a.Refresh(0).ok());
  EXPECT_EQ(c.Allocate({EvenPort(true)}).error(), 486) << "a pair takes two";
  EXPECT_TRUE(c.Allocate().ok());
}

TEST(QuotaTest, RedeemingAReservationTakesNoMore) {
  World::Setup setup;
  setup.tenant.allocations_per_user = 2;
  World world(setup);
  const Answer pair = Client(world, 40000).Allocate({EvenPort(true)});
  ASSERT_TRUE(pair.ok());
  EXPECT_EQ(Client(world, 40001).Allocate().error(), 486);
  EXPECT_TRUE(Client(world, 40001).Allocate({Token(*pair.token())}).ok());
}

TEST(CapacityTest, NodeLimitSlotsAndPorts) {
  World::Setup by_limit, by_slots, by_ports;
  by_limit.limits.max_allocations = 2;
  by_slots.node.allocations_per_shard = 2;
  by_ports.node.relay_port_first = 50000;
  by_ports.node.relay_port_last = 50001;
  for (const World::Setup& setup : {by_limit, by_slots, by_ports}) {
    World world(setup);
    Client first(world, 40000);
    ASSERT_TRUE(first.Allocate().ok());
    ASSERT_TRUE(Client(world, 40001).Allocate().ok());
    EXPECT_EQ(Client(world, 40002).Allocate().error(), 508);
    ASSERT_TRUE(first.Refresh(0).ok());
    EXPECT_TRUE(Client(world, 40002).Allocate().ok());
    EXPECT_EQ(world.stats().errors[508], 1u);
  }
}

TEST(CapacityTest, ARangeOfOnePortWorks) {
  World::Setup setup;
  setup.node.relay_port_first = setup.node.relay_port_last = 50001;
  World world(setup);
  EXPECT_EQ(Client(world, 40000).Allocate({EvenPort(false)}).error(), 508);
  EXPECT_EQ(Client(world, 40000).Allocate({EvenPort(true)}).error(), 508);
  const Answer answer = Client(world, 40000).Allocate();
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer.relayed()[0].port, 50001);
}

}  // namespace
}  // namespace causeway::turn
