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
