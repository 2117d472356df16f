// A node of two shards and the model of what it must do, put through random steps.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/dataplane/shard/node.h"
#include "tests/model/relay_model.h"
#include "tests/model/steps.h"

namespace causeway::testing {

inline constexpr uint32_t kRecords = 8;  // permissions and channels of a shard, each

/// A packet on its way in, and what must become of it.
struct ModelFrame {
  model::Arrival arrival;
  Datagram datagram;
  Bytes data;  // what the client or the peer says
  model::Fate fate;
};

class ShardWorld : public NodeTest {
 protected:
  using Slot = model::RelayModel::Slot;

  /// Builds both anew and takes the steps, up to the first difference.
  model::Result Play(const std::vector<model::Step>& steps);

  struct Outcome {
    std::vector<Bytes> sent;  // in no certain order
    std::map<std::string, uint64_t> moved;
  };

  void Take(const model::Step& step);

  // Commands.
  void Submit(ShardId shard, const causeway::Command& command, const std::string& what);
  void Install(model::Draw& draw);
  void Refresh(model::Draw& draw);
  void Remove(model::Draw& draw);
  void DropFamily(model::Draw& draw);
  void Permit(model::Draw& draw);
  void ForgetPermission(model::Draw& draw);
  void Bind(model::Draw& draw);
  void Unbind(model::Draw& draw);
  void Redirect(model::Draw& draw);
  void ForgetRedirect(model::Draw& draw);
  void Mark(model::Draw& draw);
  void Limit(model::Draw& draw);
  void WithdrawPeersOf(const Slot& slot);

  // Packets.
  void Packets(model::Draw& draw);
  void IcmpError(model::Draw& draw);
  std::pair<ShardId, RelayIcmp> DrawIcmpError(model::Draw& draw);
  ModelFrame DrawFrame(model::Draw& draw);
  model::Arrival DrawFromPeer(model::Draw& draw);
  model::Arrival DrawFromClient(model::Draw& draw);
  Outcome Observe();
  void CompareMeters();
  void Compare(const char* path, const std::vector<ModelFrame>& frames, const Outcome& outcome);

  // Draws.
  std::optional<Slot> AnAllocation(model::Draw& draw) const;
  Endpoint AClient(model::Draw& draw) const;
  Endpoint APeer(model::Draw& draw) const;
  Endpoint APeerOf(const std::optional<Slot>& slot, model::Draw& draw) const;
  uint16_t ANumberOf(const std::optional<Slot>& slot, model::Draw& draw) const;
  uint16_t PortOf(ShardId shard, uint32_t index) const;
  Deciseconds ALifetime(model::Draw& draw) const {
    return now_ + 1 + draw.Below(draw.OneIn(4) ? 30 : 2000);
  }
  template <typename Map>
  uint32_t AFreeRecord(const Map& map, ShardId shard, model::Draw& draw) const;

  void Log(const std::string& line) { result_.log.push_back(line); }
  void Fail(const std::string& why) {
    if (result_.failure.empty()) result_.failure = why;
  }

  std::unique_ptr<model::RelayModel> model_;
  MeterReading removed_ = {};  // of the allocation that is being removed
  model::Result result_;
};

}  // namespace causeway::testing
