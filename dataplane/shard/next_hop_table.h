// Where packets leave: the routes that control published, and the neighbours. Worker lcore only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "dataplane/route_table.h"
#include "dataplane/shard/arena.h"
#include "dataplane/shard/records.h"
#include "dataplane/shard/shard.h"

namespace causeway {

/// A neighbour, laid out so that its first 12 bytes are the frame's.
struct NextHop {
  MacAddress destination;
  MacAddress source;
  uint16_t mtu;  // of link and route, the smaller
  LinkId link;
  bool resolved;
};
static_assert(sizeof(NextHop) == 16);

class NextHopTable {
 public:
  void LayOut(Arena& arena) { hops_ = arena.Take<NextHop>(kMaxNextHops); }
  /// `links` outlive this.
  void Start(const std::vector<ShardLink>& links) {
    links_ = &links;
    uint16_t largest = 0;
    for (const ShardLink& link : links) largest = std::max(largest, link.mtu);
    for (NextHopId id = 0; id < kMaxNextHops; ++id) {
      // What does not go out by a neighbour is never too big for it: its end is decided elsewhere.
      // By which link kOnLink leaves is known once its neighbour is.
      const bool leaves = id == kOnLink || id >= kFirstNeighbour;
      hops_[id].mtu = leaves ? largest : uint16_t{0xffff};
    }
  }

  void Apply(const SetNextHop& c) {
    if (c.next_hop < kFirstNeighbour || c.next_hop >= kMaxNextHops) return;
    if (c.link >= links_->size()) return;
    const ShardLink& link = (*links_)[c.link];
    const uint16_t mtu = c.mtu == 0 ? link.mtu : std::min(c.mtu, link.mtu);
    hops_[c.next_hop] = {c.mac, link.mac, mtu, c.link, c.resolved};
  }
  void Apply(const PublishRoutes& c) {
    routes_ = c.routes;
    if (++generation_ == 0) generation_ = 1;
  }

  uint16_t generation() const { return generation_; }
  const NextHop& operator[](NextHopId id) const { return hops_[id]; }

  NextHopId LookUp(const IpAddress& destination) const {
    const NextHopId id = routes_ == nullptr ? kNoRoute : routes_->LookUp(destination);
    return id < kMaxNextHops ? id : kNoRoute;
  }
  /// The same, remembered for as long as the routes stay.
  NextHopId LookUp(CachedHop& cache, const IpAddress& destination) const {
    if (cache.generation != generation_) [[unlikely]] {
      cache = {LookUp(destination), generation_};
    }
    return cache.next_hop;
  }

 private:
  NextHop* hops_ = nullptr;
  const RouteTable* routes_ = nullptr;
  const std::vector<ShardLink>* links_ = nullptr;
  uint16_t generation_ = 1;
};

}  // namespace causeway
