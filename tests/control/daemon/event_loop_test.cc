#include "control/daemon/event_loop.h"

#include <unistd.h>

#include <csignal>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace causeway::daemon {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;

class EventLoopTest : public testing::Test {
 protected:
  void SetUp() override {
    auto loop = EventLoop::Create();
    ASSERT_TRUE(loop.ok()) << loop.status();
    loop_ = *std::move(loop);
    ASSERT_EQ(pipe(pipe_), 0);
  }
  void TearDown() override {
    close(pipe_[0]);
    close(pipe_[1]);
  }

  std::unique_ptr<EventLoop> loop_;
  int pipe_[2];
};

TEST_F(EventLoopTest, PollsUntilStopped) {
  int turns = 0;
  loop_->Run([&] {
    if (++turns == 5) loop_->Stop();
    return 1;
  });
  EXPECT_EQ(turns, 5);
}

TEST_F(EventLoopTest, HearsDescriptorsWhilePollIsBusy) {
  std::vector<char> heard;
  ASSERT_TRUE(loop_
                  ->Watch(pipe_[0],
                          [&] {
                            char byte;
                            ASSERT_EQ(read(pipe_[0], &byte, 1), 1);
                            heard.push_back(byte);
                            if (byte == 'b') loop_->Stop();
                          })
                  .ok());
  ASSERT_EQ(write(pipe_[1], "ab", 2), 2);
  loop_->Run([] { return 1; });
  EXPECT_THAT(heard, ElementsAre('a', 'b'));
}

TEST_F(EventLoopTest, SleepsAndWakesForDescriptors) {
  ASSERT_TRUE(loop_->Watch(pipe_[0], [&] { loop_->Stop(); }).ok());
  int turns = 0;
  loop_->Run([&] {
    if (++turns == 3) {
      EXPECT_EQ(write(pipe_[1], "x", 1), 1);
    }
    return 0;
  });
  EXPECT_GE(turns, 3);
}

TEST_F(EventLoopTest, CallsTimersAgainAndAgain) {
  int fast = 0;
  int slow = 0;
  ASSERT_TRUE(loop_->Every(milliseconds(1), [&] { ++fast; }).ok());
  ASSERT_TRUE(loop_
                  ->Every(milliseconds(20),
                          [&] {
                            if (++slow == 2) loop_->Stop();
                          })
                  .ok());
  loop_->Run([] { return 0; });
  EXPECT_EQ(slow, 2);
  EXPECT_GE(fast, 2);
}

TEST_F(EventLoopTest, TakesSignals) {
  constexpr int kSignals[] = {SIGUSR1, SIGUSR2};
  EventLoop::BlockSignals(kSignals);
  std::vector<int> heard;
  ASSERT_TRUE(loop_
                  ->WatchSignals(kSignals,
                                 [&](int signal) {
                                   heard.push_back(signal);
                                   if (signal == SIGUSR2) loop_->Stop();
                                 })
                  .ok());
  kill(getpid(), SIGUSR1);
  int turns = 0;
  loop_->Run([&] {
    if (++turns == 4) kill(getpid(), SIGUSR2);
    return 0;
  });
  EXPECT_THAT(heard, ElementsAre(SIGUSR1, SIGUSR2));
}

TEST_F(EventLoopTest, RefusesWhatCannotBeWaitedFor) {
  EXPECT_FALSE(loop_->Watch(-1, [] {}).ok());
}

}  // namespace
}  // namespace causeway::daemon
