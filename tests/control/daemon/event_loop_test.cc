#include "control/daemon/event_loop.h"

#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace causeway::daemon {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using Readiness = EventLoop::Readiness;

int NoEvents() { return 0; }

EventLoop::Id Must(const absl::StatusOr<EventLoop::Id>& id) {
  EXPECT_TRUE(id.ok()) << id.status();
  return id.value_or(EventLoop::Id{});
}

/// Two connected stream sockets, of which the first is the watched one.
class SocketPair {
 public:
  SocketPair() { EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds_), 0); }
  ~SocketPair() {
    close(fds_[0]);
    CloseOther();
  }
  int fd() const { return fds_[0]; }
  void MakeReadable() const { EXPECT_EQ(write(fds_[1], "x", 1), 1); }
  char Read() const {
    char byte = 0;
    EXPECT_EQ(read(fds_[0], &byte, 1), 1);
    return byte;
  }
  void CloseOther() {
    if (fds_[1] >= 0) close(fds_[1]);
    fds_[1] = -1;
  }
  /// Writes until the socket takes no more.
  void Fill() const {
    const std::string block(65536, 'x');
    while (write(fds_[0], block.data(), block.size()) > 0) {
    }
  }
  void DrainOther() const {
    char block[65536];
    while (read(fds_[1], block, sizeof(block)) > 0) {
    }
  }

 private:
  int fds_[2];
};

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

TEST_F(EventLoopTest, CallsNobodyWhoHasBeenRemovedInTheSameBatch) {
  const SocketPair sockets[2];
  EventLoop::Id ids[2];
  int calls = 0;
  for (int i = 0; i < 2; ++i) {
    auto held = std::make_shared<int>(i);
    ids[i] = Must(loop_->Watch(sockets[i].fd(), [&, i, held = std::move(held)] {
      ++calls;
      loop_->Remove(ids[1 - i]);
      EXPECT_EQ(*held, i);
    }));
    sockets[i].MakeReadable();
  }
  int turns = 0;
  loop_->Run([&] {
    if (++turns == 2) {
      EXPECT_EQ(calls, 1) << "both were ready, and the one called removed the other";
      loop_->Stop();
    }
    return 0;
  });
}

TEST_F(EventLoopTest, LetsACallbackRemoveItselfAndDestroysItThen) {
  const SocketPair sockets;
  sockets.MakeReadable();
  auto held = std::make_shared<int>(7);
  const std::weak_ptr<int> alive = held;
  EventLoop::Id id{};
  int calls = 0;
  id = Must(loop_->Watch(sockets.fd(), [&, held = std::move(held)] {
    ++calls;
    loop_->Remove(id);
    EXPECT_EQ(*held, 7) << "destroyed while it runs";
    Must(loop_->After(milliseconds(5), [&] { loop_->Stop(); }));
  }));
  loop_->Run(NoEvents);
  EXPECT_EQ(calls, 1) << "it was still readable";
  EXPECT_TRUE(alive.expired());
}

TEST_F(EventLoopTest, DoesNotTakeANewDescriptorOfTheSameNumberForTheOldOne) {
  auto closed = std::make_unique<SocketPair>();
  const SocketPair sockets;
  std::unique_ptr<SocketPair> reopened;
  std::vector<std::string> calls;
  EventLoop::Id id{};
  // The first ready of the two removes the other, closes it, and watches its successor.
  const auto replace = [&] {
    calls.emplace_back("first");
    loop_->Remove(id);
    const int number = closed->fd();
    closed.reset();
    reopened = std::make_unique<SocketPair>();
    ASSERT_EQ(reopened->fd(), number);
    Must(loop_->Watch(number, [&] { calls.emplace_back("successor"); }));
    loop_->Stop();
  };
  Must(loop_->Watch(sockets.fd(), replace));
  id = Must(loop_->Watch(closed->fd(), [&] { calls.emplace_back("second"); }));
  sockets.MakeReadable();
  closed->MakeReadable();
  loop_->Run(NoEvents);
  EXPECT_THAT(calls, ElementsAre("first"));
}

TEST_F(EventLoopTest, TakesWritesWhenItIsToldTo) {
  const SocketPair sockets;
  sockets.Fill();
  std::vector<Readiness> heard;
  EventLoop::Id id{};
  id = Must(loop_->Watch(sockets.fd(), Readiness::kRead, [&](Readiness ready) {
    heard.push_back(ready);
    if (ready == Readiness::kRead) {
      EXPECT_EQ(sockets.Read(), 'x');
      EXPECT_TRUE(loop_->SetWanted(id, Readiness::kReadAndWrite).ok());
      sockets.DrainOther();
    } else {
      EXPECT_TRUE(loop_->SetWanted(id, Readiness::kRead).ok());
      Must(loop_->After(milliseconds(5), [&] { loop_->Stop(); }));
    }
  }));
  sockets.MakeReadable();
  loop_->Run(NoEvents);
  EXPECT_THAT(heard, ElementsAre(Readiness::kRead, Readiness::kWrite));
}

