#include "perf/gen/turn_client.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/byte_order.h"

namespace causeway::gen {
namespace {

using stun::Attribute;
using stun::Class;
using stun::ErrorCode;
using stun::Message;

// Milliseconds to wait after the first, second, … transmission; the last is the pause before
// another Allocate.
constexpr uint64_t kWaits[] = {500, 1000, 2000, 4000, 4000, 500};

std::string ReasonOf(const Message& response) {
  const stun::AttributeView* error = response.LookUp(Attribute::kErrorCode);
  if (error == nullptr || error->value.size() < 4) return "no error code";
  std::string reason(error->value.begin() + 4, error->value.end());
  std::replace_if(
      reason.begin(), reason.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return reason;
}

}  // namespace

int ErrorCodeOf(const Message& response) {
  const stun::AttributeView* error = response.LookUp(Attribute::kErrorCode);
  if (error == nullptr || error->value.size() < 4) return 0;
  return (error->value[2] & 7) * 100 + error->value[3];
}

TurnClients::TurnClients(const Options& options, const Config& config, Credentials& credentials,
                         Transmit transmit, ProgramListener& listener)
    : options_(options),
      config_(config),
      credentials_(credentials),
      transmit_(std::move(transmit)),
      listener_(listener),
      sessions_(config.count) {}

void TurnClients::ResetCounts() {
  counts_ = {};
  round_trips_.Clear();
}

void TurnClients::Start(uint32_t client, Program program, uint64_t now) {
  Session& session = At(client);
  session.program = program;
  session.tries = 0;
  session.mismatches = 0;
  session.fresh_nonce = false;
  ++busy_;
  const bool allocates = program == Program::kSetup || program == Program::kCycle;
  Begin(client,
        allocates                       ? Step::kAllocate
        : program == Program::kMaintain ? Step::kRefresh
                                        : Step::kDelete,
        now);
}

void TurnClients::Abandon(uint32_t client) {
  Session& session = At(client);
  if (session.program == Program::kNone) return;
  session.program = Program::kNone;
  session.step = Step::kNone;
  ++session.serial;
  --busy_;
}

void TurnClients::Begin(uint32_t client, Step step, uint64_t now) {
  Session& session = At(client);
  session.step = step;
  ++session.serial;
  session.transmissions = 1;
  session.sent_at = now;
  ++counts_.sent;
  Await(client, 0, now);
  Send(client);
}

void TurnClients::Await(uint32_t client, int queue, uint64_t now) {
  timeouts_[queue].push_back(
      {now + kWaits[queue] * config_.tsc_hz / 1000, client, At(client).serial});
}

void TurnClients::Tick(uint64_t now) {
  for (int queue = 0; queue <= kPauseQueue; ++queue) {
    std::deque<Timeout>& timeouts = timeouts_[queue];
    while (!timeouts.empty()) {
      const Timeout timeout = timeouts.front();
      const Session& session = At(timeout.client);
      const bool over = session.serial != timeout.serial || session.step == Step::kNone;
      if (!over && timeout.deadline > now) break;
      timeouts.pop_front();
      if (!over) Expire(queue, timeout, now);
    }
  }
}

void TurnClients::Expire(int queue, const Timeout& timeout, uint64_t now) {
  Session& session = At(timeout.client);
  if (queue == kPauseQueue) return Begin(timeout.client, Step::kAllocate, now);
  if (session.transmissions == kTransmissions)
    return Fail(timeout.client, Silence(timeout.client), now);
  ++session.transmissions;
  ++counts_.retransmissions;
  Await(timeout.client, session.transmissions - 1, now);
  Send(timeout.client);
}

void TurnClients::OnMessage(absl::Span<const uint8_t> datagram, uint64_t now) {
  if (datagram.size() < stun::kHeaderSize || LoadBe32(&datagram[16]) != config_.tag) return;
  const uint32_t client = LoadBe32(&datagram[8]);
  if (client - config_.first_client >= config_.count) return;
  const Session& session = At(client);
  const bool waits = session.step != Step::kNone && session.step != Step::kPause;
  if (!waits || LoadBe32(&datagram[12]) != session.serial) return;
  Message response;
  if (!response.Parse(datagram)) return;
  const bool success = response.message_class() == Class::kSuccess;
  if (!success && response.message_class() != Class::kError) return;
  if (success && !NonceOf(client).empty() && !credentials_.Verify(response)) {
    ++counts_.bad_integrity;
    return;
  }
  ++counts_.answered;
  if (session.transmissions == 1) round_trips_.Record(now - session.sent_at);
  success ? OnSuccess(client, response, now) : OnError(client, response, now);
}

void TurnClients::OnSuccess(uint32_t client, const Message& response, uint64_t now) {
  Session& session = At(client);
  const stun::AttributeView* lifetime = response.LookUp(Attribute::kLifetime);
  if (lifetime != nullptr) session.lifetime = stun::DecodeU32(*lifetime).value_or(0);
  if (session.step == Step::kAllocate) {
    const stun::AttributeView* relayed = response.LookUp(Attribute::kXorRelayedAddress);
    const auto value = relayed == nullptr
                           ? std::nullopt
                           : stun::DecodeXorAddress(*relayed, response.transaction_id());
    if (!value) {
      return Fail(client,
                  absl::StrCat(Who(client),
                               ": the server's Allocate success carries no relayed "
                               "address: is it a TURN server?"),
                  now);
    }
    session.relayed = value->endpoint;
    session.allocated = true;
    ++counts_.allocated;
  }
  if (session.step == Step::kBind) session.bound = true;
  Next(client, now);
}

void TurnClients::Next(uint32_t client, uint64_t now) {
  Session& session = At(client);
  switch (session.step) {
    case Step::kAllocate:
      if (session.program == Program::kCycle) return Begin(client, Step::kDelete, now);
      return NeedsBinding() ? Begin(client, Step::kBind, now) : Finish(client, now);
    case Step::kRefresh:
      return NeedsBinding() ? Begin(client, Step::kBind, now) : Finish(client, now);
    case Step::kDelete:
      // What an earlier run left on this five-tuple is gone; or this run's own allocation.
      if (!session.allocated && session.program != Program::kDelete) return Pause(client, now);
      session.allocated = false;
      session.bound = false;
      return Finish(client, now);
    default:
      return Finish(client, now);
  }
}

void TurnClients::Pause(uint32_t client, uint64_t now) {
  Session& session = At(client);
  session.step = Step::kPause;
  ++session.serial;
  Await(client, kPauseQueue, now);
}

void TurnClients::OnError(uint32_t client, const Message& response, uint64_t now) {
  const Session& session = At(client);
  const int code = ErrorCodeOf(response);
  const bool challenge = code == 401 || code == 438;
  if (!challenge || session.fresh_nonce || code == 438) ++counts_.errors[code];
  if (challenge) return OnChallenge(client, response, code, now);
  if (code == 437 && session.step == Step::kAllocate) return OnMismatch(client, now);
  if (code == 437 && session.step == Step::kDelete) return Next(client, now);
  Fail(client, Refusal(client, code, ReasonOf(response)), now);
}

void TurnClients::OnChallenge(uint32_t client, const Message& response, int code, uint64_t now) {
  Session& session = At(client);
  const bool refused = code == 401 && session.fresh_nonce;
  if (refused || ++session.tries > kMostTries)
    return Fail(client, Refusal(client, code, ReasonOf(response)), now);
  const absl::Status taken = credentials_.TakeChallenge(response);
  if (!taken.ok()) return Fail(client, std::string(taken.message()), now);
  StoreNonce(client, response.LookUp(Attribute::kNonce)->value);
  session.fresh_nonce = true;
  Begin(client, session.step, now);
}

// Something is left on the five-tuple. It is deleted, but coturn keeps a deleted allocation's
// five-tuple for some seconds.
void TurnClients::OnMismatch(uint32_t client, uint64_t now) {
  Session& session = At(client);
  if (session.program == Program::kCycle || session.mismatches == kMostMismatches)
    return Fail(client, Refusal(client, 437, ""), now);
  if (++session.mismatches == 1) return Begin(client, Step::kDelete, now);
  Pause(client, now);
}

void TurnClients::Finish(uint32_t client, uint64_t now) {
  const Program program = At(client).program;
  Abandon(client);
  listener_.OnDone(client, program, now);
}

void TurnClients::Fail(uint32_t client, const std::string& why, uint64_t now) {
  const Program program = At(client).program;
  Abandon(client);
  listener_.OnFailed(client, program, why, now);
}

}  // namespace causeway::gen
