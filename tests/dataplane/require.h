// How test harnesses and benchmarks over DPDK give up.
#pragma once

#include <rte_errno.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace causeway::testing {

/// Ends the process with "PROGRAM: WHAT: DPDK's reason" when not ok.
inline void Require(bool ok, const std::string& what) {
  if (ok) return;
  std::fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what.c_str(),
               rte_strerror(rte_errno));
  std::exit(1);
}

}  // namespace causeway::testing
