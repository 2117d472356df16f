// Our XDP program on an interface: who holds the interface's hook, and what the program lets
// through to us. The program is dataplane/link/causeway_xdp.bpf.c.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "dataplane/address.h"
#include "dataplane/link/unique_fd.h"
#include "dataplane/node_config.h"

namespace causeway {

struct AttachedProgram {
  uint32_t id = 0;
  std::string name;  // empty when the kernel does not tell us (that takes CAP_SYS_ADMIN)
  bool IsOurs() const;
};

/// The XDP program on an interface, or none.
absl::StatusOr<std::optional<AttachedProgram>> FindAttachedProgram(int ifindex);

/// Takes program `id` off the interface, unless another has taken its place meanwhile; that one
/// stays (OkStatus).
absl::Status DetachProgram(int ifindex, uint32_t id);

/// The compiled program.
absl::Span<const unsigned char> XdpObject();
/// The compiled program as a file without a name, for the driver to load: "/proc/self/fd/N".
absl::StatusOr<UniqueFd> XdpObjectFile();

/// A destination prefix with its CAUSEWAY_LISTEN and CAUSEWAY_RELAY bits.
struct FilterEntry {
  Prefix prefix;
  uint32_t flags;
};
/// What the program's longest-prefix maps hold: every prefix once, with the bits of all prefixes
/// around it.
std::vector<FilterEntry> FilterEntries(const NodeConfig& node,
                                       absl::Span<const Prefix> relay_prefixes);

/// Fills the maps of program `id`, which this process has loaded (the descriptors are found among
/// its own, so that no more privileges are needed than for loading). Until then the program passes
/// everything to the kernel.
absl::Status FillFilter(uint32_t id, const NodeConfig& node,
                        absl::Span<const Prefix> relay_prefixes);

}  // namespace causeway
