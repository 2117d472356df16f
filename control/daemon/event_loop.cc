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

uint32_t EpollEvents(EventLoop::Readiness wanted) {
  const auto bits = static_cast<unsigned>(wanted);
  return ((bits & static_cast<unsigned>(EventLoop::Readiness::kRead)) ? EPOLLIN : 0U) |
         ((bits & static_cast<unsigned>(EventLoop::Readiness::kWrite)) ? EPOLLOUT : 0U);
}

EventLoop::Readiness ReadinessOf(uint32_t epoll_events, EventLoop::Readiness wanted) {
  if (epoll_events & (EPOLLERR | EPOLLHUP)) return wanted;
  const unsigned found =
      ((epoll_events & EPOLLIN) ? static_cast<unsigned>(EventLoop::Readiness::kRead) : 0U) |
      ((epoll_events & EPOLLOUT) ? static_cast<unsigned>(EventLoop::Readiness::kWrite) : 0U);
  return static_cast<EventLoop::Readiness>(found & static_cast<unsigned>(wanted));
}

timespec TimespecOf(std::chrono::milliseconds time) {
  return {time.count() / 1000, time.count() % 1000 * 1'000'000};
}

}  // namespace

struct EventLoop::Source {
  Source(int descriptor, Readiness first_wanted, std::function<void(Readiness)> callback)
      : fd(descriptor), wanted(first_wanted), on_ready(std::move(callback)) {}
  ~Source() {
    if (owned) close(fd);
  }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  const int fd;
  bool owned = false;
  Readiness wanted;
  std::function<void(Readiness)> on_ready;
};

EventLoop::EventLoop(int epoll) : epoll_(epoll) {}

absl::StatusOr<std::unique_ptr<EventLoop>> EventLoop::Create() {
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0) return absl::ErrnoToStatus(errno, "cannot make an epoll descriptor");
  return std::unique_ptr<EventLoop>(new EventLoop(epoll));
}

EventLoop::~EventLoop() { close(epoll_); }

absl::StatusOr<EventLoop::Id> EventLoop::Add(const std::shared_ptr<Source>& source) {
  const uint64_t id = next_id_++;
  sources_.emplace(id, source);
  const Readiness wanted = std::exchange(source->wanted, Readiness::kNone);
  if (absl::Status status = SetWanted(Id{id}, wanted); !status.ok()) {
    sources_.erase(id);
    return status;
  }
  return Id{id};
}

absl::StatusOr<EventLoop::Id> EventLoop::Watch(int fd, std::function<void()> on_readable) {
  return Watch(fd, Readiness::kRead,
               [on_readable = std::move(on_readable)](Readiness) { on_readable(); });
}

absl::StatusOr<EventLoop::Id> EventLoop::Watch(int fd, Readiness wanted,
                                               std::function<void(Readiness)> on_ready) {
  return Add(std::make_shared<Source>(fd, wanted, std::move(on_ready)));
}

absl::Status EventLoop::SetWanted(Id id, Readiness wanted) {
  const auto found = sources_.find(static_cast<uint64_t>(id));
  if (found == sources_.end()) return absl::NotFoundError("this descriptor is not watched");
  Source& source = *found->second;
  if (wanted == source.wanted) return absl::OkStatus();
  epoll_event event = {};
  event.events = EpollEvents(wanted);
  event.data.u64 = found->first;
  const int operation = source.wanted == Readiness::kNone ? EPOLL_CTL_ADD
                        : wanted == Readiness::kNone      ? EPOLL_CTL_DEL
                                                          : EPOLL_CTL_MOD;
  if (epoll_ctl(epoll_, operation, source.fd, &event) != 0) {
    return absl::ErrnoToStatus(errno, "cannot wait for a descriptor");
  }
  source.wanted = wanted;
  return absl::OkStatus();
}

void EventLoop::Remove(Id id) {
  const auto found = sources_.find(static_cast<uint64_t>(id));
  if (found == sources_.end()) return;
  const std::shared_ptr<Source> source = std::move(found->second);
  sources_.erase(found);
  if (source->wanted != Readiness::kNone) epoll_ctl(epoll_, EPOLL_CTL_DEL, source->fd, nullptr);
  source->wanted = Readiness::kNone;
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
  auto source = std::make_shared<Source>(fd, Readiness::kRead,
                                         [fd, on_signal = std::move(on_signal)](Readiness) {
                                           signalfd_siginfo info;
                                           while (read(fd, &info, sizeof(info)) == sizeof(info)) {
                                             on_signal(static_cast<int>(info.ssi_signo));
                                           }
                                         });
  source->owned = true;
  return Add(source).status();
}

absl::StatusOr<EventLoop::Id> EventLoop::AddTimer(std::chrono::milliseconds first,
                                                  std::chrono::milliseconds interval,
                                                  std::function<void()> callback) {
  const int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  if (fd < 0) return absl::ErrnoToStatus(errno, "cannot make a timer");
  itimerspec timer = {TimespecOf(interval), TimespecOf(first)};
  // 0 would mean never.
  if (first.count() == 0) timer.it_value.tv_nsec = 1;
  timerfd_settime(fd, 0, &timer, nullptr);
  auto source = std::make_shared<Source>(
      fd, Readiness::kRead, [fd, callback = std::move(callback)](Readiness) {
        uint64_t expirations;
        if (read(fd, &expirations, sizeof(expirations)) == sizeof(expirations)) callback();
      });
  source->owned = true;
  return Add(source);
}

absl::StatusOr<EventLoop::Id> EventLoop::Every(std::chrono::milliseconds interval,
                                               std::function<void()> callback) {
  if (interval.count() <= 0) {
    return absl::InvalidArgumentError("a timer's interval is 1 ms or more");
  }
  return AddTimer(interval, interval, std::move(callback));
}

absl::StatusOr<EventLoop::Id> EventLoop::After(std::chrono::milliseconds delay,
                                               std::function<void()> callback) {
  const Id id{next_id_};
  return AddTimer(std::max(delay, std::chrono::milliseconds(0)), std::chrono::milliseconds(0),
                  [this, id, callback = std::move(callback)] {
                    Remove(id);
                    callback();
                  });
}

void EventLoop::Call(uint64_t id, uint32_t epoll_events) {
  const auto found = sources_.find(id);
  if (found == sources_.end()) return;
  const std::shared_ptr<Source> source = found->second;
  const Readiness ready = ReadinessOf(epoll_events, source->wanted);
  if (ready != Readiness::kNone) source->on_ready(ready);
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
      Call(events[i].data.u64, events[i].events);
    }
  }
}

}  // namespace causeway::daemon
