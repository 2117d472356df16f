// The Ethernet frames of the tests of links: what one field or the other makes of them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tests/dataplane/wire.h"

namespace causeway {

using Frame = wire::Bytes;

struct FragmentSpec {
  uint16_t id;
  uint16_t offset;  // bytes
  bool more;
};

struct FrameSpec {
  std::string to = {};
  uint16_t port = 0;
  std::string from = {};  // a documentation address of the same family when empty
  uint8_t protocol = 17;
  int option_words = 0;                  // IPv4
  std::vector<uint8_t> extensions = {};  // IPv6, eight bytes each
  std::optional<FragmentSpec> fragment = {};
  size_t payload = 24;
};

inline wire::IpHeaders HeadersOf(const FrameSpec& spec) {
  wire::IpHeaders headers;
  headers.destination = *IpAddress::Parse(spec.to);
  const bool v4 = headers.destination.IsV4();
  const std::string from = v4 ? "203.0.113.9" : "2001:db8:9::9";
  headers.source = *IpAddress::Parse(spec.from.empty() ? from : spec.from);
  headers.protocol = spec.protocol;
  headers.id = spec.fragment ? spec.fragment->id : 1u;
  headers.fragment_header = spec.fragment.has_value();
  headers.offset = spec.fragment ? spec.fragment->offset : 0u;
  headers.more = spec.fragment && spec.fragment->more;
  headers.options = Frame(size_t{4} * static_cast<size_t>(spec.option_words), 1);  // no-operation
  for (const uint8_t type : spec.extensions) {
    headers.extensions.push_back({type, {0, 0, 1, 4, 0, 0, 0, 0}});  // PadN
  }
  return headers;
}

/// A datagram, or a fragment of one; its UDP checksum is zero.
inline Frame Udp(const FrameSpec& spec, const MacAddress& to_mac = {},
                 const MacAddress& from_mac = {}) {
  const wire::IpHeaders headers = HeadersOf(spec);
  Frame data(spec.payload, 0x5a);
  if (headers.offset == 0) {
    data = wire::EncodeUdp({headers.source, 40000}, {headers.destination, spec.port}, data,
                           wire::Check::kZero);
  }
  return wire::Framed(to_mac, from_mac, wire::Encode(headers, data));
}

}  // namespace causeway
