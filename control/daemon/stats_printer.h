// One line of counters per interval on standard output.
//
// The format is stable, programs parse it: a word, then key=value pairs, separated by one blank, no
// blank in a value, in one line.
//   stats uptime_s=12.0 interval_s=1.0 allocations=2 ... rx_packets=150 ... drops=3 drop_no_route=3
// The word is `stats` for what happened in the interval and, once at the end, `totals` for what
// happened since the start. Keys, in this order; more may come, so go by name:
//   uptime_s, interval_s                     seconds since the start, and that the line covers
//   allocations, permissions, channels, reservations        as they are now, not per interval
//   requests, allocated, expired             STUN messages to control, allocations made and expired
//   errors, error_CODE                       error responses; by code, only those that occurred
//   rx_packets ... held                      every traffic counter of dataplane/counters.h by name
//   drops, drop_NAME                         packets dropped; by reason, only those that occurred
//   busy_pct                                 share of the workers' time that found work
//   rx_packets_by_worker, busy_pct_by_worker one value for each worker, separated by commas
//   busy_us_by_worker                        time spent in polls that found work, in microseconds
//   control_cpu_us                           CPU time of the control thread, in microseconds
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "control/turn/server.h"
#include "dataplane/commands.h"
#include "dataplane/counters.h"

namespace causeway::daemon {

using CounterValues = std::array<uint64_t, kCounterCount>;
CounterValues ReadCounters(const Counters& counters);

/// All counters at one time.
struct Snapshot {
  Deciseconds time = 0;
  std::vector<CounterValues> workers;
  CounterValues control = {};  // packets that went no further than the control thread
  turn::ServerStats server;
  uint64_t cycles_per_second = 0;  // of the workers' clock
  uint64_t control_cpu_us = 0;     // since the daemon is ready
};

/// The line, without its end, about the time from `before` to `now`. A default `before` is the
/// start.
std::string StatsLine(absl::string_view word, const Snapshot& before, const Snapshot& now);

/// Writes a line and its end to standard output, unless its reader has fallen behind: then the line
/// is left out, for the control thread must not wait for it.
void PrintUnlessBlocked(const std::string& line);

}  // namespace causeway::daemon
