#include "perf/gen/runner.h"

#include <rte_cycles.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <ctime>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace causeway::gen {
namespace {

volatile std::sig_atomic_t g_interrupts = 0;

// Last bytes of transaction ids.
constexpr uint32_t kTagClients = 1;
constexpr uint32_t kTagUpkeep = 2;
constexpr uint32_t kTagFlood = 3;

constexpr double kWarmUpSeconds = 0.2;
constexpr double kWarmUpPps = 20'000;
// Stragglers: given up when nothing has come for so long, or in all.
constexpr double kQuietSeconds = 0.2;
constexpr double kDrainSeconds = 2;
constexpr double kProgressLag = 0.1;            // what was sent in it may still arrive
constexpr double kTearDownPatienceSeconds = 3;  // without any answer
constexpr unsigned kStartsAtOnce = 8;

// Answers to another run's requests shall not be taken for ours.
uint32_t RunTag() { return static_cast<uint32_t>(rte_rdtsc() >> 8) << 8; }

void Announce(const std::string& what) {
  std::fprintf(stderr, "causeway-gen: phase %s\n", what.c_str());
  std::fflush(stderr);
}

}  // namespace

void Interrupt() { g_interrupts = g_interrupts + 1; }

Runner::Runner(const Options& options, Port& port, Credentials& credentials, PcapOut* pcap)
    : options_(options),
      port_(port),
      tsc_hz_(rte_get_tsc_hz()),
      pcap_(pcap),
      host_(port, options),
      receiver_(port, host_),
      tag_(RunTag()),
      clients_(
          options, {0, options.allocations, tag_ | kTagClients, tsc_hz_}, credentials,
          [this](uint32_t client, absl::Span<const uint8_t> datagram) {
            host_.SendToServer(options_.clients.At(client), datagram);
          },
          *this),
      upkeep_(options, {tag_ | kTagUpkeep, tsc_hz_}, clients_, host_) {
  receiver_.AddSink(tag_ | kTagClients, [this](absl::Span<const uint8_t> datagram, uint64_t now) {
    clients_.OnMessage(datagram, now);
  });
  receiver_.AddSink(tag_ | kTagUpkeep, [this](absl::Span<const uint8_t> datagram, uint64_t now) {
    upkeep_.OnResponse(datagram, now);
  });
  if (options.flood == Flood::kNone) return;
  flood_ = FloodDriver::Create(options, {tag_ | kTagFlood, tsc_hz_}, credentials, host_);
  receiver_.AddSink(tag_ | kTagFlood, [this](absl::Span<const uint8_t> datagram, uint64_t now) {
    flood_->OnResponse(datagram, now);
  });
}

absl::Status Runner::Run(Report& report) {
  absl::Status status;
  if (options_.reflect) {
    host_.Take(*options_.reflect);
  } else {
    status = host_.Resolve([] { return g_interrupts > 0; });
  }
  if (!status.ok()) return status;
  status = Phases(report);
  if (!options_.keep_allocations && !options_.reflect) TearDown();
  if (g_interrupts > 0) return absl::CancelledError("interrupted");
  return status;
}

absl::Status Runner::Phases(Report& report) {
  if (options_.allocations > 0 && !options_.reflect) {
    if (absl::Status status = SetUp(report); !status.ok() || g_interrupts > 0) return status;
  }
  if (options_.load != Load::kNone) {
    traffic_ = std::make_unique<Traffic>(options_, port_, host_.macs(), clients_, pcap_);
    receiver_.SetTraffic(traffic_.get());
    WarmUp();
  }
  const std::string name = PhaseName();
  if (name.empty() || g_interrupts > 0) return absl::OkStatus();
  Announce(name + " begin");
  absl::Status status = options_.search ? RunSearch(report) : RunPlain(report);
  Announce(name + " end");
  return status;
}

std::string Runner::PhaseName() const {
  if (options_.load != Load::kNone) return "load";
  if (options_.flood != Flood::kNone) return "flood";
  return options_.keepalive_seconds > 0 ? "keepalive" : "";
}

absl::Status Runner::SetUp(Report& report) {
  Announce("setup begin");
  const uint64_t began = rte_rdtsc();
  Pacer pacer(options_.setup_rate, 1, tsc_hz_, began);
  uint32_t next = 0;
  Loop([&](uint64_t now) {
    auto room = options_.outstanding - std::min(options_.outstanding, clients_.busy());
    if (options_.setup_rate > 0) room = std::min(room, static_cast<uint32_t>(pacer.Due(now)));
    const uint32_t starts = std::min({room, options_.allocations - next, kStartsAtOnce});
    for (uint32_t i = 0; i < starts; ++i) clients_.Start(next++, Program::kSetup, now);
    pacer.Take(starts);
    return done_ == options_.allocations;
  });
  SetupResult& result = report.setup.emplace();
  result.allocations = done_;
  result.channels = options_.channels ? done_ : 0;
  result.seconds = Since(began);
  result.retransmissions = clients_.counts().retransmissions;
  result.errors = clients_.counts().errors;
  Announce("setup end");
  return failure_.empty() ? absl::OkStatus() : absl::UnavailableError(failure_);
}

