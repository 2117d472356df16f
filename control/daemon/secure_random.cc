#include "control/daemon/secure_random.h"

#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace causeway::daemon {

void SecureRandom::Refill() {
  size_t have = 0;
  while (have < sizeof(block_)) {
    const ssize_t got = getrandom(block_ + have, sizeof(block_) - have, 0);
    if (got > 0) {
      have += static_cast<size_t>(got);
    } else if (errno != EINTR) {
      std::abort();
    }
  }
  left_ = sizeof(block_);
}

void SecureRandom::Fill(void* out, size_t size) {
  auto* to = static_cast<uint8_t*>(out);
  while (size > 0) {
    if (left_ == 0) Refill();
    const size_t taken = std::min(size, left_);
    uint8_t* from = block_ + sizeof(block_) - left_;
    std::memcpy(to, from, taken);
    explicit_bzero(from, taken);
    left_ -= taken;
    to += taken;
    size -= taken;
  }
}

}  // namespace causeway::daemon
