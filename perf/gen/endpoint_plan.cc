#include "perf/gen/endpoint_plan.h"

#include <algorithm>

namespace causeway::gen {
namespace {

using Number = unsigned __int128;

Number ToNumber(const IpAddress& address) {
  Number number = 0;
  for (int i = 0; i < 16; ++i) number = number << 8 | address.bytes()[i];
  return number;
}

}  // namespace

EndpointPlan::EndpointPlan(const std::vector<Prefix>& blocks, uint16_t first_port,
                           uint16_t last_port)
    : ports_(uint32_t{last_port} - first_port + 1), first_port_(first_port) {
  for (const Prefix& block : blocks) {
    const Number whole = ToNumber(block.Last()) - ToNumber(block.First()) + 1;
    const bool reserved = whole > 2 || whole == 0;
    const unsigned skipped = !reserved ? 0 : block.First().IsV4() ? 2 : 1;
    const Number usable = std::min<Number>(whole - skipped, kMaxAddresses);
    const auto count = static_cast<uint64_t>(usable);
    ranges_.push_back({Advance(block.First(), reserved ? 1 : 0), addresses_, count});
    addresses_ += count;
  }
}

Family EndpointPlan::family() const {
  return ranges_.empty() ? Family::kIpv4 : ranges_.front().first.family();
}

IpAddress EndpointPlan::AddressAt(uint64_t index) const {
  const auto after =
      std::upper_bound(ranges_.begin(), ranges_.end(), index,
                       [](uint64_t wanted, const Range& range) { return wanted < range.before; });
  const Range& range = *std::prev(after);
  return Advance(range.first, index - range.before);
}

Endpoint EndpointPlan::At(uint64_t index) const {
  return {AddressAt(index % addresses_), static_cast<uint16_t>(first_port_ + index / addresses_)};
}

std::optional<uint64_t> EndpointPlan::AddressIndex(const IpAddress& address) const {
  for (const Range& range : ranges_) {
    const Number offset = ToNumber(address) - ToNumber(range.first);
    if (offset < range.count) return range.before + static_cast<uint64_t>(offset);
  }
  return std::nullopt;
}

std::optional<uint64_t> EndpointPlan::IndexOf(const Endpoint& endpoint) const {
  const uint32_t port = uint32_t{endpoint.port} - first_port_;  // wraps when below
  if (port >= ports_) return std::nullopt;
  const auto address = AddressIndex(endpoint.address);
  if (!address) return std::nullopt;
  return *address + port * addresses_;
}

std::string EndpointPlan::Overlap(const EndpointPlan& other) const {
  for (const uint16_t port : {first_port_, other.first_port_}) {
    for (const Range& range : ranges_) {
      const Endpoint candidate{range.first, port};
      if (IndexOf(candidate) && other.IndexOf(candidate)) return candidate.ToString();
    }
    for (const Range& range : other.ranges_) {
      const Endpoint candidate{range.first, port};
      if (IndexOf(candidate) && other.IndexOf(candidate)) return candidate.ToString();
    }
  }
  return "";
}

}  // namespace causeway::gen
