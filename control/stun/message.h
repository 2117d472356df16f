// Reading STUN messages (RFC 8489 section 5 and 14): a checked view over the datagram, no
// allocation.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/types/span.h"
#include "control/stun/hmac.h"
#include "control/stun/types.h"
#include "dataplane/address.h"

namespace causeway::stun {

/// What MESSAGE-INTEGRITY and MESSAGE-INTEGRITY-SHA256 are made with.
inline Hash HashOf(Attribute integrity) {
  return integrity == Attribute::kMessageIntegrity ? Hash::kSha1 : Hash::kSha256;
}

/// One attribute in the order of the datagram. `value` points into the datagram, padding left out.
struct AttributeView {
  Attribute type;
  Bytes value;
  uint16_t offset;  // of the attribute's header from the start of the message
};

/// An address attribute as decoded.
struct AddressValue {
  Endpoint endpoint;
  Family family;
  /// The attribute said IPv6 but carries ::ffff:a.b.c.d, which would pass for IPv4: never a valid
  /// peer.
  bool mapped_in_v6 = false;
};

/// A well-formed STUN message over bytes that the caller owns and keeps until it is done with the
/// view.
class Message {
 public:
  /// The most attributes that a message may have; more is malformed.
  static constexpr int kMaxAttributes = 64;

  /// False unless `datagram` is, to its last byte, one STUN message: two zero bits, magic cookie,
  /// length a multiple of 4 and equal to the rest, attributes whole, and FINGERPRINT (if there)
  /// last and right. Attributes after MESSAGE-INTEGRITY are dropped but for
  /// MESSAGE-INTEGRITY-SHA256 and FINGERPRINT, and those after MESSAGE-INTEGRITY-SHA256 but for
  /// FINGERPRINT (RFC 8489 sections 14.5, 14.6).
  bool Parse(Bytes datagram);

  Class message_class() const { return class_; }
  Method method() const { return method_; }  // may hold a value that is no enumerator
  const TransactionId& transaction_id() const { return transaction_id_; }
  Bytes datagram() const { return datagram_; }
  absl::Span<const AttributeView> attributes() const { return {attributes_, count_}; }

  /// The first attribute of that type (RFC 8489 section 14: of duplicates the first counts), or
  /// nullptr.
  const AttributeView* LookUp(Attribute type) const;
  bool Has(Attribute type) const { return LookUp(type) != nullptr; }

  /// Comprehension-required attributes (below 0x8000) not in `known`, each once, in order of
  /// appearance. Writes at most `capacity` into `out`; returns how many.
  int UnknownRequired(absl::Span<const Attribute> known, Attribute* out, int capacity) const;

  /// Checks MESSAGE-INTEGRITY (HMAC-SHA1) or MESSAGE-INTEGRITY-SHA256 under `key`, in constant time
  /// (RFC 8489 sections 14.5, 14.6; a SHA-256 tag may be cut to 16..32 bytes, a multiple of 4).
  /// False when the attribute is absent.
  bool IntegrityMatches(Attribute which, const IntegrityKey& key) const {
    return TagMatches(which, key.For(HashOf(which)));
  }
  bool IntegrityMatches(Attribute which, Bytes key) const {
    return TagMatches(which, HmacKey(HashOf(which), key));
  }

 private:
  bool TagMatches(Attribute which, const HmacKey& key) const;

  Bytes datagram_;
  Class class_ = Class::kRequest;
  Method method_ = Method::kBinding;
  TransactionId transaction_id_ = {};
  AttributeView attributes_[kMaxAttributes];
  size_t count_ = 0;
};

// Values. Each is nullopt where the length or content is not what the RFC says.
std::optional<uint32_t> DecodeU32(const AttributeView& a);  // LIFETIME
std::optional<uint16_t> DecodeChannelNumber(const AttributeView& a);
std::optional<uint8_t> DecodeRequestedTransport(const AttributeView& a);  // the protocol number
/// REQUESTED- and ADDITIONAL-ADDRESS-FAMILY: the raw family byte, which may be neither 1 nor 2.
std::optional<uint8_t> DecodeFamily(const AttributeView& a);
std::optional<bool> DecodeEvenPort(const AttributeView& a);  // the R bit
std::optional<uint64_t> DecodeReservationToken(const AttributeView& a);
/// XOR-MAPPED-, XOR-PEER-, XOR-RELAYED-ADDRESS.
std::optional<AddressValue> DecodeXorAddress(const AttributeView& a, const TransactionId& id);

}  // namespace causeway::stun
