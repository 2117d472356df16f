#include "control/daemon/event_loop.h"

#include <sched.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

namespace causeway::daemon {
namespace {

constexpr timespec kSleep = {0, 500'000};
constexpr timespec kNoSleep = {0, 0};
constexpr int kPollsPerTurn = 16;
// Longer than a client nearby takes for its next request.
constexpr std::chrono::microseconds kAwakeAfterWork(100);

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
  epoll_event events[16];
  std::chrono::steady_clock::time_point awake_until;
  while (!stopped_) {
    int polls = 0;
    while (polls < kPollsPerTurn && !stopped_ && poll() > 0) ++polls;
    const auto now = std::chrono::steady_clock::now();
    if (polls > 0) awake_until = now + kAwakeAfterWork;
    const bool awake = now < awake_until;
    const int ready =
        epoll_pwait2(epoll_, events, std::size(events), awake ? &kNoSleep : &kSleep, nullptr);
    for (int i = 0; i < ready && !stopped_; ++i) {
      static_cast<Source*>(events[i].data.ptr)->on_readable();
    }
    if (awake && polls == 0) sched_yield();
  }
}

}  // namespace causeway::daemon
