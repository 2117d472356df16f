#include "control/daemon/mailbox.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"

namespace causeway::daemon {

absl::StatusOr<std::unique_ptr<Mailbox>> Mailbox::Create(size_t capacity) {
  if (capacity == 0) return absl::InvalidArgumentError("a mailbox has room for one task or more");
  const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) return absl::ErrnoToStatus(errno, "cannot make an event descriptor");
  return std::unique_ptr<Mailbox>(new Mailbox(fd, capacity));
}

Mailbox::Mailbox(int fd, size_t capacity)
    : fd_(fd), capacity_(capacity), slots_(std::bit_ceil(capacity)) {}

Mailbox::~Mailbox() {
  Close();
  close(fd_);
}

// A poster counts itself in before it is dealt a slot, and the consumer counts a task out after it
// has emptied the slot: whoever is counted in finds its slot empty.
absl::Status Mailbox::Post(Task&& task) {
  if (closed_.load(std::memory_order_acquire)) {
    return absl::FailedPreconditionError("the thread that would do this is stopping");
  }
  if (unfinished_.fetch_add(1, std::memory_order_acq_rel) >= capacity_) {
    unfinished_.fetch_sub(1, std::memory_order_acq_rel);
    return absl::ResourceExhaustedError(
        absl::StrCat("too busy: ", capacity_, " tasks wait already; try again later"));
  }
  Slot& slot = SlotAt(next_post_.fetch_add(1, std::memory_order_acq_rel));
  slot.task = std::move(task);
  slot.full.store(true, std::memory_order_release);
  Signal();
  return absl::OkStatus();
}

void Mailbox::Signal() {
  if (signalled_.exchange(true, std::memory_order_acq_rel)) return;
  const uint64_t one = 1;
  (void)!write(fd_, &one, sizeof(one));
}

void Mailbox::TakePosts() {
  for (Slot* slot = &SlotAt(next_take_); slot->full.load(std::memory_order_acquire);
       slot = &SlotAt(++next_take_)) {
    turns_.push_back(std::move(slot->task));
    slot->task = nullptr;
    slot->full.store(false, std::memory_order_relaxed);
  }
}

std::optional<Mailbox::Task> Mailbox::Next() {
  TakePosts();
  if (turns_.empty()) return std::nullopt;
  Task task = std::move(turns_.front());
  turns_.pop_front();
  return task;
}

size_t Mailbox::RunSlice(const Slice& slice) {
  uint64_t posts;
  (void)!read(fd_, &posts, sizeof(posts));
  signalled_.exchange(false, std::memory_order_acq_rel);
  const auto end = std::chrono::steady_clock::now() + slice.time;
  size_t calls = 0;
  do {
    std::optional<Task> task = Next();
    if (!task) return calls;
    ++calls;
    if ((*task)() == kAgain && !closed_.load(std::memory_order_relaxed)) {
      turns_.push_back(*std::move(task));
    } else {
      task.reset();
      unfinished_.fetch_sub(1, std::memory_order_acq_rel);
    }
  } while (calls < slice.calls && std::chrono::steady_clock::now() < end);
  TakePosts();
  if (!turns_.empty()) Signal();
  return calls;
}

void Mailbox::Close() {
  closed_.store(true, std::memory_order_release);
  while (Next()) unfinished_.fetch_sub(1, std::memory_order_acq_rel);
}

}  // namespace causeway::daemon
