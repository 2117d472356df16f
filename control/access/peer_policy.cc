#include "control/access/peer_policy.h"

#include <algorithm>
#include <initializer_list>

namespace causeway::access {
namespace {

// Special-purpose blocks (the IANA registries of RFC 6890), multicast and reserved space.
constexpr const char* kDefaultDenied[] = {
    "0.0.0.0/8",      "10.0.0.0/8",     "100.64.0.0/10",   "127.0.0.0/8",     "169.254.0.0/16",
    "172.16.0.0/12",  "192.0.0.0/24",   "192.0.2.0/24",    "192.31.196.0/24", "192.52.193.0/24",
    "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24", "198.18.0.0/15",   "198.51.100.0/24",
    "203.0.113.0/24", "224.0.0.0/4",    "240.0.0.0/4",     "::/128",          "::1/128",
    "64:ff9b::/96",   "64:ff9b:1::/48", "100::/64",        "2001::/23",       "2001:db8::/32",
    "2002::/16",      "3fff::/20",      "5f00::/16",       "fc00::/7",        "fe80::/10",
    "fec0::/10",      "ff00::/8",
};

void Append(std::vector<PeerRanges::Entry>& entries, absl::Span<const Prefix> prefixes,
            PeerRule rule) {
  for (const Prefix& prefix : prefixes) entries.push_back({prefix, rule});
}

void Append(std::vector<PeerRanges::Entry>& entries, absl::Span<const IpAddress> addresses,
            PeerRule rule) {
  for (const IpAddress& address : addresses) entries.push_back({Prefix::Host(address), rule});
}

bool Denies(PeerRule rule) { return rule != PeerRule::kNone && rule != PeerRule::kAllow; }

bool StartsWith(const IpAddress& address, std::initializer_list<uint8_t> bytes) {
  return std::equal(bytes.begin(), bytes.end(), address.bytes());
}

bool ZeroFrom(const IpAddress& address, int first) {
  return std::all_of(address.bytes() + first, address.bytes() + 16,
                     [](uint8_t byte) { return byte == 0; });
}

IpAddress Joined(uint8_t a, uint8_t b, uint8_t c, uint8_t d) {
  const uint8_t bytes[] = {a, b, c, d};
  return IpAddress::FromV4Bytes(bytes);
}

// 64:ff9b:1::/48 is cut into translation prefixes of /48 to /96 as the network likes (RFC 8215), so
// every reading whose suffix is zero, as RFC 6052 section 2.2 wants it, counts. A reading in 0/8 is
// the padding of another one, if there is one.
void AddLocalNat64(const IpAddress& address, std::vector<IpAddress>& out) {
  const uint8_t* b = address.bytes();
  std::vector<IpAddress> readings = {IpAddress::FromV4Bytes(b + 12)};
  if (b[8] == 0 && ZeroFrom(address, 11)) readings.push_back(Joined(b[6], b[7], b[9], b[10]));
  if (b[8] == 0 && ZeroFrom(address, 12)) readings.push_back(Joined(b[7], b[9], b[10], b[11]));
  if (b[8] == 0 && ZeroFrom(address, 13)) readings.push_back(Joined(b[9], b[10], b[11], b[12]));
  const auto padding = std::stable_partition(
      readings.begin(), readings.end(), [](const IpAddress& a) { return a.v4_bytes()[0] != 0; });
  if (padding != readings.begin()) readings.erase(padding, readings.end());
  out.insert(out.end(), readings.begin(), readings.end());
}

void AddTeredo(const IpAddress& address, std::vector<IpAddress>& out) {
  const uint8_t* b = address.bytes();
  out.push_back(IpAddress::FromV4Bytes(b + 4));
  out.push_back(Joined(b[12] ^ 0xff, b[13] ^ 0xff, b[14] ^ 0xff, b[15] ^ 0xff));
}

}  // namespace

PeerPolicy::PeerPolicy(const Config& config) : allow_hairpin_(config.allow_hairpin) {
  std::vector<PeerRanges::Entry> entries;
  Append(entries, DefaultDenied(), PeerRule::kSpecialPurpose);
  Append(entries, config.allow, PeerRule::kAllow);
  Append(entries, config.node_addresses, PeerRule::kOwnAddress);
  Append(entries, config.relay_addresses, PeerRule::kRelayAddress);
  Append(entries, config.deny, PeerRule::kDeny);
  ranges_ = std::make_shared<const PeerRanges>(entries);
}

PeerPolicy PeerPolicy::With(absl::Span<const Prefix> allow, absl::Span<const Prefix> deny) const {
  std::vector<PeerRanges::Entry> entries;
  Append(entries, allow, PeerRule::kAllow);
  Append(entries, deny, PeerRule::kDeny);
  PeerPolicy both = *this;
  both.added_ = PeerRanges(entries);
  return both;
}

absl::Span<const Prefix> PeerPolicy::DefaultDenied() {
  static const std::vector<Prefix>* const prefixes = [] {
    auto* parsed = new std::vector<Prefix>;
    for (const char* text : kDefaultDenied) parsed->push_back(Prefix::Parse(text).value());
    return parsed;
  }();
  return *prefixes;
}

std::vector<IpAddress> PeerPolicy::CarriedAddresses(const IpAddress& address) {
  std::vector<IpAddress> carried;
  if (address.IsV4()) return carried;
  const uint8_t* b = address.bytes();
  const bool compatible = StartsWith(address, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  const bool loopback_or_none = compatible && b[12] == 0 && b[13] == 0 && b[14] == 0 && b[15] <= 1;
  if (compatible && !loopback_or_none) carried.push_back(IpAddress::FromV4Bytes(b + 12));
  if (StartsWith(address, {0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0})) {
    carried.push_back(IpAddress::FromV4Bytes(b + 12));
  }
  if (StartsWith(address, {0x20, 0x02})) carried.push_back(IpAddress::FromV4Bytes(b + 2));
  if (StartsWith(address, {0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0})) {
    carried.push_back(IpAddress::FromV4Bytes(b + 12));
  }
  if (StartsWith(address, {0, 0x64, 0xff, 0x9b, 0, 1})) AddLocalNat64(address, carried);
  if (StartsWith(address, {0x20, 0x01, 0, 0})) AddTeredo(address, carried);
  return carried;
}

PeerRule PeerPolicy::RuleFor(const IpAddress& address) const {
  return std::max(ranges_->LookUp(address), added_.LookUp(address));
}

PeerVerdict PeerPolicy::Check(const IpAddress& peer) const {
  const PeerRule rule = RuleFor(peer);
  if (rule == PeerRule::kRelayAddress) {
    return allow_hairpin_ ? PeerVerdict::kAllowed : PeerVerdict::kDenied;
  }
  if (Denies(rule)) return PeerVerdict::kDenied;
  for (const IpAddress& carried : CarriedAddresses(peer)) {
    if (Denies(RuleFor(carried))) return PeerVerdict::kDenied;
  }
  return PeerVerdict::kAllowed;
}

}  // namespace causeway::access
