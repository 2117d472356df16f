#include "control/auth/nonce.h"

#include <openssl/crypto.h>

#include <cstring>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "control/stun/byte_order.h"
#include "control/stun/hmac.h"

namespace causeway::auth {
namespace {

constexpr absl::string_view kCookie = "obMatJos2";
constexpr size_t kFeatureChars = 4;
constexpr size_t kTimeSize = 4;
constexpr size_t kTagSize = 11;
constexpr size_t kPayloadChars = (kTimeSize + kTagSize) / 3 * 4;
constexpr size_t kNonceSize = kCookie.size() + kFeatureChars + kPayloadChars;

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
  return stun::Load32(word);
}

NonceMint::NonceMint(std::vector<uint8_t> key, uint32_t lifetime_seconds, uint32_t features)
    : key_(std::move(key)), lifetime_seconds_(lifetime_seconds), features_(features) {}

NonceMint::~NonceMint() { OPENSSL_cleanse(key_.data(), key_.size()); }

std::string NonceMint::Make(const Endpoint& client, uint64_t now) const {
  return MakeAt(client, static_cast<uint32_t>(now));
}

bool NonceMint::IsValid(absl::string_view nonce, const Endpoint& client, uint64_t now) const {
  std::string payload;
  if (nonce.size() != kNonceSize ||
      !absl::Base64Unescape(nonce.substr(kNonceSize - kPayloadChars), &payload) ||
      payload.size() != kTimeSize + kTagSize) {
    return false;
  }
  const uint32_t issued = stun::Load32(stun::AsBytes(payload).data());
  const std::string ours = MakeAt(client, issued);
  return ours.size() == nonce.size() &&
         stun::EqualInConstantTime(stun::AsBytes(ours).data(), stun::AsBytes(nonce).data(),
                                   nonce.size()) &&
         static_cast<uint32_t>(now) - issued < lifetime_seconds_;
}

std::string NonceMint::MakeAt(const Endpoint& client, uint32_t issued) const {
  uint8_t text[4 + kTimeSize + 16 + 2];
  stun::Store32(text, features_);
  stun::Store32(text + 4, issued);
  std::memcpy(text + 8, client.address.bytes(), 16);
  stun::Store16(text + 24, client.port);

  uint8_t payload[kTimeSize + stun::kMaxHashSize];
  stun::Store32(payload, issued);
  if (!stun::Hmac(stun::Hash::kSha256, key_, {text}, payload + kTimeSize)) return "";
  return absl::StrCat(kCookie, Base64(text + 1, 3), Base64(payload, kTimeSize + kTagSize));
}

}  // namespace causeway::auth
