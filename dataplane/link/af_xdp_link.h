// A Linux interface over AF_XDP: the kernel keeps it, and our XDP program takes what is ours.
#pragma once

#include "dataplane/link/link.h"

namespace causeway {

/// The largest MTU of an interface that AF_XDP serves: a packet and its headroom lie in one page.
inline constexpr unsigned kMaxAfXdpMtu = 3498;

absl::Status CheckAfXdpLink(const LinkConfig& config);
absl::StatusOr<uint16_t> AfXdpMtu(const LinkConfig& config);
absl::StatusOr<unsigned> AfXdpQueues(const LinkConfig& config);
absl::StatusOr<std::unique_ptr<Link>> OpenAfXdpLink(const LinkConfig& config,
                                                    absl::Span<rte_mempool* const> pools);

}  // namespace causeway
