#include "control/stun/writer.h"

#include <algorithm>
#include <cstring>

#include "control/stun/fingerprint.h"
#include "dataplane/byte_order.h"

namespace causeway::stun {
namespace {

constexpr size_t kMaxMessage = kHeaderSize + 0xfffc;

uint16_t TypeField(Class message_class, Method method) {
  const unsigned m = static_cast<uint16_t>(method);
  const unsigned c = static_cast<uint8_t>(message_class);
  return static_cast<uint16_t>((m & 0x000f) | (m & 0x0070) << 1 | (m & 0x0f80) << 2 | (c & 1) << 4 |
                               (c & 2) << 7);
}

}  // namespace

Writer::Writer(absl::Span<uint8_t> buffer, Class message_class, Method method,
               const TransactionId& id)
    : buffer_(buffer), id_(id) {
  if (buffer_.size() < kHeaderSize) {
    overflow_ = true;
    return;
  }
  StoreBe16(&buffer_[0], TypeField(message_class, method));
  StoreBe16(&buffer_[2], 0);
  StoreBe32(&buffer_[4], kMagicCookie);
  std::copy(id_.begin(), id_.end(), &buffer_[8]);
  size_ = kHeaderSize;
}

uint8_t* Writer::Append(Attribute type, size_t length) {
  const size_t room = std::min(buffer_.size(), kMaxMessage) - size_;
  const size_t padded = (length + 3) & ~size_t{3};
  if (size_ == 0 || length > 0xffff || 4 + padded > room) {
    overflow_ = true;
    return nullptr;
  }
  uint8_t* header = &buffer_[size_];
  StoreBe16(header, static_cast<uint16_t>(type));
  StoreBe16(header + 2, static_cast<uint16_t>(length));
  std::fill(header + 4 + length, header + 4 + padded, uint8_t{0});
  size_ += 4 + padded;
  StoreBe16(&buffer_[2], static_cast<uint16_t>(size_ - kHeaderSize));
  return header + 4;
}

void Writer::AddBytes(Attribute type, Bytes value) {
  uint8_t* out = Append(type, value.size());
  if (out != nullptr && !value.empty()) std::memcpy(out, value.data(), value.size());
}

void Writer::AddText(Attribute type, absl::string_view text) { AddBytes(type, AsBytes(text)); }

void Writer::AddU32(Attribute type, uint32_t value) {
  uint8_t bytes[4];
  StoreBe32(bytes, value);
  AddBytes(type, bytes);
}

void Writer::AddXorAddress(Attribute type, const Endpoint& endpoint) {
  uint8_t mask[16];
  StoreBe32(mask, kMagicCookie);
  std::copy(id_.begin(), id_.end(), mask + 4);
  const bool v4 = endpoint.address.IsV4();
  const uint8_t* address = v4 ? endpoint.address.v4_bytes() : endpoint.address.bytes();
  const size_t size = v4 ? 4 : 16;

  uint8_t value[20] = {0, static_cast<uint8_t>(endpoint.address.family())};
  StoreBe16(value + 2, endpoint.port ^ static_cast<uint16_t>(kMagicCookie >> 16));
  for (size_t i = 0; i < size; ++i) value[4 + i] = address[i] ^ mask[i];
  AddBytes(type, {value, 4 + size});
}

void Writer::AddErrorCode(ErrorCode code) {
  const absl::string_view reason = ReasonPhrase(code);
  uint8_t* out = Append(Attribute::kErrorCode, 4 + reason.size());
  if (out == nullptr) return;
  StoreBe16(out, 0);
  out[2] = static_cast<uint8_t>(static_cast<unsigned>(code) / 100);
  out[3] = static_cast<uint8_t>(static_cast<unsigned>(code) % 100);
  std::copy(reason.begin(), reason.end(), out + 4);
}

void Writer::AddUnknownAttributes(absl::Span<const Attribute> types) {
  uint8_t* out = Append(Attribute::kUnknownAttributes, 2 * types.size());
  if (out == nullptr) return;
  for (Attribute type : types) {
    StoreBe16(out, static_cast<uint16_t>(type));
    out += 2;
  }
}

void Writer::AddReservationToken(uint64_t token) {
  uint8_t bytes[8];
  StoreBe64(bytes, token);
  AddBytes(Attribute::kReservationToken, bytes);
}

void Writer::AddAddressErrorCode(Family family, ErrorCode code) {
  const absl::string_view reason = ReasonPhrase(code);
  uint8_t* out = Append(Attribute::kAddressErrorCode, 4 + reason.size());
  if (out == nullptr) return;
  out[0] = static_cast<uint8_t>(family);
  out[1] = 0;
  out[2] = static_cast<uint8_t>(static_cast<unsigned>(code) / 100);
  out[3] = static_cast<uint8_t>(static_cast<unsigned>(code) % 100);
  std::copy(reason.begin(), reason.end(), out + 4);
}

void Writer::AddPasswordAlgorithms(absl::Span<const PasswordAlgorithm> algorithms) {
  uint8_t* out = Append(Attribute::kPasswordAlgorithms, 4 * algorithms.size());
  if (out == nullptr) return;
  for (PasswordAlgorithm algorithm : algorithms) {
    StoreBe16(out, static_cast<uint16_t>(algorithm));
    StoreBe16(out + 2, 0);
    out += 4;
  }
}

void Writer::AddTag(Attribute which, const HmacKey& key) {
  const size_t covered = size_;
  uint8_t* out = Append(which, HashSize(HashOf(which)));
  if (out != nullptr) key.Sign({Bytes(buffer_.data(), covered)}, out);
}

void Writer::AddFingerprint() {
  const size_t covered = size_;
  uint8_t* out = Append(Attribute::kFingerprint, 4);
  if (out != nullptr) StoreBe32(out, FingerprintOf({buffer_.data(), covered}));
}

}  // namespace causeway::stun
