#include "control/auth/nonce.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "dataplane/byte_order.h"

namespace causeway::auth {
namespace {

constexpr absl::string_view kCookie = "obMatJos2";
constexpr size_t kFeatureChars = 4;
constexpr size_t kTimeSize = 4;

std::string Base64(const uint8_t* bytes, size_t size) {
  return absl::Base64Escape({reinterpret_cast<const char*>(bytes), size});
}

}  // namespace

std::optional<uint32_t> NonceFeatures(absl::string_view nonce) {
  if (!absl::StartsWith(nonce, kCookie)) return std::nullopt;
  std::string bytes;
  if (nonce.size() < kCookie.size() + kFeatureChars ||
      !absl::Base64Unescape(nonce.substr(kCookie.size(), kFeatureChars), &bytes) ||
      bytes.size() != 3) {
    return std::nullopt;
  }
  const uint8_t word[4] = {0, static_cast<uint8_t>(bytes[0]), static_cast<uint8_t>(bytes[1]),
                           static_cast<uint8_t>(bytes[2])};
  return LoadBe32(word);
}

NonceMint::NonceMint(stun::Bytes key, uint32_t lifetime_seconds, uint32_t features)
    : key_(stun::Hash::kSha256, key), lifetime_seconds_(lifetime_seconds), features_(features) {
  uint8_t word[4];
  StoreBe32(word, features_);
  prefix_ = absl::StrCat(kCookie, Base64(word + 1, 3));
}

std::string NonceMint::Make(const Endpoint& client, uint64_t now) const {
  const Payload payload = PayloadOf(client, static_cast<uint32_t>(now));
  return absl::StrCat(prefix_, Base64(payload.data(), payload.size()));
}

// The payload's 20 characters have one reading and 15 bytes one spelling, so comparing what they
// stand for is comparing the nonces.
bool NonceMint::IsValid(absl::string_view nonce, const Endpoint& client, uint64_t now) const {
  std::string payload;  // 15 bytes stay within the string
  if (!absl::ConsumePrefix(&nonce, prefix_) || nonce.size() != kPayloadSize / 3 * 4 ||
      !absl::Base64Unescape(nonce, &payload) || payload.size() != kPayloadSize) {
    return false;
  }
  const uint32_t issued = LoadBe32(stun::AsBytes(payload).data());
  const Payload ours = PayloadOf(client, issued);
  return stun::EqualInConstantTime(ours.data(), stun::AsBytes(payload).data(), ours.size()) &&
         static_cast<uint32_t>(now) - issued < lifetime_seconds_;
}

NonceMint::Payload NonceMint::PayloadOf(const Endpoint& client, uint32_t issued) const {
  uint8_t text[4 + kTimeSize + 16 + 2];
  StoreBe32(text, features_);
  StoreBe32(text + 4, issued);
  std::memcpy(text + 8, client.address.bytes(), 16);
  StoreBe16(text + 24, client.port);
  uint8_t tag[stun::kMaxHashSize];
  key_.Sign({text}, tag);
  Payload payload;
  StoreBe32(payload.data(), issued);
  std::copy_n(tag, kPayloadSize - kTimeSize, &payload[kTimeSize]);
  return payload;
}

}  // namespace causeway::auth
