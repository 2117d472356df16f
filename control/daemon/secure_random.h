// Random bytes for ports, tokens and keys.
#pragma once

#include <cstddef>
#include <cstdint>

namespace causeway::daemon {

/// The kernel's CSPRNG (getrandom), fetched in blocks so that a port does not cost a system call.
/// A byte is handed out once and wiped. One thread.
class SecureRandom {
 public:
  SecureRandom() = default;
  SecureRandom(const SecureRandom&) = delete;
  SecureRandom& operator=(const SecureRandom&) = delete;

  /// Never fails: the process ends if the kernel has no random bytes, which Linux does not do.
  void Fill(void* out, size_t size);

 private:
  void Refill();

  uint8_t block_[1024];
  size_t left_ = 0;  // the last bytes of the block, not yet handed out
};

}  // namespace causeway::daemon
