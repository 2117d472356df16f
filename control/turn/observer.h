// Who wants to hear what becomes of allocations.
#pragma once

#include <algorithm>
#include <vector>

#include "control/turn/allocation_info.h"

namespace causeway::turn {

/// Called on the control thread, between a request and its answer: it neither waits nor calls the
/// server. What it gets is valid during the call; an AllocationInfo may be copied.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void OnCreated(const AllocationInfo&) {}
  /// The expiry of one relayed address or both has moved, by the client or by a credential that may
  /// not be outlived any more; this is the later one.
  virtual void OnRefreshed(AllocationSerial, Deciseconds /*expiry*/) {}
  /// A new one; a permission or channel that is refreshed is not told again.
  virtual void OnPermissionAdded(AllocationSerial, const PermissionInfo&) {}
  virtual void OnChannelAdded(AllocationSerial, const ChannelInfo&) {}
  /// Once for each that was created, with its totals, when no packet can change them any more.
  virtual void OnEnded(const EndedAllocation&) {}
};

/// Used on the control thread only.
class Observers {
 public:
  /// `observer` lives until it is removed.
  void Add(Observer& observer) { observers_.push_back(&observer); }
  void Remove(Observer& observer) {
    observers_.erase(std::remove(observers_.begin(), observers_.end(), &observer),
                     observers_.end());
  }
  bool empty() const { return observers_.empty(); }
  /// Calls `tell` with each.
  template <typename Tell>
  void Notify(Tell tell) const {
    for (Observer* observer : observers_) tell(*observer);
  }

 private:
  std::vector<Observer*> observers_;
};

}  // namespace causeway::turn
