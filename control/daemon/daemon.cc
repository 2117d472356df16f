#include "control/daemon/daemon.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <ctime>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "control/config/values.h"
#include "control/daemon/access.h"
#include "control/daemon/log.h"
#include "control/daemon/privileges.h"
#include "dataplane/link/link_plan.h"
#include "spdlog/spdlog.h"

namespace causeway::daemon {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};
constexpr int kMirrorFramesPerTurn = 64;
constexpr size_t kMailboxCapacity = 1024;
constexpr Mailbox::Slice kMailboxSlice = {64, std::chrono::microseconds(200)};

absl::StatusOr<std::vector<LinkConfig>> MakeLinkConfigs(const config::Config& config) {
  LinkConfig link;
  link.device = config.device;
  link.node = config.node;
  link.relay_prefixes = config.relay_prefixes;
  link.mirror_addresses = config.mirror_addresses;
  return PlanLinks(link, config.interfaces);
}

/// What DPDK would say only after its memory is set aside.
absl::Status CheckPciDevice(const std::string& device) {
  if (!config::IsPciDevice(device)) return absl::OkStatus();
  const std::string bus = device.substr(0, device.find(','));
  if (::access(("/sys/bus/pci/devices/" + bus).c_str(), F_OK) == 0) return absl::OkStatus();
  return absl::NotFoundError(
      absl::StrCat("there is no PCI device ", bus, " (lspci -D lists those there are)"));
}

/// CPU time that this thread has taken.
uint64_t ThreadCpuMicroseconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000 +
         static_cast<uint64_t>(time.tv_nsec) / 1000;
}

/// No start begins where one before it has been: a node makes far fewer than a million allocations
/// a second.
uint64_t UnixMicroseconds() {
  using std::chrono::system_clock;
  const auto now = system_clock::now().time_since_epoch();
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

std::string JoinText(const auto& items, const auto& text) {
  return absl::StrJoin(
      items, ",", [&](std::string* out, const auto& item) { absl::StrAppend(out, text(item)); });
}

}  // namespace

Daemon::Daemon(config::CommandLine command_line, config::Config config)
    : command_line_(std::move(command_line)),
      config_(std::move(config)),
      usable_cpus_(UsableCpus()) {}

void Daemon::BlockSignals() { EventLoop::BlockSignals(kSignals); }

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Start(config::CommandLine command_line,
                                                      config::Config config) {
  const auto begin = steady_clock::now();
  std::unique_ptr<Daemon> daemon(new Daemon(std::move(command_line), std::move(config)));
  for (const std::string& warning : daemon->config_.warnings) spdlog::warn("{}", OneLine(warning));
  using Step = absl::Status (Daemon::*)();
  constexpr Step kSteps[] = {&Daemon::StartAccess,     &Daemon::StartDataplane,
                             &Daemon::StartKernelSide, &Daemon::StartServer,
                             &Daemon::StartLoop,       &Daemon::StartAccessBuilder};
  for (const Step step : kSteps) {
    if (absl::Status status = ((*daemon).*step)(); !status.ok()) return status;
  }
  daemon->LogResources();
  if (absl::Status status = DropPrivileges(); !status.ok()) return status;
  ForbidMemoryDumps();
  const std::chrono::duration<double, std::milli> taken = steady_clock::now() - begin;
  daemon->cpu_us_when_ready_ = ThreadCpuMicroseconds();
  PrintUnlessBlocked(daemon->ReadyLine(taken.count()));
  return daemon;
}

absl::Status Daemon::StartAccess() {
  auto addresses = next_hop::KernelAddresses("");
  if (!addresses.ok()) return addresses.status();
  auth::NonceConfig nonces;
  nonces.nonce_key.resize(32);
  random_.Fill(nonces.nonce_key.data(), nonces.nonce_key.size());
  access_.kernel_addresses = *std::move(addresses);
  access_.fingerprint_key = nonces.nonce_key;
  auto made = MakeSnapshot(config_, access_.kernel_addresses, access_.fingerprint_key);
  if (!made.ok()) return made.status();
  access_.snapshot = *std::move(made);
  auto authenticator =
      auth::Authenticator::Create(std::move(nonces), access_.snapshot->credentials);
  if (!authenticator.ok()) return authenticator.status();
  authenticator_ = *std::move(authenticator);
  return absl::OkStatus();
}

absl::Status Daemon::LimitWorkersByLink() {
  if (config_.workers.has_value() || config_.node.shards == 1) return absl::OkStatus();
  const unsigned by_cpus = config_.node.shards;
  for (const LinkConfig& link : links_) {
    auto queues = Link::Queues(link);
    if (!queues.ok()) return queues.status();
    config::LimitWorkers(config_, *queues);
  }
  for (LinkConfig& link : links_) link.node.shards = config_.node.shards;
  if (config_.node.shards < by_cpus) {
    spdlog::info("workers: {}, as many as the link has queues; the CPUs are enough for {}",
                 unsigned{config_.node.shards}, by_cpus);
  }
  return absl::OkStatus();
}

