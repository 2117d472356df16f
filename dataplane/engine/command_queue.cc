#include "dataplane/engine/command_queue.h"

namespace causeway {

void CommandQueue::Push(const Command& command) {
  gathered_[count_++].Store(command);
  if (count_ == kGathered) Flush();
}

void CommandQueue::Flush() {
  while (!overflow_.empty() &&
         rte_ring_sp_enqueue_elem(ring_, &overflow_.front(), sizeof(RingElement)) == 0) {
    overflow_.pop_front();
  }
  if (count_ == 0) return;
  unsigned sent = 0;
  if (overflow_.empty()) {
    sent = rte_ring_sp_enqueue_burst_elem(ring_, gathered_.data(), sizeof(RingElement), count_,
                                          nullptr);
  }
  overflow_.insert(overflow_.end(), gathered_.begin() + sent, gathered_.begin() + count_);
  count_ = 0;
}

}  // namespace causeway
