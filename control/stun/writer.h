// Writing STUN messages (RFC 8489 sections 5 and 14) into a buffer of the caller's, no allocation.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "control/stun/message.h"
#include "control/stun/types.h"

namespace causeway::stun {

/// Appends attributes to a message; the header's length is right after every call. What does not
/// fit sets overflow() and is left out whole. Padding bytes are zero.
class Writer {
 public:
  Writer(absl::Span<uint8_t> buffer, Class message_class, Method method, const TransactionId& id);

  void AddBytes(Attribute type, Bytes value);
  void AddText(Attribute type, absl::string_view text);
  void AddU32(Attribute type, uint32_t value);  // LIFETIME
  void AddXorAddress(Attribute type, const Endpoint& endpoint);
  void AddErrorCode(ErrorCode code);  // with ReasonPhrase(code)
  void AddUnknownAttributes(absl::Span<const Attribute> types);
  void AddReservationToken(uint64_t token);
  void AddAddressErrorCode(Family family, ErrorCode code);
  void AddPasswordAlgorithms(absl::Span<const PasswordAlgorithm> algorithms);
  /// kMessageIntegrity or kMessageIntegritySha256 (32 bytes) over what is there so far.
  void AddIntegrity(Attribute which, const IntegrityKey& key) {
    AddTag(which, key.For(HashOf(which)));
  }
  void AddIntegrity(Attribute which, Bytes key) { AddTag(which, HmacKey(HashOf(which), key)); }
  void AddFingerprint();

  bool overflow() const { return overflow_; }
  Bytes message() const { return {buffer_.data(), size_}; }

 private:
  void AddTag(Attribute which, const HmacKey& key);
  uint8_t* Append(Attribute type, size_t length);

  absl::Span<uint8_t> buffer_;
  size_t size_ = 0;
  bool overflow_ = false;
  TransactionId id_;
};

}  // namespace causeway::stun
