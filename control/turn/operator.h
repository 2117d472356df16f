// What operators do with allocations: list, get, end, limit, observe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "control/turn/allocation_info.h"
#include "control/turn/allocation_table.h"
#include "control/turn/observer.h"
#include "control/turn/user_table.h"

namespace causeway::turn {

/// Used on the control thread only, through a mailbox by others. No call takes longer than some
/// 2 ms, whatever the number of allocations: what is more goes in slices.
class Operator {
 public:
  struct AddressFilter {
    IpAddress address;
    uint16_t port = 0;  // 0: any
  };
  /// An allocation matches when all that is given does.
  struct Filter {
    std::optional<std::string> tenant = std::nullopt;
    std::optional<std::string> user = std::nullopt;  // the principal; without tenant: of any
    std::optional<AddressFilter> client = std::nullopt;
    std::optional<AddressFilter> relayed = std::nullopt;
    std::optional<AddressFilter> peer = std::nullopt;  // of a permission; of a channel, with port
  };
  /// Where a slice ended and the next one goes on; the first begins at 0. It stays right while
  /// allocations come and go: what lives throughout is met once.
  using Cursor = uint32_t;

  /// At most so many records in a page.
  static constexpr size_t kMaxPage = 1000;
  struct Page {
    std::vector<AllocationInfo> items;  // maybe fewer than asked for, or none, with more to come
    std::optional<Cursor> next;         // nullopt: that was the last page
  };
  struct EndedSlice {
    size_t count = 0;
    std::optional<Cursor> next;  // nullopt: all that matched have ended
  };

  /// The references outlive this.
  Operator(AllocationTable& allocations, const UserTable& users, Observers& observers)
      : allocations_(allocations), users_(users), observers_(observers) {}

  /// With the meter as it stands; nullopt when it has ended or never was.
  std::optional<AllocationInfo> Get(AllocationSerial serial) const;
  Page List(const Filter& filter, Cursor from, size_t limit) const;

  /// Ends an allocation: its client gets 437 from now on. False when there is none.
  bool End(AllocationSerial serial, EndReason reason = EndReason::kOperator);
  /// Ends those that match, a slice of them.
  EndedSlice End(const Filter& filter, Cursor from, EndReason reason = EndReason::kOperator);

  /// Changes what holds for an allocation, in the place of what its grant says. False when there is
  /// none.
  bool Limit(AllocationSerial serial, const auth::RateLimits& limits);
  bool SetModality(AllocationSerial serial, auth::Modality modality);

  /// `observer` hears of all that happens from now on, until StopObserving.
  void Observe(Observer& observer) { observers_.Add(observer); }
  void StopObserving(Observer& observer) { observers_.Remove(observer); }

 private:
  // What a Filter means at the moment of a call.
  struct Query;
  using Visit = absl::FunctionRef<bool(uint32_t allocation)>;  // false: enough

  std::optional<Query> Resolve(const Filter& filter) const;
  bool Matches(const Query& query, uint32_t allocation) const;
  bool PeerMatches(const AddressFilter& peer, uint32_t allocation) const;
  std::optional<Cursor> Scan(const Filter& filter, Cursor from, Visit visit) const;
  std::optional<Cursor> ScanList(const Query& query, Cursor from, Visit visit) const;
  std::optional<Cursor> ScanSlots(const Query& query, Cursor from, Visit visit) const;

  AllocationTable& allocations_;
  const UserTable& users_;
  Observers& observers_;
};

}  // namespace causeway::turn
