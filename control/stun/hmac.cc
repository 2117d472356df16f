#define OPENSSL_SUPPRESS_DEPRECATED

#include "control/stun/hmac.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
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

  bool Run(std::initializer_list<Bytes> parts, uint8_t* out) {
    if (algorithm_ == nullptr || context_ == nullptr) return false;
    if (EVP_DigestInit_ex2(context_, algorithm_, nullptr) != 1) return false;
    for (Bytes part : parts) {
      if (!part.empty() && EVP_DigestUpdate(context_, part.data(), part.size()) != 1) return false;
    }
    return EVP_DigestFinal_ex(context_, out, nullptr) == 1;
  }

 private:
  EVP_MD* algorithm_;
  EVP_MD_CTX* context_;
};

HashContext& ContextOf(Hash hash) {
  thread_local HashContext md5(Hash::kMd5);
  thread_local HashContext sha1(Hash::kSha1);
  thread_local HashContext sha256(Hash::kSha256);
  return hash == Hash::kMd5 ? md5 : hash == Hash::kSha1 ? sha1 : sha256;
}

// One hash under way: begins anew or after a block whose outcome is known.
class Sha1 {
 public:
  static constexpr Hash kHash = Hash::kSha1;
  Sha1() { SHA1_Init(&context_); }
  explicit Sha1(const std::array<uint32_t, 8>& state) : Sha1() {
    context_.h0 = state[0];
    context_.h1 = state[1];
    context_.h2 = state[2];
    context_.h3 = state[3];
    context_.h4 = state[4];
    context_.Nl = 8 * kBlockSize;
  }
  void Update(Bytes part) { SHA1_Update(&context_, part.data(), part.size()); }
  void Final(uint8_t* out) { SHA1_Final(out, &context_); }
  std::array<uint32_t, 8> AfterBlock(const uint8_t* block) {
    SHA1_Transform(&context_, block);
    return {context_.h0, context_.h1, context_.h2, context_.h3, context_.h4};
  }

 private:
  SHA_CTX context_;
};

class Sha256 {
 public:
  static constexpr Hash kHash = Hash::kSha256;
  Sha256() { SHA256_Init(&context_); }
  explicit Sha256(const std::array<uint32_t, 8>& state) : Sha256() {
    std::copy(state.begin(), state.end(), context_.h);
    context_.Nl = 8 * kBlockSize;
  }
  void Update(Bytes part) { SHA256_Update(&context_, part.data(), part.size()); }
  void Final(uint8_t* out) { SHA256_Final(out, &context_); }
  std::array<uint32_t, 8> AfterBlock(const uint8_t* block) {
    SHA256_Transform(&context_, block);
    std::array<uint32_t, 8> state;
    std::copy_n(context_.h, state.size(), state.begin());
    return state;
  }

 private:
  SHA256_CTX context_;
};

template <typename Sha>
void Prepare(Bytes key, std::array<uint32_t, 8>& inner, std::array<uint32_t, 8>& outer) {
  uint8_t block[kBlockSize] = {};
  if (key.size() > kBlockSize) {
    Sha sha;
    sha.Update(key);
    sha.Final(block);
  } else if (!key.empty()) {
    std::memcpy(block, key.data(), key.size());
  }
  for (uint8_t& byte : block) byte ^= 0x36;
  inner = Sha().AfterBlock(block);
  for (uint8_t& byte : block) byte ^= 0x36 ^ 0x5c;
  outer = Sha().AfterBlock(block);
  OPENSSL_cleanse(block, sizeof(block));
}

template <typename Sha>
void SignWith(const std::array<uint32_t, 8>& inner, const std::array<uint32_t, 8>& outer,
              std::initializer_list<Bytes> parts, uint8_t* out) {
  uint8_t digest[kMaxHashSize];
  Sha first(inner);
  for (Bytes part : parts) {
    if (!part.empty()) first.Update(part);
  }
  first.Final(digest);
  Sha second(outer);
  second.Update({digest, HashSize(Sha::kHash)});
  second.Final(out);
}

}  // namespace

bool Digest(Hash hash, std::initializer_list<Bytes> parts, uint8_t* out) {
  return ContextOf(hash).Run(parts, out);
}

HmacKey::HmacKey(Hash hash, Bytes key) : hash_(hash) {
  hash == Hash::kSha1 ? Prepare<Sha1>(key, inner_, outer_) : Prepare<Sha256>(key, inner_, outer_);
}

HmacKey::~HmacKey() {
  OPENSSL_cleanse(inner_.data(), sizeof(inner_));
  OPENSSL_cleanse(outer_.data(), sizeof(outer_));
}

void HmacKey::Sign(std::initializer_list<Bytes> parts, uint8_t* out) const {
  hash_ == Hash::kSha1 ? SignWith<Sha1>(inner_, outer_, parts, out)
                       : SignWith<Sha256>(inner_, outer_, parts, out);
}

void Hmac(Hash hash, Bytes key, std::initializer_list<Bytes> parts, uint8_t* out) {
  HmacKey(hash, key).Sign(parts, out);
}

bool EqualInConstantTime(const uint8_t* a, const uint8_t* b, size_t size) {
  return CRYPTO_memcmp(a, b, size) == 0;
}

}  // namespace causeway::stun
