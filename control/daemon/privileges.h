// Giving up what the daemon needs only to start.
#pragma once

#include "absl/status/status.h"

namespace causeway::daemon {

/// In every thread of the process: no new privileges on exec, and no capability but CAP_NET_ADMIN
/// (neighbours, taking the XDP program away at the end), CAP_NET_RAW (ICMP sockets) and CAP_BPF
/// (AF_XDP's maps at the end), as far as they are there. Capabilities belong to threads in Linux,
/// and DPDK's are running by now: a signal (SIGRTMAX) has each thread drop its own. The user stays
/// who it is: root without CAP_DAC_OVERRIDE reads its own files only. Call it once, when all
/// threads have started.
absl::Status DropPrivileges();

/// No core dump and no debugger: memory holds passwords, keys and media. Builds with
/// AddressSanitizer leave this out, because its leak check attaches to the process.
void ForbidMemoryDumps();

}  // namespace causeway::daemon
