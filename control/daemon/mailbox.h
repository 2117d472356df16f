// Work that other threads hand to one thread, which does it in slices.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace causeway::daemon {

/// A bounded queue of tasks from any threads to one, its consumer, which an event descriptor wakes.
/// Nobody waits: Post refuses when the mailbox is full, and RunSlice takes what is there. Answers
/// travel in a mailbox of the other direction, or through whatever executor the poster has: the
/// task carries the callback.
///
///   control->Post([this] {                          // on the thread of the API
///     auto page = operator.List(...);               // on the control thread
///     (void)api->Post([page = std::move(page)] { ... return Mailbox::kDone; });
///     return Mailbox::kDone;
///   });
class Mailbox {
 public:
  /// What a task says of itself: kAgain means that there is more to do, and to call it once more
  /// after the others have had their turn.
  enum Progress { kDone, kAgain };
  /// Runs on the consumer's thread and does not throw. What runs long returns kAgain after a slice
  /// of some 0.1 ms. A task that the consumer will never run is destroyed: who must hear of that
  /// puts it into the destructor of what the task holds.
  using Task = absl::AnyInvocable<Progress()>;

  /// How much one RunSlice does: it calls one task, and no more once either is spent.
  struct Slice {
    size_t calls;
    std::chrono::microseconds time;
  };

  /// `capacity` is how many tasks may be unfinished at a time: those that wait, and those that said
  /// kAgain. At least 1.
  static absl::StatusOr<std::unique_ptr<Mailbox>> Create(size_t capacity);
  /// Destroys what was not run. By then no thread may still be in Post.
  ~Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  /// Any thread. Tasks of one thread begin in the order in which it posted them. ResourceExhausted
  /// when the mailbox is full, FailedPrecondition once it is closed; `task` is then untouched.
  absl::Status Post(Task&& task);

  /// For the consumer's epoll: readable while there is something to run, and at times once more: a
  /// task may run before its poster has signalled.
  int fd() const { return fd_; }
  /// The consumer. Runs tasks in turn; returns how many calls it made. What is left keeps fd()
  /// readable.
  size_t RunSlice(const Slice& slice);
  /// The consumer; from a task too. Every Post that begins from now on is refused, and the tasks
  /// that wait are destroyed. One that another thread was posting at that moment is destroyed with
  /// the mailbox.
  void Close();

 private:
  // One writer at a time: the poster that was dealt the slot, then the consumer.
  struct Slot {
    std::atomic<bool> full = false;
    Task task;
  };

  Mailbox(int fd, size_t capacity);
  Slot& SlotAt(size_t position) { return slots_[position & (slots_.size() - 1)]; }
  void TakePosts();
  std::optional<Task> Next();
  void Signal();

  const int fd_;
  const size_t capacity_;
  std::vector<Slot> slots_;  // a power of two, at least capacity_
  std::atomic<size_t> unfinished_ = 0;
  std::atomic<size_t> next_post_ = 0;
  std::atomic<bool> signalled_ = false;
  std::atomic<bool> closed_ = false;

  // The consumer's own.
  size_t next_take_ = 0;
  std::deque<Task> turns_;
};

}  // namespace causeway::daemon
