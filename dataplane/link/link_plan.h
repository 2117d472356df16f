// Which of the node's addresses each of its links serves.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/link/link.h"

namespace causeway {

/// A LinkConfig for each of the interfaces with these names, in this order, made of `node`'s, which
/// holds all of the node's addresses; a device is the only link of its node. An address is served
/// on the interface that has it, and on no other: what comes for it by another one is the kernel's.
/// A relay prefix that no interface has as an address (it is routed to this node, or the loopback
/// interface has it) is served on every link.
///
/// FailedPreconditionError, one line: a listening address that none of the interfaces has, or a
/// relay address that another interface of the host has. The errors of ReadInterface.
absl::StatusOr<std::vector<LinkConfig>> PlanLinks(const LinkConfig& node,
                                                  const std::vector<std::string>& names);

}  // namespace causeway
