#include "control/daemon/stats_printer.h"

#include <map>
#include <string>

#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace causeway::daemon {
namespace {

using testing::Contains;
using testing::Key;
using testing::Not;

uint64_t& At(CounterValues& values, Counter counter) { return values[static_cast<int>(counter)]; }

std::map<std::string, std::string> Fields(const std::string& line) {
  std::map<std::string, std::string> fields;
  for (absl::string_view word : absl::StrSplit(line, ' ')) {
    const std::pair<std::string, std::string> field = absl::StrSplit(word, absl::MaxSplits('=', 1));
    EXPECT_TRUE(fields.insert(field).second) << field.first << " twice";
  }
  return fields;
}

Snapshot Later() {
  Snapshot snapshot;
  snapshot.time = 125;
  snapshot.workers.resize(2);
  At(snapshot.workers[0], Counter::k_rx_packets) = 100;
  At(snapshot.workers[1], Counter::k_rx_packets) = 50;
  At(snapshot.workers[0], Counter::k_drop_no_route) = 3;
  At(snapshot.workers[1], Counter::k_drop_no_channel) = 4;
  At(snapshot.workers[0], Counter::k_busy_cycles) = 25000;
  At(snapshot.workers[0], Counter::k_idle_cycles) = 75000;
  At(snapshot.workers[1], Counter::k_idle_cycles) = 100'000;
  At(snapshot.control, Counter::k_drop_no_buffer) = 2;
  snapshot.server.allocations = 7;
  snapshot.server.requests = 20;
  snapshot.server.errors[401] = 5;
  snapshot.server.errors[486] = 1;
  snapshot.cycles_per_second = 1'000'000'000;
  snapshot.control_cpu_us = 700;
  return snapshot;
}

TEST(StatsLine, BeginsWithWordAndTimes) {
  const std::string line = StatsLine("totals", {}, Later());
  EXPECT_EQ(line.substr(0, line.find(" allocations")), "totals uptime_s=12.5 interval_s=12.5");
}

TEST(StatsLine, SumsWorkersAndNamesDrops) {
  auto fields = Fields(StatsLine("stats", {}, Later()));
  EXPECT_EQ(fields["rx_packets"], "150");
  EXPECT_EQ(fields["drops"], "9");
  EXPECT_EQ(fields["drop_no_buffer"], "2");
  EXPECT_EQ(fields["drop_no_route"], "3");
  EXPECT_EQ(fields["drop_no_channel"], "4");
  EXPECT_THAT(fields, Not(Contains(Key("drop_tx_full"))));
  EXPECT_EQ(fields["rx_packets_by_worker"], "100,50");
  EXPECT_EQ(fields["busy_pct"], "12.5");
  EXPECT_EQ(fields["busy_pct_by_worker"], "25.0,0.0");
  EXPECT_EQ(fields["busy_us_by_worker"], "25,0");
  EXPECT_EQ(fields["control_cpu_us"], "700");
  EXPECT_EQ(fields["errors"], "6");
  EXPECT_EQ(fields["error_401"], "5");
  EXPECT_EQ(fields["error_486"], "1");
}

TEST(StatsLine, HoldsEveryTrafficCounter) {
  auto fields = Fields(StatsLine("stats", {}, Later()));
  for (int i = 0; i < kCounterCount; ++i) {
    const std::string name = CounterName(static_cast<Counter>(i));
    if (name.rfind("drop_", 0) == 0 || name.find("_cycles") != std::string::npos) continue;
    EXPECT_THAT(fields, Contains(Key(name)));
  }
}

TEST(StatsLine, CountsTheIntervalOnlyButShowsStateAsItIs) {
  const Snapshot before = Later();
  Snapshot now = before;
  now.time += 10;
  At(now.workers[1], Counter::k_rx_packets) += 5;
  now.server.requests += 2;
  now.server.errors[401] += 1;
  At(now.workers[0], Counter::k_busy_cycles) += 7000;
  now.control_cpu_us += 11;
  auto fields = Fields(StatsLine("stats", before, now));
  EXPECT_EQ(fields["uptime_s"], "13.5");
  EXPECT_EQ(fields["interval_s"], "1.0");
  EXPECT_EQ(fields["rx_packets"], "5");
  EXPECT_EQ(fields["drops"], "0");
  EXPECT_EQ(fields["allocations"], "7");
  EXPECT_EQ(fields["requests"], "2");
  EXPECT_EQ(fields["error_401"], "1");
  EXPECT_THAT(fields, Not(Contains(Key("error_486"))));
  EXPECT_EQ(fields["busy_pct"], "100.0");
  EXPECT_EQ(fields["busy_us_by_worker"], "7,0");
  EXPECT_EQ(fields["control_cpu_us"], "11");
}

TEST(ReadCounters, ReadsAll) {
  Counters counters;
  counters.Add(Counter::k_rx_packets, 9);
  counters.Add(Counter::k_drop_no_buffer, 2);
  const CounterValues values = ReadCounters(counters);
  EXPECT_EQ(values[static_cast<int>(Counter::k_rx_packets)], 9u);
  EXPECT_EQ(values[static_cast<int>(Counter::k_drop_no_buffer)], 2u);
}

}  // namespace
}  // namespace causeway::daemon
