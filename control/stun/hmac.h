// The hashes and HMACs of STUN (RFC 1321, 2104, 3174, 6234) over OpenSSL.
#pragma once

#include <array>
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

/// A key for HMACs (RFC 2104) with its two blocks hashed beforehand, which saves two of the six
/// blocks of a usual request. Uses OpenSSL's functions of the hash itself, deprecated since 3.0:
/// the EVP ones take three times as long for inputs this short, most of it in heap blocks. Wiped at
/// its end. Any thread.
class HmacKey {
 public:
  /// `hash` is kSha1 or kSha256; the key may have any length.
  HmacKey(Hash hash, Bytes key);
  HmacKey(const HmacKey&) = default;
  HmacKey& operator=(const HmacKey&) = default;
  ~HmacKey();

  /// Writes HashSize(hash) bytes to `out`: the HMAC of `parts` one after another.
  void Sign(std::initializer_list<Bytes> parts, uint8_t* out) const;

 private:
  using State = std::array<uint32_t, 8>;

  Hash hash_;
  State inner_ = {};
  State outer_ = {};
};

/// The same, for a key that is used once.
void Hmac(Hash hash, Bytes key, std::initializer_list<Bytes> parts, uint8_t* out);

/// A key of MESSAGE-INTEGRITY and of MESSAGE-INTEGRITY-SHA256, ready for both.
struct IntegrityKey {
  explicit IntegrityKey(Bytes key) : sha1(Hash::kSha1, key), sha256(Hash::kSha256, key) {}
  const HmacKey& For(Hash hash) const { return hash == Hash::kSha1 ? sha1 : sha256; }
  HmacKey sha1;
  HmacKey sha256;
};

/// Compares `size` bytes in a time that depends on `size` alone.
bool EqualInConstantTime(const uint8_t* a, const uint8_t* b, size_t size);

}  // namespace causeway::stun
