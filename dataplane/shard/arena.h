// Memory of a shard: the same layout code first counts bytes, then sets them aside.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace causeway {

/// Hands out zeroed arrays of DPDK memory (hugepages when there are any), or only counts them.
class Arena {
 public:
  /// One that counts.
  Arena() = default;
  /// One that sets memory aside on a NUMA node.
  explicit Arena(int socket) : counting_(false), socket_(socket) {}
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  /// nullptr when counting, or when memory does not suffice (then ok() is false from now on).
  template <typename T>
  T* Take(uint64_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    return static_cast<T*>(TakeBytes(count * sizeof(T), std::max(alignof(T), kCacheLine)));
  }

  uint64_t bytes() const { return bytes_; }
  bool ok() const { return ok_; }

 private:
  static constexpr size_t kCacheLine = 64;

  void* TakeBytes(uint64_t size, size_t alignment);

  bool counting_ = true;
  bool ok_ = true;
  int socket_ = 0;
  uint64_t bytes_ = 0;
  std::vector<void*> blocks_;
};

}  // namespace causeway
