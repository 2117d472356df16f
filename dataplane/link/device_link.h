// A DPDK device that the kernel does not have: a PCI card under vfio, or any virtual device. A TAP
// is the kernel's mirror of it.
#pragma once

#include "dataplane/link/link.h"

namespace causeway {

inline constexpr uint16_t kDeviceMtu = 1500;

absl::StatusOr<unsigned> DeviceQueues(const LinkConfig& config);
absl::StatusOr<std::unique_ptr<Link>> OpenDeviceLink(const LinkConfig& config,
                                                     absl::Span<rte_mempool* const> pools);

}  // namespace causeway
