#include "tests/model/turn_model.h"

#include <algorithm>
#include <set>

namespace causeway::model {
namespace {

constexpr Deciseconds kPermissionLifetime = 3000;  // RFC 8656 section 9
constexpr Deciseconds kChannelLifetime = 6000;     // section 12

}  // namespace

void TurnModel::Forget(Deciseconds now) {
  const auto clients = allocations;
  for (const auto& [client, before] : clients) {
    for (const auto& [family, expiry] : before.expiry) {
      if (expiry <= now) RemoveFamily(client, family);
    }
  }
  for (auto& [client, allocation] : allocations) {
    std::erase_if(allocation.permissions, [&](const auto& p) { return p.second <= now; });
    std::erase_if(allocation.channels, [&](const auto& c) { return c.second.expiry <= now; });
  }
}

void TurnModel::RemoveFamily(const Endpoint& client, Family family) {
  Allocation& allocation = allocations.at(client);
  allocation.relayed.erase(family);
  allocation.expiry.erase(family);
  std::erase_if(allocation.permissions, [&](const auto& p) { return p.first.family() == family; });
  std::erase_if(allocation.channels,
                [&](const auto& c) { return c.second.peer.address.family() == family; });
  if (allocation.expiry.empty()) allocations.erase(client);
}

// RFC 8656 section 7.2, steps 2 and following.
TurnModel::Answer TurnModel::Allocate(const Endpoint& client, const std::string& user,
                                      const Families& families, std::optional<uint32_t> lifetime,
                                      Deciseconds now) {
  Forget(now);
  if (allocations.contains(client)) return {437};
  if (families.requested && families.additional) return {400};
  if (families.requested && *families.requested != 1 && *families.requested != 2) return {440};
  const auto of_user = std::count_if(allocations.begin(), allocations.end(),
                                     [&](const auto& a) { return a.second.user == user; });
  if (tenant_.allocations_per_user != 0 && of_user >= tenant_.allocations_per_user) return {486};
  if (allocations.size() >= limits_.max_allocations) return {508};
  Allocation& fresh = allocations[client];
  fresh.user = user;
  const uint32_t granted = Lifetime(lifetime);
  const Family only = Family{families.requested.value_or(1)};
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    if (families.additional || family == only) fresh.expiry[family] = now + 10 * granted;
  }
  return {0, granted};
}

std::string TurnModel::TakeRelayed(const Endpoint& client, const std::vector<Endpoint>& relayed) {
  Allocation& allocation = allocations.at(client);
  for (const Endpoint& endpoint : relayed) {
    for (const auto& [other, taken] : allocations) {
      for (const auto& [family, theirs] : taken.relayed) {
        if (theirs == endpoint) return endpoint.ToString() + " is another client's";
      }
    }
    allocation.relayed[endpoint.address.family()] = endpoint;
  }
  const bool all =
      allocation.relayed.size() == allocation.expiry.size() &&
      std::equal(allocation.relayed.begin(), allocation.relayed.end(), allocation.expiry.begin(),
                 [](const auto& a, const auto& b) { return a.first == b.first; });
  return all ? "" : "the relayed addresses are not of the families asked for";
}

TurnModel::Answer TurnModel::Check(const Endpoint& client, const std::string& user,
                                   Deciseconds now) {
  Forget(now);
  if (!allocations.contains(client)) return {437};
  if (allocations.at(client).user != user) return {441};
  return {};
}

// Section 7.2, the paragraphs on LIFETIME.
uint32_t TurnModel::Lifetime(std::optional<uint32_t> requested) const {
  const uint32_t wanted = std::min(requested.value_or(0), limits_.max_lifetime_seconds);
  return std::max(wanted, limits_.default_lifetime_seconds);
}

TurnModel::Answer TurnModel::Refresh(const Endpoint& client, const std::string& user,
                                     const Families& families, std::optional<uint32_t> lifetime,
                                     Deciseconds now) {
  if (const Answer refused = Check(client, user, now); refused.error != 0) return refused;
  Allocation& allocation = allocations.at(client);
  std::vector<Family> about;
  for (const auto& [family, expiry] : allocation.expiry) {
    if (!families.requested || Family{*families.requested} == family) about.push_back(family);
  }
  if (about.empty()) return {443};
  const uint32_t granted = lifetime == 0u ? 0 : Lifetime(lifetime);
  for (const Family family : about) {
    if (granted == 0) {
      RemoveFamily(client, family);
    } else {
      allocation.expiry[family] = now + 10 * granted;
    }
  }
  return {0, granted};
}

