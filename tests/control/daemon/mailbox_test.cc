#include "control/daemon/mailbox.h"

#include <poll.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "control/daemon/event_loop.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace causeway::daemon {
namespace {

using std::chrono::microseconds;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr Mailbox::Slice kAll = {1'000'000, std::chrono::hours(1)};

std::unique_ptr<Mailbox> Make(size_t capacity) {
  auto mailbox = Mailbox::Create(capacity);
  EXPECT_TRUE(mailbox.ok()) << mailbox.status();
  return *std::move(mailbox);
}

bool IsReadable(const Mailbox& mailbox) {
  pollfd poll_fd = {mailbox.fd(), POLLIN, 0};
  return poll(&poll_fd, 1, 0) == 1;
}

/// Says on which thread it was destroyed.
class Token {
 public:
  explicit Token(std::vector<std::thread::id>& destroyed) : destroyed_(&destroyed) {}
  ~Token() {
    if (destroyed_ != nullptr) destroyed_->push_back(std::this_thread::get_id());
  }
  Token(Token&& other) noexcept : destroyed_(std::exchange(other.destroyed_, nullptr)) {}
  Token(const Token&) = delete;
  Token& operator=(const Token&) = delete;
  Token& operator=(Token&&) = delete;

 private:
  std::vector<std::thread::id>* destroyed_;
};

TEST(Mailbox, RunsInTheOrderOfPostingAndIsReadableMeanwhile) {
  const auto mailbox = Make(4);
  EXPECT_FALSE(IsReadable(*mailbox));
  std::vector<int> ran;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(mailbox
                    ->Post([&ran, i] {
                      ran.push_back(i);
                      return Mailbox::kDone;
                    })
                    .ok());
  }
  EXPECT_TRUE(IsReadable(*mailbox));
  EXPECT_EQ(mailbox->RunSlice(kAll), 3);
  EXPECT_THAT(ran, ElementsAre(0, 1, 2));
  EXPECT_FALSE(IsReadable(*mailbox));
  EXPECT_EQ(mailbox->RunSlice(kAll), 0);
}

TEST(Mailbox, RunsOneSliceATurn) {
  const auto mailbox = Make(100);
  int ran = 0;
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(mailbox
                    ->Post([&] {
                      ++ran;
                      return Mailbox::kDone;
                    })
                    .ok());
  }
  EXPECT_EQ(mailbox->RunSlice({4, std::chrono::hours(1)}), 4);
  EXPECT_EQ(ran, 4);
  EXPECT_TRUE(IsReadable(*mailbox));
  EXPECT_EQ(mailbox->RunSlice({4, std::chrono::hours(1)}), 4);
  EXPECT_EQ(mailbox->RunSlice({4, std::chrono::hours(1)}), 2);
  EXPECT_FALSE(IsReadable(*mailbox));
}

TEST(Mailbox, BeginsNoTaskOnceTheTimeIsSpentButAlwaysOne) {
  const auto mailbox = Make(100);
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(mailbox->Post([] { return Mailbox::kDone; }).ok());
  }
  EXPECT_EQ(mailbox->RunSlice({100, microseconds(0)}), 1);
  EXPECT_EQ(mailbox->RunSlice({100, microseconds(0)}), 1);
  EXPECT_TRUE(IsReadable(*mailbox));
}

TEST(Mailbox, TakesTurnsBetweenALongTaskAndShortOnes) {
  const auto mailbox = Make(8);
  std::string order;
  int pages = 0;
  ASSERT_TRUE(mailbox
                  ->Post([&] {
                    order += 'L';
                    return ++pages == 4 ? Mailbox::kDone : Mailbox::kAgain;
                  })
                  .ok());
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(mailbox
                    ->Post([&] {
                      order += 's';
                      return Mailbox::kDone;
                    })
                    .ok());
  }
  while (IsReadable(*mailbox)) mailbox->RunSlice({2, std::chrono::hours(1)});
  EXPECT_EQ(order, "LsssLLL");
}

