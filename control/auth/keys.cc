#include "control/auth/keys.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "control/stun/hmac.h"

namespace causeway::auth {

using stun::AsBytes;

std::optional<UserKeys> DeriveKeys(absl::string_view name, absl::string_view realm,
                                   absl::string_view password) {
  const auto parts = {AsBytes(name), AsBytes(":"), AsBytes(realm), AsBytes(":"), AsBytes(password)};
  UserKeys keys;
  keys.md5.size = stun::HashSize(stun::Hash::kMd5);
  keys.sha256.size = stun::HashSize(stun::Hash::kSha256);
  if (!stun::Digest(stun::Hash::kMd5, parts, keys.md5.bytes)) return std::nullopt;
  if (!stun::Digest(stun::Hash::kSha256, parts, keys.sha256.bytes)) return std::nullopt;
  return keys;
}

std::optional<Userhash> DeriveUserhash(absl::string_view name, absl::string_view realm) {
  Userhash hash;
  const auto parts = {AsBytes(name), AsBytes(":"), AsBytes(realm)};
  if (!stun::Digest(stun::Hash::kSha256, parts, hash.data())) return std::nullopt;
  return hash;
}

std::string TimeLimitedPassword(absl::string_view secret, absl::string_view name) {
  uint8_t mac[stun::kMaxHashSize];
  stun::Hmac(stun::Hash::kSha1, AsBytes(secret), {AsBytes(name)}, mac);
  return absl::Base64Escape(
      {reinterpret_cast<const char*>(mac), stun::HashSize(stun::Hash::kSha1)});
}

std::optional<uint64_t> ExpiryOf(absl::string_view name) {
  const absl::string_view number = name.substr(0, name.find(':'));
  uint64_t expiry = 0;
  if (!std::all_of(number.begin(), number.end(), absl::ascii_isdigit) ||
      !absl::SimpleAtoi(number, &expiry)) {
    return std::nullopt;
  }
  return expiry;
}

const KeyCache::Entry* KeyCache::LookUp(absl::string_view name) {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : Touch(found->second);
}

const KeyCache::Entry* KeyCache::LookUp(const Userhash& userhash) {
  const auto found = by_userhash_.find(userhash);
  return found == by_userhash_.end() ? nullptr : Touch(found->second);
}

const KeyCache::Entry* KeyCache::Put(Entry entry) {
  const auto found = by_name_.find(entry.grant->username);
  if (found != by_name_.end()) Remove(found->second);
  if (entries_.size() >= capacity_) Remove(std::prev(entries_.end()));
  entries_.push_front(std::move(entry));
  by_name_[entries_.front().grant->username] = entries_.begin();
  by_userhash_[entries_.front().userhash] = entries_.begin();
  return &entries_.front();
}

const KeyCache::Entry* KeyCache::Touch(Iterator entry) {
  entries_.splice(entries_.begin(), entries_, entry);
  return &*entry;
}

void KeyCache::Remove(Iterator entry) {
  by_name_.erase(entry->grant->username);
  by_userhash_.erase(entry->userhash);
  entries_.erase(entry);
}

}  // namespace causeway::auth
