// A few packets that wait for their next hop's link address.
#pragma once

#include <array>
#include <cstdint>
#include <limits>

#include "dataplane/address.h"
#include "dataplane/commands.h"

struct rte_mbuf;

namespace causeway {

/// What a frame that is sent may suffer.
enum class Cut : uint8_t {
  kNever,   // too big is dropped
  kToMtu,   // IPv4 without DF: fragments as large as the link takes
  kTo1280,  // IPv6 from a fragmented or fragmentable packet (RFC 7915 section 4)
};

/// Bounded: kCapacity packets, kPerDestination for one destination, kPatience each. Every packet
/// has the same patience, so that the order of arrival is that of the deadlines: who polls compares
/// one.
class HoldQueue {
 public:
  static constexpr unsigned kCapacity = 64;
  static constexpr unsigned kPerDestination = 4;
  static constexpr Deciseconds kPatience = 10;
  static constexpr Deciseconds kAskAgain = 1;

  struct Item {
    rte_mbuf* frame;
    IpAddress destination;
    Deciseconds deadline;  // none is earlier than that of the item added before
    NextHopId next_hop;    // kOnLink or an unresolved neighbour
    Cut cut;
  };

  /// False when there is no room; the frame stays with the caller.
  bool Add(const Item& item);
  /// Whether OnUnresolved is due for this destination: once in 100 ms.
  bool ShouldAsk(const IpAddress& destination, Deciseconds now);
  /// OnUnresolved could not be told: it is due again.
  void ForgetAsking(const IpAddress& destination);

  bool IsEmpty() const { return count_ == 0; }
  /// Whether the oldest has waited long enough.
  bool IsOverdue(Deciseconds now) const { return first_deadline_ <= now; }

  /// Moves those out for which `wanted(item)` holds, oldest first; returns how many. `out` has room
  /// for kCapacity.
  template <typename Wanted>
  unsigned Take(const Wanted& wanted, Item* out) {
    unsigned taken = 0;
    unsigned kept = 0;
    for (unsigned i = 0; i < count_; ++i) {
      const Item& item = items_[i];
      (wanted(item) ? out[taken++] : items_[kept++]) = item;
    }
    count_ = kept;
    first_deadline_ = count_ == 0 ? kNoDeadline : items_[0].deadline;
    return taken;
  }
  /// Moves all out, oldest first.
  unsigned TakeAll(Item* out) {
    return Take([](const Item&) { return true; }, out);
  }

 private:
  static constexpr Deciseconds kNoDeadline = std::numeric_limits<Deciseconds>::max();

  struct Asked {
    IpAddress destination;
    Deciseconds at = 0;
    bool used = false;
  };
  Deciseconds first_deadline_ = kNoDeadline;
  unsigned count_ = 0;
  std::array<Item, kCapacity> items_;
  std::array<Asked, kCapacity> asked_;
  unsigned next_asked_ = 0;
};

}  // namespace causeway
