#include "perf/gen/upkeep.h"

#include <algorithm>

#include "control/stun/writer.h"
#include "dataplane/byte_order.h"

namespace causeway::gen {
namespace {

// Two thirds of a permission's five minutes (RFC 8656 section 9).
constexpr double kMostSeconds = 200;
constexpr double kShareOfLifetime = 0.45;
// Keepalives are caught up with after a stall, unlike the packets of a load.
constexpr double kDebtSeconds = 1;

}  // namespace

Upkeep::Upkeep(const Options& options, const Config& config, TurnClients& clients, Host& host)
    : options_(options),
      config_(config),
      clients_(clients),
      host_(host),
      waits_(options.allocations) {}

// By a hash of the client's number in the last 40 % of the time that there is: what was set up at
// once is not refreshed at once.
void Upkeep::Schedule(uint32_t client, uint64_t now, bool set_up) {
  const double longest = std::min(kMostSeconds, clients_.Lifetime(client) * kShareOfLifetime);
  const double place = static_cast<double>(client * 0x9e3779b9u) / 4294967296.0;
  const double seconds = longest * (set_up ? place : 0.6 + 0.4 * place);
  const auto wait = static_cast<uint32_t>(std::max(1.0, seconds));
  wheel_[(SlotOf(now) + wait) % kSlots].push_back(client);
}

void Upkeep::Begin(uint64_t now) {
  result_ = {};
  if (options_.keepalive_seconds <= 0) return;
  const double per_second = options_.allocations / options_.keepalive_seconds;
  pacer_ = Pacer(per_second, Port::kBurst + per_second * kDebtSeconds, config_.tsc_hz, now);
  binding_ = true;
}

unsigned Upkeep::Tick(uint64_t now) {
  unsigned count = Refresh(now);
  if (!binding_) return count;
  const auto due = static_cast<unsigned>(std::min<double>(pacer_.Due(now), Port::kBurst));
  for (unsigned i = 0; i < due; ++i) {
    SendBinding(next_);
    next_ = next_ + 1 == options_.allocations ? 0 : next_ + 1;
  }
  pacer_.Take(due);
  return count + due;
}

unsigned Upkeep::Refresh(uint64_t now) {
  const uint32_t slot = SlotOf(now);
  if (!ticked_) slot_ = slot;
  ticked_ = true;
  while (slot_ != slot) {
    slot_ = (slot_ + 1) % kSlots;
    due_.insert(due_.end(), wheel_[slot_].begin(), wheel_[slot_].end());
    wheel_[slot_].clear();
    wheel_[slot_].shrink_to_fit();
    due_at_begin_ = due_.size();
  }
  if (due_.empty()) return 0;
  // Of this second's clients, as many as it is old.
  const double age =
      static_cast<double>(now % config_.tsc_hz) / static_cast<double>(config_.tsc_hz);
  const auto left = static_cast<size_t>(static_cast<double>(due_at_begin_) * (1 - age));
  unsigned started = 0;
  while (due_.size() > left && started < Port::kBurst) {
    const uint32_t client = due_.back();
    due_.pop_back();
    if (clients_.IsIdle(client) && clients_.IsAllocated(client)) {
      clients_.Start(client, Program::kMaintain, now);
      ++started;
    }
  }
  return started;
}

void Upkeep::SendBinding(uint32_t client) {
  uint8_t buffer[stun::kHeaderSize];
  stun::TransactionId id;
  StoreBe32(&id[0], client);
  StoreBe32(&id[4], 0);
  StoreBe32(&id[8], config_.tag);
  const stun::Writer request(absl::MakeSpan(buffer), stun::Class::kRequest, stun::Method::kBinding,
                             id);
  host_.SendToServer(options_.clients.At(client), request.message());
  ++result_.sent;
  waits_[client] = true;
}

void Upkeep::OnResponse(absl::Span<const uint8_t> datagram, uint64_t /*now*/) {
  const uint32_t client = LoadBe32(&datagram[8]);
  stun::Message response;
  if (client >= waits_.size() || !waits_[client] || !response.Parse(datagram) ||
      response.message_class() != stun::Class::kSuccess) {
    return;
  }
  waits_[client] = false;
  ++result_.answered;
}

KeepaliveResult Upkeep::Result() const {
  KeepaliveResult result = result_;
  result.lost = result.sent - result.answered;
  return result;
}

}  // namespace causeway::gen
