#include <algorithm>
#include <utility>

#include "control/turn/server_impl.h"

namespace causeway::turn {
namespace {

// Allocations, permissions and channels looked at in a slice: some 0.2 ms.
constexpr uint32_t kMostExamined = 512;
// An allocation that ends takes longer than one that is looked at.
constexpr uint32_t kEnding = 4;

}  // namespace

void Server::Impl::Use(std::shared_ptr<const access::Snapshot> access) {
  authenticator_.Use(access->credentials);
  access_ = std::move(access);
  review_at_ = 0;
}

bool Server::Impl::ReviewSlice(Now now) {
  if (review_at_ == kNoRecord) return false;
  uint32_t examined = 0;
  while (examined < kMostExamined) {
    review_at_ = allocations_.NextTouched(review_at_);
    if (review_at_ == kNoRecord) return false;
    examined += Review(review_at_++, now);
  }
  return true;
}

uint32_t Server::Impl::LookUpReviewed(const Request& request) {
  const uint32_t allocation = allocations_.LookUp(request.leg.tuple);
  if (allocation == kNoRecord || review_at_ == kNoRecord || allocation < review_at_) {
    return allocation;
  }
  Review(allocation, request.now);
  return allocations_.LookUp(request.leg.tuple);
}

uint32_t Server::Impl::Review(uint32_t allocation, Now now) {
  const AllocationRecord& record = allocations_[allocation];
  if (!record.InUse()) return 1;
  const uint32_t examined = 1 + record.permission_count + record.channel_count;
  const auth::GrantRef renewed = access_->credentials->Renew(*record.grant);
  if (!renewed) {
    allocations_.Remove(allocation, EndReason::kRevoked);
    ++stats_.revoked_total;
    return kEnding * examined;
  }
  const bool terminates = renewed->on_expiry == auth::OnExpiry::kTerminate;
  if (terminates && renewed->ExpiredAt(now.unix_seconds)) {
    allocations_.Remove(allocation, EndReason::kCredentialExpired);
    return kEnding * examined;
  }
  if (terminates && renewed->expiry != 0) {
    const auto left = static_cast<uint32_t>(std::min<uint64_t>(
        renewed->expiry - now.unix_seconds, config_.limits.max_lifetime_seconds));
    allocations_.EndBy(allocation, now.monotonic + 10 * left);
  }
  if (renewed.get() != record.grant) allocations_.Renew(allocation, renewed);
  allocations_.peers().RemoveDenied(allocation, access_->policies);
  return examined;
}

}  // namespace causeway::turn
