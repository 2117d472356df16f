// What NextHops does on its thread, over a given Netlink.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "control/next_hop/kernel_view.h"
#include "control/next_hop/netlink.h"
#include "control/next_hop/next_hop_table.h"
#include "control/next_hop/next_hops.h"
#include "control/next_hop/route_plan.h"
#include "control/next_hop/shard_routes.h"

namespace causeway::next_hop {

/// Joins what the kernel says (KernelView), what its routes mean (RoutePlan) and what shards are
/// told (NextHopTable). One thread at a time.
class KernelFollower {
 public:
  /// A neighbour that did not answer for so long is forgotten, unless it is a gateway.
  static constexpr Deciseconds kForgetAfter = 300;
  /// How often the kernel is told that a neighbour is in use: one that it reached lately (its
  /// gc_stale_time is 60 s); one that is stale, or an unresolved one that is a gateway or that a
  /// shard asks for just now; other unresolved ones.
  static constexpr Deciseconds kAssertEvery = 200;
  static constexpr Deciseconds kRetrySoon = 10;
  static constexpr Deciseconds kRetry = 50;
  /// Requests to the kernel between two Ticks, so that a client that names ever new addresses of
  /// our subnet cannot keep control busy.
  static constexpr int kRequestsPerTick = 512;
  /// Routes that have changed are compared with a dump so often, and when a notice was unclear
  /// after a second; yet a dump rests for kRestAfterDump times as long as the last one took.
  static constexpr Deciseconds kVerifyEvery = 600;
  static constexpr Deciseconds kVerifyUnclear = 10;
  static constexpr int kRestAfterDump = 20;
  /// On-link destinations that may wait for an answer at once.
  static constexpr size_t kMaxPending = 1024;

  KernelFollower(const NextHopsConfig& config, ToShards to_shards,
                 std::unique_ptr<Netlink> netlink);
  /// Loads and publishes. NotFoundError when an interface does not exist, PermissionDeniedError
  /// without CAP_NET_ADMIN.
  absl::Status Start();

  /// Poll this for reading, then call OnReadable. Link addresses reach the shards within the call,
  /// routes by Publish.
  int fd() const { return netlink_->fd(); }
  void OnReadable(Deciseconds now);
  /// A shard holds a packet for this on-link destination: asks the kernel to resolve it.
  void OnUnresolved(const IpAddress& destination, Deciseconds now);
  void OnRoutesAdopted(ShardId shard, uint32_t generation);
  /// Once a second or so: has the kernel confirm the neighbours that are in use and try again those
  /// that did not answer; forgets on-link ones that have not answered for 30 s.
  void Tick(Deciseconds now);
  /// Publish has something to do and room to do it.
  bool HasNews() const;
  /// Brings the shards' routes up to date.
  void Publish();

 private:
  // A neighbour that we hold a next hop for, or want to.
  struct Use {
    bool gateway = false;
    Deciseconds asked_at = 0;          // by a shard; 0 when never
    Deciseconds requested_at = 0;      // of the kernel
    Deciseconds unresolved_since = 0;  // meaningful while unresolved
    bool resolved = false;
  };
  using Uses = std::map<NeighbourKey, Use>;

  const Target& TargetOf(const IpAddress& destination) const;
  bool IsOnLink(const NeighbourKey& key) const;
  std::optional<MacAddress> MacOf(const NeighbourKey& key) const;
  void SetLinkMtus();
  void ReloadLinks();
  void LoadRoutes();
  void Plan();
  void VerifyIfDue();
  void RefreshNeighbour(const NeighbourKey& key);
  void Request(const NeighbourKey& key, Use& use);
  void RequestIfDue(const NeighbourKey& key, Use& use, bool asked);
  void AddUse(const NeighbourKey& key, bool gateway);
  void CollectUses();
  std::vector<HopKey> WantedHops() const;

  const NextHopsConfig config_;
  std::unique_ptr<Netlink> netlink_;
  KernelView kernel_;
  NextHopTable table_;
  RoutePlan plan_;
  ShardRoutes routes_;
  std::vector<Prefix> changed_;  // since they were planned
  std::vector<Prefix> planned_;  // since they were published
  Uses uses_;
  size_t pending_ = 0;    // uses that are neither gateways nor resolved
  NeighbourKey tick_at_;  // where the next Tick goes on
  int requests_left_ = kRequestsPerTick;
  absl::Status last_request_;
  Deciseconds now_ = 0;
  bool reload_links_ = false;   // links and neighbours could not be read in full
  bool reload_routes_ = false;  // routes have changed since they were dumped
  bool check_routes_ = false;   // dump once more: the kernel may remove routes after its notice
  bool plan_anew_ = false;      // a link has changed
  Deciseconds verify_at_ = 0;   // 0 when nothing is to be verified
  Deciseconds no_verify_before_ = 0;
  bool dirty_ = true;  // what shards have may be out of date
};

}  // namespace causeway::next_hop
