// Values of 16, 32 and 64 bits at any address of a packet: Be in network order (big-endian), Raw in
// the order of memory, for what is only compared, summed or moved.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace causeway {

static_assert(std::endian::native == std::endian::little, "Be below swaps bytes");

template <typename T>
inline T LoadRaw(const uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}
inline uint16_t LoadRaw16(const uint8_t* at) { return LoadRaw<uint16_t>(at); }
inline uint32_t LoadRaw32(const uint8_t* at) { return LoadRaw<uint32_t>(at); }
inline uint64_t LoadRaw64(const uint8_t* at) { return LoadRaw<uint64_t>(at); }

inline void StoreRaw16(uint8_t* at, uint16_t value) { std::memcpy(at, &value, sizeof value); }
inline void StoreRaw32(uint8_t* at, uint32_t value) { std::memcpy(at, &value, sizeof value); }
inline void StoreRaw64(uint8_t* at, uint64_t value) { std::memcpy(at, &value, sizeof value); }

inline uint16_t LoadBe16(const uint8_t* at) { return __builtin_bswap16(LoadRaw16(at)); }
inline uint32_t LoadBe32(const uint8_t* at) { return __builtin_bswap32(LoadRaw32(at)); }
inline uint64_t LoadBe64(const uint8_t* at) { return __builtin_bswap64(LoadRaw64(at)); }

inline void StoreBe16(uint8_t* at, uint16_t value) { StoreRaw16(at, __builtin_bswap16(value)); }
inline void StoreBe32(uint8_t* at, uint32_t value) { StoreRaw32(at, __builtin_bswap32(value)); }
inline void StoreBe64(uint8_t* at, uint64_t value) { StoreRaw64(at, __builtin_bswap64(value)); }

}  // namespace causeway
