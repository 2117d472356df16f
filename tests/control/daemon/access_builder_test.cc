#include "control/daemon/access_builder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <condition_variable>
#include <mutex>
#include <utility>

#include "control/daemon/access.h"

namespace causeway::daemon {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

config::Config ConfigOf(const std::vector<std::string>& users) {
  config::Config config;
  config.realm = "example.org";
  for (const std::string& user : users) config.users.push_back({user, "secret"});
  return config;
}

/// The control thread is the test's.
class AccessBuilderTest : public testing::Test {
 protected:
  void Start(size_t mailbox_capacity = 8) {
    mailbox_ = *Mailbox::Create(mailbox_capacity);
    AccessBuilder::Basis basis;
    basis.config = ConfigOf({"alice"});
    basis.fingerprint_key.assign(32, 7);
    basis.snapshot = *MakeSnapshot(basis.config, {}, basis.fingerprint_key);
    first_ = basis.snapshot;
    AccessBuilder::Sources sources;
    sources.configuration = [this] { return Configuration(); };
    sources.kernel_addresses = [this] {
      const std::lock_guard lock(mutex_);
      return absl::StatusOr<std::vector<IpAddress>>(addresses_);
    };
    builder_ = *AccessBuilder::Start(*mailbox_, std::move(sources), std::move(basis),
                                     [this](const auto& build) { builds_.push_back(build); });
  }
  void TearDown() override {
    Resume();
    builds_.clear();
    if (mailbox_ != nullptr) mailbox_->Close();
    builder_.reset();
  }
  absl::StatusOr<config::Config> Configuration() {
    std::unique_lock lock(mutex_);
    ++reads_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !held_; });
    return file_;
  }
  void Write(absl::StatusOr<config::Config> file) {
    const std::lock_guard lock(mutex_);
    file_ = std::move(file);
  }
  void Hold() {
    const std::lock_guard lock(mutex_);
    held_ = true;
  }
  void Resume() {
    const std::lock_guard lock(mutex_);
    held_ = false;
    changed_.notify_all();
  }
  void WaitForReads(int reads) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return reads_ >= reads; });
  }
  void WaitForBuilds(size_t count) {
    while (builds_.size() < count) {
      pollfd waiting = {mailbox_->fd(), POLLIN, 0};
      poll(&waiting, 1, -1);
      mailbox_->RunSlice({8, std::chrono::milliseconds(1)});
    }
  }
  std::unique_ptr<Mailbox> mailbox_;
  std::unique_ptr<AccessBuilder> builder_;
  std::vector<AccessBuilder::Build> builds_;
  std::shared_ptr<const access::Snapshot> first_;

  std::mutex mutex_;
  std::condition_variable changed_;
  absl::StatusOr<config::Config> file_ = ConfigOf({"alice"});
  std::vector<IpAddress> addresses_;
  bool held_ = false;
  int reads_ = 0;
};

TEST_F(AccessBuilderTest, ReloadBringsWhatIsInTheFiles) {
  Start();
  config::Config file = ConfigOf({"bob", "carol"});
  file.deny_peers = {*Prefix::Parse("1.2.3.0/24")};
  file.stats_seconds = 7;
  Write(file);
  builder_->Reload();
  WaitForBuilds(1);
  const AccessBuilder::Build& build = builds_[0];
  ASSERT_TRUE(build.status.ok()) << build.status;
  EXPECT_TRUE(build.reloaded);
  EXPECT_EQ(build.summary, "2 users, 0 secrets, 0 tenants, 0 allowed and 1 denied peer blocks");
  EXPECT_THAT(build.later, ElementsAre("stats"));
  EXPECT_NE(build.snapshot->credentials->LookUp("carol"), nullptr);
  EXPECT_EQ(build.snapshot->credentials->LookUp("alice"), nullptr);
  EXPECT_EQ(build.snapshot->policies.Of("default").Check(*IpAddress::Parse("1.2.3.4")),
            access::PeerVerdict::kDenied);
}

TEST_F(AccessBuilderTest, AMistakeChangesNothingAndIsTold) {
  Start();
  Write(absl::InvalidArgumentError("line 3: no such key"));
  builder_->Reload();
  WaitForBuilds(1);
  EXPECT_THAT(builds_[0].status.message(), HasSubstr("line 3"));
  EXPECT_EQ(builds_[0].snapshot, nullptr);
  Write(ConfigOf({"bob", "bob"}));
  builder_->Reload();
  WaitForBuilds(2);
  EXPECT_THAT(builds_[1].status.message(), HasSubstr("given twice"));
  EXPECT_EQ(builds_[1].snapshot, nullptr);
}

TEST_F(AccessBuilderTest, ReloadsDuringABuildAreOneMore) {
  Start();
  Hold();
  builder_->Reload();
  WaitForReads(1);
  for (int i = 0; i < 10; ++i) builder_->Reload();
  Write(ConfigOf({"last"}));
  Resume();
  WaitForBuilds(2);
  EXPECT_NE(builds_[1].snapshot->credentials->LookUp("last"), nullptr);
  builder_->Reload();
  WaitForBuilds(3);
  const std::lock_guard lock(mutex_);
  EXPECT_EQ(reads_, 3);
}

TEST_F(AccessBuilderTest, AddressesOfTheHostAreDeniedEvenAfterABadReload) {
  Start();
  {
    const std::lock_guard lock(mutex_);
    addresses_ = {*IpAddress::Parse("8.8.4.3")};
  }
  Write(absl::InvalidArgumentError("no"));
  builder_->Reload();
  WaitForBuilds(1);
  EXPECT_FALSE(builds_[0].status.ok());
  ASSERT_NE(builds_[0].snapshot, nullptr);
  EXPECT_EQ(builds_[0].snapshot->policies.Of("default").Check(*IpAddress::Parse("8.8.4.3")),
            access::PeerVerdict::kDenied);
  EXPECT_NE(builds_[0].snapshot->credentials->LookUp("alice"), nullptr);
}

TEST_F(AccessBuilderTest, NewAddressesAreSeenWithoutAReload) {
  Start();
  {
    const std::lock_guard lock(mutex_);
    addresses_ = {*IpAddress::Parse("8.8.4.3")};
  }
  WaitForBuilds(1);
  EXPECT_FALSE(builds_[0].reloaded);
  EXPECT_NE(builds_[0].snapshot, nullptr);
}

// The control thread lets its share go at any time; the last one is the builder's.
TEST_F(AccessBuilderTest, FreesWhatIsNoLongerUsed) {
  Start();
  const std::weak_ptr<const access::Snapshot> first = first_;
  builder_->Reload();
  WaitForBuilds(1);
  EXPECT_GE(first.use_count(), 2) << "the builder keeps it while somebody has it";
  first_.reset();
  while (!first.expired()) usleep(1000);
}

TEST_F(AccessBuilderTest, WaitsForRoomInTheMailbox) {
  Start(1);
  ASSERT_TRUE(mailbox_->Post([] { return Mailbox::kDone; }).ok());
  builder_->Reload();
  WaitForReads(1);
  WaitForBuilds(1);
}

TEST_F(AccessBuilderTest, EndsWhileTheMailboxIsFullAndWhileItIsClosed) {
  Start(1);
  ASSERT_TRUE(mailbox_->Post([] { return Mailbox::kDone; }).ok());
  builder_->Reload();
  WaitForReads(1);
  builder_.reset();
  EXPECT_TRUE(builds_.empty());
}

}  // namespace
}  // namespace causeway::daemon
