#include "tests/dataplane/shard/frames.h"

#include <algorithm>
#include <charconv>

namespace causeway::testing {

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

Bytes Be16(uint32_t value) {
  return {static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)};
}
Bytes Be32(uint32_t value) { return Be16(value >> 16) + Be16(value & 0xffff); }

uint32_t ReferenceSum(const uint8_t* data, size_t size, uint32_t start) {
  uint32_t sum = start;
  for (size_t i = 0; i < size; i += 2) {
    sum += uint32_t{data[i]} << 8 | (i + 1 < size ? data[i + 1] : 0u);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum;
}
uint16_t ReferenceFold(uint32_t sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}

namespace {

Bytes AddressBytes(const IpAddress& a) {
  return a.IsV4() ? Bytes(a.v4_bytes(), a.v4_bytes() + 4) : Bytes(a.bytes(), a.bytes() + 16);
}

uint16_t PseudoSum(const IpAddress& source, const IpAddress& destination, uint32_t length) {
  const Bytes pseudo = AddressBytes(source) + AddressBytes(destination) + Be32(length) + Be32(17);
  return ReferenceFold(ReferenceSum(pseudo.data(), pseudo.size()));
}

Bytes EncodeUdp(const Datagram& d) {
  const auto length = static_cast<uint32_t>(8 + d.payload.size());
  Bytes udp = Be16(d.source.port) + Be16(d.destination.port) + Be16(length) + Be16(0) + d.payload;
  const uint16_t pseudo = PseudoSum(d.source.address, d.destination.address, length);
  auto check = static_cast<uint16_t>(~ReferenceFold(ReferenceSum(udp.data(), udp.size(), pseudo)));
  if (check == 0) check = 0xffff;
  if (d.check == Check::kZero) check = 0;
  if (d.check == Check::kWrong) check = check == 1 ? 2 : static_cast<uint16_t>(check - 1);
  if (d.check == Check::kUnfinished) check = pseudo;
  udp[6] = static_cast<uint8_t>(check >> 8);
  udp[7] = static_cast<uint8_t>(check);
  return udp + d.surplus;
}

Bytes EncodeV4(const Datagram& d, const Bytes& udp) {
  const size_t header = 20 + d.options.size();
  Bytes ip = Bytes{static_cast<uint8_t>(0x40 | header / 4), d.tos} +
             Be16(static_cast<uint32_t>(header + udp.size())) + Be16(d.id) +
             Be16(d.df ? 0x4000 : 0) + Bytes{d.ttl, 17} + Be16(0) + AddressBytes(d.source.address) +
             AddressBytes(d.destination.address) + d.options;
  const auto check = static_cast<uint16_t>(~ReferenceFold(ReferenceSum(ip.data(), ip.size())));
  ip[10] = static_cast<uint8_t>(check >> 8);
  ip[11] = static_cast<uint8_t>(check);
  return ip + udp;
}

Bytes EncodeV6(const Datagram& d, const Bytes& udp) {
  Bytes options = d.options;
  if (!options.empty()) options[0] = 17;
  const uint8_t next = options.empty() ? uint8_t{17} : d.options_type;
  return Be32(0x60000000u | uint32_t{d.tos} << 20 | d.flow_label) +
         Be16(static_cast<uint32_t>(options.size() + udp.size())) + Bytes{next, d.ttl} +
         AddressBytes(d.source.address) + AddressBytes(d.destination.address) + options + udp;
}

uint32_t Read(const Bytes& b, size_t at, size_t size) {
  uint32_t value = 0;
  for (size_t i = 0; i < size; ++i) value = value << 8 | b.at(at + i);
  return value;
}

}  // namespace

Bytes Datagram::Encode() const {
  Bytes frame(to_mac.begin(), to_mac.end());
  frame.insert(frame.end(), from_mac.begin(), from_mac.end());
  const Bytes udp = EncodeUdp(*this);
  return source.address.IsV4() ? frame + Be16(0x0800) + EncodeV4(*this, udp) + trailer
                               : frame + Be16(0x86dd) + EncodeV6(*this, udp) + trailer;
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
    d.ip_checksum_right = ReferenceFold(ReferenceSum(&f[14], 20)) == 0xffff;
  } else {
    d.tos = static_cast<uint8_t>(Read(f, 14, 2) >> 4);
    d.flow_label = Read(f, 14, 4) & 0xfffff;
    d.ttl = f[21];
    d.source.address = IpAddress::FromV6Bytes(&f[22]);
    d.destination.address = IpAddress::FromV6Bytes(&f[38]);
  }
  d.source.port = static_cast<uint16_t>(Read(f, udp, 2));
  d.destination.port = static_cast<uint16_t>(Read(f, udp + 2, 2));
  const uint32_t length = Read(f, udp + 4, 2);
  if (length < 8 || udp + length > f.size()) return Datagram{};
  d.payload =
      Bytes(f.begin() + static_cast<long>(udp + 8), f.begin() + static_cast<long>(udp + length));
  const uint16_t pseudo = PseudoSum(d.source.address, d.destination.address, length);
  if (Read(f, udp + 6, 2) == 0) {
    d.check = Check::kZero;
  } else if (ReferenceFold(ReferenceSum(&f[udp], length, pseudo)) != 0xffff) {
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

Bytes ChannelData(uint16_t number, const Bytes& data) {
  return Be16(number) + Be16(static_cast<uint32_t>(data.size())) + data;
}

Bytes Attribute(uint16_t type, const Bytes& value) {
  Bytes attribute = Be16(type) + Be16(static_cast<uint32_t>(value.size())) + value;
  while (attribute.size() % 4 != 0) attribute.push_back(0);
  return attribute;
}

Bytes XorAddress(uint16_t type, const Endpoint& endpoint, const Bytes& transaction_id) {
  const Bytes mask = Be32(0x2112A442) + transaction_id;
  Bytes address = AddressBytes(endpoint.address);
  for (size_t i = 0; i < address.size(); ++i) address[i] ^= mask[i];
  const uint8_t family = address.size() == 4 ? 1 : 2;
  return Attribute(type, Bytes{0, family} + Be16(endpoint.port ^ 0x2112u) + address);
}

Bytes Transaction() { return {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}; }

Bytes Stun(uint16_t type, const Bytes& attributes, const Bytes& transaction_id, int fingerprint) {
  const auto length = static_cast<uint32_t>(attributes.size() + (fingerprint != 0 ? 8 : 0));
  Bytes m = Be16(type) + Be16(length) + Be32(0x2112A442) + transaction_id + attributes;
  if (fingerprint == 0) return m;
  uint32_t crc = 0xffffffff;
  for (uint8_t byte : m) {
    crc ^= byte;
    for (int i = 0; i < 8; ++i) crc = (crc & 1) != 0 ? crc >> 1 ^ 0xEDB88320u : crc >> 1;
  }
  return m + Attribute(0x8028, Be32(~crc ^ 0x5354554Eu ^ (fingerprint == 2 ? 1u : 0u)));
}

Bytes SendIndication(const Endpoint& peer, const Bytes& data, const Bytes& more) {
  return Stun(0x0016, XorAddress(0x0012, peer, Transaction()) + Attribute(0x0013, data) + more,
              Transaction());
}

Bytes DataIndication(const Endpoint& peer, const Bytes& data, const Bytes& transaction_id) {
  return Stun(0x0017, XorAddress(0x0012, peer, transaction_id) + Attribute(0x0013, data),
              transaction_id);
}

Bytes WithoutChance(Bytes frame) {
  const bool drawn = frame.size() >= 34 && frame[12] == 8 && (frame[20] & 0x40) == 0;
  if (drawn) {
    for (size_t at : {18, 19, 24, 25}) frame[at] = 0;
  }
  if (frame.size() >= 62 && frame[12] == 0x86 && frame[20] == 44) {
    for (size_t at : {58, 59, 60, 61}) frame[at] = 0;
  }
  if (frame.size() >= 62 && frame[42] == 0 && frame[43] == 0x17) {
    for (size_t at = 50; at < 62; ++at) frame[at] = 0;
    frame[40] = frame[41] = 0;  // the checksum covers them
    frame.resize(std::min<size_t>(frame.size(), 62));
  }
  if (frame.size() >= 82 && frame[12] == 0x86 && frame[62] == 0 && frame[63] == 0x17) {
    frame.resize(70);
    frame[60] = frame[61] = 0;
  }
  return frame;
}

}  // namespace causeway::testing
