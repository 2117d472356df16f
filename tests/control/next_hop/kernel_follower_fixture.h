// A KernelFollower between a kernel and shards that tests write by hand.
#pragma once

#include <linux/if_addr.h>

#include <algorithm>

#include "control/next_hop/kernel_follower.h"
#include "gtest/gtest.h"
#include "tests/control/next_hop/fake_kernel.h"

namespace causeway::next_hop {

class KernelFollowerTest : public ::testing::Test {
 protected:
  absl::Status Start() {
    NextHopsConfig config;
    config.interfaces = interfaces_;
    config.node.shards = 2;
    config.relay_prefixes = {*Prefix::Parse("198.51.100.0/28"), *Prefix::Parse("2001:db8:f::/64")};
    hops_ = std::make_unique<KernelFollower>(config, dataplane_.AllOf(2),
                                             std::make_unique<FakeNetlink>(kernel_));
    return hops_->Start();
  }
  void StartWell() { ASSERT_TRUE(Start().ok()); }
  /// Notices arrive; then every shard has the new table.
  void Read(std::vector<Message> notices = {}) {
    kernel_.notices.insert(kernel_.notices.end(), notices.begin(), notices.end());
    hops_->OnReadable(now_);
    hops_->Publish();
    AdoptAll();
  }
  void AdoptAll() {
    for (auto& [id, shard] : dataplane_.shards) hops_->OnRoutesAdopted(id, shard.generation);
  }
  void Tick(Deciseconds later = 10) {
    now_ += later;
    hops_->Tick(now_);
    hops_->Publish();
    AdoptAll();
  }
  std::string Fate(const std::string& destination) {
    const std::string fate = dataplane_.Fate(destination, 0);
    EXPECT_EQ(fate, dataplane_.Fate(destination, 1)) << "shards differ about " << destination;
    return fate;
  }
  long Used(const std::string& address) {
    return std::count(kernel_.used.begin(), kernel_.used.end(), A(address));
  }
  uint32_t generation() { return dataplane_.shards[0].generation; }

  std::vector<std::string> interfaces_ = {"eth9"};
  FakeKernel kernel_;
  RecordingDataplane dataplane_;
  Deciseconds now_ = 1000;
  std::unique_ptr<KernelFollower> hops_;
};

}  // namespace causeway::next_hop
