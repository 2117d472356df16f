#include "control/next_hop/next_hop_table.h"

#include <algorithm>

namespace causeway::next_hop {
void NextHopTable::Keep(absl::Span<const HopKey> wanted) {
  for (auto hop = hops_.begin(); hop != hops_.end();) {
    if (std::binary_search(wanted.begin(), wanted.end(), hop->first)) {
      ++hop;
      continue;
    }
    leaving_.push_back(hop->second.id);
    hop = hops_.erase(hop);
  }
}

std::optional<NextHopId> NextHopTable::LookUp(const HopKey& key) const {
  auto found = hops_.find(key);
  if (found == hops_.end()) return std::nullopt;
  return found->second.id;
}

std::optional<NextHopId> NextHopTable::Deal(const HopKey& key,
                                            const std::optional<MacAddress>& mac) {
  if (auto id = LookUp(key)) return id;
  Hop hop = {0, mac};
  if (next_unused_ < kMaxNextHops) {
    hop.id = static_cast<NextHopId>(next_unused_++);
  } else if (!free_.empty()) {
    hop.id = free_.front();
    free_.pop_front();
  } else {
    return std::nullopt;
  }
  Tell(key, hop);
  hops_.emplace(key, hop);
  return hop.id;
}

void NextHopTable::SetMac(const NeighbourKey& neighbour, const std::optional<MacAddress>& mac) {
  for (auto hop = hops_.lower_bound({neighbour.address, 0});
       hop != hops_.end() && hop->first.address == neighbour.address; ++hop) {
    if (hop->first.link != neighbour.link || hop->second.mac == mac) continue;
    hop->second.mac = mac;
    Tell(hop->first, hop->second);
  }
}

void NextHopTable::SetLinkMtu(LinkId link, uint32_t mtu) {
  const auto limited = static_cast<uint16_t>(std::min<uint32_t>(mtu, UINT16_MAX));
  if (limited == link_mtus_[link]) return;
  link_mtus_[link] = limited;
  for (const auto& [key, hop] : hops_) {
    if (key.link == link) Tell(key, hop);
  }
}

void NextHopTable::Tell(const HopKey& key, const Hop& hop) {
  const uint16_t link_mtu = link_mtus_[key.link];
  const uint16_t mtu = key.mtu == 0 ? link_mtu : std::min(key.mtu, link_mtu);
  to_shards_(
      SetNextHop{hop.id, hop.mac.value_or(MacAddress{}), hop.mac.has_value(), mtu, key.link});
}

void NextHopTable::Publish(const RouteTable& routes) {
  if (tables_.empty() || !tables_.back().table->IsSameVersion(routes)) {
    ++generation_;
    tables_.push_back({generation_, std::make_unique<const RouteTable>(routes)});
    to_shards_(PublishRoutes{tables_.back().table.get(), generation_});
  }
  for (NextHopId id : leaving_) {
    to_shards_(SetNextHop{id, {}, false, link_mtus_[0]});
    quarantine_.push_back({id, generation_});
  }
  leaving_.clear();
  Reclaim();
}

bool NextHopTable::OnRoutesAdopted(ShardId shard, uint32_t generation) {
  if (shard >= adopted_.size() || generation > generation_) return false;
  adopted_[shard] = std::max(adopted_[shard], generation);
  const size_t before = tables_.size() + quarantine_.size();
  Reclaim();
  return tables_.size() + quarantine_.size() < before;
}

void NextHopTable::Reclaim() {
  const uint32_t all = *std::min_element(adopted_.begin(), adopted_.end());
  while (!tables_.empty() && tables_.front().generation < all) tables_.pop_front();
  while (!quarantine_.empty() && quarantine_.front().generation <= all) {
    free_.push_back(quarantine_.front().id);
    quarantine_.pop_front();
  }
}

}  // namespace causeway::next_hop