absl::Status Daemon::StartDpdk() {
  uint16_t largest_mtu = 0;
  for (const LinkConfig& link : links_) {
    auto mtu = Link::BufferMtu(link);
    if (!mtu.ok()) return mtu.status();
    largest_mtu = std::max(largest_mtu, *mtu);
  }
  memory_needed_ = Engine::MemoryNeeded(config_.node, largest_mtu, links_.size());
  EalConfig eal;
  eal.workers = config_.node.shards;
  eal.memory_bytes = memory_needed_;
  eal.interface = links_[0].interface;
  if (config::IsPciDevice(config_.device)) eal.pci_device = config_.device;
  auto started = StartEal(eal);
  if (!started.ok()) return started.status();
  eal_ = *std::move(started);
  if (config_.device.empty()) return absl::OkStatus();
  // DPDK alone knows a device's queues; lcores without a shard rest.
  if (absl::Status status = LimitWorkersByLink(); !status.ok()) return status;
  memory_needed_ = Engine::MemoryNeeded(config_.node, largest_mtu, links_.size());
  return absl::OkStatus();
}

absl::Status Daemon::StartDataplane() {
  auto links = MakeLinkConfigs(config_);
  if (!links.ok()) return links.status();
  links_ = *std::move(links);
  absl::Status status;
  if (config_.device.empty()) status = LimitWorkersByLink();
  for (const LinkConfig& link : links_) status.Update(Link::Check(link));
  if (!status.ok()) return status;
  if (status = CheckPciDevice(config_.device); !status.ok()) return status;
  if (status = StartDpdk(); !status.ok()) return status;
  EngineConfig engine;
  engine.node = config_.node;
  engine.links = links_;
  engine.eal = eal_;
  auto made = Engine::Start(engine);
  if (!made.ok()) return made.status();
  engine_ = *std::move(made);
  WarnOfLinks();
  return absl::OkStatus();
}

void Daemon::WarnOfLinks() const {
  std::set<std::string> said;  // links may have the same to say
  for (const auto& link : engine_->links()) {
    for (const std::string& warning : link->warnings()) {
      if (said.insert(warning).second) spdlog::warn("{}", warning);
    }
  }
  for (const LinkConfig& link : links_) {
    if (!link.node.listen_addresses.empty() || !link.relay_prefixes.empty()) continue;
    spdlog::warn(
        "interface {} has none of this node's addresses: datagrams may leave by it, none "
        "come in",
        link.interface);
  }
}

absl::Status Daemon::StartKernelSide() {
  next_hop::NextHopsConfig settings{{}, config_.node, config_.relay_prefixes};
  for (const auto& link : engine_->links()) {
    settings.interfaces.push_back(link->kernel_interface());
  }
  auto next_hops = next_hop::NextHops::Create(settings, *engine_);
  if (!next_hops.ok()) return next_hops.status();
  next_hops_ = *std::move(next_hops);
  auto icmp = next_hop::IcmpListener::Create();
  if (!icmp.ok()) return icmp.status();
  icmp_ = *std::move(icmp);
  return absl::OkStatus();
}

absl::Status Daemon::StartServer() {
  turn::ServerConfig settings;
  settings.node = config_.node;
  settings.limits = config_.limits;
  settings.software = "Causeway " CAUSEWAY_VERSION;
  settings.first_serial = UnixMicroseconds();
  settings.random = [this](void* out, size_t size) { random_.Fill(out, size); };
  server_ = std::make_unique<turn::Server>(std::move(settings), *engine_, *authenticator_,
                                           access_.snapshot);
  sink_ = std::make_unique<ControlSink>(*server_, *next_hops_, *engine_->links()[0]);
  sink_->SetNow(Now());
  return absl::OkStatus();
}

absl::Status Daemon::StartLoop() {
  auto loop = EventLoop::Create();
  if (!loop.ok()) return loop.status();
  loop_ = *std::move(loop);
  auto mailbox = Mailbox::Create(kMailboxCapacity);
  if (!mailbox.ok()) return mailbox.status();
  mailbox_ = *std::move(mailbox);
  absl::Status status = loop_->WatchSignals(kSignals, [this](int signal) { OnSignal(signal); });
  status.Update(loop_->Watch(next_hops_->fd(), [this] { next_hops_->Submit(); }).status());
  for (const int fd : icmp_->fds()) {
    if (fd >= 0) status.Update(loop_->Watch(fd, [this] { OnIcmp(); }).status());
  }
  status.Update(
      loop_->Watch(mailbox_->fd(), [this] { mailbox_->RunSlice(kMailboxSlice); }).status());
  if (const int fd = engine_->links()[0]->mirror_fd(); fd >= 0) {
    status.Update(loop_->Watch(fd, [this] { OnMirror(); }).status());
  }
  status.Update(
      loop_->Every(milliseconds(100), [this] { server_->Advance(sink_->now()); }).status());
  if (config_.stats_seconds != 0) {
    status.Update(
        loop_->Every(std::chrono::seconds(config_.stats_seconds), [this] { PrintStats(); })
            .status());
  }
  return status;
}

