#include "control/turn/reservation_table.h"

namespace causeway::turn {

ReservationTable::ReservationTable(uint32_t capacity, RelayPorts& ports, UserTable& users,
                                   Random& random, ServerStats& stats)
    : ports_(ports),
      users_(users),
      random_(random),
      stats_(stats),
      slots_(1, capacity),
      timers_(capacity) {
  by_token_.reserve(capacity);
}

uint64_t ReservationTable::Hold(RelayPort relay, const auth::Grant& grant, Deciseconds expiry) {
  uint64_t token = 0;
  while (token == 0 || by_token_.contains(token)) token = random_.Next64();
  const uint32_t slot = slots_.Take(0);
  slots_[slot].token = token;
  slots_[slot].user = users_.AddReservation(grant);
  slots_[slot].relay = relay;
  by_token_[token] = slot;
  timers_.Schedule(slot, expiry);
  ++stats_.reservations;
  return token;
}

const Reservation* ReservationTable::LookUp(uint64_t token) const {
  const auto found = by_token_.find(token);
  return found == by_token_.end() ? nullptr : &slots_[found->second];
}

RelayPort ReservationTable::Redeem(uint64_t token) { return Remove(by_token_.at(token)); }

RelayPort ReservationTable::Remove(uint32_t slot) {
  const RelayPort relay = slots_[slot].relay;
  users_.DropReservation(slots_[slot].user);
  by_token_.erase(slots_[slot].token);
  timers_.Cancel(slot);
  slots_.Release(slot);
  --stats_.reservations;
  return relay;
}

void ReservationTable::Advance(Deciseconds now) {
  timers_.Advance(now, [this](uint32_t slot) { ports_.Release(Remove(slot)); });
}

size_t ReservationTable::bytes() const {
  return slots_.bytes() + timers_.bytes() +
         by_token_.capacity() * (sizeof(uint64_t) + sizeof(uint64_t) + 1);
}

}  // namespace causeway::turn