TEST_F(EventLoopTest, IsSilentWhileDisarmedAndHeardWhenArmedAgain) {
  SocketPair sockets;
  int calls = 0;
  EventLoop::Id id{};
  id = Must(loop_->Watch(sockets.fd(), Readiness::kNone, [&](Readiness ready) {
    ++calls;
    EXPECT_EQ(ready, Readiness::kRead);
    EXPECT_TRUE(loop_->SetWanted(id, Readiness::kNone).ok());
  }));
  sockets.MakeReadable();
  sockets.CloseOther();  // a hang-up, of which epoll tells whatever it was asked for
  int turns = 0;
  loop_->Run([&] {
    ++turns;
    if (turns == 3) {
      EXPECT_EQ(calls, 0);
      EXPECT_TRUE(loop_->SetWanted(id, Readiness::kRead).ok());
    }
    if (turns == 6) loop_->Stop();
    return 0;
  });
  EXPECT_EQ(calls, 1);
}

TEST_F(EventLoopTest, TellsAHangUpToWhoWaitsToWrite) {
  SocketPair sockets;
  sockets.Fill();
  Must(loop_->Watch(sockets.fd(), Readiness::kWrite, [&](Readiness ready) {
    EXPECT_EQ(ready, Readiness::kWrite);
    loop_->Stop();
  }));
  sockets.CloseOther();
  loop_->Run(NoEvents);
}

TEST_F(EventLoopTest, DropsAnEventThatIsNoLongerWanted) {
  const SocketPair sockets[2];
  EventLoop::Id ids[2];
  int calls = 0;
  for (int i = 0; i < 2; ++i) {
    ids[i] = Must(loop_->Watch(sockets[i].fd(), [&, i] {
      ++calls;
      EXPECT_TRUE(loop_->SetWanted(ids[1 - i], Readiness::kNone).ok());
    }));
    sockets[i].MakeReadable();
  }
  int turns = 0;
  loop_->Run([&] {
    if (++turns == 2) {
      EXPECT_EQ(calls, 1) << "both were ready, and the one called disarmed the other";
      loop_->Stop();
    }
    return 0;
  });
}

TEST_F(EventLoopTest, DisownsAnIdThatIsNoLongerInUse) {
  const EventLoop::Id id = Must(loop_->Watch(pipe_[0], [] {}));
  loop_->Remove(id);
  loop_->Remove(id);
  EXPECT_EQ(loop_->SetWanted(id, Readiness::kRead).code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(loop_->Watch(pipe_[0], [] {}).ok()) << "watched again, under another id";
}

TEST_F(EventLoopTest, CallsOneShotTimersOnceInTheOrderOfTheirTimes) {
  std::vector<int> fired;
  ASSERT_TRUE(loop_
                  ->After(milliseconds(20),
                          [&] {
                            fired.push_back(20);
                            loop_->Stop();
                          })
                  .ok());
  ASSERT_TRUE(loop_->After(milliseconds(2), [&] { fired.push_back(2); }).ok());
  ASSERT_TRUE(loop_->After(milliseconds(0), [&] { fired.push_back(0); }).ok());
  loop_->Run(NoEvents);
  EXPECT_THAT(fired, ElementsAre(0, 2, 20));
}

TEST_F(EventLoopTest, CancelsTimers) {
  const EventLoop::Id once =
      Must(loop_->After(milliseconds(2), [] { ADD_FAILURE() << "was cancelled"; }));
  int ticks = 0;
  EventLoop::Id repeated{};
  repeated = Must(loop_->Every(milliseconds(1), [&] {
    if (++ticks == 2) loop_->Remove(repeated);
  }));
  loop_->Remove(once);
  ASSERT_TRUE(loop_->After(milliseconds(30), [&] { loop_->Stop(); }).ok());
  loop_->Run(NoEvents);
  EXPECT_EQ(ticks, 2);
}

TEST_F(EventLoopTest, LetsATimerArmItsSuccessor) {
  int fired = 0;
  std::function<void()> next = [&] {
    if (++fired == 3) {
      loop_->Stop();
    } else {
      ASSERT_TRUE(loop_->After(milliseconds(1), next).ok());
    }
  };
  ASSERT_TRUE(loop_->After(milliseconds(1), next).ok());
  loop_->Run(NoEvents);
  EXPECT_EQ(fired, 3);
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
  EXPECT_FALSE(loop_->Every(milliseconds(0), [] {}).ok());
}

}  // namespace
}  // namespace causeway::daemon
