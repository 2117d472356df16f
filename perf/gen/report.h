// The results of a run, as JSON, as a table for people and as a line of progress.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "perf/gen/flow_meter.h"
#include "perf/gen/options.h"

namespace causeway::gen {

/// Answers that were errors, by STUN error code.
using ErrorCounts = std::map<int, uint64_t>;

struct Latency {
  double p50_us = 0;
  double p90_us = 0;
  double p99_us = 0;
  double p99_9_us = 0;
  double max_us = 0;
  double mean_us = 0;
};
/// nullopt when nothing was recorded. `tsc_hz`: cycles a second of the histogram's values.
std::optional<Latency> SummarizeLatency(const Histogram& cycles, double tsc_hz);

struct SetupResult {
  uint64_t allocations = 0;  // made and confirmed
  uint64_t channels = 0;
  double seconds = 0;
  uint64_t retransmissions = 0;
  ErrorCounts errors;
};

/// A direction, or all together.
struct FlowResult {
  FlowCounts counts;
  std::optional<Latency> latency;
};

struct LoadResult {
  /// What was asked for; the mean of what one direction of several got is not in it.
  double offered_pps = 0;
  double seconds = 0;  // of sending; rates are counts over it
  FlowResult total;
  std::optional<FlowResult> to_peer;
  std::optional<FlowResult> to_client;
};
/// `to_peer`, `to_client`: nullptr for a direction without load.
LoadResult SummarizeLoad(double offered_pps, double seconds, const FlowMeter* to_peer,
                         const FlowMeter* to_client, double tsc_hz);
/// Lost over sent, 0 when nothing was sent.
double LossOf(const FlowCounts& counts);

struct Trial {
  LoadResult load;
  bool passed = false;
};

struct SearchResult {
  double best_pps = 0;  // 0: not even the lowest rate passed
  std::vector<Trial> trials;
};

struct FloodResult {
  uint64_t sent = 0;
  uint64_t answered = 0;
  uint64_t allocations = 0;  // only of allocate-auth, as is
  uint64_t cycles = 0;       // allocations that were also ended
  double seconds = 0;
  ErrorCounts errors;
  std::optional<Latency> latency;  // request to answer
};

struct KeepaliveResult {
  uint64_t sent = 0;
  uint64_t answered = 0;
  uint64_t refreshes = 0;
  uint64_t lost = 0;
};

/// What a run has found so far; what was not measured is nullopt.
struct Report {
  /// Empty when the run is well, otherwise what happened, to which value, what to do about it.
  std::string error;
  std::optional<SetupResult> setup;
  /// After a search, the last trial that passed.
  std::optional<LoadResult> load;
  std::optional<SearchResult> search;
  std::optional<FloodResult> flood;
  std::optional<KeepaliveResult> keepalive;
};

/// One object with a line feed at its end; every number in it is finite.
std::string ToJson(const Options& options, const Report& report);
/// Writes ToJson to options.json_file ("-": standard output), if there is one. The error names the
/// file.
absl::Status WriteJson(const Options& options, const Report& report);

/// For people: a few lines a phase, with a line feed at the end of each. Not with --json -.
std::string SummaryTable(const Options& options, const Report& report);

/// "causeway-gen: t=3.0 sent=… received=… lost=… p99_us=…", without a line feed. `counts` and
/// `latency` as of now (p99_us is "-" when nothing arrived). `in_flight`: sent so lately that it is
/// not yet lost.
std::string ProgressLine(double seconds, const FlowCounts& counts, uint64_t in_flight,
                         const std::optional<Latency>& latency);

}  // namespace causeway::gen
