// Threads that work beside the control thread, and after it.
#pragma once

#include <sys/resource.h>

#include <cerrno>

namespace causeway::next_hop {

/// Makes the calling thread ten steps nicer than it is: control may share its CPU, and goes first.
inline void LowerPriority() {
  constexpr int kNicer = 10;
  errno = 0;
  const int now = getpriority(PRIO_PROCESS, 0);
  if (errno == 0) setpriority(PRIO_PROCESS, 0, now + kNicer);
}

}  // namespace causeway::next_hop
