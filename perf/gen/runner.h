// A run from its first frame to its last: phases, the polling loop, what came of it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "perf/gen/credentials.h"
#include "perf/gen/flood.h"
#include "perf/gen/host.h"
#include "perf/gen/options.h"
#include "perf/gen/pcap_out.h"
#include "perf/gen/port.h"
#include "perf/gen/receiver.h"
#include "perf/gen/report.h"
#include "perf/gen/search.h"
#include "perf/gen/traffic.h"
#include "perf/gen/turn_client.h"
#include "perf/gen/upkeep.h"

namespace causeway::gen {

/// Asks the run to end early; async-signal-safe. A second call ends the clearing up as well.
void Interrupt();

/// One run. Used once.
class Runner : private ProgramListener {
 public:
  Runner(const Options& options, Port& port, Credentials& credentials, PcapOut* pcap);

  /// Does it all; `report` holds what was measured, also after an error. CancelledError:
  /// interrupted, and cleared up.
  absl::Status Run(Report& report);

 private:
  void OnDone(uint32_t client, Program program, uint64_t now) override;
  void OnFailed(uint32_t client, Program program, const std::string& why, uint64_t now) override;

  absl::Status Phases(Report& report);
  absl::Status SetUp(Report& report);
  absl::Status RunPlain(Report& report);
  absl::Status RunSearch(Report& report);
  /// Sends the load at a rate for a time, and waits for stragglers.
  LoadResult Offer(double rate_pps, double seconds);
  void WarmUp();
  void TearDown();
  /// Polls until `done`, an interruption or a failure.
  void Loop(absl::FunctionRef<bool(uint64_t now)> done);
  unsigned TickAll(uint64_t now);
  void Drain();
  void Sleep() const;
  void Progress(uint64_t now);
  LoadResult Summarize(double rate_pps) const;
  absl::Status CheckLoad(const LoadResult& load) const;
  uint64_t Cycles(double seconds) const {
    return static_cast<uint64_t>(seconds * static_cast<double>(tsc_hz_));
  }
  double Since(uint64_t begin) const;
  std::string PhaseName() const;

  const Options& options_;
  Port& port_;
  const uint64_t tsc_hz_;
  PcapOut* pcap_;
  Host host_;
  Receiver receiver_;
  const uint32_t tag_;  // of this run's transactions, the last byte free
  TurnClients clients_;
  Upkeep upkeep_;
  std::unique_ptr<FloodDriver> flood_;
  std::unique_ptr<Traffic> traffic_;

  std::string failure_;  // of a client's program
  uint64_t done_ = 0;    // programs of the phase
  uint64_t failed_ = 0;
  bool clearing_up_ = false;
  int tolerated_ = 0;         // interruptions that do not end the loop
  uint64_t progress_at_ = 0;  // when the next line is due; 0: none
  uint64_t phase_began_ = 0;
};

}  // namespace causeway::gen
