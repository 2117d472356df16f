// The addresses and ports of clients and of peers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/address.h"

namespace causeway::gen {

/// The transport addresses that the generator plays: every address with every port. Endpoint i
/// takes address i % addresses and port first + i / addresses, so that neighbours differ in their
/// address.
class EndpointPlan {
 public:
  /// More addresses of a block than these are left unused.
  static constexpr uint64_t kMaxAddresses = uint64_t{1} << 24;

  /// No endpoint.
  EndpointPlan() = default;
  /// `blocks` do not overlap; an IPv4 block of more than two addresses lends all but the first and
  /// the last, an IPv6 one of more than two all but the first (the routers' anycast).
  EndpointPlan(const std::vector<Prefix>& blocks, uint16_t first_port, uint16_t last_port);

  uint64_t size() const { return addresses_ * ports_; }
  uint64_t addresses() const { return addresses_; }
  /// kIpv4 for an empty plan.
  Family family() const;
  /// Address number `index` < addresses().
  IpAddress AddressAt(uint64_t index) const;
  /// Endpoint `index` < size().
  Endpoint At(uint64_t index) const;
  /// The inverse of AddressAt; nullopt for a stranger.
  std::optional<uint64_t> AddressIndex(const IpAddress& address) const;
  /// The inverse of At; nullopt for a stranger.
  std::optional<uint64_t> IndexOf(const Endpoint& endpoint) const;
  /// The first endpoint, in text, that both plans hold; empty when there is none.
  std::string Overlap(const EndpointPlan& other) const;

 private:
  struct Range {
    IpAddress first;
    uint64_t before;  // addresses of the ranges before this one
    uint64_t count;
  };
  std::vector<Range> ranges_;
  uint64_t addresses_ = 0;
  uint32_t ports_ = 0;
  uint16_t first_port_ = 0;
};

}  // namespace causeway::gen
