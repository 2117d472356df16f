#include "tests/model/relay_model.h"

#include <algorithm>
#include <sstream>

namespace causeway::model {
namespace {

// The test nodes' routes lead everywhere but there.
bool HasRoute(const IpAddress& address) { return !address.IsV4() || address.v4() >> 24 != 10; }

}  // namespace

std::string Fate::ToString() const {
  static const char* const kForms[] = {"nothing", "plain", "ChannelData", "Data indication",
                                       "indication of an ICMP error"};
  std::ostringstream text;
  text << kForms[form];
  if (form != kNothing) text << " " << from.ToString() << " > " << to.ToString();
  if (form == kChannelData) text << " number " << number;
  if (form == kDataIndication || form == kIcmpIndication) text << " peer " << peer.ToString();
  for (const auto& [name, count] : counters) text << ", " << name << " " << count;
  return text.str();
}

void RelayModel::Hear(ShardId shard, const Command& command) {
  std::visit([&](const auto& c) { On(shard, c); }, command);
}

void RelayModel::On(ShardId shard, const InstallAllocation& c) {
  Allocation& allocation = allocations[{shard, c.allocation}];
  allocation.tuple = c.leg.tuple;
  allocation.relay_v4 = c.relay_v4;
  allocation.relay_v6 = c.relay_v6;
  allocation.expiry = c.expiry;
}
void RelayModel::On(ShardId shard, const SetMarking& c) {
  allocations.at({shard, c.allocation}).marking = c;
}
void RelayModel::On(ShardId shard, const RefreshAllocation& c) {
  allocations.at({shard, c.allocation}).expiry = c.expiry;
}
void RelayModel::On(ShardId shard, const RemoveAllocation& c) {
  allocations.erase({shard, c.allocation});
}
void RelayModel::On(ShardId shard, const SetPermission& c) {
  permissions[{shard, c.permission}] = c;
}
void RelayModel::On(ShardId shard, const RemovePermission& c) {
  permissions.erase({shard, c.permission});
}
void RelayModel::On(ShardId shard, const BindChannel& c) { channels[{shard, c.channel}] = c; }
void RelayModel::On(ShardId shard, const UnbindChannel& c) { channels.erase({shard, c.channel}); }
void RelayModel::On(ShardId shard, const AddClientRedirect& c) {
  redirects[{shard, c.tuple.client}] = c.owner;
}
void RelayModel::On(ShardId shard, const RemoveClientRedirect& c) {
  redirects.erase({shard, c.tuple.client});
}

Fate RelayModel::Decide(const Arrival& arrival, Deciseconds now) const {
  Fate fate;
  if (arrival.kind == Arrival::kFromPeer) {
    FromPeer(fate, arrival.shard, arrival.from, arrival.to, now);
  } else {
    FromClient(fate, arrival, now);
  }
  if (fate.form != Fate::kNothing) ++fate.counters["tx_packets"];
  return fate;
}

// RFC 8656 section 11.5.
Fate RelayModel::Decide(ShardId shard, const RelayIcmp& error, Deciseconds now) const {
  Fate fate;
  const auto found = std::find_if(allocations.begin(), allocations.end(), [&](const auto& entry) {
    return entry.first.first == shard &&
           (entry.second.relay_v4 == error.relay || entry.second.relay_v6 == error.relay);
  });
  if (found == allocations.end()) {
    ++fate.counters["drop_no_relay"];
  } else if (!IsPermitted(found->first, error.peer.address, now)) {
    ++fate.counters["drop_no_permission"];
  } else {
    const ClientTuple& tuple = found->second.tuple;
    fate.form = Fate::kIcmpIndication;
    fate.from = {node_.listen_addresses[tuple.local_index], node_.listen_port};
    fate.to = tuple.client;
    fate.peer = error.peer;
    fate.counters = {{"tx_packets", 1}, {"icmp_to_client", 1}};
  }
  return fate;
}

void RelayModel::Count(const Fate& fate, size_t size) {
  for (const Fate::Relayed& each : fate.relayed) {
    MeterReading& meter = allocations.at({each.shard, each.allocation}).meter;
    MeterReading::Direction& way = each.to_client ? meter.to_client : meter.to_peer;
    ++way.packets;
    way.bytes += size;
  }
}

std::optional<RelayModel::Slot> RelayModel::AllocationOf(const ClientTuple& tuple) const {
  for (const auto& [slot, allocation] : allocations) {
    if (allocation.tuple == tuple) return slot;
  }
  return std::nullopt;
}

Endpoint RelayModel::Relayed(const Allocation& allocation, Family family) const {
  const RelayPort& relay = allocation.Relay(family);
  return {node_.relay_addresses[relay.address_index], relay.port};
}

bool RelayModel::IsEmpty() const {
  return allocations.empty() && permissions.empty() && channels.empty() && redirects.empty();
}

bool RelayModel::IsOurs(const IpAddress& address) const {
  const auto among = [&](const std::vector<IpAddress>& list) {
    return std::find(list.begin(), list.end(), address) != list.end();
  };
  return among(node_.relay_addresses) || among(node_.listen_addresses);
}

bool RelayModel::IsPermitted(const Slot& slot, const IpAddress& peer, Deciseconds now) const {
  if (allocations.at(slot).expiry <= now) return false;
  return std::any_of(permissions.begin(), permissions.end(), [&](const auto& entry) {
    const SetPermission& p = entry.second;
    return entry.first.first == slot.first && p.allocation == slot.second && p.peer == peer &&
           p.expiry > now;
  });
}

template <typename Match>
const BindChannel* RelayModel::LiveChannel(const Slot& slot, Deciseconds now, Match match) const {
  if (allocations.at(slot).expiry <= now) return nullptr;
  for (const auto& [at, channel] : channels) {
    if (at.first == slot.first && channel.allocation == slot.second && channel.expiry > now &&
        match(channel)) {
      return &channel;
    }
  }
  return nullptr;
}

// RFC 8656 sections 11.2 and 12.6.
void RelayModel::FromClient(Fate& fate, const Arrival& arrival, Deciseconds now) const {
  ShardId shard = arrival.shard;
  if (const auto redirect = redirects.find({shard, arrival.from}); redirect != redirects.end()) {
    ++fate.counters["handed_off"];
    shard = redirect->second;
  }
  const auto slot = AllocationOf({arrival.from, LocalIndexOf(arrival.from)});
  if (!slot || slot->first != shard) {
    ++fate.counters["drop_no_allocation"];
    return;
  }
  if (arrival.kind == Arrival::kChannelData) {
    const BindChannel* channel = LiveChannel(
        *slot, now, [&](const BindChannel& each) { return each.number == arrival.number; });
    if (channel != nullptr) return ToPeer(fate, *slot, channel->peer, "channel_to_peer", now);
    ++fate.counters["drop_no_channel"];
  } else if (!allocations.at(*slot).Has(arrival.to.address.family())) {
    ++fate.counters["drop_family"];
  } else if (arrival.to.port == 0) {
    ++fate.counters["drop_peer_denied"];
  } else if (!IsPermitted(*slot, arrival.to.address, now)) {
    ++fate.counters["drop_no_permission"];
  } else {
    ToPeer(fate, *slot, arrival.to, "send_to_peer", now);
  }
}

void RelayModel::ToPeer(Fate& fate, const Slot& slot, const Endpoint& peer, const char* counter,
                        Deciseconds now) const {
  ++fate.hops;
  const Endpoint source = Relayed(allocations.at(slot), peer.address.family());
  if (IsOurs(peer.address)) {
    if (peer.port < node_.relay_port_first || peer.port > node_.relay_port_last) {
      ++fate.counters["drop_peer_denied"];
      return;
    }
    ++fate.counters["hairpin"];
    ++fate.counters[counter];
    fate.relayed.push_back({slot.first, slot.second, false, allocations.at(slot).marking.to_peer});
    return FromPeer(fate, slot.first, source, peer, now);
  }
  if (!HasRoute(peer.address)) {
    ++fate.counters["drop_no_route"];
    return;
  }
  ++fate.counters[counter];
  fate.relayed.push_back({slot.first, slot.second, false, allocations.at(slot).marking.to_peer});
  fate.form = Fate::kPlain;
  fate.from = source;
  fate.to = peer;
}

// RFC 8656 sections 11.3 and 12.7.
void RelayModel::FromPeer(Fate& fate, ShardId shard, const Endpoint& from, const Endpoint& to,
                          Deciseconds now) const {
  const ShardId owner = node_.OwnerOfPort(to.port);
  if (owner != shard) ++fate.counters["handed_off"];
  const Family family = to.address.family();
  const auto found = std::find_if(allocations.begin(), allocations.end(), [&](const auto& entry) {
    return entry.first.first == owner && entry.second.Has(family) &&
           Relayed(entry.second, family) == to;
  });
  if (found == allocations.end()) {
    ++fate.counters["drop_no_relay"];
  } else if (!IsPermitted(found->first, from.address, now)) {
    ++fate.counters["drop_no_permission"];
  } else {
    ToClient(fate, found->first, from, now);
  }
}

void RelayModel::ToClient(Fate& fate, const Slot& slot, const Endpoint& peer,
                          Deciseconds now) const {
  const ClientTuple& tuple = allocations.at(slot).tuple;
  ++fate.hops;
  fate.relayed.push_back({slot.first, slot.second, true, allocations.at(slot).marking.to_client});
  fate.from = {node_.listen_addresses[tuple.local_index], node_.listen_port};
  fate.to = tuple.client;
  const BindChannel* channel =
      LiveChannel(slot, now, [&](const BindChannel& each) { return each.peer == peer; });
  if (channel != nullptr) {
    ++fate.counters["channel_to_client"];
    fate.form = Fate::kChannelData;
    fate.number = channel->number;
  } else {
    ++fate.counters["data_to_client"];
    fate.form = Fate::kDataIndication;
    fate.peer = peer;
  }
}

}  // namespace causeway::model