TEST(Mailbox, LetsNoStreamOfPostsKeepALongTaskFromItsTurn) {
  const auto mailbox = Make(8);
  int pages = 0;
  ASSERT_TRUE(mailbox->Post([&] { return ++pages == 4 ? Mailbox::kDone : Mailbox::kAgain; }).ok());
  const std::function<Mailbox::Progress()> post_another = [&] {
    EXPECT_TRUE(mailbox->Post(post_another).ok());
    return Mailbox::kDone;
  };
  ASSERT_TRUE(mailbox->Post(post_another).ok());
  EXPECT_EQ(mailbox->RunSlice({8, std::chrono::hours(1)}), 8);
  EXPECT_EQ(pages, 4);
}

TEST(Mailbox, RefusesWhatItHasNoRoomForAndTakesItAgainLater) {
  const auto mailbox = Make(3);
  int ran = 0;
  const auto count = [&] {
    ++ran;
    return Mailbox::kDone;
  };
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(mailbox->Post(count).ok());
  Mailbox::Task refused = count;
  const absl::Status status = mailbox->Post(std::move(refused));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("3 tasks wait already"));
  ASSERT_TRUE(refused) << "the poster still has it";  // NOLINT(bugprone-use-after-move)
  mailbox->RunSlice(kAll);
  EXPECT_TRUE(mailbox->Post(std::move(refused)).ok());
  mailbox->RunSlice(kAll);
  EXPECT_EQ(ran, 4);
}

TEST(Mailbox, CountsAnUnfinishedTaskAgainstItsCapacity) {
  const auto mailbox = Make(2);
  bool done = false;
  ASSERT_TRUE(mailbox->Post([&] { return done ? Mailbox::kDone : Mailbox::kAgain; }).ok());
  const auto nothing = [] { return Mailbox::kDone; };
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(mailbox->Post(nothing).ok()) << i;
    EXPECT_FALSE(mailbox->Post(nothing).ok());
    mailbox->RunSlice({3, std::chrono::hours(1)});
  }
  done = true;
  mailbox->RunSlice(kAll);
  EXPECT_TRUE(mailbox->Post(nothing).ok());
  EXPECT_TRUE(mailbox->Post(nothing).ok());
}

