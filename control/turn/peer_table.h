// Permissions and channels of all allocations (RFC 8656 sections 9 and 12).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "control/access/peer_policies.h"
#include "control/turn/allocation.h"
#include "control/turn/observer.h"
#include "control/turn/server.h"
#include "control/turn/slot_pool.h"
#include "control/turn/timer_wheel.h"
#include "dataplane/commands.h"
#include "dataplane/node_config.h"

namespace causeway::turn {

inline constexpr Deciseconds kPermissionLifetime = 300 * 10;  // RFC 8656 section 9
inline constexpr Deciseconds kChannelLifetime = 600 * 10;     // RFC 8656 section 12

/// Keeps the shards' permission and channel pools and tells the owner shard of each change. Used on
/// the control thread only.
class PeerTable {
 public:
  /// All arguments outlive this. Counts in `stats`.
  PeerTable(const NodeConfig& node, const Limits& limits, SlotPool<AllocationRecord>& allocations,
            Dataplane& dataplane, ServerStats& stats, const Observers& observers);

  bool HasPermission(uint32_t allocation, const IpAddress& peer) const {
    return LookUpPermission(allocation, peer) != kNoRecord;
  }
  /// Whether the allocation may get so many permissions more.
  bool RoomForPermissions(uint32_t allocation, uint32_t wanted) const;
  /// Installs or refreshes; there is room when it is new.
  void SetPermission(uint32_t allocation, const IpAddress& peer, Deciseconds now);

  /// The peer that this number is bound to, and the number that this peer is bound to.
  std::optional<Endpoint> PeerOfChannel(uint32_t allocation, uint16_t number) const;
  std::optional<uint16_t> ChannelOfPeer(uint32_t allocation, const Endpoint& peer) const;
  bool RoomForChannel(uint32_t allocation) const;
  /// Binds or refreshes; there is room when it is new. The permission is set apart.
  void BindChannel(uint32_t allocation, uint16_t number, const Endpoint& peer, Deciseconds now);

  void Describe(uint32_t allocation, std::vector<PermissionInfo>& permissions,
                std::vector<ChannelInfo>& channels) const;

  void RemoveAll(uint32_t allocation);
  void RemoveFamily(uint32_t allocation, Family family);
  void RemoveDenied(uint32_t allocation, const access::PeerPolicies& policies);

  /// Tells the shard to forget the allocation's permissions and channels, or to learn them again.
  void Withdraw(uint32_t allocation);
  void Reinstall(uint32_t allocation);

  void Advance(Deciseconds now);
  size_t bytes() const;

 private:
  template <typename Match>
  void RemoveIf(uint32_t allocation, Match match);
  uint32_t LookUpPermission(uint32_t allocation, const IpAddress& peer) const;
  uint32_t LookUpChannel(uint32_t allocation, uint16_t number) const;
  void RemovePermission(uint32_t permission);
  void RemoveChannel(uint32_t channel);
  void SubmitPermission(uint32_t permission);
  void SubmitChannel(uint32_t channel);

  const Limits& limits_;
  SlotPool<AllocationRecord>& allocations_;
  Dataplane& dataplane_;
  ServerStats& stats_;
  const Observers& observers_;
  SlotPool<PermissionRecord> permissions_;
  SlotPool<ChannelRecord> channels_;
  TimerWheel permission_timers_;
  TimerWheel channel_timers_;
};

}  // namespace causeway::turn
