// RFC 8656 section 10.2.
#include "control/turn/server_impl.h"

namespace causeway::turn {

using stun::Attribute;
using stun::ErrorCode;

void Server::Impl::HandleCreatePermission(const Request& request, uint32_t allocation) {
  PeerList peers;
  if (const auto error = ParsePeers(request.message, allocations_[allocation], peers)) {
    return Fail(request, *error);
  }
  PeerTable& table = allocations_.peers();
  uint32_t fresh = 0;
  for (const IpAddress& peer : peers.view()) fresh += table.HasPermission(allocation, peer) ? 0 : 1;
  if (fresh > 0 && !table.RoomForPermissions(allocation, fresh)) {
    return Fail(request, ErrorCode::kInsufficientCapacity);
  }
  for (const IpAddress& peer : peers.view()) {
    table.SetPermission(allocation, peer, request.now.monotonic);
  }
  Response response(request, stun::Class::kSuccess);
  Send(request, response);
}

std::optional<ErrorCode> Server::Impl::ParsePeers(const stun::Message& message,
                                                  const AllocationRecord& record,
                                                  PeerList& peers) const {
  bool mismatch = false;
  bool forbidden = false;
  for (const stun::AttributeView& attribute : message.attributes()) {
    if (attribute.type != Attribute::kXorPeerAddress) continue;
    const auto peer = stun::DecodeXorAddress(attribute, message.transaction_id());
    if (!peer) return ErrorCode::kBadRequest;
    mismatch |= !record.Has(peer->family);
    forbidden |= IsForbidden(record, *peer);
    peers.Add(peer->endpoint.address);
  }
  if (peers.count == 0) return ErrorCode::kBadRequest;
  if (mismatch) return ErrorCode::kPeerAddressFamilyMismatch;
  if (forbidden) return ErrorCode::kForbidden;
  return std::nullopt;
}

void Server::Impl::PeerList::Add(const IpAddress& peer) {
  const auto known = view();
  if (std::find(known.begin(), known.end(), peer) == known.end()) addresses[count++] = peer;
}

bool Server::Impl::IsForbidden(const AllocationRecord& record,
                               const stun::AddressValue& peer) const {
  return peer.mapped_in_v6 || access_->policies.Check(*record.grant, peer.endpoint.address) ==
                                  access::PeerVerdict::kDenied;
}

}  // namespace causeway::turn
