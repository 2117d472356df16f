#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "perf/gen/report.h"

namespace causeway::gen {
namespace {

std::string LatencyText(const std::optional<Latency>& latency) {
  if (!latency) return "-";
  return absl::StrFormat("p50 %.1f  p90 %.1f  p99 %.1f  p99.9 %.1f  max %.1f us", latency->p50_us,
                         latency->p90_us, latency->p99_us, latency->p99_9_us, latency->max_us);
}

double Rate(uint64_t count, double seconds) {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

std::string ErrorsText(const ErrorCounts& errors) {
  std::string out;
  for (const auto& [code, count] : errors) absl::StrAppendFormat(&out, ", %d of %d", count, code);
  return out.empty() ? out : absl::StrCat("; errors: ", out.substr(2));
}

std::string SetupText(const SetupResult& setup) {
  return absl::StrFormat(
      "setup       %d allocations, %d channels in %.2f s: %.0f/s, %d retransmissions%s\n",
      setup.allocations, setup.channels, setup.seconds, Rate(setup.allocations, setup.seconds),
      setup.retransmissions, ErrorsText(setup.errors));
}

void AppendFlow(const char* name, const FlowResult& flow, std::string& out) {
  const FlowCounts& c = flow.counts;
  absl::StrAppendFormat(&out, "%-11s sent %d, received %d, lost %d (%.4f %%)", name, c.sent,
                        c.received, c.lost(), 100 * LossOf(c));
  absl::StrAppendFormat(&out, ", duplicated %d, reordered %d, late %d, corrupt %d\n", c.duplicated,
                        c.reordered, c.late, c.corrupt);
  absl::StrAppendFormat(&out, "            %s\n", LatencyText(flow.latency));
}

std::string LoadText(const Options& options, const LoadResult& load) {
  const std::string size = options.profile.name().empty()
                               ? absl::StrCat(options.profile.largest(), " bytes")
                               : options.profile.name();
  std::string out = absl::StrFormat(
      "load        %s, %s: %.0f/s offered, %.0f/s sent, %.0f/s received, for %.1f s\n",
      LoadName(options.load), size, load.offered_pps, Rate(load.total.counts.sent, load.seconds),
      Rate(load.total.counts.received, load.seconds), load.seconds);
  if (load.to_peer) AppendFlow("  to peer", *load.to_peer, out);
  if (load.to_client) AppendFlow("  to client", *load.to_client, out);
  return out;
}

std::string SearchText(const Options& options, const SearchResult& search) {
  const std::string trials =
      absl::StrFormat("%d trials of %g s each", search.trials.size(), options.trial_seconds);
  const double percent = 100 * options.loss_bound;
  if (search.best_pps <= 0) {
    return absl::StrFormat("search      no rate from %.0f/s on with at most %g %% loss, %s\n",
                           options.min_rate_pps, percent, trials);
  }
  return absl::StrFormat("search      %.0f/s with at most %g %% loss, %s\n", search.best_pps,
                         percent, trials);
}

std::string FloodText(const Options& options, const FloodResult& flood) {
  std::string out =
      absl::StrFormat("flood       %s: %d sent (%.0f/s), %d answered", FloodName(options.flood),
                      flood.sent, Rate(flood.sent, flood.seconds), flood.answered);
  if (options.flood == Flood::kAllocateAuth) {
    absl::StrAppendFormat(&out, ", %d cycles (%.0f/s)", flood.cycles,
                          Rate(flood.cycles, flood.seconds));
  }
  absl::StrAppend(&out, ErrorsText(flood.errors), "\n");
  if (flood.latency) absl::StrAppend(&out, "            ", LatencyText(flood.latency), "\n");
  return out;
}

}  // namespace

std::string SummaryTable(const Options& options, const Report& report) {
  std::string out;
  if (report.setup && options.allocations > 0) out += SetupText(*report.setup);
  if (report.search) out += SearchText(options, *report.search);
  if (report.load) out += LoadText(options, *report.load);
  if (report.flood) out += FloodText(options, *report.flood);
  if (report.keepalive) {
    const KeepaliveResult& k = *report.keepalive;
    absl::StrAppendFormat(&out, "keepalive   %d sent, %d answered, %d lost; %d refreshes\n", k.sent,
                          k.answered, k.lost, k.refreshes);
  }
  return out;
}

}  // namespace causeway::gen
