#include "control/stun/fingerprint.h"

#include <array>

namespace causeway::stun {
namespace {

constexpr std::array<uint32_t, 256> MakeTable() {
  std::array<uint32_t, 256> table = {};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0xEDB88320u : 0);
    table[i] = crc;
  }
  return table;
}

constexpr std::array<uint32_t, 256> kTable = MakeTable();

}  // namespace

uint32_t FingerprintOf(absl::Span<const uint8_t> message) {
  uint32_t crc = 0xffffffff;
  for (uint8_t byte : message) crc = (crc >> 8) ^ kTable[(crc ^ byte) & 0xff];
  return ~crc ^ 0x5354554e;
}

}  // namespace causeway::stun
