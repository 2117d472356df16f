// What keeps allocations alive while nothing else happens: keepalives of NAT bindings, and
// refreshes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "perf/gen/host.h"
#include "perf/gen/options.h"
#include "perf/gen/pacer.h"
#include "perf/gen/report.h"
#include "perf/gen/turn_client.h"

namespace causeway::gen {

/// Refreshes allocation, channel and permission of every client in time (before half of the
/// allocation's lifetime and two thirds of the permission's are over), from its set-up to the end
/// of the run; between Begin and End also sends Binding requests. Spread evenly. One thread.
class Upkeep {
 public:
  struct Config {
    uint32_t tag = 0;  // of the Binding requests
    uint64_t tsc_hz = 0;
  };

  Upkeep(const Options& options, const Config& config, TurnClients& clients, Host& host);

  /// The client was refreshed just now, or set up: then its first refresh comes at any time before
  /// it must, so that from the beginning as many are due in a second as later.
  void Schedule(uint32_t client, uint64_t now, bool set_up);
  void CountRefresh() { ++result_.refreshes; }

  /// Binding requests begin, if the options want them, and counting.
  void Begin(uint64_t now);
  /// Starts what is due; returns how many requests.
  unsigned Tick(uint64_t now);
  void OnResponse(absl::Span<const uint8_t> datagram, uint64_t now);
  /// No Binding requests any more; answers under way still count.
  void End() { binding_ = false; }
  /// No Binding request waits for an answer.
  bool quiet() const { return result_.answered == result_.sent; }
  KeepaliveResult Result() const;

 private:
  static constexpr uint32_t kSlots = 256;  // a second each

  uint32_t SlotOf(uint64_t now) const {
    return static_cast<uint32_t>(now / config_.tsc_hz) % kSlots;
  }
  unsigned Refresh(uint64_t now);
  void SendBinding(uint32_t client);

  const Options& options_;
  const Config config_;
  TurnClients& clients_;
  Host& host_;

  std::vector<uint32_t> wheel_[kSlots];  // clients by the second in which they are due
  std::vector<uint32_t> due_;            // those of the seconds that have come
  size_t due_at_begin_ = 0;              // of this second
  uint32_t slot_ = 0;
  bool ticked_ = false;

  Pacer pacer_;
  bool binding_ = false;
  uint32_t next_ = 0;
  std::vector<bool> waits_;  // for the answer to a Binding request
  KeepaliveResult result_;
};

}  // namespace causeway::gen