void Runner::OnDone(uint32_t client, Program program, uint64_t now) {
  if (program == Program::kMaintain) {
    upkeep_.CountRefresh();
  } else {
    ++done_;
  }
  if (program == Program::kDelete) return;
  upkeep_.Schedule(client, now, program == Program::kSetup);
}

void Runner::OnFailed(uint32_t /*client*/, Program /*program*/, const std::string& why,
                      uint64_t /*now*/) {
  ++failed_;
  if (!clearing_up_ && failure_.empty()) failure_ = why;
}

void Runner::WarmUp() {
  const double rate = options_.search ? options_.min_rate_pps : options_.rate_pps;
  traffic_->Begin(rate > 0 ? std::min(rate, kWarmUpPps) : kWarmUpPps, tsc_hz_, rte_rdtsc());
  const uint64_t end = rte_rdtsc() + Cycles(kWarmUpSeconds);
  Loop([&](uint64_t now) { return now >= end; });
  traffic_->Stop(rte_rdtsc());
  Drain();
}

LoadResult Runner::Offer(double rate_pps, double seconds) {
  const uint64_t began = rte_rdtsc();
  phase_began_ = began;
  progress_at_ = began + tsc_hz_;
  if (traffic_) traffic_->Begin(rate_pps, tsc_hz_, began);
  const uint64_t end = began + Cycles(seconds);
  Loop([&](uint64_t now) { return now >= end; });
  progress_at_ = 0;
  const uint64_t now = rte_rdtsc();
  if (traffic_) traffic_->Stop(now);
  if (flood_) flood_->Stop(now);
  upkeep_.End();
  Drain();
  return traffic_ ? Summarize(rate_pps) : LoadResult();
}

void Runner::Drain() {
  const uint64_t began = rte_rdtsc();
  tolerated_ = g_interrupts;
  uint64_t last = began;
  uint64_t received = 0;
  const auto count = [this] { return traffic_ ? traffic_->Counts().received : uint64_t{0}; };
  Loop([&](uint64_t now) {
    if (const uint64_t arrived = count(); arrived != received) {
      received = arrived;
      last = now;
    }
    const bool all = !traffic_ || traffic_->Counts().lost() == 0;
    const bool requests = upkeep_.quiet() && (!flood_ || flood_->quiet());
    if (all && requests) return true;
    const bool given_up = !traffic_ || now - last > Cycles(kQuietSeconds);
    return now - began > Cycles(kDrainSeconds) || (given_up && requests);
  });
  tolerated_ = 0;
}

LoadResult Runner::Summarize(double rate_pps) const {
  return SummarizeLoad(rate_pps, traffic_->Seconds(rte_rdtsc()),
                       traffic_->meter(Direction::kToPeer), traffic_->meter(Direction::kToClient),
                       static_cast<double>(tsc_hz_));
}

absl::Status Runner::CheckLoad(const LoadResult& load) const {
  const std::pair<const char*, const std::optional<FlowResult>&> directions[] = {
      {"clients to peers", load.to_peer}, {"peers to clients", load.to_client}};
  for (const auto& [name, direction] : directions) {
    if (!direction || direction->counts.received > 0) continue;
    const FlowCounts& counts = direction->counts;
    if (counts.sent == 0) {
      return absl::UnavailableError(
          absl::StrCat("load: no packet from ", name, " could be sent on ", port_.name(),
                       " in the time: raise --duration or --rate, or look at the link"));
    }
    return absl::DataLossError(absl::StrCat(
        "load: none of ", counts.sent, " packets from ", name, " arrived (", counts.corrupt,
        " corrupt, ", counts.late, " late): does the server reach ",
        options_.peers.AddressAt(0).ToString(), " and ", options_.clients.AddressAt(0).ToString(),
        " over this link, and allow the peers?"));
  }
  return absl::OkStatus();
}

absl::Status Runner::RunPlain(Report& report) {
  const uint64_t began = rte_rdtsc();
  if (flood_) flood_->Begin(began);
  upkeep_.Begin(began);
  const LoadResult load = Offer(options_.rate_pps, options_.duration_seconds);
  if (traffic_) report.load = load;
  if (flood_) report.flood = flood_->Result();
  if (options_.keepalive_seconds > 0) report.keepalive = upkeep_.Result();
  if (!failure_.empty()) return absl::UnavailableError(failure_);
  if (g_interrupts > 0) return absl::OkStatus();
  if (flood_ && !flood_->Problem().empty()) return absl::UnavailableError(flood_->Problem());
  if (report.keepalive && report.keepalive->sent > 0 && report.keepalive->answered == 0) {
    return absl::UnavailableError(absl::StrCat(
        "keepalive: none of ", report.keepalive->sent, " Binding requests was answered by ",
        options_.server.ToString(),
        ": does the server limit requests (causewayd --requests-per-prefix), or has it died?"));
  }
  return traffic_ ? CheckLoad(load) : absl::OkStatus();
}

