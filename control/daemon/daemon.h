// The daemon: dataplane, kernel and TURN server, wired together on the control thread.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "control/config/config.h"
#include "control/daemon/access_builder.h"
#include "control/daemon/control_sink.h"
#include "control/daemon/event_loop.h"
#include "control/daemon/mailbox.h"
#include "control/daemon/secure_random.h"
#include "control/daemon/stats_printer.h"
#include "control/next_hop/icmp_listener.h"
#include "control/next_hop/next_hops.h"
#include "control/turn/server.h"
#include "dataplane/engine/engine.h"

namespace causeway::daemon {

/// Made, run and destroyed on the main thread; one a process, because DPDK starts once.
class Daemon {
 public:
  /// Starts everything, in the order: what needs no DPDK, DPDK, link and shards, next hops, ICMP,
  /// TURN; then drops privileges. Says what it does in the log, and at the end prints one line that
  /// begins "causewayd: ready" on standard output. The status is one line for the operator.
  /// `command_line` is kept for SIGHUP.
  static absl::StatusOr<std::unique_ptr<Daemon>> Start(config::CommandLine command_line,
                                                       config::Config config);
  /// Blocks the signals that Run handles; call it before any thread is started.
  static void BlockSignals();

  /// Serves until SIGINT or SIGTERM. SIGHUP has users, secrets, tenants and peer rules read again.
  void Run();

 private:
  Daemon(config::CommandLine command_line, config::Config config);

  absl::Status StartAccess();
  absl::Status LimitWorkersByLink();
  absl::Status StartDpdk();
  absl::Status StartDataplane();
  void WarnOfLinks() const;
  absl::Status StartKernelSide();
  absl::Status StartServer();
  absl::Status StartLoop();
  absl::Status StartAccessBuilder();
  void LogResources() const;
  std::string ReadyLine(double milliseconds) const;

  turn::Now Now() const;
  void OnSignal(int signal);
  void OnAccessBuilt(const AccessBuilder::Build& build);
  int Turn();
  void OnIcmp();
  void OnMirror();
  Snapshot TakeSnapshot() const;
  void PrintStats();

  config::CommandLine command_line_;
  config::Config config_;
  unsigned usable_cpus_;
  SecureRandom random_;
  std::vector<LinkConfig> links_;
  EalInfo eal_;
  uint64_t memory_needed_ = 0;
  AccessBuilder::Basis access_;  // until the builder has it
  std::array<uint8_t, 65536> mirror_frame_;
  Snapshot printed_;
  uint64_t cpu_us_when_ready_ = 0;

  // Destroyed from the last to the first: the shards, stopped by ~Engine, read NextHops' tables.
  std::unique_ptr<next_hop::NextHops> next_hops_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<next_hop::IcmpListener> icmp_;
  std::unique_ptr<auth::Authenticator> authenticator_;
  std::unique_ptr<turn::Server> server_;
  std::unique_ptr<ControlSink> sink_;
  // Tasks for the control thread from others, which end before it does; closed when Run returns.
  std::unique_ptr<Mailbox> mailbox_;
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<AccessBuilder> access_builder_;
};

}  // namespace causeway::daemon