TEST(Mailbox, DestroysWhatWaitsOnTheThreadThatCloses) {
  const auto mailbox = Make(8);
  std::vector<std::thread::id> destroyed;
  ASSERT_TRUE(mailbox->Post([token = Token(destroyed)] { return Mailbox::kAgain; }).ok());
  mailbox->RunSlice({1, std::chrono::hours(1)});
  std::thread([&] {
    ASSERT_TRUE(mailbox->Post([token = Token(destroyed)] { return Mailbox::kDone; }).ok());
  }).join();
  EXPECT_TRUE(destroyed.empty());
  mailbox->Close();
  EXPECT_THAT(destroyed, ElementsAre(std::this_thread::get_id(), std::this_thread::get_id()));
  EXPECT_EQ(mailbox->Post([] { return Mailbox::kDone; }).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(mailbox->RunSlice(kAll), 0);
}

TEST(Mailbox, CanBeClosedByATaskEvenOneThatWouldGoOn) {
  const auto mailbox = Make(8);
  std::vector<std::thread::id> destroyed;
  int ran = 0;
  ASSERT_TRUE(mailbox
                  ->Post([&, token = Token(destroyed)] {
                    ++ran;
                    mailbox->Close();
                    return Mailbox::kAgain;
                  })
                  .ok());
  ASSERT_TRUE(mailbox
                  ->Post([&, token = Token(destroyed)] {
                    ++ran;
                    return Mailbox::kDone;
                  })
                  .ok());
  mailbox->RunSlice(kAll);
  EXPECT_EQ(ran, 1);
  EXPECT_EQ(destroyed.size(), 2);
}

TEST(Mailbox, HasRoomForOneTaskAtLeast) { EXPECT_FALSE(Mailbox::Create(0).ok()); }

TEST(Mailbox, LosesNothingOfManyPosters) {
  constexpr int kPosters = 4;
  constexpr int kPosts = 20'000;
  const auto mailbox = Make(61);
  std::vector<int> next(kPosters, 0);
  int ran = 0;
  std::vector<std::thread> posters;
  for (int poster = 0; poster < kPosters; ++poster) {
    posters.emplace_back([&, poster] {
      for (int i = 0; i < kPosts; ++i) {
        Mailbox::Task task = [&, poster, i, again = i % 7 == 0]() mutable {
          if (std::exchange(again, false)) return Mailbox::kAgain;
          if (i % 7 != 0 && i % 7 != 1) {
            EXPECT_LT(next[poster], i) << "a poster's short tasks keep their order";
            next[poster] = i;
          }
          ++ran;
          return Mailbox::kDone;
        };
        // NOLINTNEXTLINE(bugprone-use-after-move): a refused task is untouched
        while (!mailbox->Post(std::move(task)).ok()) std::this_thread::yield();
      }
    });
  }
  pollfd poll_fd = {mailbox->fd(), POLLIN, 0};
  while (ran < kPosters * kPosts) {
    ASSERT_EQ(poll(&poll_fd, 1, 30'000), 1) << "asleep after " << ran;
    mailbox->RunSlice({16, microseconds(200)});
  }
  for (std::thread& poster : posters) poster.join();
  EXPECT_EQ(ran, kPosters * kPosts);
  // The last task may have run before its poster signalled.
  EXPECT_EQ(mailbox->RunSlice(kAll), 0);
  EXPECT_FALSE(IsReadable(*mailbox));
}

TEST(Mailbox, RunsOrDestroysEachTaskThatItTookWhenClosedInTheMiddle) {
  constexpr int kPosters = 3;
  for (int round = 0; round < 50; ++round) {
    auto mailbox = Make(16);
    std::atomic<int> taken = 0;
    std::atomic<int> ended = 0;
    std::vector<std::thread> posters;
    const auto end = [&](void*) { ++ended; };
    for (int poster = 0; poster < kPosters; ++poster) {
      posters.emplace_back([&] {
        absl::Status status;
        while (status.code() != absl::StatusCode::kFailedPrecondition) {
          std::unique_ptr<void, decltype(end)> held(&ended, end);
          Mailbox::Task task = [held = std::move(held)] { return Mailbox::kDone; };
          status = mailbox->Post(std::move(task));
          // A refused task ends here.
          if (!status.ok()) --ended;
          if (status.ok()) ++taken;
        }
      });
    }
    while (taken < 50) mailbox->RunSlice({16, microseconds(200)});
    mailbox->Close();
    for (std::thread& poster : posters) poster.join();
    mailbox.reset();
    EXPECT_EQ(ended, taken);
  }
}

/// Two loops on two threads, which ask and answer by a mailbox each.
TEST(Mailbox, CarriesQuestionsOneWayAndAnswersTheOther) {
  constexpr int kQuestions = 2'000;
  constexpr Mailbox::Slice kSlice = {16, microseconds(200)};
  auto control_loop = EventLoop::Create();
  auto api_loop = EventLoop::Create();
  ASSERT_TRUE(control_loop.ok() && api_loop.ok());
  const auto control = Make(64);
  const auto api = Make(64);
  ASSERT_TRUE((*control_loop)->Watch(control->fd(), [&] { control->RunSlice(kSlice); }).ok());
  ASSERT_TRUE((*api_loop)->Watch(api->fd(), [&] { api->RunSlice(kSlice); }).ok());

  int asked = 0;  // the API's own, as is answers
  std::vector<int> answers;
  const auto on_answer = [&](int answer) {
    answers.push_back(answer);
    if (answers.size() < kQuestions) return;
    (*api_loop)->Stop();
    EXPECT_TRUE(control
                    ->Post([&] {
                      (*control_loop)->Stop();
                      return Mailbox::kDone;
                    })
                    .ok());
  };
  const auto answer = [&](int question) {
    EXPECT_TRUE(api->Post([&on_answer, question] {
                     on_answer(2 * question);
                     return Mailbox::kDone;
                   })
                    .ok());
    return Mailbox::kDone;
  };
  std::thread thread([&] {
    (*api_loop)->Run([&] {
      // Fewer questions on their way than either mailbox has room for: no answer can be refused.
      while (asked < kQuestions && asked - static_cast<int>(answers.size()) < 32) {
        EXPECT_TRUE(control->Post([&answer, question = asked] { return answer(question); }).ok());
        ++asked;
      }
      return 0;
    });
  });
  (*control_loop)->Run([] { return 0; });
  thread.join();
  ASSERT_EQ(answers.size(), kQuestions);
  for (int i = 0; i < kQuestions; ++i) ASSERT_EQ(answers[i], 2 * i);
}

}  // namespace
}  // namespace causeway::daemon
