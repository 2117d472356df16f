#include <algorithm>

#include "absl/strings/str_cat.h"
#include "control/stun/message.h"
#include "control/stun/writer.h"
#include "dataplane/byte_order.h"
#include "perf/gen/flood.h"

namespace causeway::gen {
namespace {

constexpr uint32_t kUdpTransport = 17u << 24;
constexpr size_t kLargestGarbage = 200;

// xorshift64.
uint64_t NextRandom(uint64_t& state) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

}  // namespace

std::unique_ptr<FloodDriver> FloodDriver::Create(const Options& options, const Config& config,
                                                 Credentials& credentials, Host& host) {
  if (options.flood == Flood::kAllocateAuth)
    return std::make_unique<CycleFlood>(options, config, credentials, host);
  return std::make_unique<RequestFlood>(options, config, host);
}

RequestFlood::RequestFlood(const Options& options, const Config& config, Host& host)
    : options_(options), config_(config), host_(host), ring_(kRing) {}

void RequestFlood::Begin(uint64_t now) {
  pacer_ = Pacer(options_.flood_rate_pps, Port::kBurst, config_.tsc_hz, now);
  running_ = true;
  began_ = now;
}

void RequestFlood::Stop(uint64_t now) {
  running_ = false;
  ended_ = now;
}

void RequestFlood::ExpireOld(uint64_t now) {
  while (tail_ != head_) {
    Sent& oldest = ring_[tail_ % kRing];
    if (oldest.waits && now - oldest.at < config_.tsc_hz && head_ - tail_ < kRing) return;
    if (oldest.waits) --waiting_;
    oldest.waits = false;
    ++tail_;
  }
}

unsigned RequestFlood::Tick(uint64_t now) {
  ExpireOld(now);
  if (!running_) return 0;
  unsigned due = Port::kBurst;
  if (options_.flood_rate_pps > 0) {
    due = static_cast<unsigned>(std::min<double>(pacer_.Due(now), Port::kBurst));
  } else if (options_.flood != Flood::kGarbage) {  // which nobody answers
    due = options_.flood_outstanding - std::min(options_.flood_outstanding, waiting_);
    due = std::min<unsigned>(due, Port::kBurst);
  }
  for (unsigned i = 0; i < due; ++i) SendNext(now);
  pacer_.Take(due);
  return due;
}

void RequestFlood::SendNext(uint64_t now) {
  const uint32_t client = options_.allocations + head_ % options_.flood_clients;
  uint8_t buffer[kLargestGarbage];
  const absl::Span<uint8_t> room = absl::MakeSpan(buffer);
  size_t size = 0;
  if (options_.flood == Flood::kGarbage) {
    size = WriteGarbage(room);
  } else {
    stun::TransactionId id;
    StoreBe32(&id[0], client);
    StoreBe32(&id[4], head_);
    StoreBe32(&id[8], config_.tag);
    const bool allocate = options_.flood == Flood::kAllocate;
    stun::Writer request(room, stun::Class::kRequest,
                         allocate ? stun::Method::kAllocate : stun::Method::kBinding, id);
    if (allocate) request.AddU32(stun::Attribute::kRequestedTransport, kUdpTransport);
    size = request.message().size();
    ring_[head_ % kRing] = {now, head_, true};
    ++waiting_;
  }
  host_.SendToServer(options_.clients.At(client), {buffer, size});
  ++head_;
  ++result_.sent;
}

// Random bytes, most of which begin like one of the three kinds of message that a server tells
// apart.
size_t RequestFlood::WriteGarbage(absl::Span<uint8_t> buffer) {
  const uint64_t shape = NextRandom(random_);
  const size_t size = 1 + shape % buffer.size();
  for (size_t i = 0; i < size; ++i) buffer[i] = static_cast<uint8_t>(NextRandom(random_) >> 24);
  if (size < stun::kHeaderSize) return size;
  switch (shape >> 32 & 3) {
    case 0:  // STUN to its header
      StoreBe16(&buffer[0], static_cast<uint16_t>(stun::Method::kAllocate));
      StoreBe16(&buffer[2], static_cast<uint16_t>(size - stun::kHeaderSize));
      StoreBe32(&buffer[4], stun::kMagicCookie);
      break;
    case 1:  // ChannelData of nobody's channel
      StoreBe16(&buffer[0], kChannel);
      StoreBe16(&buffer[2], static_cast<uint16_t>(size - 4));
      break;
    case 2:  // STUN's first byte
      buffer[0] = 0;
      break;
    default:
      break;
  }
  return size;
}

void RequestFlood::OnResponse(absl::Span<const uint8_t> datagram, uint64_t now) {
  const uint32_t serial = LoadBe32(&datagram[12]);
  Sent& sent = ring_[serial % kRing];
  if (!sent.waits || sent.serial != serial) return;
  stun::Message response;
  if (!response.Parse(datagram)) return;
  sent.waits = false;
  --waiting_;
  ++result_.answered;
  latency_.Record(now - sent.at);
  if (response.message_class() == stun::Class::kError) ++result_.errors[ErrorCodeOf(response)];
}

FloodResult RequestFlood::Result() const {
  FloodResult result = result_;
  result.seconds = static_cast<double>(ended_ - began_) / static_cast<double>(config_.tsc_hz);
  result.latency = SummarizeLatency(latency_, static_cast<double>(config_.tsc_hz));
  return result;
}

std::string RequestFlood::ProgressText() const {
  return absl::StrCat(" flood_sent=", result_.sent, " flood_answered=", result_.answered);
}

std::string RequestFlood::Problem() const {
  if (options_.flood == Flood::kGarbage || result_.answered > 0) return "";
  return absl::StrCat("flood: none of ", result_.sent, " requests to ", options_.server.ToString(),
                      " was answered: is a TURN server listening there, and does it limit requests "
                      "(causewayd --requests-per-prefix)?");
}

}  // namespace causeway::gen
