// RFC 8656 section 7.2.
#include "control/turn/server_impl.h"

namespace causeway::turn {

using stun::Attribute;
using stun::ErrorCode;

namespace {

constexpr uint8_t kUdp = 17;

const stun::AttributeView* AdditionalFamily(const stun::Message& message) {
  const auto* attribute = message.LookUp(Attribute::kAdditionalAddressFamily);
  return attribute ? attribute : message.LookUp(Attribute::kDraftAdditionalAddressFamily);
}

}  // namespace

void Server::Impl::HandleAllocate(const Request& request) {
  const uint32_t existing = allocations_.LookUp(request.leg.tuple);
  if (existing != kNoRecord) return AnswerRetransmission(request, existing);
  RequestedAllocation requested;
  if (const auto error = ParseAllocate(request.message, requested)) return Fail(request, *error);
  const auto* lifetime = request.message.LookUp(Attribute::kLifetime);
  if (lifetime != nullptr && !stun::DecodeU32(*lifetime)) {
    return Fail(request, ErrorCode::kBadRequest);
  }
  if (OverQuota(request, requested)) return Fail(request, ErrorCode::kAllocationQuotaReached);
  CreateAllocation(request, requested);
}

void Server::Impl::AnswerRetransmission(const Request& request, uint32_t allocation) {
  const AllocationRecord& record = allocations_[allocation];
  const bool same =
      record.transaction_id == request.message.transaction_id() && IsHolder(request, allocation);
  if (!same) return Fail(request, ErrorCode::kAllocationMismatch);
  AnswerAllocate(request, allocation);
}

std::optional<ErrorCode> Server::Impl::ParseAllocate(const stun::Message& message,
                                                     RequestedAllocation& requested) const {
  const auto* transport = message.LookUp(Attribute::kRequestedTransport);
  const auto protocol = transport ? stun::DecodeRequestedTransport(*transport) : std::nullopt;
  if (!protocol) return ErrorCode::kBadRequest;
  if (*protocol != kUdp) return ErrorCode::kUnsupportedTransport;

  const auto* even_port = message.LookUp(Attribute::kEvenPort);
  if (const auto* token = message.LookUp(Attribute::kReservationToken)) {
    if (even_port || message.Has(Attribute::kRequestedAddressFamily) || AdditionalFamily(message)) {
      return ErrorCode::kBadRequest;
    }
    requested.token = stun::DecodeReservationToken(*token);
    if (!requested.token) return ErrorCode::kBadRequest;
    if (reservations_.LookUp(*requested.token) == nullptr) return ErrorCode::kInsufficientCapacity;
    return std::nullopt;
  }
  if (even_port) {
    const auto reserve = stun::DecodeEvenPort(*even_port);
    if (!reserve) return ErrorCode::kBadRequest;
    requested.kind = *reserve ? PortKind::kPair : PortKind::kEven;
  }
  return ParseFamilies(message, requested);
}

std::optional<ErrorCode> Server::Impl::ParseFamilies(const stun::Message& message,
                                                     RequestedAllocation& requested) const {
  const auto* wanted = message.LookUp(Attribute::kRequestedAddressFamily);
  const auto* additional = AdditionalFamily(message);
  if (wanted && additional) return ErrorCode::kBadRequest;
  const bool has_v4 = ports_.Supports(Family::kIpv4);
  const bool has_v6 = ports_.Supports(Family::kIpv6);
  if (additional) {
    const auto family = stun::DecodeFamily(*additional);
    if (family != uint8_t{2} || requested.kind == PortKind::kPair) return ErrorCode::kBadRequest;
    if (!has_v4 && !has_v6) return ErrorCode::kAddressFamilyNotSupported;
    requested.v4 = has_v4;
    requested.v6 = has_v6;
    requested.dual = true;
    if (!has_v4 || !has_v6) requested.missing = MissingFamily::kNotSupported;
    return std::nullopt;
  }
  std::optional<uint8_t> family = uint8_t{1};
  if (wanted) family = stun::DecodeFamily(*wanted);
  if (!family) return ErrorCode::kBadRequest;
  requested.v4 = *family == 1 && has_v4;
  requested.v6 = *family == 2 && has_v6;
  if (!requested.v4 && !requested.v6) return ErrorCode::kAddressFamilyNotSupported;
  return std::nullopt;
}

bool Server::Impl::OverQuota(const Request& request, const RequestedAllocation& requested) const {
  const auth::Grant& grant = *request.credentials->grant;
  const auth::Tenant& tenant = *grant.tenant;
  const User* user = users_.LookUp(grant);
  const TenantAccount* account = users_.LookUpTenant(tenant.name);
  uint32_t by_user = (user ? user->holdings.total() : 0) + requested.ports();
  uint32_t by_tenant = (account ? account->holdings.total() : 0) + requested.ports();
  if (requested.token) {
    const User* reserver = reservations_.LookUp(*requested.token)->user;
    by_user -= reserver == user ? 1 : 0;
    by_tenant -= reserver->tenant == account ? 1 : 0;
  }
  return (tenant.allocations_per_user != 0 && by_user > tenant.allocations_per_user) ||
         (tenant.allocations != 0 && by_tenant > tenant.allocations);
}

void Server::Impl::CreateAllocation(const Request& request, RequestedAllocation requested) {
  if (stats_.allocations >= config_.limits.max_allocations) {
    return Fail(request, ErrorCode::kInsufficientCapacity);
  }
  const RelayPair relays = TakeRelays(PreferredOwner(request.leg), requested);
  if (!relays.IsSet()) return Fail(request, ErrorCode::kInsufficientCapacity);
  const auth::Grant& grant = *request.credentials->grant;
  const Deciseconds now = request.now.monotonic;
  uint64_t token = 0;
  if (requested.kind == PortKind::kPair) {
    RelayPort reserved = relays.v4.IsSet() ? relays.v4 : relays.v6;
    ++reserved.port;
    token = reservations_.Hold(reserved, grant, now + 10 * config_.limits.reservation_seconds);
  }
  std::optional<uint32_t> lifetime;
  if (const auto* a = request.message.LookUp(Attribute::kLifetime)) lifetime = stun::DecodeU32(*a);
  const Deciseconds expiry = now + 10 * Lifetime(request, lifetime);
  const uint32_t allocation = allocations_.Create(
      relays.shard, {request.leg, request.message.transaction_id(), grant, relays.v4, relays.v6,
                     token, requested.missing, now, expiry});
  allocations_.Redirect(allocation, request.leg.route);
  AnswerAllocate(request, allocation);
}

// The shard that a UDP client's packets come by needs no hand-off. Other clients' come by none.
ShardId Server::Impl::PreferredOwner(const ClientLeg& leg) {
  if (leg.tuple.transport == Transport::kUdp) return leg.route.front_end;
  next_owner_ = static_cast<ShardId>((next_owner_ + 1) % config_.node.shards);
  return next_owner_;
}

Server::Impl::RelayPair Server::Impl::TakeRelays(ShardId preferred,
                                                 RequestedAllocation& requested) {
  if (requested.token) return RedeemReservation(*requested.token);
  if (requested.kind == PortKind::kPair && !reservations_.HasRoom()) return {};
  RelayPair relays = TakeFromAnyShard(preferred, requested, /*all=*/true);
  if (!relays.IsSet() && requested.dual) {
    relays = TakeFromAnyShard(preferred, requested, /*all=*/false);
    requested.missing = MissingFamily::kNoCapacity;
  }
  return relays;
}

Server::Impl::RelayPair Server::Impl::RedeemReservation(uint64_t token) {
  const RelayPort relay = reservations_.LookUp(token)->relay;
  const ShardId shard = config_.node.OwnerOfPort(relay.port);
  if (!allocations_.HasRoom(shard)) return {};
  reservations_.Redeem(token);
  ports_.Claim(relay);
  RelayPair relays = {shard, {}, {}};
  (ports_.AddressOf(relay).IsV4() ? relays.v4 : relays.v6) = relay;
  return relays;
}

Server::Impl::RelayPair Server::Impl::TakeFromAnyShard(ShardId preferred,
                                                       const RequestedAllocation& requested,
                                                       bool all) {
  for (int i = 0; i < config_.node.shards; ++i) {
    RelayPair relays;
    relays.shard = static_cast<ShardId>((preferred + i) % config_.node.shards);
    if (!allocations_.HasRoom(relays.shard)) continue;
    if (requested.v4) relays.v4 = ports_.Take(relays.shard, Family::kIpv4, requested.kind);
    if (requested.v6) relays.v6 = ports_.Take(relays.shard, Family::kIpv6, requested.kind);
    const bool complete = relays.v4.IsSet() == requested.v4 && relays.v6.IsSet() == requested.v6;
    if (complete || (!all && relays.IsSet())) return relays;
    if (relays.v4.IsSet()) ports_.Release(relays.v4);
    if (relays.v6.IsSet()) ports_.Release(relays.v6);
  }
  return {};
}

void Server::Impl::AnswerAllocate(const Request& request, uint32_t allocation) {
  const AllocationRecord& record = allocations_[allocation];
  Response response(request, stun::Class::kSuccess);
  stun::Writer& writer = response.writer();
  Deciseconds expiry = 0;
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    if (!record.Has(family)) continue;
    writer.AddXorAddress(Attribute::kXorRelayedAddress, ports_.EndpointOf(record.relay(family)));
    expiry = std::max(expiry, record.expiry(family));
  }
  writer.AddU32(Attribute::kLifetime, std::max(1u, (expiry - request.now.monotonic) / 10));
  if (record.reservation_token != 0) writer.AddReservationToken(record.reservation_token);
  writer.AddXorAddress(Attribute::kXorMappedAddress, request.leg.tuple.client);
  if (record.missing != MissingFamily::kNone) {
    writer.AddAddressErrorCode(record.Has(Family::kIpv4) ? Family::kIpv6 : Family::kIpv4,
                               record.missing == MissingFamily::kNotSupported
                                   ? ErrorCode::kAddressFamilyNotSupported
                                   : ErrorCode::kInsufficientCapacity);
  }
  Send(request, response);
}

uint32_t Server::Impl::Lifetime(const Request& request, std::optional<uint32_t> requested) const {
  const Limits& limits = config_.limits;
  uint32_t lifetime = limits.default_lifetime_seconds;
  if (requested) lifetime = std::max(lifetime, std::min(*requested, limits.max_lifetime_seconds));
  const auth::Grant& grant = *request.credentials->grant;
  const uint64_t ends = grant.expiry;
  if (grant.on_expiry == auth::OnExpiry::kTerminate && ends != 0) {
    const uint64_t left = ends > request.now.unix_seconds ? ends - request.now.unix_seconds : 1;
    lifetime = static_cast<uint32_t>(std::min<uint64_t>(lifetime, left));
  }
  return std::max(lifetime, 1u);
}

}  // namespace causeway::turn
