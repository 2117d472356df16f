// A dataplane that records what control tells it, and fails the test when that breaks the seam's
// contract.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "dataplane/commands.h"
#include "dataplane/node_config.h"

namespace causeway::turn {

class FakeDataplane : public Dataplane {
 public:
  struct Submitted {
    ShardId shard;
    Command command;
  };
  struct Reply {
    ClientLeg leg;
    std::vector<uint8_t> message;
    size_t commands_before;  // how many commands were submitted before it
  };
  using Slot = std::pair<ShardId, uint32_t>;

  explicit FakeDataplane(NodeConfig node) : node_(std::move(node)) {}

  void Submit(ShardId shard, const Command& command) override;
  void Transmit(const ClientLeg& leg, absl::Span<const uint8_t> message) override;
  void TransmitFrame(absl::Span<const uint8_t>) override {}
  /// The meter of an allocation, as a test has set it in `meters`.
  MeterReading ReadMeter(ShardId shard, AllocationId allocation) const override;
  /// Tells what allocations have ended since, unless `hold_ended`.
  int Poll(EventSink& sink) override;

  /// Commands of one kind, in order.
  template <typename T>
  std::vector<T> All() const {
    std::vector<T> found;
    for (const Submitted& s : commands) {
      if (const T* command = std::get_if<T>(&s.command)) found.push_back(*command);
    }
    return found;
  }

  std::vector<Submitted> commands;
  std::vector<Reply> replies;

  // What the shards hold now.
  std::map<Slot, InstallAllocation> allocations;
  std::map<Slot, SetPermission> permissions;
  std::map<Slot, BindChannel> channels;
  std::map<std::pair<ShardId, Endpoint>, ShardId> redirects;
  std::map<Slot, MeterReading> meters;
  std::map<Slot, MeterReading> ended;  // their slots rest until Poll has told
  bool hold_ended = false;

 private:
  void Forget(std::map<Slot, InstallAllocation>::iterator found);
  void On(ShardId shard, const InstallAllocation& c);
  void On(ShardId shard, const RefreshAllocation& c);
  void On(ShardId shard, const RemoveAllocation& c);
  void On(ShardId shard, const SetPermission& c);
  void On(ShardId shard, const RemovePermission& c);
  void On(ShardId shard, const BindChannel& c);
  void On(ShardId shard, const UnbindChannel& c);
  void On(ShardId shard, const AddClientRedirect& c);
  void On(ShardId shard, const RemoveClientRedirect& c);
  void On(ShardId shard, const SetLimits& c);
  void On(ShardId shard, const SetMarking& c);
  void On(ShardId, const RelayIcmp&) {}
  void On(ShardId shard, const SetNextHop&);
  void On(ShardId shard, const PublishRoutes&);
  void On(ShardId shard, const TransmitBuffer&);
  void TakePort(ShardId shard, RelayPort relay, Family family);

  NodeConfig node_;
  std::set<std::pair<uint16_t, uint16_t>> ports_;
};

}  // namespace causeway::turn
