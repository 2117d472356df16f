#include "perf/gen/report.h"

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace causeway::gen {
namespace {

using Json = nlohmann::ordered_json;

/// null rather than what JSON cannot say.
Json Finite(double number) { return std::isfinite(number) ? Json(number) : Json(nullptr); }

Json PerSecond(uint64_t count, double seconds) {
  return seconds > 0 ? Finite(static_cast<double>(count) / seconds) : Json(nullptr);
}

Json ToJsonValue(const Latency& l);
Json ToJsonValue(const SetupResult& setup);
Json ToJsonValue(const KeepaliveResult& keepalive);

template <typename T>
Json OrNull(const std::optional<T>& value) {
  return value ? ToJsonValue(*value) : Json(nullptr);
}

Json ToJsonValue(const Latency& l) {
  return {{"p50", Finite(l.p50_us)},     {"p90", Finite(l.p90_us)}, {"p99", Finite(l.p99_us)},
          {"p99_9", Finite(l.p99_9_us)}, {"max", Finite(l.max_us)}, {"mean", Finite(l.mean_us)}};
}

Json ErrorsOf(const ErrorCounts& errors) {
  Json out = Json::object();
  for (const auto& [code, count] : errors) out[absl::StrCat(code)] = count;
  return out;
}

void AddCounts(const FlowCounts& counts, double seconds, Json& out) {
  out["sent"] = counts.sent;
  out["received"] = counts.received;
  out["lost"] = counts.lost();
  out["loss"] = Finite(LossOf(counts));
  out["duplicated"] = counts.duplicated;
  out["reordered"] = counts.reordered;
  out["late"] = counts.late;
  out["stray"] = counts.stray;
  out["corrupt"] = counts.corrupt;
  out["sent_pps"] = PerSecond(counts.sent, seconds);
  out["received_pps"] = PerSecond(counts.received, seconds);
}

Json DirectionJson(const std::optional<FlowResult>& direction, double seconds) {
  if (!direction) return nullptr;
  Json out;
  AddCounts(direction->counts, seconds, out);
  out["latency_us"] = OrNull(direction->latency);
  return out;
}

Json LoadJson(const Options& options, const LoadResult& load) {
  const bool fixed = options.profile.name().empty();
  Json out;
  out["kind"] = LoadName(options.load);
  out["payload_bytes"] = fixed ? Json(options.profile.largest()) : Json(nullptr);
  out["profile"] = fixed ? Json(nullptr) : Json(options.profile.name());
  out["offered_pps"] = Finite(load.offered_pps);
  out["seconds"] = Finite(load.seconds);
  AddCounts(load.total.counts, load.seconds, out);
  out["directions"] = {{"to_peer", DirectionJson(load.to_peer, load.seconds)},
                       {"to_client", DirectionJson(load.to_client, load.seconds)}};
  out["latency_us"] = OrNull(load.total.latency);
  return out;
}

Json ToJsonValue(const SetupResult& setup) {
  return {{"allocations", setup.allocations},
          {"channels", setup.channels},
          {"seconds", Finite(setup.seconds)},
          {"allocations_per_s", PerSecond(setup.allocations, setup.seconds)},
          {"retransmissions", setup.retransmissions},
          {"errors", ErrorsOf(setup.errors)}};
}

Json TrialJson(const Trial& trial) {
  const LoadResult& load = trial.load;
  const auto& latency = load.total.latency;
  return {{"offered_pps", Finite(load.offered_pps)},
          {"sent_pps", PerSecond(load.total.counts.sent, load.seconds)},
          {"received_pps", PerSecond(load.total.counts.received, load.seconds)},
          {"loss", Finite(LossOf(load.total.counts))},
          {"p99_us", latency ? Finite(latency->p99_us) : Json(nullptr)},
          {"passed", trial.passed}};
}

Json SearchJson(const Options& options, const std::optional<SearchResult>& search) {
  if (!search) return nullptr;
  Json trials = Json::array();
  for (const Trial& trial : search->trials) trials.push_back(TrialJson(trial));
  const bool found = search->best_pps > 0;
  return {{"loss_bound", Finite(options.loss_bound)},
          {"rate_pps", found ? Finite(search->best_pps) : Json(nullptr)},
          {"trials", std::move(trials)}};
}

Json FloodJson(const Options& options, const std::optional<FloodResult>& flood) {
  if (!flood) return nullptr;
  const bool full = options.flood == Flood::kAllocateAuth;
  const Json none = nullptr;
  return {{"kind", FloodName(options.flood)},
          {"sent", flood->sent},
          {"answered", flood->answered},
          {"cycles", full ? Json(flood->cycles) : none},
          {"cycles_per_s", full ? PerSecond(flood->cycles, flood->seconds) : none},
          {"allocations_per_s", full ? PerSecond(flood->allocations, flood->seconds) : none},
          {"seconds", Finite(flood->seconds)},
          {"errors", ErrorsOf(flood->errors)},
          {"latency_us", OrNull(flood->latency)}};
}

Json ToJsonValue(const KeepaliveResult& keepalive) {
  return {{"sent", keepalive.sent},
          {"answered", keepalive.answered},
          {"refreshes", keepalive.refreshes},
          {"lost", keepalive.lost}};
}

}  // namespace

std::optional<Latency> SummarizeLatency(const Histogram& cycles, double tsc_hz) {
  if (cycles.total() == 0 || !(tsc_hz > 0)) return std::nullopt;
  const double us = 1e6 / tsc_hz;
  const auto at = [&](double quantile) {
    return static_cast<double>(cycles.ValueAt(quantile)) * us;
  };
  return Latency{
      at(0.5),           at(0.9), at(0.99), at(0.999), static_cast<double>(cycles.max()) * us,
      cycles.Mean() * us};
}

LoadResult SummarizeLoad(double offered_pps, double seconds, const FlowMeter* to_peer,
                         const FlowMeter* to_client, double tsc_hz) {
  LoadResult out;
  out.offered_pps = offered_pps;
  out.seconds = seconds;
  Histogram all;
  for (const FlowMeter* meter : {to_peer, to_client}) {
    if (meter == nullptr) continue;
    FlowResult flow{meter->counts(), SummarizeLatency(meter->latency(), tsc_hz)};
    out.total.counts = out.total.counts + flow.counts;
    all.Add(meter->latency());
    (meter == to_peer ? out.to_peer : out.to_client) = flow;
  }
  out.total.latency = SummarizeLatency(all, tsc_hz);
  return out;
}

double LossOf(const FlowCounts& counts) {
  if (counts.sent == 0) return 0;
  return static_cast<double>(counts.lost()) / static_cast<double>(counts.sent);
}

std::string ToJson(const Options& options, const Report& report) {
  Json out;
  out["tool"] = "causeway-gen";
  out["version"] = CAUSEWAY_VERSION;
  out["ok"] = report.error.empty();
  out["error"] = report.error.empty() ? Json(nullptr) : Json(report.error);
  out["command"] = options.command;
  out["setup"] = OrNull(report.setup);
  out["load"] = report.load ? LoadJson(options, *report.load) : Json(nullptr);
  out["search"] = SearchJson(options, report.search);
  out["flood"] = FloodJson(options, report.flood);
  out["keepalive"] = OrNull(report.keepalive);
  // An argument need not be UTF-8.
  return absl::StrCat(out.dump(2, ' ', false, Json::error_handler_t::replace), "\n");
}

absl::Status WriteJson(const Options& options, const Report& report) {
  if (options.json_file.empty()) return absl::OkStatus();
  const std::string text = ToJson(options, report);
  const bool standard = options.json_file == "-";
  errno = 0;
  FILE* file = standard ? stdout : std::fopen(options.json_file.c_str(), "we");
  bool good = file != nullptr;
  if (good) good = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  if (file != nullptr) good = (standard ? std::fflush(file) : std::fclose(file)) == 0 && good;
  if (good) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("--json ", options.json_file, ": ",
                                             std::strerror(errno),
                                             ": give a file that can be written"));
}

std::string ProgressLine(double seconds, const FlowCounts& counts, uint64_t in_flight,
                         const std::optional<Latency>& latency) {
  const uint64_t lost = counts.lost() > in_flight ? counts.lost() - in_flight : 0;
  return absl::StrFormat("causeway-gen: t=%.1f sent=%d received=%d lost=%d p99_us=%s", seconds,
                         counts.sent, counts.received, lost,
                         latency ? absl::StrFormat("%.1f", latency->p99_us) : "-");
}

}  // namespace causeway::gen
