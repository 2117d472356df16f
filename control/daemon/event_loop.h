// The control thread's loop.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace causeway::daemon {

/// epoll over a few descriptors, and a poll function that is called between them. All on one
/// thread.
class EventLoop {
 public:
  static absl::StatusOr<std::unique_ptr<EventLoop>> Create();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// Calls `on_readable` whenever `fd` is readable. The caller keeps the descriptor open until the
  /// loop has ended.
  absl::Status Watch(int fd, std::function<void()> on_readable);
  /// Calls back for these signals instead of what they do by default. Block them first
  /// (BlockSignals), before any thread is started.
  absl::Status WatchSignals(absl::Span<const int> signals, std::function<void(int)> on_signal);
  static void BlockSignals(absl::Span<const int> signals);
  /// Calls back about that often; when the loop was late, once.
  absl::Status Every(std::chrono::milliseconds interval, std::function<void()> callback);

  /// Runs until Stop is called from a callback. `poll` returns how many events it handled: while
  /// that is not 0 it is called again, 16 times between looks at the descriptors. For 4 microseconds
  /// an event thereafter, 100 at most, the loop naps for 20 microseconds at a time; then it sleeps
  /// for half a millisecond, or two once nothing has come for 0.1 s.
  void Run(const std::function<int()>& poll);
  void Stop() { stopped_ = true; }

 private:
  struct Source {
    int fd;
    bool owned;
    std::function<void()> on_readable;
  };

  explicit EventLoop(int epoll) : epoll_(epoll) {}
  absl::Status Add(int fd, bool owned, std::function<void()> on_readable);

  int epoll_;
  bool stopped_ = false;
  std::vector<std::unique_ptr<Source>> sources_;
};

}  // namespace causeway::daemon
