// Network order of 16, 32 and 64 bits at any address.
#pragma once

#include <cstdint>

namespace causeway::stun {

inline uint16_t Load16(const uint8_t* p) { return static_cast<uint16_t>(p[0] << 8 | p[1]); }
inline uint32_t Load32(const uint8_t* p) {
  return static_cast<uint32_t>(Load16(p)) << 16 | Load16(p + 2);
}
inline uint64_t Load64(const uint8_t* p) {
  return static_cast<uint64_t>(Load32(p)) << 32 | Load32(p + 4);
}

inline void Store16(uint8_t* p, uint16_t value) {
  p[0] = static_cast<uint8_t>(value >> 8);
  p[1] = static_cast<uint8_t>(value);
}
inline void Store32(uint8_t* p, uint32_t value) {
  Store16(p, static_cast<uint16_t>(value >> 16));
  Store16(p + 2, static_cast<uint16_t>(value));
}
inline void Store64(uint8_t* p, uint64_t value) {
  Store32(p, static_cast<uint32_t>(value >> 32));
  Store32(p + 4, static_cast<uint32_t>(value));
}

}  // namespace causeway::stun
