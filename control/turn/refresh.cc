// RFC 8656 section 8.2.
#include "control/turn/server_impl.h"

namespace causeway::turn {

using stun::Attribute;
using stun::ErrorCode;

void Server::Impl::HandleRefresh(const Request& request, uint32_t allocation) {
  std::optional<uint32_t> requested;
  if (const auto* attribute = request.message.LookUp(Attribute::kLifetime)) {
    requested = stun::DecodeU32(*attribute);
    if (!requested) return Fail(request, ErrorCode::kBadRequest);
  }
  const AllocationRecord& record = allocations_[allocation];
  std::optional<Family> only;  // the address of a dual allocation that the request is about
  if (const auto* attribute = request.message.LookUp(Attribute::kRequestedAddressFamily)) {
    const auto family = stun::DecodeFamily(*attribute);
    if (!family) return Fail(request, ErrorCode::kBadRequest);
    const bool known = *family == 1 || *family == 2;
    if (!known || !record.Has(Family{*family})) {
      return Fail(request, ErrorCode::kPeerAddressFamilyMismatch);
    }
    if (record.Has(Family::kIpv4) && record.Has(Family::kIpv6)) only = Family{*family};
  }

  uint32_t lifetime = 0;
  if (requested == 0u) {
    only ? allocations_.RemoveFamily(allocation, *only)
         : allocations_.Remove(allocation, EndReason::kClient);
  } else {
    lifetime = Lifetime(request, requested);
    const Deciseconds expiry = request.now.monotonic + 10 * lifetime;
    only ? allocations_.Refresh(allocation, *only, expiry)
         : allocations_.Refresh(allocation, expiry);
  }
  Response response(request, stun::Class::kSuccess);
  response.writer().AddU32(Attribute::kLifetime, lifetime);
  Send(request, response);
}

}  // namespace causeway::turn
