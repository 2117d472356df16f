#include "control/stun/hmac.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <cstring>

namespace causeway::stun {
namespace {

constexpr size_t kBlockSize = 64;  // of all three hashes

const char* HashName(Hash hash) {
  return hash == Hash::kMd5 ? "MD5" : hash == Hash::kSha1 ? "SHA1" : "SHA256";
}

class HashContext {
 public:
  explicit HashContext(Hash hash)
      : algorithm_(EVP_MD_fetch(nullptr, HashName(hash), nullptr)), context_(EVP_MD_CTX_new()) {}
  ~HashContext() {
    EVP_MD_CTX_free(context_);
    EVP_MD_free(algorithm_);
  }
  HashContext(const HashContext&) = delete;
  HashContext& operator=(const HashContext&) = delete;

  bool Run(Bytes prefix, std::initializer_list<Bytes> parts, uint8_t* out) {
    if (algorithm_ == nullptr || context_ == nullptr) return false;
    if (EVP_DigestInit_ex2(context_, algorithm_, nullptr) != 1) return false;
    if (!Update(prefix)) return false;
    for (Bytes part : parts) {
      if (!Update(part)) return false;
    }
    return EVP_DigestFinal_ex(context_, out, nullptr) == 1;
  }

 private:
  bool Update(Bytes part) {
    return part.empty() || EVP_DigestUpdate(context_, part.data(), part.size()) == 1;
  }

  EVP_MD* algorithm_;
  EVP_MD_CTX* context_;
};

HashContext& ContextOf(Hash hash) {
  thread_local HashContext md5(Hash::kMd5);
  thread_local HashContext sha1(Hash::kSha1);
  thread_local HashContext sha256(Hash::kSha256);
  return hash == Hash::kMd5 ? md5 : hash == Hash::kSha1 ? sha1 : sha256;
}

}  // namespace

bool Digest(Hash hash, std::initializer_list<Bytes> parts, uint8_t* out) {
  return ContextOf(hash).Run({}, parts, out);
}

bool Hmac(Hash hash, Bytes key, std::initializer_list<Bytes> parts, uint8_t* out) {
  uint8_t block[kBlockSize] = {};
  HashContext& context = ContextOf(hash);
  if (key.size() > kBlockSize) {
    if (!context.Run({}, {key}, block)) return false;
  } else if (!key.empty()) {
    std::memcpy(block, key.data(), key.size());
  }
  uint8_t inner[kMaxHashSize];
  for (uint8_t& byte : block) byte ^= 0x36;
  bool good = context.Run(block, parts, inner);
  for (uint8_t& byte : block) byte ^= 0x36 ^ 0x5c;
  good = good && context.Run(block, {Bytes(inner, HashSize(hash))}, out);
  OPENSSL_cleanse(block, sizeof(block));
  return good;
}

bool EqualInConstantTime(const uint8_t* a, const uint8_t* b, size_t size) {
  return CRYPTO_memcmp(a, b, size) == 0;
}

}  // namespace causeway::stun
