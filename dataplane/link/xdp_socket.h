// The AF_XDP sockets that DPDK's driver makes. Internal to dataplane/link.
#pragma once

#include <string>

namespace causeway {

/// Linux releases an AF_XDP socket some time after its process has ended, and until then refuses
/// its queue to the next. DPDK's driver would give up at once, and cannot try again: its rings
/// would be wrong. So xdp_socket.cc stands between the driver and libxdp: it defines
/// xsk_socket__create, which the dynamic linker prefers to libxdp's, and tries for up to two
/// seconds while the queue is held.
///
/// Returns which interface and queue the last socket could not have, in words that say what to do,
/// and forgets it; empty when there was no such refusal. For the thread that sets ports up.
std::string TakeXdpSocketError();

}  // namespace causeway
