// From one of this node's addresses to its places in NodeConfig.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

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
  const LocalAddress* LookUp(const IpAddress& address) const {
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

/// The IPv4 ones alone, for the fast path; at most an eighth full. Addresses are as loaded from a
/// header.
class V4AddressIndex {
 public:
  struct Entry {
    uint32_t address = 0;  // 0: none
    uint16_t relay = LocalAddress::kNone;
    uint16_t listen = LocalAddress::kNone;
  };

  void Create(Arena& arena, const NodeConfig& node) {
    unsigned bits = 4;
    while ((uint64_t{1} << bits) < 8 * (node.relay_addresses.size() + node.listen_addresses.size()))
      ++bits;
    shift_ = 32 - bits;
    entries_ = arena.Take<Entry>(uint64_t{1} << bits);
  }
  void Fill(const NodeConfig& node) {
    std::fill_n(entries_, (0xffffffffu >> shift_) + 1, Entry{});
    for (size_t i = node.relay_addresses.size(); i-- > 0;) {
      if (node.relay_addresses[i].IsV4()) Place(node.relay_addresses[i]).relay = Narrow(i);
    }
    for (size_t i = node.listen_addresses.size(); i-- > 0;) {
      if (node.listen_addresses[i].IsV4()) Place(node.listen_addresses[i]).listen = Narrow(i);
    }
  }
  /// One with neither index when it is not ours.
  const Entry& LookUp(uint32_t address) const {
    uint32_t i = Home(address);
    while (entries_[i].address != address && entries_[i].address != 0) i = Next(i);
    return entries_[i];
  }

 private:
  static uint16_t Narrow(size_t index) { return static_cast<uint16_t>(index); }
  uint32_t Home(uint32_t address) const { return address * 0x9e3779b1u >> shift_; }
  uint32_t Next(uint32_t i) const { return (i + 1) & (0xffffffffu >> shift_); }
  Entry& Place(const IpAddress& address) {
    uint32_t word;
    std::memcpy(&word, address.v4_bytes(), 4);
    uint32_t i = Home(word);
    while (entries_[i].address != 0 && entries_[i].address != word) i = Next(i);
    entries_[i].address = word;
    return entries_[i];
  }

  Entry* entries_ = nullptr;
  unsigned shift_ = 28;
};

}  // namespace causeway
