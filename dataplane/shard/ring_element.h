// Commands and events as the rings between control and a shard carry them.
#pragma once

#include <rte_ring_elem.h>

#include <cstdint>
#include <cstring>
#include <type_traits>

namespace causeway {

/// One command or event: a cache line, which is what such a ring's elements are.
struct alignas(64) RingElement {
  uint8_t bytes[64];

  template <typename Message>
  void Store(const Message& message) {
    static_assert(sizeof(Message) <= sizeof(RingElement) && std::is_trivially_copyable_v<Message>);
    std::memcpy(bytes, &message, sizeof message);
  }
  template <typename Message>
  void Load(Message& message) const {
    static_assert(sizeof(Message) <= sizeof(RingElement) && std::is_trivially_copyable_v<Message>);
    std::memcpy(static_cast<void*>(&message), bytes, sizeof message);
  }
};

/// False when the ring is full. The caller is the ring's only producer.
template <typename Message>
bool EnqueueElement(rte_ring* ring, const Message& message) {
  RingElement element = {};
  element.Store(message);
  return rte_ring_sp_enqueue_elem(ring, &element, sizeof element) == 0;
}

/// Takes up to `most` elements; returns how many. The caller is the ring's only consumer.
inline unsigned DequeueElements(rte_ring* ring, RingElement* elements, unsigned most) {
  return rte_ring_sc_dequeue_burst_elem(ring, elements, sizeof(RingElement), most, nullptr);
}

}  // namespace causeway
