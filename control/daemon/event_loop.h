// The control thread's loop.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace causeway::daemon {

/// epoll over descriptors and timers, and a poll function that is called between them. All on one
/// thread, Stop too: other threads post to a Mailbox that the loop watches.
///
/// Any callback may add, change and remove any watch or timer, its own included: what is removed is
/// not called again, even if its descriptor was found ready together with the one now called, and
/// its callback is destroyed, at once or, when it is itself running, as soon as it returns.
class EventLoop {
 public:
  /// Names a watch or a timer. Ids are never used again.
  enum class Id : uint64_t {};

  /// What a descriptor is watched for, or has. An error or a hang-up counts as all that is watched
  /// for, so that the next read or write tells it.
  enum class Readiness : uint8_t { kNone = 0, kRead = 1, kWrite = 2, kReadAndWrite = 3 };

  static absl::StatusOr<std::unique_ptr<EventLoop>> Create();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// Calls `on_readable` for as long as `fd` is readable. The descriptor stays the caller's, who
  /// keeps it open until Remove or the loop's end. One watch a descriptor.
  absl::StatusOr<Id> Watch(int fd, std::function<void()> on_readable);
  /// The same for `wanted`, until SetWanted changes it; `on_ready` gets those of the wanted that
  /// hold.
  absl::StatusOr<Id> Watch(int fd, Readiness wanted, std::function<void(Readiness)> on_ready);
  /// Watches for this instead. kNone disarms: not even a hang-up is told until it is armed again.
  absl::Status SetWanted(Id id, Readiness wanted);

  /// Calls back for these signals instead of what they do by default. Block them first
  /// (BlockSignals), before any thread is started.
  absl::Status WatchSignals(absl::Span<const int> signals, std::function<void(int)> on_signal);
  static void BlockSignals(absl::Span<const int> signals);

  /// Calls back about that often; when the loop was late, once. `interval` is above 0.
  absl::StatusOr<Id> Every(std::chrono::milliseconds interval, std::function<void()> callback);
  /// Calls back once, after `delay` or a little later. Its id is spent when the callback begins.
  absl::StatusOr<Id> After(std::chrono::milliseconds delay, std::function<void()> callback);

  /// Ends a watch or a timer. An id that is no longer in use is fine.
  void Remove(Id id);

  /// Runs until Stop is called from a callback. `poll` returns how many events it handled: while
  /// that is not 0 it is called again, 16 times between looks at the descriptors. For 4
  /// microseconds an event thereafter, 100 at most, the loop naps for 20 microseconds at a time;
  /// then it sleeps for half a millisecond, or two once nothing has come for 0.1 s.
  void Run(const std::function<int()>& poll);
  void Stop() { stopped_ = true; }

 private:
  struct Source;

  explicit EventLoop(int epoll);
  absl::StatusOr<Id> Add(const std::shared_ptr<Source>& source);
  absl::StatusOr<Id> AddTimer(std::chrono::milliseconds first, std::chrono::milliseconds interval,
                              std::function<void()> callback);
  void Call(uint64_t id, uint32_t epoll_events);

  int epoll_;
  bool stopped_ = false;
  uint64_t next_id_ = 1;
  absl::flat_hash_map<uint64_t, std::shared_ptr<Source>> sources_;
};

}  // namespace causeway::daemon
