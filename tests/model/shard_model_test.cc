// Random commands and packets on a node of two shards: what each packet becomes is what the model
// says, on the fast path and on the general path alike.
#include "tests/model/shard_world.h"

namespace causeway::testing {

using model::Draw;
using model::RelayModel;
using model::Step;

void ShardWorld::Take(const Step& step) {
  using Action = void (ShardWorld::*)(Draw&);
  static constexpr Action kActions[] = {
      &ShardWorld::Install,          &ShardWorld::Install,  &ShardWorld::Refresh,
      &ShardWorld::Remove,           &ShardWorld::Permit,   &ShardWorld::Permit,
      &ShardWorld::ForgetPermission, &ShardWorld::Bind,     &ShardWorld::Bind,
      &ShardWorld::Unbind,           &ShardWorld::Redirect, &ShardWorld::ForgetRedirect,
      &ShardWorld::DropFamily,       &ShardWorld::Mark,     &ShardWorld::Limit,
      &ShardWorld::IcmpError,
  };
  Draw draw(step.seed);
  if (step.kind % 2 == 0) return Packets(draw);
  if (step.kind % 16 == 1) {
    Wait(draw.Below(40));
    return Log("now " + std::to_string(now_));
  }
  (this->*kActions[step.kind / 16 % std::size(kActions)])(draw);
}

model::Result ShardWorld::Play(const std::vector<Step>& steps) {
  NodeOptions options;
  options.shards = 2;
  options.capacity = kRecords;
  now_ = 100;
  Build(options);
  result_ = {};
  model_ = std::make_unique<RelayModel>(configs_[0].node);
  for (const Step& step : steps) {
    Take(step);
    if (!result_.failure.empty()) break;
  }
  return result_;
}

namespace {

using ShardModelTest = ShardWorld;

TEST_F(ShardModelTest, RandomCommandsAndPackets) {
  model::RunSeeds(200, [this](const std::vector<Step>& steps) { return Play(steps); });
}

}  // namespace
}  // namespace causeway::testing
