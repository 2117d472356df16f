// Random requests, packets and time: the server's answers are the model's, and what it has told the
// shards of lets through just what the model lets through.
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>

#include "tests/control/turn/world.h"
#include "tests/model/relay_model.h"
#include "tests/model/steps.h"
#include "tests/model/turn_model.h"

namespace causeway::model {
namespace {

constexpr ShardId kShards = 3;

turn::World::Setup MakeSetup() {
  turn::World::Setup setup;
  setup.node.shards = kShards;
  setup.limits.max_allocations = 5;
  setup.tenant.allocations_per_user = 3;
  setup.limits.permissions_per_allocation = 3;
  setup.limits.channels_per_allocation = 2;
  setup.limits.default_lifetime_seconds = 60;
  setup.limits.max_lifetime_seconds = 900;
  return setup;
}

class ControlRun {
 public:
  ControlRun()
      : world_(MakeSetup()),
        model_(world_.setup.node, world_.setup.limits, world_.setup.tenant),
        shards_(world_.setup.node) {
    for (uint16_t i = 0; i < 6; ++i) {
      clients_.emplace_back(world_, static_cast<uint16_t>(40000 + i));
      if (i % 2 == 0) BecomeBob(clients_.back());
    }
  }
  Result Play(const std::vector<Step>& steps);

 private:
  static void BecomeBob(turn::Client& client) {
    client.user = "bob";
    client.password = "hunter2";
  }
  void Take(const Step& step);
  void Ask(Draw& draw);
  void Allocate(turn::Client& client, Draw& draw);
  void Refresh(turn::Client& client, Draw& draw);
  void CreatePermission(turn::Client& client, Draw& draw);
  void ChannelBind(turn::Client& client, Draw& draw);
  void Compare(const std::string& what, const turn::Answer& answer, TurnModel::Answer expected);
  void Pass(Draw& draw);
  void Packet(Draw& draw);
  Arrival DrawArrival(Draw& draw);
  void Hear();
  void CheckCounts();
  void End();

  turn::Client& AClient(Draw& draw);
  Endpoint APeer(Draw& draw);
  std::optional<uint32_t> ALifetime(Draw& draw);
  TurnModel::Families SomeFamilies(Draw& draw, bool may_add);

  Deciseconds now() const { return world_.now.monotonic; }
  void Log(const std::string& line) { result_.log.push_back(line); }
  void Fail(const std::string& why) {
    if (result_.failure.empty()) result_.failure = why;
  }

