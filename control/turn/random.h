// Unpredictable numbers out of an injected source of random bytes.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>

namespace causeway::turn {

/// Used on the control thread only.
class Random {
 public:
  using Source = std::function<void(void* out, size_t size)>;
  explicit Random(Source source) : source_(std::move(source)) {}

  uint64_t Next64() {
    uint64_t value = 0;
    source_(&value, sizeof(value));
    return value;
  }
  /// A number below `limit`, which is not 0; the bias is below 2^-32.
  uint32_t Below(uint32_t limit) {
    return static_cast<uint32_t>((static_cast<unsigned __int128>(Next64()) * limit) >> 64);
  }

 private:
  Source source_;
};

}  // namespace causeway::turn
