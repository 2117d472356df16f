// A few packets that wait for their next hop's link address.
#pragma once

#include <array>
#include <cstdint>

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

/// Bounded: kCapacity packets, kPerDestination for one destination, one second each.
class HoldQueue {
 public:
  static constexpr unsigned kCapacity = 64;
  static constexpr unsigned kPerDestination = 4;
  static constexpr Deciseconds kPatience = 10;
  static constexpr Deciseconds kAskAgain = 1;

  struct Item {
    rte_mbuf* frame;
    IpAddress destination;
    Deciseconds deadline;
    Cut cut;
  };

  /// False when there is no room; the frame stays with the caller.
  bool Add(const Item& item);
  /// Whether OnUnresolved is due for this destination: once in 100 ms.
  bool ShouldAsk(const IpAddress& destination, Deciseconds now);
  /// Moves all out, oldest first; returns how many. `out` has room for kCapacity.
  unsigned TakeAll(Item* out);
  bool empty() const { return count_ == 0; }

  /// A next hop or the routes changed: what is held deserves another try.
  bool retry = false;

 private:
  struct Asked {
    IpAddress destination;
    Deciseconds at = 0;
    bool used = false;
  };
  std::array<Item, kCapacity> items_;
  unsigned count_ = 0;
  std::array<Asked, kCapacity> asked_;
  unsigned next_asked_ = 0;
};

}  // namespace causeway
