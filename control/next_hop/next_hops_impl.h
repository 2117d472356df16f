// NextHops over a given Netlink. Internal: others call NextHops::Create.
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

namespace causeway::next_hop {

/// Joins what the kernel says (KernelView), what its routes mean (RoutePlan) and what shards are
/// told (NextHopTable). Control thread.
class NextHopsImpl : public NextHops {
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
  /// On-link destinations that may wait for an answer at once.
  static constexpr size_t kMaxPending = 1024;
  /// From here on routes are dumped once per Tick instead of once per OnReadable.
  static constexpr size_t kManyRoutes = 20'000;

  NextHopsImpl(const NextHopsConfig& config, Dataplane& dataplane,
               std::unique_ptr<Netlink> netlink);
  /// Loads and publishes. NotFoundError when the interface does not exist, PermissionDeniedError
  /// without CAP_NET_ADMIN.
  absl::Status Start();

  int fd() const override { return netlink_->fd(); }
  void OnReadable(Deciseconds now) override;
  void OnUnresolved(const IpAddress& destination, Deciseconds now) override;
  void OnRoutesAdopted(ShardId shard, uint32_t generation) override;
  void Tick(Deciseconds now) override;

 private:
  // A neighbour that we hold a next hop for, or want to.
  struct Use {
    bool gateway = false;
    Deciseconds asked_at = 0;          // by a shard; 0 when never
    Deciseconds requested_at = 0;      // of the kernel
    Deciseconds unresolved_since = 0;  // meaningful while unresolved
    bool resolved = false;
  };
  using Uses = std::map<IpAddress, Use>;

  const Target& TargetOf(const IpAddress& destination) const;
  std::optional<MacAddress> MacOf(const IpAddress& address) const;
  void Reload();
  void ReloadRoutes();
  void PlanAnew();
  void RefreshNeighbour(const IpAddress& address);
  void Request(const IpAddress& address, Use& use);
  void RequestIfDue(const IpAddress& address, Use& use, bool asked);
  void CollectUses();
  std::vector<HopKey> WantedHops() const;
  void Flush();
  std::vector<RouteTable::Route> FinalRoutes(const std::vector<HopKey>& hops) const;

  const NextHopsConfig config_;
  std::unique_ptr<Netlink> netlink_;
  KernelView kernel_;
  NextHopTable table_;
  RoutePlan plan_;
  RouteTable plan_table_;  // destination to index into plan_.targets
  Uses uses_;
  size_t pending_ = 0;  // uses that are neither gateways nor resolved
  IpAddress tick_at_;   // where the next Tick goes on
  int requests_left_ = kRequestsPerTick;
  absl::Status last_request_;
  Deciseconds now_ = 0;
  bool reload_ = false;         // the kernel's state could not be read in full
  bool reload_routes_ = false;  // routes have changed since they were dumped
  bool check_routes_ = false;   // dump once more: the kernel may remove routes after its notice
  bool dirty_ = true;           // what shards have may be out of date
};

}  // namespace causeway::next_hop
