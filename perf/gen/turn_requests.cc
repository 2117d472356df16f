// The requests of TURN clients, and how their failures are told.
#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "dataplane/byte_order.h"
#include "perf/gen/turn_client.h"

namespace causeway::gen {
namespace {

using stun::Attribute;
using stun::Method;

constexpr size_t kLargestRequest = 1400;
constexpr uint32_t kUdpTransport = 17u << 24;
constexpr uint32_t kIpv6Family = 2u << 24;

// What to do about a refusal; empty when nothing better than the code can be said.
const char* RemedyFor(int code) {
  switch (code) {
    case 300:
      return "; name the other server with --server";
    case 401:
      return "; check --user NAME:PASSWORD, and --realm if it is given";
    case 403:
      return "; let the server allow this peer (causewayd --allow-peer, coturn --allowed-peer-ip)";
    case 437:
      return "; another client has this five-tuple: wait until its allocation ends, or use other "
             "--client-ports";
    case 438:
      return "; the server takes none of its own nonces: is its clock steady?";
    case 440:
      return "; the server has no relay address of --peer-address's family";
    case 441:
      return "; this five-tuple's allocation is another user's: use other --client-ports";
    case 486:
      return "; raise the server's quota (--user-quota of causewayd and coturn) or lower "
             "--allocations";
    case 508:
      return "; the server has no more relay ports or slots: give it more relay addresses, or "
             "lower "
             "--allocations";
    default:
      return "; see the server's log";
  }
}

}  // namespace

void TurnClients::Send(uint32_t client) {
  uint8_t buffer[kLargestRequest];
  const size_t size = Encode(client, absl::MakeSpan(buffer));
  transmit_(client, {buffer, size});
}

size_t TurnClients::Encode(uint32_t client, absl::Span<uint8_t> buffer) const {
  const Session& session = At(client);
  stun::TransactionId id;
  StoreBe32(&id[0], client);
  StoreBe32(&id[4], session.serial);
  StoreBe32(&id[8], config_.tag);
  const Method method = session.step == Step::kAllocate ? Method::kAllocate
                        : session.step != Step::kBind   ? Method::kRefresh
                        : options_.channels             ? Method::kChannelBind
                                                        : Method::kCreatePermission;
  stun::Writer request(buffer, stun::Class::kRequest, method, id);
  if (session.step == Step::kAllocate) {
    request.AddU32(Attribute::kRequestedTransport, kUdpTransport);
    if (options_.peers.family() == Family::kIpv6)
      request.AddU32(Attribute::kRequestedAddressFamily, kIpv6Family);
  }
  if (session.step == Step::kDelete) request.AddU32(Attribute::kLifetime, 0);
  if (session.step == Step::kBind) {
    if (options_.channels) request.AddU32(Attribute::kChannelNumber, uint32_t{kChannel} << 16);
    request.AddXorAddress(Attribute::kXorPeerAddress, options_.peers.At(client));
  }
  const stun::Bytes nonce = NonceOf(client);
  if (!nonce.empty()) credentials_.Sign(request, nonce);
  return request.message().size();
}

stun::Bytes TurnClients::NonceOf(uint32_t client) const {
  if (nonce_stride_ == 0) return {};
  const uint8_t* nonce = &nonces_[(client - config_.first_client) * nonce_stride_];
  return {nonce + 2, LoadBe16(nonce)};
}

void TurnClients::StoreNonce(uint32_t client, stun::Bytes nonce) {
  const size_t needed = (nonce.size() + 2 + 7) & ~size_t{7};
  if (needed > nonce_stride_) {
    std::vector<uint8_t> wider(sessions_.size() * needed);
    for (size_t i = 0; nonce_stride_ > 0 && i < sessions_.size(); ++i)
      std::copy_n(&nonces_[i * nonce_stride_], nonce_stride_, &wider[i * needed]);
    nonces_ = std::move(wider);
    nonce_stride_ = needed;
  }
  uint8_t* slot = &nonces_[(client - config_.first_client) * nonce_stride_];
  StoreBe16(slot, static_cast<uint16_t>(nonce.size()));
  std::copy(nonce.begin(), nonce.end(), slot + 2);
}

const char* TurnClients::StepName(uint32_t client) const {
  switch (At(client).step) {
    case Step::kAllocate:
      return "Allocate";
    case Step::kBind:
      return options_.channels ? "ChannelBind" : "CreatePermission";
    default:
      return "Refresh";
  }
}

std::string TurnClients::Who(uint32_t client) const {
  return absl::StrCat("allocation ", client, " (client ", options_.clients.At(client).ToString(),
                      ")");
}

std::string TurnClients::Refusal(uint32_t client, int code, const std::string& reason) const {
  const std::string peer = At(client).step == Step::kBind
                               ? absl::StrCat(" for peer ", options_.peers.At(client).ToString())
                               : "";
  return absl::StrCat(Who(client), ": the server ", options_.server.ToString(), " refuses ",
                      StepName(client), peer, " with ", code, reason.empty() ? "" : " (", reason,
                      reason.empty() ? "" : ")", RemedyFor(code));
}

std::string TurnClients::Silence(uint32_t client) const {
  const bool signed_badly = counts_.bad_integrity > 0;
  return absl::StrCat(
      Who(client), ": no answer to ", StepName(client), " from ", options_.server.ToString(),
      " after ", kTransmissions, " transmissions in 11.5 s",
      signed_badly ? absl::StrCat("; ", counts_.bad_integrity,
                                  " answers had a wrong MESSAGE-INTEGRITY: is another user's "
                                  "password given?")
      : counts_.answered == 0
          ? "; is a TURN server listening on that address and UDP port?"
          : "; the server answered other requests: a limit of its (requests a second, "
            "allocations) or loss on the link; lower --setup-rate or --outstanding");
}

}  // namespace causeway::gen
