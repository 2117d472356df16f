// The commands that a sound control gives, and what is drawn for them and for packets.
#include <iterator>

#include "tests/model/shard_world.h"

namespace causeway::testing {

using model::Draw;
using model::LocalIndexOf;
using model::RelayModel;

namespace {

constexpr uint32_t kSlots = 4;  // allocations of a shard

}  // namespace

Endpoint ShardWorld::AClient(Draw& draw) const {
  return At(draw.Of(std::vector<const char*>{"198.51.100.10:5000", "198.51.100.10:5001",
                                             "198.51.100.11:5000", "[2001:db8:c::10]:5000",
                                             "[2001:db8:c::10]:5001"}));
}

// Peers that share addresses, one without a route, ports of ours, and other clients' relay ports.
Endpoint ShardWorld::APeer(Draw& draw) const {
  if (draw.OneIn(4) && !model_->allocations.empty()) {
    const auto& allocation = model_->allocations.at(*AnAllocation(draw));
    return model_->Relayed(allocation,
                           allocation.Has(Family::kIpv4) ? Family::kIpv4 : Family::kIpv6);
  }
  return At(draw.Of(std::vector<const char*>{
      "203.0.113.20:6000", "203.0.113.20:6001", "203.0.113.21:6000", "[2001:db8:f::20]:6000",
      "[2001:db8:f::20]:6001", "10.0.0.1:6000", "192.0.2.1:3478", "[2001:db8::1]:50007"}));
}

// Most often one that the allocation knows.
Endpoint ShardWorld::APeerOf(const std::optional<Slot>& slot, Draw& draw) const {
  std::vector<Endpoint> known;
  for (const auto& [at, c] : model_->channels) {
    if (slot == Slot(at.first, c.allocation)) known.push_back(c.peer);
  }
  for (const auto& [at, c] : model_->permissions) {
    if (slot == Slot(at.first, c.allocation)) known.push_back({c.peer, 6000});
  }
  return known.empty() || draw.OneIn(6) ? APeer(draw) : draw.Of(known);
}

uint16_t ShardWorld::ANumberOf(const std::optional<Slot>& slot, Draw& draw) const {
  std::vector<uint16_t> known;
  for (const auto& [at, c] : model_->channels) {
    if (slot == Slot(at.first, c.allocation)) known.push_back(c.number);
  }
  return known.empty() || draw.OneIn(8) ? static_cast<uint16_t>(0x4000 + draw.Below(3))
                                        : draw.Of(known);
}

std::optional<ShardWorld::Slot> ShardWorld::AnAllocation(Draw& draw) const {
  if (model_->allocations.empty()) return std::nullopt;
  auto found = model_->allocations.begin();
  std::advance(found, draw.Below(static_cast<uint32_t>(model_->allocations.size())));
  return found->first;
}

uint16_t ShardWorld::PortOf(ShardId shard, uint32_t index) const {
  uint16_t port = 50000;
  while (configs_[0].node.OwnerOfPort(port) != shard) ++port;
  return static_cast<uint16_t>(port + index);
}

template <typename Map>
uint32_t ShardWorld::AFreeRecord(const Map& map, ShardId shard, Draw& draw) const {
  const uint32_t from = draw.Below(kRecords);
  for (uint32_t i = 0; i < kRecords; ++i) {
    if (!map.contains({shard, (from + i) % kRecords})) return (from + i) % kRecords;
  }
  return kRecords;
}

void ShardWorld::Submit(ShardId shard, const causeway::Command& command, const std::string& what) {
  Log("shard " + std::to_string(shard) + ": " + what);
  if (const auto* removal = std::get_if<RemoveAllocation>(&command)) {
    removed_ = model_->allocations.at({shard, removal->allocation}).meter;
  }
  model_->Hear(shard, command);
  Command(command, shard);
  Turn();
  std::vector<AllocationId> ended;
  for (const EventRecord& event : Events()) {
    if (event.kind != EventRecord::kEnded) continue;
    ended.push_back(event.ended);
    if (event.totals.to_peer != removed_.to_peer || event.totals.to_client != removed_.to_client) {
      Fail("other totals than were relayed: " + what);
    }
  }
  const auto* removal = std::get_if<RemoveAllocation>(&command);
  const auto expected =
      removal ? std::vector<AllocationId>{removal->allocation} : std::vector<AllocationId>{};
  if (ended != expected) Fail(std::to_string(ended.size()) + " ends told after: " + what);
  if (!Moved().empty()) Fail("a command moved a counter: " + what);
}

void ShardWorld::Install(Draw& draw) {
  const auto shard = static_cast<ShardId>(draw.Below(2));
  const uint32_t id = draw.Below(kSlots);
  const Endpoint client = AClient(draw);
  const ClientTuple tuple = {client, LocalIndexOf(client)};
  if (model_->allocations.contains({shard, id}) || model_->AllocationOf(tuple)) return;
  const uint16_t port = PortOf(shard, 4 * id + draw.Below(4));
  const uint32_t families = draw.Below(4);
  const RelayPort v4 = families == 0 ? RelayPort{} : RelayPort{0, port};
  const RelayPort v6 = families == 1 ? RelayPort{} : RelayPort{1, port};
  const Deciseconds expiry = ALifetime(draw);
  Submit(shard, InstallAllocation{id, {tuple, {}}, v4, v6, expiry},
         "install " + std::to_string(id) + " of " + client.ToString() + " at port " +
             std::to_string(port) + (v4.IsSet() ? " v4" : "") + (v6.IsSet() ? " v6" : "") +
             " until " + std::to_string(expiry));
}

void ShardWorld::Refresh(Draw& draw) {
  const auto slot = AnAllocation(draw);
  if (!slot) return;
  const Deciseconds expiry = ALifetime(draw);
  Submit(slot->first, RefreshAllocation{slot->second, expiry},
         "refresh " + std::to_string(slot->second) + " until " + std::to_string(expiry));
}

void ShardWorld::Mark(Draw& draw) {
  const auto slot = AnAllocation(draw);
  if (!slot) return;
  const auto mark = [&] {
    return draw.OneIn(3) ? SetMarking::kKeep : static_cast<uint8_t>(draw.Below(64));
  };
  const uint8_t to_peer = mark();
  const uint8_t to_client = mark();
  Submit(slot->first, SetMarking{slot->second, to_peer, to_client},
         "mark " + std::to_string(slot->second) + " with " + std::to_string(to_peer) + " and " +
             std::to_string(to_client));
}

// Far above what comes, or none: nothing is dropped for it.
void ShardWorld::Limit(Draw& draw) {
  const auto slot = AnAllocation(draw);
  if (!slot) return;
  const uint32_t kbps = draw.OneIn(2) ? 0 : 10'000'000;
  const uint32_t packets = draw.OneIn(2) ? 0 : 1'000'000;
  Submit(slot->first, SetLimits{slot->second, kbps, packets},
         "limit " + std::to_string(slot->second) + " to " + std::to_string(kbps) + " kbps and " +
             std::to_string(packets) + " packets");
}

void ShardWorld::WithdrawPeersOf(const Slot& slot) {
  const auto channels = model_->channels;
  for (const auto& [at, channel] : channels) {
    if (at.first != slot.first || channel.allocation != slot.second) continue;
    Submit(at.first, UnbindChannel{at.second}, "unbind channel " + std::to_string(at.second));
  }
  const auto permissions = model_->permissions;
  for (const auto& [at, permission] : permissions) {
    if (at.first != slot.first || permission.allocation != slot.second) continue;
    Submit(at.first, RemovePermission{at.second}, "remove permission " + std::to_string(at.second));
  }
}

void ShardWorld::Remove(Draw& draw) {
  const auto slot = AnAllocation(draw);
  if (!slot) return;
  const ClientTuple tuple = model_->allocations.at(*slot).tuple;
  WithdrawPeersOf(*slot);
  Submit(slot->first, RemoveAllocation{slot->second}, "remove " + std::to_string(slot->second));
  const auto other = static_cast<ShardId>(1 - slot->first);
  if (!model_->redirects.contains({other, tuple.client})) return;
  Submit(other, RemoveClientRedirect{tuple}, "remove redirect of " + tuple.client.ToString());
}

// A dual allocation loses one family: control installs it anew.
void ShardWorld::DropFamily(Draw& draw) {
  const auto slot = AnAllocation(draw);
  if (!slot) return;
  const RelayModel::Allocation before = model_->allocations.at(*slot);
  if (!before.Has(Family::kIpv4) || !before.Has(Family::kIpv6)) return;
  const Family gone = draw.OneIn(2) ? Family::kIpv4 : Family::kIpv6;
  const auto permissions = model_->permissions;
  const auto channels = model_->channels;
  WithdrawPeersOf(*slot);
  InstallAllocation again = {
      slot->second, {before.tuple, {}}, before.relay_v4, before.relay_v6, before.expiry};
  (gone == Family::kIpv4 ? again.relay_v4 : again.relay_v6) = RelayPort{};
  Submit(slot->first, again, "install " + std::to_string(slot->second) + " with one family less");
  for (const auto& [at, c] : permissions) {
    if (Slot(at.first, c.allocation) != *slot || c.peer.family() == gone) continue;
    Submit(at.first, c, "permission " + std::to_string(at.second) + " again");
  }
  for (const auto& [at, c] : channels) {
    if (Slot(at.first, c.allocation) != *slot || c.peer.address.family() == gone) continue;
    Submit(at.first, c, "channel " + std::to_string(at.second) + " again");
  }
}

void ShardWorld::Permit(Draw& draw) {
  const auto slot = AnAllocation(draw);
  if (!slot) return;
  const IpAddress peer = APeer(draw).address;
  if (!model_->allocations.at(*slot).Has(peer.family())) return;
  uint32_t id = AFreeRecord(model_->permissions, slot->first, draw);
  for (const auto& [at, c] : model_->permissions) {
    if (Slot(at.first, c.allocation) == *slot && c.peer == peer) id = at.second;
  }
  if (id == kRecords) return;
  const Deciseconds expiry = ALifetime(draw);
  Submit(slot->first, SetPermission{id, slot->second, peer, expiry},
         "permission " + std::to_string(id) + " of " + std::to_string(slot->second) + " for " +
             peer.ToString() + " until " + std::to_string(expiry));
}

void ShardWorld::ForgetPermission(Draw& draw) {
  const auto shard = static_cast<ShardId>(draw.Below(2));
  const uint32_t id = draw.Below(kRecords);
  if (!model_->permissions.contains({shard, id})) return;
  Submit(shard, RemovePermission{id}, "remove permission " + std::to_string(id));
}

void ShardWorld::Bind(Draw& draw) {
  const auto slot = AnAllocation(draw);
  if (!slot) return;
  const Endpoint peer = APeer(draw);
  const auto number = static_cast<uint16_t>(0x4000 + draw.Below(3));
  if (!model_->allocations.at(*slot).Has(peer.address.family())) return;
  uint32_t id = AFreeRecord(model_->channels, slot->first, draw);
  for (const auto& [at, c] : model_->channels) {
    if (Slot(at.first, c.allocation) != *slot) continue;
    if ((c.number == number) != (c.peer == peer)) return;
    if (c.number == number) id = at.second;
  }
  if (id == kRecords) return;
  const Deciseconds expiry = ALifetime(draw);
  Submit(slot->first, BindChannel{id, slot->second, number, peer, expiry},
         "channel " + std::to_string(id) + " of " + std::to_string(slot->second) + " number " +
             std::to_string(number) + " to " + peer.ToString() + " until " +
             std::to_string(expiry));
}

void ShardWorld::Unbind(Draw& draw) {
  const auto shard = static_cast<ShardId>(draw.Below(2));
  const uint32_t id = draw.Below(kRecords);
  if (!model_->channels.contains({shard, id})) return;
  Submit(shard, UnbindChannel{id}, "unbind channel " + std::to_string(id));
}

void ShardWorld::Redirect(Draw& draw) {
  const auto slot = AnAllocation(draw);
  if (!slot) return;
  const ClientTuple tuple = model_->allocations.at(*slot).tuple;
  const auto other = static_cast<ShardId>(1 - slot->first);
  if (model_->redirects.contains({other, tuple.client})) return;
  Submit(other, AddClientRedirect{tuple, slot->first, slot->second},
         "redirect " + tuple.client.ToString());
}

void ShardWorld::ForgetRedirect(Draw& draw) {
  const Endpoint client = AClient(draw);
  for (const ShardId shard : {ShardId{0}, ShardId{1}}) {
    if (!model_->redirects.contains({shard, client})) continue;
    Submit(shard, RemoveClientRedirect{{client, LocalIndexOf(client)}},
           "remove redirect of " + client.ToString());
  }
}

}  // namespace causeway::testing
