#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "perf/gen/flood.h"

namespace causeway::gen {
namespace {

// Signing takes a microsecond or two; packets of the load would wait longer than need be.
constexpr size_t kStartsAtOnce = 4;

}  // namespace

CycleFlood::CycleFlood(const Options& options, const Config& config, Credentials& credentials,
                       Host& host)
    : options_(options),
      config_(config),
      clients_(
          options, {options.allocations, options.flood_clients, config.tag, config.tsc_hz},
          credentials,
          [&options, &host](uint32_t client, absl::Span<const uint8_t> datagram) {
            host.SendToServer(options.clients.At(client), datagram);
          },
          *this) {
  for (uint32_t i = 0; i < options.flood_clients; ++i) idle_.push_back(options.allocations + i);
}

void CycleFlood::Begin(uint64_t now) {
  pacer_ = Pacer(options_.flood_rate_pps, Port::kBurst, config_.tsc_hz, now);
  running_ = true;
  began_ = now;
}

unsigned CycleFlood::Tick(uint64_t now) {
  clients_.Tick(now);
  if (!running_) return 0;
  for (; !resting_.empty() && resting_.front().until <= now; resting_.pop_front())
    idle_.push_back(resting_.front().client);
  unsigned due = options_.flood_outstanding - std::min(options_.flood_outstanding, clients_.busy());
  if (options_.flood_rate_pps > 0) due = static_cast<unsigned>(pacer_.Due(now));
  due = static_cast<unsigned>(std::min({size_t{due}, idle_.size(), kStartsAtOnce}));
  for (unsigned i = 0; i < due; ++i) {
    const uint32_t client = idle_.front();
    idle_.pop_front();
    clients_.Start(client, Program::kCycle, now);
  }
  pacer_.Take(due);
  return due;
}

void CycleFlood::OnResponse(absl::Span<const uint8_t> datagram, uint64_t now) {
  clients_.OnMessage(datagram, now);
}

void CycleFlood::OnDone(uint32_t client, Program /*program*/, uint64_t /*now*/) {
  if (running_) ++cycles_;
  idle_.push_back(client);
}

void CycleFlood::OnFailed(uint32_t client, Program /*program*/, const std::string& why,
                          uint64_t now) {
  if (first_failure_.empty()) first_failure_ = why;
  resting_.push_back({client, now + config_.tsc_hz});
}

void CycleFlood::Stop(uint64_t now) {
  running_ = false;
  result_.sent = clients_.counts().sent;
  result_.answered = clients_.counts().answered;
  result_.errors = clients_.counts().errors;
  result_.cycles = cycles_;
  result_.allocations = clients_.counts().allocated;
  result_.seconds = static_cast<double>(now - began_) / static_cast<double>(config_.tsc_hz);
  result_.latency = SummarizeLatency(clients_.round_trips(), static_cast<double>(config_.tsc_hz));
}

std::string CycleFlood::ProgressText() const {
  return absl::StrCat(" flood_sent=", clients_.counts().sent, " flood_cycles=", cycles_);
}

std::string CycleFlood::Problem() const {
  if (cycles_ > 0) return "";
  return absl::StrCat("flood: no cycle of Allocate and Refresh succeeded",
                      first_failure_.empty()
                          ? absl::StrCat(": ", result_.answered, " of ", result_.sent,
                                         " requests were answered in the time; raise --duration")
                          : absl::StrCat(": ", first_failure_));
}

}  // namespace causeway::gen
