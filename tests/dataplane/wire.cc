#include "tests/dataplane/wire.h"

#include <algorithm>
#include <charconv>

namespace causeway::wire {

Endpoint At(std::string_view text) {
  const size_t colon = text.rfind(':');
  std::string_view host = text.substr(0, colon);
  if (host.front() == '[') host = host.substr(1, host.size() - 2);
  Endpoint endpoint;
  endpoint.address = *IpAddress::Parse(absl::string_view(host.data(), host.size()));
  std::from_chars(text.data() + colon + 1, text.data() + text.size(), endpoint.port);
  return endpoint;
}

Bytes Text(std::string_view text) { return Bytes(text.begin(), text.end()); }

Bytes Counting(size_t size, uint8_t first) {
  Bytes bytes(size);
  for (uint8_t& b : bytes) b = first++;
  return bytes;
}

Bytes operator+(Bytes left, const Bytes& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

Bytes Slice(const Bytes& bytes, size_t from, size_t to) {
  Bytes slice;
  for (size_t i = from; i < to; ++i) slice.push_back(bytes.at(i));
  return slice;
}

Bytes Be16(size_t value) { return {static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)}; }
Bytes Be32(uint32_t value) { return Be16(value >> 16) + Be16(value & 0xffff); }

Bytes AddressBytes(const IpAddress& a) {
  return a.IsV4() ? Bytes(a.v4_bytes(), a.v4_bytes() + 4) : Bytes(a.bytes(), a.bytes() + 16);
}

uint32_t ReferenceSum(std::span<const uint8_t> data, uint32_t start) {
  uint32_t sum = start;
  for (size_t i = 0; i < data.size(); i += 2) {
    sum += uint32_t{data[i]} << 8 | (i + 1 < data.size() ? data[i + 1] : 0u);
    if (sum > 0xffff) sum -= 0xffff;
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return sum;
}

uint16_t ReferenceChecksum(std::span<const uint8_t> data, uint32_t start) {
  return static_cast<uint16_t>(~ReferenceSum(data, start));
}

uint32_t ReferencePseudoSum(const IpAddress& source, const IpAddress& destination, uint8_t protocol,
                            size_t length) {
  return ReferenceSum(AddressBytes(source) + AddressBytes(destination) +
                      Be32(static_cast<uint32_t>(length)) + Be32(protocol));
}

namespace {

void Put16(Bytes& bytes, size_t at, size_t value) {
  bytes[at] = static_cast<uint8_t>(value >> 8);
  bytes[at + 1] = static_cast<uint8_t>(value);
}

Bytes EncodeV4(const IpHeaders& h, std::span<const uint8_t> data) {
  const size_t size = 20 + h.options.size();
  const size_t flags = (h.df ? 0x4000u : 0u) | (h.more ? 0x2000u : 0u);
  Bytes ip = Bytes{static_cast<uint8_t>(0x40 | size / 4), h.tos} + Be16(size + data.size()) +
             Be16(h.id & 0xffff) + Be16(flags | h.offset / 8) + Bytes{h.ttl, h.protocol} + Be16(0) +
             AddressBytes(h.source) + AddressBytes(h.destination) + h.options;
  Put16(ip, 10, ReferenceChecksum(ip));
  ip.insert(ip.end(), data.begin(), data.end());
  return ip;
}

Bytes EncodeV6(const IpHeaders& h, std::span<const uint8_t> data) {
  std::vector<Extension> chain = h.extensions;
  if (h.fragment_header) {
    const uint8_t more = h.more ? 1 : 0;
    chain.push_back({44, Bytes{0, 0} + Be16(h.offset | more) + Be32(h.id)});
  }
  Bytes body;
  for (size_t i = 0; i < chain.size(); ++i) {
    chain[i].bytes.at(0) = i + 1 < chain.size() ? chain[i + 1].type : h.protocol;
    body = std::move(body) + chain[i].bytes;
  }
  body.insert(body.end(), data.begin(), data.end());
  return Be32(0x60000000u | uint32_t{h.tos} << 20 | h.flow_label) + Be16(body.size()) +
         Bytes{chain.empty() ? h.protocol : chain[0].type, h.ttl} + AddressBytes(h.source) +
         AddressBytes(h.destination) + body;
}

size_t Read(const Bytes& b, size_t at, size_t size) {
  size_t value = 0;
  for (size_t i = 0; i < size; ++i) value = value << 8 | b.at(at + i);
  return value;
}

}  // namespace

Bytes Encode(const IpHeaders& headers, std::span<const uint8_t> data) {
  return headers.source.IsV4() ? EncodeV4(headers, data) : EncodeV6(headers, data);
}

Bytes Framed(const MacAddress& to, const MacAddress& from, const Bytes& packet) {
  const bool v4 = packet.at(0) >> 4 == 4;
  return Bytes(to.begin(), to.end()) + Bytes(from.begin(), from.end()) +
         Be16(v4 ? 0x0800 : 0x86dd) + packet;
}

Bytes EncodeUdp(const Endpoint& source, const Endpoint& destination, const Bytes& payload,
                Check check) {
  const size_t length = 8 + payload.size();
  Bytes udp = Be16(source.port) + Be16(destination.port) + Be16(length) + Be16(0) + payload;
  const uint32_t pseudo = ReferencePseudoSum(source.address, destination.address, 17, length);
  uint32_t field = ReferenceChecksum(udp, pseudo);
  if (field == 0) field = 0xffff;
  if (check == Check::kZero) field = 0;
  if (check == Check::kWrong) field = field == 1 ? 2 : field - 1;
  if (check == Check::kUnfinished) field = pseudo;
  Put16(udp, 6, field);
  return udp;
}

Bytes Datagram::Encode() const {
  IpHeaders headers;
  headers.source = source.address;
  headers.destination = destination.address;
  headers.ttl = ttl;
  headers.tos = tos;
  headers.flow_label = flow_label;
  headers.id = id;
  headers.df = df;
  headers.options = options;
  if (!options.empty()) headers.extensions = {{options_type, options}};
  const Bytes udp = EncodeUdp(source, destination, payload, check) + surplus;
  return Framed(to_mac, from_mac, wire::Encode(headers, udp)) + trailer;
}

Datagram Datagram::Decode(const Bytes& f) {
  Datagram d;
  if (f.size() < 42) return d;
  std::copy_n(f.begin(), 6, d.to_mac.begin());
  std::copy_n(f.begin() + 6, 6, d.from_mac.begin());
  const bool v4 = Read(f, 12, 2) == 0x0800;
  const size_t udp = v4 ? 34 : 54;
  if (f.size() < udp + 8) return d;
  if (v4) {
    d.tos = f[15];
    d.id = static_cast<uint16_t>(Read(f, 18, 2));
    d.df = (f[20] & 0x40) != 0;
    d.ttl = f[22];
    d.source.address = IpAddress::FromV4Bytes(&f[26]);
    d.destination.address = IpAddress::FromV4Bytes(&f[30]);
    d.ip_checksum_right = ReferenceChecksum(std::span(f).subspan(14, 20)) == 0;
  } else {
    d.tos = static_cast<uint8_t>(Read(f, 14, 2) >> 4);
    d.flow_label = static_cast<uint32_t>(Read(f, 14, 4) & 0xfffff);
    d.ttl = f[21];
    d.source.address = IpAddress::FromV6Bytes(&f[22]);
    d.destination.address = IpAddress::FromV6Bytes(&f[38]);
  }
  d.source.port = static_cast<uint16_t>(Read(f, udp, 2));
  d.destination.port = static_cast<uint16_t>(Read(f, udp + 2, 2));
  const size_t length = Read(f, udp + 4, 2);
  if (length < 8 || udp + length > f.size()) return Datagram{};
  d.payload = Slice(f, udp + 8, udp + length);
  const uint32_t pseudo = ReferencePseudoSum(d.source.address, d.destination.address, 17, length);
  if (Read(f, udp + 6, 2) == 0) {
    d.check = Check::kZero;
  } else if (ReferenceChecksum(std::span(f).subspan(udp, length), pseudo) != 0) {
    d.check = Check::kWrong;
  }
  return d;
}

std::ostream& operator<<(std::ostream& out, const Datagram& d) {
  static const char* const kChecks[] = {"right", "zero", "wrong", "unfinished"};
  out << d.source.ToString() << " > " << d.destination.ToString() << " ttl " << int{d.ttl}
      << " tos " << int{d.tos} << " df " << d.df << " id " << d.id << " label " << d.flow_label
      << " check " << kChecks[static_cast<int>(d.check)] << " ip check " << d.ip_checksum_right
      << " payload " << d.payload.size() << ":";
  static const char kHex[] = "0123456789abcdef";
  for (size_t i = 0; i < d.payload.size() && i < 80; ++i) {
    out << kHex[d.payload[i] >> 4] << kHex[d.payload[i] & 15];
  }
  return out;
}

}  // namespace causeway::wire
