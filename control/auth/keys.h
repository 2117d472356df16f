// Keys of users (RFC 8489 sections 9.2.2, 14.4, 18.5.1) and the cache of those of time-limited
// users.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "control/auth/grant.h"
#include "control/stun/hmac.h"
#include "control/stun/types.h"

namespace causeway::auth {

/// The key of a user under one password algorithm (RFC 8489 section 9.2.2): 16 bytes of MD5 or 32
/// of SHA-256.
struct Key {
  uint8_t bytes[32] = {};
  uint8_t size = 0;
  stun::Bytes view() const { return {bytes, size}; }
};

using Userhash = std::array<uint8_t, 32>;

/// A user's key under either password algorithm.
struct UserKeys {
  Key md5;
  Key sha256;
  const Key& Of(stun::PasswordAlgorithm algorithm) const {
    return algorithm == stun::PasswordAlgorithm::kSha256 ? sha256 : md5;
  }
};

/// What an Authenticator keeps of them.
struct ReadyKeys {
  explicit ReadyKeys(const UserKeys& keys) : md5(keys.md5.view()), sha256(keys.sha256.view()) {}
  const stun::IntegrityKey& Of(stun::PasswordAlgorithm algorithm) const {
    return algorithm == stun::PasswordAlgorithm::kSha256 ? sha256 : md5;
  }
  stun::IntegrityKey md5;
  stun::IntegrityKey sha256;
};

/// HASH(name ":" realm ":" password) for both algorithms. nullopt when OpenSSL refuses one.
std::optional<UserKeys> DeriveKeys(absl::string_view name, absl::string_view realm,
                                   absl::string_view password);

/// SHA-256(name ":" realm). nullopt when OpenSSL refuses it.
std::optional<Userhash> DeriveUserhash(absl::string_view name, absl::string_view realm);

/// base64(HMAC-SHA1(secret, name)): what a web service hands out with a time-limited name.
std::string TimeLimitedPassword(absl::string_view secret, absl::string_view name);

/// The time at which the credential of `name` ends, in Unix seconds: the number before the first
/// colon, or the whole name. nullopt when there is no number of 64 bits.
std::optional<uint64_t> ExpiryOf(absl::string_view name);

/// Keys of the time-limited users that have proved their password, the least recently used going
/// first when full. Only proven ones come in, so that nobody without a credential can push others
/// out.
class KeyCache {
 public:
  struct Entry {
    GrantRef grant;
    Userhash userhash;
    ReadyKeys keys;
    uint32_t generation = 0;  // of the credentials that the grant was found in
  };

  explicit KeyCache(size_t capacity) : capacity_(capacity) {}

  /// nullptr when unknown. The pointer holds until the next call of any of these.
  const Entry* LookUp(absl::string_view name);
  const Entry* LookUp(const Userhash& userhash);
  /// Replaces the entry of that name; returns the new one.
  const Entry* Put(Entry entry);
  size_t size() const { return entries_.size(); }

 private:
  using Iterator = std::list<Entry>::iterator;
  const Entry* Touch(Iterator entry);
  void Remove(Iterator entry);

  size_t capacity_;
  std::list<Entry> entries_;                                  // newest use first
  absl::flat_hash_map<absl::string_view, Iterator> by_name_;  // the keys are the grants' own
  absl::flat_hash_map<Userhash, Iterator> by_userhash_;
};

}  // namespace causeway::auth