absl::Status Runner::RunSearch(Report& report) {
  RateSearch search(
      {options_.min_rate_pps, options_.max_rate_pps, options_.loss_bound, options_.resolution});
  SearchResult& result = report.search.emplace();
  while (!search.done()) {
    const double rate = search.next();
    Announce(absl::StrFormat("trial rate=%.0f begin", rate));
    Trial trial;
    trial.load = Offer(rate, options_.trial_seconds);
    const double loss = LossOf(trial.load.total.counts);
    Announce(absl::StrFormat("trial rate=%.0f end loss=%.6f", rate, loss));
    if (!failure_.empty()) return absl::UnavailableError(failure_);
    if (g_interrupts > 0) return absl::OkStatus();
    trial.passed =
        search.Record(static_cast<double>(trial.load.total.counts.sent) / trial.load.seconds, loss);
    if (trial.passed) report.load = trial.load;
    result.trials.push_back(trial);
    result.best_pps = search.best();
  }
  if (result.best_pps > 0) return absl::OkStatus();
  const Trial& last = result.trials.back();
  if (absl::Status status = CheckLoad(last.load); !status.ok()) return status;
  return absl::DataLossError(absl::StrFormat(
      "search: at --min-rate %.0f already %.3f %% are lost, more than --loss-bound %g: lower "
      "--min-rate, or raise the bound",
      options_.min_rate_pps, 100 * LossOf(last.load.total.counts), 100 * options_.loss_bound));
}

void Runner::TearDown() {
  Announce("teardown begin");
  done_ = failed_ = 0;
  tolerated_ = g_interrupts;
  clearing_up_ = true;
  failure_.clear();
  // An Allocate that is under way may still succeed.
  const uint64_t patience = rte_rdtsc() + tsc_hz_;
  Loop([&](uint64_t now) { return clients_.busy() == 0 || now >= patience; });
  failed_ = 0;
  for (uint32_t client = 0; client < options_.allocations; ++client) clients_.Abandon(client);
  uint32_t next = 0;
  uint64_t answered = clients_.counts().answered;
  uint64_t last = rte_rdtsc();
  Loop([&](uint64_t now) {
    if (clients_.counts().answered != answered || clients_.busy() == 0) {
      answered = clients_.counts().answered;
      last = now;
    } else if (now - last > Cycles(kTearDownPatienceSeconds)) {
      ++failed_;
      return true;
    }
    unsigned started = 0;
    for (; next < options_.allocations && failed_ == 0 && started < kStartsAtOnce &&
           clients_.busy() < options_.outstanding;
         ++next) {
      if (!clients_.IsAllocated(next)) continue;
      clients_.Start(next, Program::kDelete, now);
      ++started;
    }
    return clients_.busy() == 0 && (next == options_.allocations || failed_ > 0);
  });
  if (failed_ > 0) {
    std::fprintf(stderr,
                 "causeway-gen: warning: not all allocations could be deleted; the server keeps "
                 "them until their lifetime is over\n");
  }
  Announce("teardown end");
}

void Runner::Loop(absl::FunctionRef<bool(uint64_t now)> done) {
  while (g_interrupts <= tolerated_ && failure_.empty()) {
    const uint64_t now = rte_rdtsc();
    const unsigned work = receiver_.Poll() + TickAll(now);
    if (progress_at_ != 0 && now >= progress_at_) Progress(now);
    if (done(now)) return;
    port_.Flush();
    if (work == 0 && options_.poll_sleep_us > 0) Sleep();
  }
}

unsigned Runner::TickAll(uint64_t now) {
  unsigned work = traffic_ ? traffic_->SendDue(now) : 0;
  if (flood_) work += flood_->Tick(now);
  clients_.Tick(now);
  if (!clearing_up_) work += upkeep_.Tick(now);
  port_.Flush();
  return work;
}

void Runner::Sleep() const {
  const timespec wanted = {0, static_cast<long>(options_.poll_sleep_us) * 1000};
  nanosleep(&wanted, nullptr);
}

void Runner::Progress(uint64_t now) {
  progress_at_ += tsc_hz_;
  if (options_.quiet) return;
  const double seconds = static_cast<double>(now - phase_began_) / static_cast<double>(tsc_hz_);
  std::string line;
  if (traffic_) {
    const LoadResult load = Summarize(0);
    const FlowCounts& counts = load.total.counts;
    const auto lately = static_cast<uint64_t>(static_cast<double>(counts.sent) /
                                              std::max(seconds, kProgressLag) * kProgressLag);
    line = ProgressLine(seconds, counts, lately, load.total.latency);
  } else {
    line = absl::StrFormat("causeway-gen: t=%.1f", seconds);
  }
  if (flood_) absl::StrAppend(&line, flood_->ProgressText());
  if (options_.keepalive_seconds > 0) {
    const KeepaliveResult result = upkeep_.Result();
    absl::StrAppend(&line, " keepalives=", result.sent, " answered=", result.answered,
                    " refreshes=", result.refreshes);
  }
  std::fprintf(stderr, "%s\n", line.c_str());
  std::fflush(stderr);
}

double Runner::Since(uint64_t begin) const {
  return static_cast<double>(rte_rdtsc() - begin) / static_cast<double>(tsc_hz_);
}

}  // namespace causeway::gen