void Daemon::LogResources() const {
  spdlog::info("{}", DescribeLayout(eal_.cpus, config_.node.shards, eal_.port_socket));
  for (const auto& link : engine_->links()) {
    if (!link->steering().empty()) spdlog::info("{}", link->steering());
  }
  spdlog::info("{}", eal_.memory_line);
  spdlog::info(
      "memory set aside: {} MB in the dataplane for {} allocations; each takes {:.0f} bytes there "
      "and {} in control ({} while it is idle)",
      memory_needed_ >> 20, config_.limits.max_allocations,
      Engine::BytesPerAllocation(config_.node), server_->BytesPerAllocation(),
      server_->IdleBytesPerAllocation());
}

std::string Daemon::ReadyLine(double milliseconds) const {
  const NodeConfig& node = config_.node;
  const std::string listening = JoinText(node.listen_addresses, [&](const IpAddress& address) {
    return Endpoint{address, node.listen_port}.ToString();
  });
  const std::string relay =
      JoinText(config_.relay_prefixes, [](const Prefix& prefix) { return prefix.ToString(); });
  return absl::StrCat(
      "causewayd: ready listen=", listening, " relay=", relay,
      " relay_addresses=", node.relay_addresses.size(), " relay_ports=", node.relay_port_first, "-",
      node.relay_port_last, " workers=", unsigned{node.shards}, " interface=",
      JoinText(engine_->links(), [](const auto& l) { return l->kernel_interface(); }),
      config_.device.empty() ? "" : absl::StrCat(" device=", config_.device),
      " max_allocations=", config_.limits.max_allocations,
      " start_ms=", static_cast<int>(milliseconds));
}

turn::Now Daemon::Now() const { return {engine_->Now(), static_cast<uint64_t>(time(nullptr))}; }

void Daemon::Run() {
  loop_->Run([this] { return Turn(); });
  mailbox_->Close();
  if (config_.stats_seconds != 0) PrintUnlessBlocked(StatsLine("totals", {}, TakeSnapshot()));
}

void Daemon::OnSignal(int signal) {
  if (signal == SIGHUP) {
    access_builder_->Reload();
    return;
  }
  spdlog::info("{}: stopping", signal == SIGINT ? "SIGINT" : "SIGTERM");
  loop_->Stop();
}

absl::Status Daemon::StartAccessBuilder() {
  access_.config = config_;
  AccessBuilder::Sources sources;
  // The CPUs are those of the start: by now each thread is bound to its own.
  sources.configuration = [this] { return config::LoadConfig(command_line_, usable_cpus_); };
  sources.kernel_addresses = [] { return next_hop::KernelAddresses(""); };
  auto builder = AccessBuilder::Start(*mailbox_, std::move(sources), std::exchange(access_, {}),
                                      [this](const auto& build) { OnAccessBuilt(build); });
  if (!builder.ok()) return builder.status();
  access_builder_ = *std::move(builder);
  return absl::OkStatus();
}

void Daemon::OnAccessBuilt(const AccessBuilder::Build& build) {
  if (build.snapshot != nullptr) server_->Use(build.snapshot);
  if (!build.reloaded) return;
  if (!build.status.ok()) {
    spdlog::warn("SIGHUP: nothing changed, the new configuration is not usable: {}",
                 OneLine(build.status.message()));
    return;
  }
  spdlog::info("SIGHUP: {}", build.summary);
  if (!build.later.empty()) {
    spdlog::warn("SIGHUP: these changes take effect at the next start only: {}",
                 absl::StrJoin(build.later, ", "));
  }
}

// What a new snapshot no longer grants is taken away between the turns of everything else.
int Daemon::Turn() {
  sink_->SetNow(Now());
  const bool reviewing = server_->ReviewSlice(sink_->now());
  return engine_->Poll(*sink_) + (reviewing ? 1 : 0);
}

void Daemon::OnIcmp() {
  icmp_->OnReadable([this](const next_hop::IcmpError& error) {
    server_->HandleIcmp(error.source, error.destination, error.type, error.code, error.error_data);
  });
}

void Daemon::OnMirror() {
  for (int i = 0; i < kMirrorFramesPerTurn; ++i) {
    const size_t size = engine_->links()[0]->ReadMirror(absl::MakeSpan(mirror_frame_));
    if (size == 0) return;
    engine_->TransmitFrame(absl::MakeConstSpan(mirror_frame_).first(size));
  }
}

Snapshot Daemon::TakeSnapshot() const {
  Snapshot snapshot;
  snapshot.time = engine_->Now();
  for (unsigned shard = 0; shard < config_.node.shards; ++shard) {
    snapshot.workers.push_back(ReadCounters(engine_->counters(static_cast<ShardId>(shard))));
  }
  snapshot.control = ReadCounters(engine_->control_counters());
  snapshot.server = server_->stats();
  snapshot.cycles_per_second = engine_->CyclesPerSecond();
  snapshot.control_cpu_us = ThreadCpuMicroseconds() - cpu_us_when_ready_;
  return snapshot;
}

void Daemon::PrintStats() {
  Snapshot now = TakeSnapshot();
  PrintUnlessBlocked(StatsLine("stats", printed_, now));
  printed_ = std::move(now);
}

}  // namespace causeway::daemon
