#include "tests/dataplane/shard/frames.h"

#include <algorithm>

namespace causeway::testing {

Bytes ChannelData(uint16_t number, const Bytes& data) {
  return Be16(number) + Be16(data.size()) + data;
}

Bytes Attribute(uint16_t type, const Bytes& value) {
  Bytes attribute = Be16(type) + Be16(value.size()) + value;
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
  const size_t length = attributes.size() + (fingerprint != 0 ? 8 : 0);
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
  if (frame.size() < 42) return frame;
  const auto clear = [&frame](size_t at, size_t size) {
    for (size_t i = at; i < std::min(at + size, frame.size()); ++i) frame[i] = 0;
  };
  const bool v4 = frame[12] == 8;
  const bool in_fragment = !v4 && frame[20] == 44;
  if (v4 && (frame[20] & 0x40) == 0) {
    clear(18, 2);  // identification
    clear(24, 2);
  }
  if (in_fragment) clear(58, 4);
  const size_t udp = v4 ? 34 : in_fragment ? 62 : 54;
  const size_t message = udp + 8;
  const bool is_data = frame.size() >= message + 36 && frame[message] == 0 &&
                       frame[message + 1] == 0x17 && frame[message + 4] == 0x21;
  if (is_data) {
    clear(message + 8, 12);                                 // transaction id
    if (frame[message + 25] == 2) clear(message + 32, 12);  // of the address, what it masks
    clear(udp + 6, 2);
  }
  return frame;
}

std::vector<Bytes> CutV4(const Bytes& frame, size_t at) {
  const auto piece = [&](size_t from, size_t to, bool more) {
    Bytes out = Slice(frame, 0, 34) + Slice(frame, 34 + from, 34 + to);
    const size_t total = 20 + to - from;
    out[16] = static_cast<uint8_t>(total >> 8);
    out[17] = static_cast<uint8_t>(total);
    out[20] = static_cast<uint8_t>((more ? 0x20 : 0) | from / 8 >> 8);
    out[21] = static_cast<uint8_t>(from / 8);
    out[24] = out[25] = 0;
    const uint16_t check = ReferenceChecksum(std::span(out).subspan(14, 20));
    out[24] = static_cast<uint8_t>(check >> 8);
    out[25] = static_cast<uint8_t>(check);
    return out;
  };
  return {piece(0, at, true), piece(at, frame.size() - 34, false)};
}

std::vector<Bytes> CutV6(const Bytes& frame, size_t at) {
  const auto piece = [&](size_t from, size_t to, bool more) {
    Bytes out = Slice(frame, 0, 54);
    const size_t total = 8 + to - from;
    out[18] = static_cast<uint8_t>(total >> 8);
    out[19] = static_cast<uint8_t>(total);
    out[20] = 44;
    out = out + Bytes{17, 0} + Be16(static_cast<uint32_t>(from | (more ? 1 : 0))) + Be32(77) +
          Slice(frame, 54 + from, 54 + to);
    return out;
  };
  return {piece(0, at, true), piece(at, frame.size() - 54, false)};
}

}  // namespace causeway::testing
