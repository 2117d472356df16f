#include "control/daemon/stats_printer.h"

#include <poll.h>
#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace causeway::daemon {
namespace {

constexpr int kBusy = static_cast<int>(Counter::k_busy_cycles);
constexpr int kIdle = static_cast<int>(Counter::k_idle_cycles);
constexpr int kReceived = static_cast<int>(Counter::k_rx_packets);

void Append(std::string& line, absl::string_view key, uint64_t value) {
  absl::StrAppend(&line, " ", key, "=", value);
}

/// What each worker counted in the interval.
std::vector<CounterValues> Deltas(const Snapshot& before, const Snapshot& now) {
  std::vector<CounterValues> deltas = now.workers;
  for (size_t worker = 0; worker < before.workers.size(); ++worker) {
    for (int i = 0; i < kCounterCount; ++i) deltas[worker][i] -= before.workers[worker][i];
  }
  return deltas;
}

CounterValues Sum(const std::vector<CounterValues>& workers, const Snapshot& before,
                  const Snapshot& now) {
  CounterValues sum;
  for (int i = 0; i < kCounterCount; ++i) sum[i] = now.control[i] - before.control[i];
  for (const CounterValues& worker : workers) {
    for (int i = 0; i < kCounterCount; ++i) sum[i] += worker[i];
  }
  return sum;
}

std::string BusyPercent(const CounterValues& values) {
  const double all = static_cast<double>(values[kBusy] + values[kIdle]);
  return absl::StrFormat("%.1f", all == 0 ? 0.0 : 100.0 * static_cast<double>(values[kBusy]) / all);
}

void AppendServer(std::string& line, const turn::ServerStats& before,
                  const turn::ServerStats& now) {
  Append(line, "allocations", now.allocations);
  Append(line, "permissions", now.permissions);
  Append(line, "channels", now.channels);
  Append(line, "reservations", now.reservations);
  Append(line, "requests", now.requests - before.requests);
  Append(line, "allocated", now.allocated_total - before.allocated_total);
  Append(line, "expired", now.expired_total - before.expired_total);
  Append(line, "revoked", now.revoked_total - before.revoked_total);
  uint64_t errors = 0;
  std::string by_code;
  for (size_t code = 0; code < std::size(now.errors); ++code) {
    const uint64_t count = now.errors[code] - before.errors[code];
    errors += count;
    if (count != 0) Append(by_code, absl::StrCat("error_", code), count);
  }
  Append(line, "errors", errors);
  line += by_code;
}

void AppendCounters(std::string& line, const CounterValues& values) {
  uint64_t drops = 0;
  std::string by_reason;
  for (int i = 0; i < kCounterCount; ++i) {
    if (i == kBusy || i == kIdle) continue;
    const char* name = CounterName(static_cast<Counter>(i));
    if (!absl::StartsWith(name, "drop_")) {
      Append(line, name, values[i]);
    } else if (values[i] != 0) {
      drops += values[i];
      Append(by_reason, name, values[i]);
    }
  }
  Append(line, "drops", drops);
  line += by_reason;
}

uint64_t Microseconds(uint64_t cycles, uint64_t cycles_per_second) {
  return cycles_per_second == 0 ? 0
                                : static_cast<uint64_t>(static_cast<unsigned __int128>(cycles) *
                                                        1'000'000 / cycles_per_second);
}

void AppendWorkers(std::string& line, const std::vector<CounterValues>& workers,
                   uint64_t cycles_per_second) {
  std::vector<std::string> received;
  std::vector<std::string> busy;
  std::vector<uint64_t> busy_us;
  for (const CounterValues& worker : workers) {
    received.push_back(absl::StrCat(worker[kReceived]));
    busy.push_back(BusyPercent(worker));
    busy_us.push_back(Microseconds(worker[kBusy], cycles_per_second));
  }
  absl::StrAppend(&line, " rx_packets_by_worker=", absl::StrJoin(received, ","),
                  " busy_pct_by_worker=", absl::StrJoin(busy, ","),
                  " busy_us_by_worker=", absl::StrJoin(busy_us, ","));
}

}  // namespace

CounterValues ReadCounters(const Counters& counters) {
  CounterValues values;
  for (int i = 0; i < kCounterCount; ++i) values[i] = counters.Get(static_cast<Counter>(i));
  return values;
}

std::string StatsLine(absl::string_view word, const Snapshot& before, const Snapshot& now) {
  const std::vector<CounterValues> workers = Deltas(before, now);
  const CounterValues sum = Sum(workers, before, now);
  std::string line = absl::StrFormat("%s uptime_s=%.1f interval_s=%.1f", word, now.time / 10.0,
                                     (now.time - before.time) / 10.0);
  AppendServer(line, before.server, now.server);
  AppendCounters(line, sum);
  absl::StrAppend(&line, " busy_pct=", BusyPercent(sum));
  AppendWorkers(line, workers, now.cycles_per_second);
  Append(line, "control_cpu_us", now.control_cpu_us - before.control_cpu_us);
  return line;
}

void PrintUnlessBlocked(const std::string& line) {
  pollfd out = {STDOUT_FILENO, POLLOUT, 0};
  if (poll(&out, 1, 0) != 1 || (out.revents & POLLOUT) == 0) return;
  const std::string whole = line + "\n";
  // One write of less than PIPE_BUF: a pipe takes it whole. What a full disk refuses is lost.
  if (write(STDOUT_FILENO, whole.data(), whole.size()) < 0) return;
}

}  // namespace causeway::daemon