bool TurnModel::IsForbidden(const IpAddress& peer) const {
  const auto among = [&](const std::vector<IpAddress>& list) {
    return std::find(list.begin(), list.end(), peer) != list.end();
  };
  const bool is_private = peer.IsV4() && peer.v4() >> 16 == 0xc0a8;  // 192.168.0.0/16
  return is_private || among(node_.listen_addresses);
}

TurnModel::Answer TurnModel::SetPermissions(Allocation& allocation,
                                            const std::vector<IpAddress>& peers, Deciseconds now) {
  std::set<IpAddress> all(peers.begin(), peers.end());
  for (const auto& [peer, expiry] : allocation.permissions) all.insert(peer);
  if (all.size() > allocation.permissions.size() &&
      all.size() > limits_.permissions_per_allocation) {
    return {508};
  }
  for (const IpAddress& peer : peers) allocation.permissions[peer] = now + kPermissionLifetime;
  return {};
}

// Section 10.2.
TurnModel::Answer TurnModel::CreatePermission(const Endpoint& client, const std::string& user,
                                              const std::vector<IpAddress>& peers,
                                              Deciseconds now) {
  if (const Answer refused = Check(client, user, now); refused.error != 0) return refused;
  Allocation& allocation = allocations.at(client);
  if (peers.empty()) return {400};
  for (const IpAddress& peer : peers) {
    if (!allocation.expiry.contains(peer.family())) return {443};
  }
  for (const IpAddress& peer : peers) {
    if (IsForbidden(peer)) return {403};
  }
  return SetPermissions(allocation, peers, now);
}

// Section 12.2.
TurnModel::Answer TurnModel::ChannelBind(const Endpoint& client, const std::string& user,
                                         uint16_t number, const Endpoint& peer, Deciseconds now) {
  if (const Answer refused = Check(client, user, now); refused.error != 0) return refused;
  Allocation& allocation = allocations.at(client);
  if (number < 0x4000 || number > 0x7fff || peer.port == 0) return {400};
  for (const auto& [bound, channel] : allocation.channels) {
    if ((bound == number) != (channel.peer == peer)) return {400};
  }
  if (!allocation.expiry.contains(peer.address.family())) return {443};
  if (IsForbidden(peer.address)) return {403};
  const bool fresh = !allocation.channels.contains(number);
  if (fresh && allocation.channels.size() >= limits_.channels_per_allocation) return {508};
  if (const Answer refused = SetPermissions(allocation, {peer.address}, now); refused.error != 0) {
    return refused;
  }
  allocation.channels[number] = {peer, now + kChannelLifetime};
  return {};
}

RelayModel TurnModel::AsShard() const {
  NodeConfig node = node_;
  node.shards = 1;
  RelayModel shard(node);
  uint32_t id = 0;
  uint32_t record = 0;
  for (const auto& [client, allocation] : allocations) {
    InstallAllocation install = {id, {{client, LocalIndexOf(client)}, {}}, {}, {}, 0};
    for (const auto& [family, relayed] : allocation.relayed) {
      const auto at =
          std::find(node.relay_addresses.begin(), node.relay_addresses.end(), relayed.address);
      const RelayPort relay = {static_cast<uint16_t>(at - node.relay_addresses.begin()),
                               relayed.port};
      (family == Family::kIpv4 ? install.relay_v4 : install.relay_v6) = relay;
      install.expiry = std::max(install.expiry, allocation.expiry.at(family));
    }
    shard.Hear(0, install);
    for (const auto& [peer, expiry] : allocation.permissions) {
      shard.Hear(0, SetPermission{record++, id, peer, expiry});
    }
    for (const auto& [number, channel] : allocation.channels) {
      shard.Hear(0, BindChannel{record++, id, number, channel.peer, channel.expiry});
    }
    ++id;
  }
  return shard;
}

}  // namespace causeway::model
