#include "control/daemon/event_loop.h"

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

namespace causeway::daemon {
namespace {

constexpr timespec kSleep = {0, 500'000};
constexpr timespec kLongSleep = {0, 2'000'000};
constexpr timespec kNoSleep = {0, 0};
constexpr timespec kNap = {0, 20'000};
constexpr unsigned long kTimerSlackNs = 1000;
constexpr int kPollsPerTurn = 16;
// A storm leaves no time to sleep in, a request now and then is not worth staying awake for.
constexpr std::chrono::microseconds kAwakePerEvent(4);
constexpr std::chrono::microseconds kAwakeAtMost(100);
constexpr std::chrono::milliseconds kQuietAfter(100);

sigset_t SetOf(absl::Span<const int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  return set;
}

}  // namespace

absl::StatusOr<std::unique_ptr<EventLoop>> EventLoop::Create() {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) return absl::ErrnoToStatus(errno, "cannot make an epoll descriptor");
  return std::unique_ptr<EventLoop>(new EventLoop(epoll));
}

EventLoop::~EventLoop() {
  for (const auto& source : sources_) {
    if (source->owned) close(source->fd);
  }
  close(epoll_);
}

absl::Status EventLoop::Add(int fd, bool owned, std::function<void()> on_readable) {
  sources_.push_back(std::make_unique<Source>(Source{fd, owned, std::move(on_readable)}));
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.ptr = sources_.back().get();
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, "cannot wait for a descriptor");
}

absl::Status EventLoop::Watch(int fd, std::function<void()> on_readable) {
  return Add(fd, false, std::move(on_readable));
}

void EventLoop::BlockSignals(absl::Span<const int> signals) {
  const sigset_t set = SetOf(signals);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

absl::Status EventLoop::WatchSignals(absl::Span<const int> signals,
                                     std::function<void(int)> on_signal) {
  const sigset_t set = SetOf(signals);
  const int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd < 0) return absl::ErrnoToStatus(errno, "cannot wait for signals");
  return Add(fd, true, [fd, on_signal = std::move(on_signal)] {
    signalfd_siginfo info;
    while (read(fd, &info, sizeof(info)) == sizeof(info)) {
      on_signal(static_cast<int>(info.ssi_signo));
    }
  });
}

absl::Status EventLoop::Every(std::chrono::milliseconds interval, std::function<void()> callback) {
  const int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  if (fd < 0) return absl::ErrnoToStatus(errno, "cannot make a timer");
  itimerspec timer = {};
  timer.it_interval.tv_sec = interval.count() / 1000;
  timer.it_interval.tv_nsec = interval.count() % 1000 * 1'000'000;
  timer.it_value = timer.it_interval;
  timerfd_settime(fd, 0, &timer, nullptr);
  return Add(fd, true, [fd, callback = std::move(callback)] {
    uint64_t expirations;
    if (read(fd, &expirations, sizeof(expirations)) == sizeof(expirations)) callback();
  });
}

void EventLoop::Run(const std::function<int()>& poll) {
  using Clock = std::chrono::steady_clock;
  prctl(PR_SET_TIMERSLACK, kTimerSlackNs, 0, 0, 0);
  epoll_event events[16];
  Clock::time_point last_work = Clock::now();
  Clock::time_point awake_until = last_work;
  while (!stopped_) {
    int handled = 0;
    for (int polls = 0; polls < kPollsPerTurn && !stopped_; ++polls) {
      const int count = poll();
      if (count == 0) break;
      handled += count;
    }
    const Clock::time_point now = Clock::now();
    if (handled > 0) {
      last_work = now;
      awake_until = now + std::min(handled * kAwakePerEvent, kAwakeAtMost);
    }
    const timespec& sleep = handled > 0                     ? kNoSleep
                            : now < awake_until             ? kNap
                            : now - last_work < kQuietAfter ? kSleep
                                                            : kLongSleep;
    const int ready = epoll_pwait2(epoll_, events, std::size(events), &sleep, nullptr);
    for (int i = 0; i < ready && !stopped_; ++i) {
      static_cast<Source*>(events[i].data.ptr)->on_readable();
    }
  }
}

}  // namespace causeway::daemon
