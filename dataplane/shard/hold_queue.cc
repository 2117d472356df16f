#include "dataplane/shard/hold_queue.h"

#include <algorithm>

namespace causeway {

bool HoldQueue::Add(const Item& item) {
  if (count_ == kCapacity) return false;
  const auto same = std::count_if(items_.begin(), items_.begin() + count_, [&](const Item& held) {
    return held.destination == item.destination;
  });
  if (same >= kPerDestination) return false;
  if (count_ == 0) first_deadline_ = item.deadline;
  items_[count_++] = item;
  return true;
}

bool HoldQueue::ShouldAsk(const IpAddress& destination, Deciseconds now) {
  for (Asked& asked : asked_) {
    if (!asked.used || asked.destination != destination) continue;
    if (now - asked.at < kAskAgain) return false;
    asked.at = now;
    return true;
  }
  asked_[next_asked_] = {destination, now, true};
  next_asked_ = (next_asked_ + 1) % kCapacity;
  return true;
}

void HoldQueue::ForgetAsking(const IpAddress& destination) {
  for (Asked& asked : asked_) {
    if (asked.used && asked.destination == destination) asked.used = false;
  }
}

}  // namespace causeway
