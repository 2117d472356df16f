// RFC 8656 section 12.2.
#include "control/turn/server_impl.h"

namespace causeway::turn {

using stun::Attribute;
using stun::ErrorCode;

namespace {

constexpr uint16_t kFirstChannel = 0x4000;
constexpr uint16_t kLastChannel = 0x4fff;
// Of RFC 5766. Its clients, coturn's among them, draw from the whole range; they are known by their
// credentials, since RFC 8656 requires RFC 8489's.
constexpr uint16_t kLastOldChannel = 0x7fff;

}  // namespace

void Server::Impl::HandleChannelBind(const Request& request, uint32_t allocation) {
  const stun::Message& message = request.message;
  const auto* number_attribute = message.LookUp(Attribute::kChannelNumber);
  const auto* peer_attribute = message.LookUp(Attribute::kXorPeerAddress);
  if (!number_attribute || !peer_attribute) return Fail(request, ErrorCode::kBadRequest);
  const auto number = stun::DecodeChannelNumber(*number_attribute);
  const auto peer = stun::DecodeXorAddress(*peer_attribute, message.transaction_id());
  if (!number || !peer) return Fail(request, ErrorCode::kBadRequest);
  const uint16_t last = request.credentials->rfc8489 ? kLastChannel : kLastOldChannel;
  if (*number < kFirstChannel || *number > last) return Fail(request, ErrorCode::kBadRequest);
  if (const auto error = CheckChannel(allocation, *number, *peer)) return Fail(request, *error);

  PeerTable& table = allocations_.peers();
  const Endpoint& endpoint = peer->endpoint;
  const bool new_permission = !table.HasPermission(allocation, endpoint.address);
  const bool new_channel = !table.PeerOfChannel(allocation, *number).has_value();
  if ((new_permission && !table.RoomForPermissions(allocation, 1)) ||
      (new_channel && !table.RoomForChannel(allocation))) {
    return Fail(request, ErrorCode::kInsufficientCapacity);
  }
  table.SetPermission(allocation, endpoint.address, request.now.monotonic);
  table.BindChannel(allocation, *number, endpoint, request.now.monotonic);
  Response response(request, stun::Class::kSuccess);
  Send(request, response);
}

std::optional<ErrorCode> Server::Impl::CheckChannel(uint32_t allocation, uint16_t number,
                                                    const stun::AddressValue& peer) {
  const PeerTable& table = allocations_.peers();
  // No datagram can come from or go to port 0, so it is no transport address of a peer.
  if (peer.endpoint.port == 0) return ErrorCode::kBadRequest;
  if (!peer.mapped_in_v6) {
    const auto bound_peer = table.PeerOfChannel(allocation, number);
    if (bound_peer && *bound_peer != peer.endpoint) return ErrorCode::kBadRequest;
    const auto bound_number = table.ChannelOfPeer(allocation, peer.endpoint);
    if (bound_number && *bound_number != number) return ErrorCode::kBadRequest;
  }
  if (!allocations_[allocation].Has(peer.family)) return ErrorCode::kPeerAddressFamilyMismatch;
  if (IsForbidden(allocations_[allocation], peer)) return ErrorCode::kForbidden;
  return std::nullopt;
}

}  // namespace causeway::turn
