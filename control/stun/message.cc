#include "control/stun/message.h"

#include <algorithm>

#include "control/stun/fingerprint.h"
#include "dataplane/byte_order.h"

namespace causeway::stun {
namespace {

constexpr size_t kAttributeHeader = 4;
constexpr size_t kFingerprintSize = 4;
constexpr size_t kSha256TagMin = 16;

// Which attributes still count, by the integrity attributes that went before.
enum class Region { kOpen, kAfterIntegrity, kAfterIntegritySha256 };

bool Counts(Region region, Attribute type) {
  switch (region) {
    case Region::kOpen:
      return true;
    case Region::kAfterIntegrity:
      return type == Attribute::kMessageIntegritySha256 || type == Attribute::kFingerprint;
    case Region::kAfterIntegritySha256:
      return type == Attribute::kFingerprint;
  }
  return false;
}

Region RegionAfter(Region region, Attribute type) {
  if (type == Attribute::kMessageIntegritySha256) return Region::kAfterIntegritySha256;
  if (type == Attribute::kMessageIntegrity && region == Region::kOpen) {
    return Region::kAfterIntegrity;
  }
  return region;
}

bool FingerprintHolds(Bytes datagram, const AttributeView& a) {
  const bool last = a.offset + kAttributeHeader + kFingerprintSize == datagram.size();
  return last && a.value.size() == kFingerprintSize &&
         LoadBe32(a.value.data()) == FingerprintOf(datagram.subspan(0, a.offset));
}

Class ClassOf(uint16_t type) { return static_cast<Class>((type >> 4 & 1) | (type >> 7 & 2)); }

Method MethodOf(uint16_t type) {
  return static_cast<Method>((type & 0x000f) | (type & 0x00e0) >> 1 | (type & 0x3e00) >> 2);
}

bool IsTagSize(Attribute which, size_t size) {
  if (which == Attribute::kMessageIntegrity) return size == HashSize(Hash::kSha1);
  return size >= kSha256TagMin && size <= HashSize(Hash::kSha256) && size % 4 == 0;
}

}  // namespace

bool Message::Parse(Bytes datagram) {
  count_ = 0;
  datagram_ = {};
  if (datagram.size() < kHeaderSize || (datagram[0] & 0xc0) != 0) return false;
  const size_t length = LoadBe16(&datagram[2]);
  if (length % 4 != 0 || length + kHeaderSize != datagram.size()) return false;
  if (LoadBe32(&datagram[4]) != kMagicCookie) return false;

  Region region = Region::kOpen;
  int seen = 0;
  size_t count = 0;
  for (size_t at = kHeaderSize; at < datagram.size();) {
    if (++seen > kMaxAttributes) return false;
    const size_t size = LoadBe16(&datagram[at + 2]);
    const size_t padded = (size + 3) & ~size_t{3};
    if (padded > datagram.size() - at - kAttributeHeader) return false;
    const AttributeView a = {static_cast<Attribute>(LoadBe16(&datagram[at])),
                             datagram.subspan(at + kAttributeHeader, size),
                             static_cast<uint16_t>(at)};
    if (a.type == Attribute::kFingerprint && !FingerprintHolds(datagram, a)) return false;
    if (Counts(region, a.type)) attributes_[count++] = a;
    region = RegionAfter(region, a.type);
    at += kAttributeHeader + padded;
  }

  const uint16_t type = LoadBe16(datagram.data());
  class_ = ClassOf(type);
  method_ = MethodOf(type);
  std::copy_n(&datagram[8], transaction_id_.size(), transaction_id_.begin());
  datagram_ = datagram;
  count_ = count;
  return true;
}

const AttributeView* Message::LookUp(Attribute type) const {
  for (const AttributeView& a : attributes()) {
    if (a.type == type) return &a;
  }
  return nullptr;
}

int Message::UnknownRequired(absl::Span<const Attribute> known, Attribute* out,
                             int capacity) const {
  int found = 0;
  for (const AttributeView& a : attributes()) {
    if (found == capacity) break;
    if (static_cast<uint16_t>(a.type) >= 0x8000) continue;
    if (std::find(known.begin(), known.end(), a.type) != known.end()) continue;
    if (std::find(out, out + found, a.type) == out + found) out[found++] = a.type;
  }
  return found;
}

bool Message::TagMatches(Attribute which, const HmacKey& key) const {
  if (which != Attribute::kMessageIntegrity && which != Attribute::kMessageIntegritySha256) {
    return false;
  }
  const AttributeView* a = LookUp(which);
  if (a == nullptr || !IsTagSize(which, a->value.size())) return false;

  uint8_t head[4] = {datagram_[0], datagram_[1]};
  StoreBe16(head + 2,
            static_cast<uint16_t>(a->offset + kAttributeHeader + a->value.size() - kHeaderSize));
  uint8_t tag[kMaxHashSize];
  key.Sign({head, datagram_.subspan(sizeof(head), a->offset - sizeof(head))}, tag);
  return EqualInConstantTime(tag, a->value.data(), a->value.size());
}

}  // namespace causeway::stun
