#include <cstring>

#include "control/stun/message.h"
#include "dataplane/byte_order.h"

namespace causeway::stun {
namespace {

constexpr uint8_t kMappedPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

std::optional<uint8_t> FirstOfFour(const AttributeView& a) {
  if (a.value.size() != 4) return std::nullopt;
  return a.value[0];
}

}  // namespace

std::optional<uint32_t> DecodeU32(const AttributeView& a) {
  if (a.value.size() != 4) return std::nullopt;
  return LoadBe32(a.value.data());
}

std::optional<uint16_t> DecodeChannelNumber(const AttributeView& a) {
  if (a.value.size() != 4) return std::nullopt;
  return LoadBe16(a.value.data());
}

std::optional<uint8_t> DecodeRequestedTransport(const AttributeView& a) { return FirstOfFour(a); }

std::optional<uint8_t> DecodeFamily(const AttributeView& a) { return FirstOfFour(a); }

std::optional<bool> DecodeEvenPort(const AttributeView& a) {
  if (a.value.size() != 1) return std::nullopt;
  return (a.value[0] & 0x80) != 0;
}

std::optional<uint64_t> DecodeReservationToken(const AttributeView& a) {
  if (a.value.size() != 8) return std::nullopt;
  return LoadBe64(a.value.data());
}

std::optional<AddressValue> DecodeXorAddress(const AttributeView& a, const TransactionId& id) {
  const size_t size = a.value.size();
  if (size != 8 && size != 20) return std::nullopt;
  const uint8_t family = a.value[1];
  if (family != static_cast<uint8_t>(size == 8 ? Family::kIpv4 : Family::kIpv6)) {
    return std::nullopt;
  }
  uint8_t mask[16];
  StoreBe32(mask, kMagicCookie);
  std::memcpy(mask + 4, id.data(), id.size());
  uint8_t address[16];
  for (size_t i = 0; i < size - 4; ++i) address[i] = a.value[4 + i] ^ mask[i];

  AddressValue value;
  value.family = static_cast<Family>(family);
  value.endpoint.port = LoadBe16(&a.value[2]) ^ static_cast<uint16_t>(kMagicCookie >> 16);
  value.endpoint.address =
      size == 8 ? IpAddress::FromV4Bytes(address) : IpAddress::FromV6Bytes(address);
  value.mapped_in_v6 =
      size == 20 && std::memcmp(address, kMappedPrefix, sizeof(kMappedPrefix)) == 0;
  return value;
}

}  // namespace causeway::stun
