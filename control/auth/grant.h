// What a credential grants: who relays, for which tenant, how much, to whom and how long.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "dataplane/address.h"

namespace causeway::auth {

/// The tenant of all credentials that name no other: the node's own users and secrets.
inline constexpr absl::string_view kDefaultTenant = "default";

/// Caps on what one allocation relays, each way by itself; 0 is no cap. Counted is the UDP payload.
struct RateLimits {
  uint32_t kbps = 0;  // 1,000 bits a second
  uint32_t packets_per_second = 0;
  friend bool operator==(const RateLimits&, const RateLimits&) = default;
};

/// What an allocation carries, as far as it is known; it decides on the marks of its packets.
enum class Modality : uint8_t { kUnknown, kAudio, kVideo, kSharing, kData };

/// What the end of a credential means to a live allocation.
enum class OnExpiry : uint8_t { kKeep, kTerminate };

/// Immutable once shared.
struct Tenant {
  std::string name{kDefaultTenant};
  uint32_t allocations = 0;           // at a time; a reserved port counts too; 0: no limit
  uint32_t allocations_per_user = 0;  // the same for each principal
  RateLimits limits;                  // of each allocation
  OnExpiry on_expiry = OnExpiry::kKeep;
};

/// Tells apart the passwords and secrets that credentials were made with, and nothing of them.
struct CredentialSource {
  enum class Kind : uint8_t { kUser, kSecret };
  Kind kind = Kind::kUser;
  /// A keyed hash of the user's password or of the secret; differs from start to start.
  uint64_t fingerprint = 0;
  friend bool operator==(const CredentialSource&, const CredentialSource&) = default;
};

/// Counts the GrantRefs to an object. A copy has a count of its own.
class ReferenceCounted {
 public:
  ReferenceCounted() = default;
  ReferenceCounted(const ReferenceCounted&) {}
  ReferenceCounted& operator=(const ReferenceCounted&) { return *this; }

 private:
  friend class GrantRef;
  mutable std::atomic<uint32_t> references_ = 0;
};

/// Made by authentication, shared by the allocations of a credential; immutable once a GrantRef
/// holds it.
struct Grant : ReferenceCounted {
  std::string username;       // of the credential, in full
  uint16_t principal_at = 0;  // where the principal begins in it
  Modality modality = Modality::kUnknown;
  OnExpiry on_expiry = OnExpiry::kKeep;
  RateLimits limits;
  std::shared_ptr<const Tenant> tenant;
  uint64_t expiry = 0;  // Unix seconds; 0: never
  CredentialSource source;
  /// The peers that this credential may reach, of those that the tenant may; empty: all of them.
  std::vector<Prefix> peers;

  /// The person behind the credential, unique within the tenant: the id of a time-limited
  /// "expiry:id" or "expiry:tenant/id", any other user name as it is.
  absl::string_view principal() const { return absl::string_view(username).substr(principal_at); }
  bool ExpiredAt(uint64_t unix_seconds) const { return expiry != 0 && unix_seconds >= expiry; }
};

/// A share in a Grant, which ends with the last one. A pointer wide, so that a million allocations
/// can each have one. Any thread; each GrantRef is one thread's at a time.
class GrantRef {
 public:
  GrantRef() = default;
  explicit GrantRef(const Grant* grant) : grant_(grant) {
    if (grant_ != nullptr) grant_->references_.fetch_add(1, std::memory_order_relaxed);
  }
  GrantRef(const GrantRef& other) : GrantRef(other.grant_) {}
  GrantRef(GrantRef&& other) noexcept : grant_(std::exchange(other.grant_, nullptr)) {}
  GrantRef& operator=(GrantRef other) noexcept {
    std::swap(grant_, other.grant_);
    return *this;
  }
  ~GrantRef() {
    if (grant_ == nullptr) return;
    if (grant_->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete grant_;
  }

  static GrantRef Make(Grant grant) { return GrantRef(new Grant(std::move(grant))); }
  /// Gives the share up to a plain pointer, which Adopt takes back.
  const Grant* Release() { return std::exchange(grant_, nullptr); }
  static GrantRef Adopt(const Grant* grant) {
    GrantRef ref;
    ref.grant_ = grant;
    return ref;
  }

  const Grant* get() const { return grant_; }
  const Grant* operator->() const { return grant_; }
  const Grant& operator*() const { return *grant_; }
  explicit operator bool() const { return grant_ != nullptr; }

 private:
  const Grant* grant_ = nullptr;
};

}  // namespace causeway::auth
