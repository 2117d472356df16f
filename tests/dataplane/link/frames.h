// Ethernet frames for tests, built byte by byte.
#pragma once

#include <arpa/inet.h>

#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/address.h"

namespace causeway {

using Frame = std::vector<uint8_t>;

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

inline void Put16(Frame& frame, unsigned value) {
  frame.push_back(static_cast<uint8_t>(value >> 8));
  frame.push_back(static_cast<uint8_t>(value));
}

inline uint16_t Ipv4HeaderChecksum(const uint8_t* header, size_t size) {
  uint32_t sum = 0;
  for (size_t i = 0; i < size; i += 2) sum += static_cast<uint32_t>(header[i] << 8 | header[i + 1]);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

// What follows the network header: UDP (checksum zero) in a first or only fragment, else payload.
inline Frame Transport(const FrameSpec& spec) {
  Frame out;
  if (!spec.fragment || spec.fragment->offset == 0) {
    Put16(out, 40000);
    Put16(out, spec.port);
    Put16(out, static_cast<unsigned>(8 + spec.payload));
    Put16(out, 0);
  }
  out.insert(out.end(), spec.payload, 0x5a);
  return out;
}

inline Frame Ipv4(const FrameSpec& spec, const Frame& transport) {
  Frame ip;
  ip.push_back(static_cast<uint8_t>(0x45 + spec.option_words));
  ip.push_back(0);
  Put16(ip, static_cast<unsigned>(20 + 4 * spec.option_words + static_cast<int>(transport.size())));
  Put16(ip, spec.fragment ? spec.fragment->id : 1u);
  Put16(ip, spec.fragment ? (spec.fragment->more ? 0x2000u : 0u) + spec.fragment->offset / 8u : 0u);
  ip.push_back(64);
  ip.push_back(spec.protocol);
  Put16(ip, 0);
  const auto from = *IpAddress::Parse(spec.from.empty() ? "203.0.113.9" : spec.from);
  const auto to = *IpAddress::Parse(spec.to);
  ip.insert(ip.end(), from.v4_bytes(), from.v4_bytes() + 4);
  ip.insert(ip.end(), to.v4_bytes(), to.v4_bytes() + 4);
  ip.insert(ip.end(), size_t{4} * static_cast<size_t>(spec.option_words), 1);  // no-operation
  const uint16_t sum = Ipv4HeaderChecksum(ip.data(), ip.size());
  ip[10] = static_cast<uint8_t>(sum >> 8);
  ip[11] = static_cast<uint8_t>(sum);
  ip.insert(ip.end(), transport.begin(), transport.end());
  return ip;
}

inline Frame Ipv6(const FrameSpec& spec, const Frame& transport) {
  Frame body;
  std::vector<uint8_t> order = spec.extensions;
  if (spec.fragment) order.push_back(44);
  order.push_back(spec.protocol);
  for (size_t i = 0; i + 1 < order.size(); ++i) {
    body.push_back(order[i + 1]);
    body.push_back(0);
    if (order[i] == 44) {
      Put16(body, spec.fragment->offset + (spec.fragment->more ? 1u : 0u));
      Put16(body, 0);
      Put16(body, spec.fragment->id);
    } else {
      for (const uint8_t byte : {1, 4, 0, 0, 0, 0}) body.push_back(byte);  // PadN
    }
  }
  body.insert(body.end(), transport.begin(), transport.end());
  Frame ip = {0x60, 0, 0, 0};
  Put16(ip, static_cast<unsigned>(body.size()));
  ip.push_back(order[0]);
  ip.push_back(64);
  const auto from = *IpAddress::Parse(spec.from.empty() ? "2001:db8:9::9" : spec.from);
  const auto to = *IpAddress::Parse(spec.to);
  ip.insert(ip.end(), from.bytes(), from.bytes() + 16);
  ip.insert(ip.end(), to.bytes(), to.bytes() + 16);
  ip.insert(ip.end(), body.begin(), body.end());
  return ip;
}

inline Frame Udp(const FrameSpec& spec, const MacAddress& to_mac = {},
                 const MacAddress& from_mac = {}) {
  const bool v4 = IpAddress::Parse(spec.to)->IsV4();
  Frame frame(to_mac.begin(), to_mac.end());
  frame.insert(frame.end(), from_mac.begin(), from_mac.end());
  Put16(frame, v4 ? 0x0800 : 0x86dd);
  const Frame ip = v4 ? Ipv4(spec, Transport(spec)) : Ipv6(spec, Transport(spec));
  frame.insert(frame.end(), ip.begin(), ip.end());
  return frame;
}

}  // namespace causeway
