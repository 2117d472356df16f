#include "control/next_hop/next_hops.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <thread>
#include <utility>

#include "control/next_hop/kernel_follower.h"
#include "control/next_hop/lower_priority.h"
#include "control/next_hop/pace.h"
#include "control/next_hop/spsc_ring.h"

namespace causeway::next_hop {
namespace {

using Clock = Pace::Clock;

// All next hops at once, and room to spare.
constexpr size_t kCommands = 2 * kMaxNextHops;
constexpr size_t kUnresolved = 1024;
constexpr int kCommandsPerSubmit = 256;
constexpr std::chrono::seconds kTick(1);
constexpr std::chrono::milliseconds kRetryFullRing(5);

void Signal(int fd) {
  const uint64_t one = 1;
  (void)!write(fd, &one, sizeof(one));
}

void Clear(int fd) {
  uint64_t count;
  (void)!read(fd, &count, sizeof(count));
}

}  // namespace

/// The thread, and what lies between it and control.
class NextHops::Follower {
 public:
  Follower(const NextHopsConfig& config, Dataplane& dataplane, std::unique_ptr<Netlink> netlink)
      : dataplane_(dataplane),
        adopted_(config.node.shards),
        kernel_(
            config, [this](const Command& command) { waiting_.push_back(command); },
            std::move(netlink)) {}
  ~Follower() {
    if (thread_.joinable()) {
      stopped_ = true;
      Signal(wake_fd_);
      thread_.join();
    }
    if (wake_fd_ >= 0) close(wake_fd_);
    if (commands_fd_ >= 0) close(commands_fd_);
  }
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  absl::Status Start() {
    for (int* fd : {&wake_fd_, &commands_fd_}) {
      *fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
      if (*fd < 0) return absl::ErrnoToStatus(errno, "next hops: cannot make an eventfd");
    }
    if (absl::Status s = kernel_.Start(); !s.ok()) return s;
    for (const Command& command : waiting_) SubmitToAll(command);
    waiting_.clear();
    thread_ = std::thread([this] { Run(); });
    return absl::OkStatus();
  }

  // Control thread.
  int fd() const { return commands_fd_; }
  void Submit() {
    Clear(commands_fd_);
    Command command = PublishRoutes{};
    for (int i = 0; i < kCommandsPerSubmit; ++i) {
      if (!commands_.Pop(&command)) return;
      SubmitToAll(command);
    }
    Signal(commands_fd_);
  }
  void OnUnresolved(const IpAddress& destination) {
    // When there is no room the shard asks again.
    if (unresolved_.Push(destination)) Wake();
  }
  void OnRoutesAdopted(ShardId shard, uint32_t generation) {
    if (shard >= adopted_.size()) return;
    adopted_[shard].store(generation, std::memory_order_release);
    Wake();
  }

 private:
  void SubmitToAll(const Command& command) {
    for (size_t shard = 0; shard < adopted_.size(); ++shard) {
      dataplane_.Submit(static_cast<ShardId>(shard), command);
    }
  }
  void Wake() {
    if (!woken_.exchange(true, std::memory_order_acq_rel)) Signal(wake_fd_);
  }

  // The thread.
  void Run() {
    LowerPriority();
    while (!stopped_) {
      Wait();
      TakeEvents();
      kernel_.OnReadable(Now());
      if (Clock::now() >= next_tick_) {
        kernel_.Tick(Now());
        next_tick_ = Clock::now() + kTick;
      }
      PassOn();
      if (kernel_.HasNews() && Clock::now() >= pace_.next()) {
        const auto began = Clock::now();
        kernel_.Publish();
        pace_.Published(began, Clock::now());
        PassOn();
      }
    }
  }

  void Wait() {
    auto until = next_tick_;
    if (kernel_.HasNews()) until = std::min(until, pace_.next());
    if (!waiting_.empty()) until = std::min(until, Clock::now() + kRetryFullRing);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    pollfd waits[] = {{kernel_.fd(), POLLIN, 0}, {wake_fd_, POLLIN, 0}};
    poll(waits, std::size(waits), static_cast<int>(std::max<long>(left, 0)));
  }

  void TakeEvents() {
    Clear(wake_fd_);
    woken_.exchange(false, std::memory_order_acq_rel);
    IpAddress destination;
    while (unresolved_.Pop(&destination)) kernel_.OnUnresolved(destination, Now());
    for (size_t shard = 0; shard < adopted_.size(); ++shard) {
      kernel_.OnRoutesAdopted(static_cast<ShardId>(shard),
                              adopted_[shard].load(std::memory_order_acquire));
    }
  }

  void PassOn() {
    size_t passed = 0;
    while (!waiting_.empty() && commands_.Push(waiting_.front())) {
      waiting_.pop_front();
      ++passed;
    }
    if (passed > 0) Signal(commands_fd_);
  }

  // 0 stands for never.
  Deciseconds Now() const {
    const std::chrono::duration<double, std::deci> since = Clock::now() - started_;
    return static_cast<Deciseconds>(since.count()) + 1;
  }

  Dataplane& dataplane_;
  int wake_fd_ = -1;      // of the thread
  int commands_fd_ = -1;  // of control
  std::atomic<bool> stopped_ = false;
  std::atomic<bool> woken_ = false;
  SpscRing<Command> commands_{kCommands};
  SpscRing<IpAddress> unresolved_{kUnresolved};
  std::vector<std::atomic<uint32_t>> adopted_;  // generation, by shard

  // The thread's own, once it runs.
  std::deque<Command> waiting_;
  KernelFollower kernel_;
  Pace pace_;
  const Clock::time_point started_ = Clock::now();
  Clock::time_point next_tick_ = started_ + kTick;
  std::thread thread_;
};

NextHops::NextHops(std::unique_ptr<Follower> follower) : follower_(std::move(follower)) {}
NextHops::~NextHops() = default;

absl::StatusOr<std::unique_ptr<NextHops>> NextHops::Create(const NextHopsConfig& config,
                                                           Dataplane& dataplane) {
  if (config.node.shards == 0) return absl::InvalidArgumentError("next hops: no shards to tell");
  auto netlink = OpenNetlink();
  if (!netlink.ok()) return netlink.status();
  auto follower = std::make_unique<Follower>(config, dataplane, *std::move(netlink));
  if (absl::Status s = follower->Start(); !s.ok()) return s;
  return std::unique_ptr<NextHops>(new NextHops(std::move(follower)));
}

int NextHops::fd() const { return follower_->fd(); }
void NextHops::Submit() { follower_->Submit(); }
void NextHops::OnUnresolved(const IpAddress& destination) { follower_->OnUnresolved(destination); }
void NextHops::OnRoutesAdopted(ShardId shard, uint32_t generation) {
  follower_->OnRoutesAdopted(shard, generation);
}

}  // namespace causeway::next_hop
