// The hashes and HMACs of STUN (RFC 1321, 2104, 3174, 6234) over OpenSSL.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace causeway::stun {

using Bytes = absl::Span<const uint8_t>;

enum class Hash : uint8_t { kMd5, kSha1, kSha256 };

inline constexpr size_t kMaxHashSize = 32;

/// Bytes of a digest, and of the HMAC made with it.
constexpr size_t HashSize(Hash hash) {
  return hash == Hash::kMd5 ? 16 : hash == Hash::kSha1 ? 20 : 32;
}

inline Bytes AsBytes(absl::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

/// Writes HashSize(hash) bytes to `out`: the digest of `parts` one after another. False, with `out`
/// unspecified, when this machine's OpenSSL refuses the algorithm (a FIPS build refuses MD5);
/// callers fail closed. Any thread; each has its own contexts, and algorithms are fetched once per
/// thread.
[[nodiscard]] bool Digest(Hash hash, std::initializer_list<Bytes> parts, uint8_t* out);

/// As Digest, for the HMAC (RFC 2104) under a key of any length. Costs two digest runs: about
/// 0.4 microseconds for a request. OpenSSL 3.0 makes one small heap block per digest run and offers
/// no way around it but its deprecated functions; nothing else is allocated.
[[nodiscard]] bool Hmac(Hash hash, Bytes key, std::initializer_list<Bytes> parts, uint8_t* out);

/// Compares `size` bytes in a time that depends on `size` alone.
bool EqualInConstantTime(const uint8_t* a, const uint8_t* b, size_t size);

}  // namespace causeway::stun
