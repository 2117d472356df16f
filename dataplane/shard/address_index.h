// From one of this node's addresses to its places in NodeConfig.
#pragma once

#include <cstdint>

#include "dataplane/node_config.h"
#include "dataplane/shard/arena.h"
#include "dataplane/shard/hash.h"

namespace causeway {

struct LocalAddress {
  static constexpr uint16_t kNone = 0xffff;
  IpAddress address;
  uint16_t relay = kNone;   // index into relay_addresses
  uint16_t listen = kNone;  // index into listen_addresses
  bool used = false;
};

/// A small open-addressing table, at most half full.
class AddressIndex {
 public:
  void Create(Arena& arena, const NodeConfig& node) {
    uint64_t size = 8;
    while (size < 2 * (node.relay_addresses.size() + node.listen_addresses.size())) size *= 2;
    mask_ = static_cast<uint32_t>(size - 1);
    slots_ = arena.Take<LocalAddress>(size);
  }
  void Fill(const NodeConfig& node, const HashSecret& secret) {
    secret_ = secret;
    for (uint32_t i = 0; i <= mask_; ++i) slots_[i] = LocalAddress{};
    for (size_t i = node.relay_addresses.size(); i-- > 0;) {
      Place(node.relay_addresses[i]).relay = static_cast<uint16_t>(i);
    }
    for (size_t i = node.listen_addresses.size(); i-- > 0;) {
      Place(node.listen_addresses[i]).listen = static_cast<uint16_t>(i);
    }
  }
  /// nullptr when the address is not ours.
  const LocalAddress* Find(const IpAddress& address) const {
    for (uint32_t i = Home(address);; i = (i + 1) & mask_) {
      const LocalAddress& slot = slots_[i];
      if (!slot.used) return nullptr;
      if (slot.address == address) return &slot;
    }
  }

 private:
  uint32_t Home(const IpAddress& address) const {
    return static_cast<uint32_t>(HashAddress(secret_, address, 0)) & mask_;
  }
  LocalAddress& Place(const IpAddress& address) {
    uint32_t i = Home(address);
    while (slots_[i].used && slots_[i].address != address) i = (i + 1) & mask_;
    slots_[i].used = true;
    slots_[i].address = address;
    return slots_[i];
  }

  LocalAddress* slots_ = nullptr;
  uint32_t mask_ = 0;
  HashSecret secret_ = {};
};

}  // namespace causeway
