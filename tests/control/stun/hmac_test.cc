// Hashes against the vectors of their own RFCs.
#include "control/stun/hmac.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <thread>

#include "control/stun/fingerprint.h"
#include "tests/control/stun/vectors.h"

namespace causeway::stun {
namespace {

std::string DigestHex(Hash hash, std::initializer_list<Bytes> parts) {
  std::string out(HashSize(hash), '\0');
  if (!Digest(hash, parts, reinterpret_cast<uint8_t*>(out.data()))) return "refused";
  return absl::BytesToHexString(out);
}

std::string HmacHex(Hash hash, Bytes key, std::initializer_list<Bytes> parts) {
  std::string out(HashSize(hash), '\0');
  Hmac(hash, key, parts, reinterpret_cast<uint8_t*>(out.data()));
  return absl::BytesToHexString(out);
}

std::string HmacOfOpenSsl(Hash hash, const std::string& key, const std::string& message) {
  unsigned char tag[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HMAC(hash == Hash::kSha1 ? EVP_sha1() : EVP_sha256(), key.data(), static_cast<int>(key.size()),
       AsBytes(message).data(), message.size(), tag, &size);
  return absl::BytesToHexString({reinterpret_cast<const char*>(tag), size});
}

TEST(Digest, IsOverAllParts) {
  EXPECT_EQ(DigestHex(Hash::kMd5, {}), "d41d8cd98f00b204e9800998ecf8427e");                // 1321
  EXPECT_EQ(DigestHex(Hash::kMd5, {AsBytes("message"), AsBytes(""), AsBytes(" digest")}),  // 1321
            "f96b697d7cb7938d525a2f31aaf161d0");
  EXPECT_EQ(DigestHex(Hash::kSha1, {AsBytes("a"), AsBytes("bc")}),  // RFC 3174
            "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(DigestHex(Hash::kSha256, {AsBytes("ab"), AsBytes("c")}),  // RFC 6234
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Digest, MakesTheKeyOfSection922) {
  EXPECT_EQ(DigestHex(Hash::kMd5, {AsBytes("user:realm:pass")}),
            "8493fbc53ba582fb4c044c456bdc40eb");
}

TEST(Hmac, MatchesRfc2202) {
  const Bytes data = AsBytes("what do ya want for nothing?");
  EXPECT_EQ(HmacHex(Hash::kSha1, AsBytes("Jefe"), {data}),
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
  EXPECT_EQ(HmacHex(Hash::kSha1, AsBytes("Jefe"), {data.subspan(0, 5), data.subspan(5)}),
            "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
}

TEST(Hmac, MatchesRfc4231) {
  EXPECT_EQ(HmacHex(Hash::kSha256, AsBytes("Jefe"), {AsBytes("what do ya want for nothing?")}),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(Hmac, HashesKeysLongerThanABlock) {
  const std::vector<uint8_t> key(80, 0xaa);  // RFC 2202, case 6
  EXPECT_EQ(HmacHex(Hash::kSha1, key,
                    {AsBytes("Test Using Larger Than Block-Size Key - Hash Key First")}),
            "aa4ae5e15272d00e95705637ce8a3b55ed402112");
}

TEST(Hmac, TakesAnEmptyKey) {
  EXPECT_EQ(HmacHex(Hash::kSha256, {}, {}),
            "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(Digest, WorksInAnotherThread) {
  std::string other;
  std::thread([&] { other = DigestHex(Hash::kSha1, {AsBytes("m")}); }).join();
  EXPECT_EQ(other, DigestHex(Hash::kSha1, {AsBytes("m")}));
}

TEST(HmacKey, SignsOverAndOver) {
  for (Hash hash : {Hash::kSha1, Hash::kSha256}) {
    const HmacKey key(hash, AsBytes("Jefe"));
    for (size_t size : {0, 1, 54, 55, 56, 63, 64, 65, 500}) {
      const std::string message(size, 'x');
      std::string tag(HashSize(hash), '\0');
      key.Sign({AsBytes(message)}, reinterpret_cast<uint8_t*>(tag.data()));
      EXPECT_EQ(absl::BytesToHexString(tag), HmacOfOpenSsl(hash, "Jefe", message)) << size;
    }
  }
}

TEST(EqualInConstantTime, LooksAtEveryByte) {
  const uint8_t a[] = {1, 2, 3, 4};
  for (size_t i = 0; i < 4; ++i) {
    uint8_t b[] = {1, 2, 3, 4};
    EXPECT_TRUE(EqualInConstantTime(a, b, 4));
    b[i] ^= 0x80;
    EXPECT_FALSE(EqualInConstantTime(a, b, 4));
  }
}

TEST(FingerprintOf, IsCrc32Xored) {
  EXPECT_EQ(FingerprintOf(AsBytes("123456789")) ^ 0x5354554e,
            0xcbf43926u);  // the CRC's check value
}

}  // namespace
}  // namespace causeway::stun
