#include "control/config/relay_plan.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace causeway::config {
namespace {

constexpr uint64_t kUnbounded = uint64_t{1} << 40;

struct Block {
  IpAddress first;
  uint64_t size = 0;  // usable addresses from `first` on, kUnbounded at most
  bool elastic = false;
};

Block UsableBlock(const Prefix& prefix) {
  const unsigned host_bits = 128u - prefix.length;
  const uint64_t size = host_bits >= 40 ? kUnbounded : uint64_t{1} << host_bits;
  if (prefix.address.IsV4()) {
    if (host_bits <= 1) return {prefix.address, size};
    return {Advance(prefix.address, 1), size - 2};
  }
  if (host_bits == 0) return {prefix.address, 1};
  return {Advance(prefix.address, 1), size - 1, true};
}

absl::Status CheckOverlap(absl::Span<const Prefix> prefixes) {
  for (size_t i = 0; i < prefixes.size(); ++i) {
    for (size_t k = 0; k < i; ++k) {
      if (prefixes[i].Contains(prefixes[k].First()) || prefixes[k].Contains(prefixes[i].First())) {
        return BadValue("relay-address", prefixes[i].ToString(),
                        absl::StrCat("overlaps ", prefixes[k].ToString(), ", given before it"));
      }
    }
  }
  return absl::OkStatus();
}

uint64_t CountAddresses(absl::Span<const Block> blocks, Family family) {
  uint64_t count = 0;
  for (const Block& block : blocks) {
    if (block.first.family() == family) count += block.size;
  }
  return count;
}

/// Cuts the elastic blocks to what `wanted` addresses of their family need, at least one each.
void CutElastic(std::vector<Block>& blocks, uint64_t wanted) {
  uint64_t have = 0;
  for (const Block& block : blocks) {
    if (!block.first.IsV4() && !block.elastic) ++have;
  }
  for (Block& block : blocks) {
    if (!block.elastic) continue;
    const uint64_t missing = wanted > have ? wanted - have : 0;
    block.size = std::clamp<uint64_t>(missing, 1, block.size);
    have += block.size;
  }
}

absl::Status TooFewPorts(uint32_t wanted, uint64_t addresses, uint32_t ports) {
  const uint64_t needed = (uint64_t{wanted} + ports - 1) / ports;
  const uint64_t more = needed - addresses;
  return BadValue(
      "max-allocations", absl::StrCat(wanted),
      absl::StrCat("the relay addresses hold ", addresses * ports, " (", addresses, " with ", ports,
                   " ports each): give ", more, " more --relay-address", more == 1 ? "" : "es",
                   " of the same family, or lower it"));
}

std::string SmallerFamilyWarning(const RelayPlan& plan, uint64_t v4, uint64_t v6) {
  if (v4 == 0 || v6 == 0 || std::min(v4, v6) >= plan.max_allocations) return "";
  return absl::StrCat(v4 < v6 ? "IPv4" : "IPv6", " relay addresses have ports for ",
                      std::min(v4, v6), " of the ", plan.max_allocations, " allocations");
}

}  // namespace

absl::StatusOr<RelayPlan> PlanRelayAddresses(absl::Span<const Prefix> prefixes,
                                             const PortRange& ports,
                                             std::optional<uint32_t> max_allocations) {
  if (absl::Status status = CheckOverlap(prefixes); !status.ok()) return status;
  std::vector<Block> blocks;
  for (const Prefix& prefix : prefixes) blocks.push_back(UsableBlock(prefix));

  const uint64_t largest =
      std::max(CountAddresses(blocks, Family::kIpv4), CountAddresses(blocks, Family::kIpv6));
  RelayPlan plan;
  plan.max_allocations = max_allocations.value_or(
      static_cast<uint32_t>(std::min<uint64_t>(kDefaultMaxAllocations, largest * ports.size())));
  if (plan.max_allocations > largest * ports.size()) {
    return TooFewPorts(plan.max_allocations, largest, ports.size());
  }
  CutElastic(blocks, (uint64_t{plan.max_allocations} + ports.size() - 1) / ports.size());

  const uint64_t v4 = CountAddresses(blocks, Family::kIpv4);
  const uint64_t v6 = CountAddresses(blocks, Family::kIpv6);
  if (v4 + v6 > kMaxRelayAddresses) {
    return absl::InvalidArgumentError(
        absl::StrCat("--relay-address: ", v4 + v6, " addresses in all, and at most ",
                     kMaxRelayAddresses, " can be served: give smaller prefixes"));
  }
  for (const Block& block : blocks) {
    for (uint64_t i = 0; i < block.size; ++i) plan.addresses.push_back(Advance(block.first, i));
  }
  plan.warning = SmallerFamilyWarning(plan, v4 * ports.size(), v6 * ports.size());
  return plan;
}

}  // namespace causeway::config
