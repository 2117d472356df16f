// The value of FINGERPRINT (RFC 8489 section 14.7).
#pragma once

#include <cstdint>

#include "absl/types/span.h"

namespace causeway::stun {

/// CRC-32 (ITU V.42) of `message` XORed with 0x5354554e, in host order. `message` ends before the
/// FINGERPRINT attribute, but its length field already counts it. A table of our own rather than
/// zlib's: the sums are over some hundred bytes, a dependency is more to carry than ten lines.
uint32_t FingerprintOf(absl::Span<const uint8_t> message);

}  // namespace causeway::stun
