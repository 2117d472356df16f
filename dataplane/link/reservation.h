// What an instance claims from the kernel, so that neither a second instance nor another program
// takes it: the interface, by name, and the listening ports.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "dataplane/address.h"
#include "dataplane/link/unique_fd.h"

namespace causeway {

/// OkStatus when this process may do what an AF_XDP link takes; else PermissionDeniedError names
/// the missing capabilities.
absl::Status CheckPrivileges();

/// Claims an interface for this process, within its network namespace, until the descriptor is
/// closed or the process dies. Waits up to two seconds for a process that is just ending;
/// AlreadyExistsError names the one that has it.
absl::StatusOr<UniqueFd> ClaimInterface(const std::string& name);

/// A kernel socket bound to the port on each address, never read: the kernel gives the port to no
/// one else. Waits as ClaimInterface does; AlreadyExistsError says that another program has it.
absl::StatusOr<std::vector<UniqueFd>> ReservePort(absl::Span<const IpAddress> addresses,
                                                  uint16_t port);

/// A line for the operator when the kernel may pick one of the relay ports for a socket of its own
/// (net.ipv4.ip_local_port_range), with the command that mends it; or empty.
std::string LocalPortWarning(uint16_t first, uint16_t last);
/// The same, on the contents of ip_local_port_range and ip_local_reserved_ports.
std::string LocalPortWarning(uint16_t first, uint16_t last, const std::string& range,
                             const std::string& reserved);

}  // namespace causeway