  turn::World world_;
  TurnModel model_;
  RelayModel shards_;  // hears what the server tells the shards
  size_t heard_ = 0;
  std::vector<turn::Client> clients_;
  Result result_;
};

// Most often one that has an allocation.
turn::Client& ControlRun::AClient(Draw& draw) {
  turn::Client* client = &clients_[draw.Below(static_cast<uint32_t>(clients_.size()))];
  for (int i = 0; i < 3 && !model_.allocations.contains(client->tuple.client); ++i) {
    client = &clients_[draw.Below(static_cast<uint32_t>(clients_.size()))];
  }
  return *client;
}

// Allowed and forbidden ones, and other clients' relayed addresses.
Endpoint ControlRun::APeer(Draw& draw) {
  if (draw.OneIn(4) && !model_.allocations.empty()) {
    auto found = model_.allocations.begin();
    std::advance(found, draw.Below(static_cast<uint32_t>(model_.allocations.size())));
    return found->second.relayed.begin()->second;
  }
  static const char* const kAddresses[] = {
      "1.2.3.4", "1.2.3.5", "1.2.3.6", "2606:4700::1", "2606:4700::2", "192.168.0.1", "192.0.2.10"};
  return turn::At(draw.Of(kAddresses),
                  static_cast<uint16_t>(draw.OneIn(12) ? 0 : 5000 + draw.Below(2)));
}

std::optional<uint32_t> ControlRun::ALifetime(Draw& draw) {
  if (draw.OneIn(3)) return std::nullopt;
  return draw.Below(2000);
}

TurnModel::Families ControlRun::SomeFamilies(Draw& draw, bool may_add) {
  TurnModel::Families families;
  if (draw.OneIn(3))
    families.requested = static_cast<uint8_t>(1 + draw.Below(draw.OneIn(4) ? 3 : 2));
  if (may_add) families.additional = families.requested ? draw.OneIn(8) : draw.OneIn(2);
  return families;
}

std::vector<turn::Attr> AttributesOf(const TurnModel::Families& families,
                                     std::optional<uint32_t> lifetime) {
  std::vector<turn::Attr> attributes;
  if (families.requested) attributes.push_back(turn::RequestedFamily(*families.requested));
  if (families.additional) attributes.push_back(turn::AdditionalFamily(2));
  if (lifetime) attributes.push_back(turn::Lifetime(*lifetime));
  return attributes;
}

std::string ToString(const TurnModel::Families& families, std::optional<uint32_t> lifetime) {
  return (families.requested ? " family " + std::to_string(*families.requested) : "") +
         (families.additional ? " and IPv6" : "") +
         (lifetime ? " lifetime " + std::to_string(*lifetime) : "");
}

void ControlRun::Hear() {
  const auto& commands = world_.dataplane.commands;
  for (; heard_ < commands.size(); ++heard_) {
    shards_.Hear(commands[heard_].shard, commands[heard_].command);
  }
}

// ------------------------------------------------------------------------------------------------
// requests

void ControlRun::Compare(const std::string& what, const turn::Answer& answer,
                         TurnModel::Answer expected) {
  Hear();
  Log(what + "; model: " + std::to_string(expected.error));
  const TurnModel::Answer got = {answer.error(), answer.ok() && expected.lifetime != 0
                                                     ? answer.lifetime()
                                                     : expected.lifetime};
  if (got == expected) return;
  Fail("the server answers " + std::to_string(got.error) + " lifetime " +
       std::to_string(got.lifetime) + ", the model " + std::to_string(expected.error) +
       " lifetime " + std::to_string(expected.lifetime));
}

void ControlRun::Allocate(turn::Client& client, Draw& draw) {
  const TurnModel::Families families = SomeFamilies(draw, true);
  const auto lifetime = ALifetime(draw);
  const Endpoint& from = client.tuple.client;
  const auto expected = model_.Allocate(from, client.user, families, lifetime, now());
  const turn::Answer answer = client.Allocate(AttributesOf(families, lifetime));
  Compare("Allocate" + ToString(families, lifetime), answer, expected);
  if (expected.error != 0 || !answer.ok()) return;
  if (const auto why = model_.TakeRelayed(from, answer.relayed()); !why.empty()) Fail(why);
}

void ControlRun::Refresh(turn::Client& client, Draw& draw) {
  const TurnModel::Families families = SomeFamilies(draw, false);
  const auto lifetime = draw.OneIn(3) ? std::optional<uint32_t>(0) : ALifetime(draw);
  const auto expected = model_.Refresh(client.tuple.client, client.user, families, lifetime, now());
  const turn::Answer answer = client.Refresh(std::nullopt, AttributesOf(families, lifetime));
  Compare("Refresh" + ToString(families, lifetime), answer, expected);
}

void ControlRun::CreatePermission(turn::Client& client, Draw& draw) {
  std::vector<IpAddress> peers;
  std::vector<turn::Attr> attributes;
  std::string text;
  for (uint32_t n = draw.Below(4); n > 0; --n) {
    const Endpoint peer = APeer(draw);
    peers.push_back(peer.address);
    attributes.push_back(turn::Peer(peer));
    text += " " + peer.address.ToString();
  }
  const auto expected = model_.CreatePermission(client.tuple.client, client.user, peers, now());
  Compare("CreatePermission" + text, client.CreatePermission(attributes), expected);
}

void ControlRun::ChannelBind(turn::Client& client, Draw& draw) {
  const auto number = static_cast<uint16_t>(draw.OneIn(12) ? 0x3fff : 0x4000 + draw.Below(3));
  const Endpoint peer = APeer(draw);
  const auto expected = model_.ChannelBind(client.tuple.client, client.user, number, peer, now());
  Compare("ChannelBind " + std::to_string(number) + " " + peer.ToString(),
          client.ChannelBind(number, peer), expected);
}

void ControlRun::Ask(Draw& draw) {
  turn::Client& client = AClient(draw);
  client.shard = static_cast<ShardId>(draw.Below(kShards));
  const std::string user = client.user;
  const std::string password = client.password;
  if (draw.OneIn(16)) BecomeBob(client);
  Log("client " + std::to_string(client.tuple.client.port) + " as " + client.user + " at shard " +
      std::to_string(client.shard) + ":");
  switch (draw.Below(6)) {
    case 0:
    case 1:
      Allocate(client, draw);
      break;
    case 2:
      Refresh(client, draw);
      break;
    case 3:
      CreatePermission(client, draw);
      break;
    default:
      ChannelBind(client, draw);
  }
  client.user = user;
  client.password = password;
}

// ------------------------------------------------------------------------------------------------
// packets and time

Arrival ControlRun::DrawArrival(Draw& draw) {
  Arrival arrival = {Arrival::kFromPeer, static_cast<ShardId>(draw.Below(kShards)), {}, {}, 0};
  const turn::Client& client = AClient(draw);
  const auto found = model_.allocations.find(client.tuple.client);
  Endpoint peer = APeer(draw);
  arrival.number = static_cast<uint16_t>(0x4000 + draw.Below(3));
  if (found != model_.allocations.end() && !found->second.channels.empty() && !draw.OneIn(6)) {
    const auto& [number, channel] = *found->second.channels.begin();
    peer = channel.peer;
    arrival.number = number;
  }
  if (draw.OneIn(2)) {
    arrival.kind = draw.OneIn(2) ? Arrival::kSend : Arrival::kChannelData;
    arrival.from = client.tuple.client;
    arrival.to = peer;
    return arrival;
  }
  arrival.from = peer;
  arrival.to = turn::At(peer.address.IsV4() ? "192.0.2.20" : "2001:db8::20", 50000);
  if (found != model_.allocations.end()) {
    const auto relayed = found->second.relayed.find(peer.address.family());
    if (relayed != found->second.relayed.end()) arrival.to = relayed->second;
  }
  return arrival;
}

void ControlRun::Packet(Draw& draw) {
  world_.Pass(0);
  Hear();
  model_.Forget(now());
  const Arrival arrival = DrawArrival(draw);
  Arrival at_one_shard = arrival;
  at_one_shard.shard = 0;
  Fate expected = model_.AsShard().Decide(at_one_shard, now());
  Fate fate = shards_.Decide(arrival, now());
  if (arrival.kind != Arrival::kFromPeer && fate.counters.contains("drop_no_allocation")) {
    world_.server->HandleUnknownClient(arrival.shard, {arrival.from, LocalIndexOf(arrival.from)});
    Hear();
    fate = shards_.Decide(arrival, now());
  }
  expected.counters.erase("handed_off");
  fate.counters.erase("handed_off");
  Log("packet from " + arrival.from.ToString() + " to " + arrival.to.ToString() + " number " +
      std::to_string(arrival.number) + " at shard " + std::to_string(arrival.shard) +
      "; model: " + expected.ToString());
  if (expected.form != Fate::kNothing) ++result_.relayed;
  if (fate == expected) return;
  Fail("as the shards have been told: " + fate.ToString());
}

void ControlRun::Pass(Draw& draw) {
  const Deciseconds time = draw.Below(draw.OneIn(8) ? 3000 : 100);
  draw.OneIn(2) ? world_.Pass(time) : world_.Sleep(time);
  Hear();
  Log("now " + std::to_string(now()));
}

void ControlRun::CheckCounts() {
  world_.Pass(0);
  Hear();
  model_.Forget(now());
  size_t permissions = 0;
  size_t channels = 0;
  for (const auto& [client, allocation] : model_.allocations) {
    permissions += allocation.permissions.size();
    channels += allocation.channels.size();
  }
  const turn::ServerStats& stats = world_.stats();
  if (stats.allocations == model_.allocations.size() && stats.permissions == permissions &&
      stats.channels == channels) {
    return;
  }
  Fail("the server counts " + std::to_string(stats.allocations) + " allocations, " +
       std::to_string(stats.permissions) + " permissions, " + std::to_string(stats.channels) +
       " channels; the model " + std::to_string(model_.allocations.size()) + ", " +
       std::to_string(permissions) + ", " + std::to_string(channels));
}

// All runs out, and nothing is left of it.
void ControlRun::End() {
  world_.Pass(40'000);
  CheckCounts();
  if (!shards_.IsEmpty()) Fail("the shards were left with something that has run out");
}

void ControlRun::Take(const Step& step) {
  Draw draw(step.seed);
  switch (step.kind % 8) {
    case 0:
      return Pass(draw);
    case 1:
      return CheckCounts();
    case 2:
    case 3:
    case 4:
      return Packet(draw);
    default:
      return Ask(draw);
  }
}

Result ControlRun::Play(const std::vector<Step>& steps) {
  for (const Step& step : steps) {
    Take(step);
    if (!result_.failure.empty()) return result_;
  }
  End();
  return result_;
}

TEST(ControlModelTest, RandomRequestsPacketsAndTime) {
  RunSeeds(200, [](const std::vector<Step>& steps) { return ControlRun().Play(steps); });
}

}  // namespace
}  // namespace causeway::model
