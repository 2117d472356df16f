// Ports held back for a later Allocate with RESERVATION-TOKEN (RFC 8656 section 7.2).
#pragma once

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "control/turn/random.h"
#include "control/turn/relay_ports.h"
#include "control/turn/server.h"
#include "control/turn/slot_pool.h"
#include "control/turn/timer_wheel.h"
#include "control/turn/user_table.h"

namespace causeway::turn {

/// A reserved port, and the user against whose quota it counts.
struct Reservation {
  uint64_t token = 0;
  User* user = nullptr;
  RelayPort relay;
  uint32_t next = kNoRecord;  // while free
};

/// Used on the control thread only.
class ReservationTable {
 public:
  /// The references outlive this.
  ReservationTable(uint32_t capacity, RelayPorts& ports, UserTable& users, Random& random,
                   ServerStats& stats);

  bool HasRoom() const { return slots_.Free(0) > 0; }
  /// Holds a port that was taken as the second of a pair; there is room. Returns the token, never
  /// 0.
  uint64_t Hold(RelayPort relay, const auth::Grant& grant, Deciseconds expiry);
  /// The reservation of a token, or nullptr.
  const Reservation* LookUp(uint64_t token) const;
  /// Ends a reservation whose port goes to an allocation: the port stays taken.
  RelayPort Redeem(uint64_t token);

  /// Releases the ports whose time has come.
  void Advance(Deciseconds now);
  size_t bytes() const;

 private:
  RelayPort Remove(uint32_t slot);

  RelayPorts& ports_;
  UserTable& users_;
  Random& random_;
  ServerStats& stats_;
  SlotPool<Reservation> slots_;
  TimerWheel timers_;
  absl::flat_hash_map<uint64_t, uint32_t> by_token_;
};

}  // namespace causeway::turn
