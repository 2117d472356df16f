// A bounded queue between two threads.
#pragma once

#include <atomic>
#include <cstddef>
#include <vector>

namespace causeway::next_hop {

/// One thread pushes, one other pops; neither waits, nor can either hold the other up, whatever
/// their priorities.
template <typename T>
class SpscRing {
 public:
  /// `capacity` is a power of two.
  explicit SpscRing(size_t capacity) : slots_(capacity) {}

  /// The pushing thread. False when the ring is full.
  bool Push(const T& value) {
    const size_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - head_.load(std::memory_order_acquire) == slots_.size()) return false;
    slots_[tail & (slots_.size() - 1)] = value;
    tail_.store(tail + 1, std::memory_order_release);
    return true;
  }
  /// The popping thread. False when the ring is empty.
  bool Pop(T* value) {
    const size_t head = head_.load(std::memory_order_relaxed);
    if (head == tail_.load(std::memory_order_acquire)) return false;
    *value = slots_[head & (slots_.size() - 1)];
    head_.store(head + 1, std::memory_order_release);
    return true;
  }

 private:
  std::vector<T> slots_;
  alignas(64) std::atomic<size_t> head_ = 0;
  alignas(64) std::atomic<size_t> tail_ = 0;
};

}  // namespace causeway::next_hop
