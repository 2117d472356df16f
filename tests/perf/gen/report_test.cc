#include "perf/gen/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

namespace causeway::gen {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

constexpr double kTscHz = 2e9;

json Parse(const Options& options, const Report& report) {
  return json::parse(ToJson(options, report));
}

std::vector<std::string> Keys(const json& object) {
  std::vector<std::string> keys;
  for (const auto& item : object.items()) keys.push_back(item.key());
  return keys;
}

/// 10 packets sent to peers, 9 received after 2 µs each.
FlowMeter Measured() {
  FlowMeter meter(Direction::kToPeer, 1);
  meter.Begin(1);
  meter.CountSent(10);
  for (uint64_t i = 0; i < 9; ++i) {
    meter.Receive(Stamp{Stamp::kMagic, 0, 0, 1, 0, 0, i, 0}, 4000);
  }
  return meter;
}

Options BothOptions() {
  Options options;
  options.load = Load::kBoth;
  options.command = {"causeway-gen", "--user", "alice:***"};
  return options;
}

Report FullReport() {
  Report report;
  report.setup = SetupResult{10, 9, 2, 1, {{401, 10}, {486, 2}}};
  const FlowMeter meter = Measured();
  const FlowMeter silent(Direction::kToClient, 1);
  report.load = SummarizeLoad(5, 2, &meter, &silent, kTscHz);
  report.search = SearchResult{5, {{*report.load, true}}};
  report.flood = FloodResult{100, 90, 40, 30, 2, {{486, 3}}, Latency{1, 2, 3, 4, 5, 6}};
  report.keepalive = KeepaliveResult{7, 6, 5, 1};
  return report;
}

TEST(Json, HoldsTheContractsKeys) {
  const json out = Parse(BothOptions(), FullReport());
  EXPECT_THAT(Keys(out), UnorderedElementsAre("tool", "version", "ok", "error", "command", "setup",
                                              "load", "search", "flood", "keepalive"));
  EXPECT_EQ(out["tool"], "causeway-gen");
  EXPECT_EQ(out["version"], CAUSEWAY_VERSION);
  EXPECT_EQ(out["ok"], true);
  EXPECT_TRUE(out["error"].is_null());
  EXPECT_EQ(out["command"], json({"causeway-gen", "--user", "alice:***"}));
}

TEST(Json, ReportsSetupFloodAndKeepalive) {
  Options options = BothOptions();
  options.flood = Flood::kAllocateAuth;
  const json out = Parse(options, FullReport());
  EXPECT_EQ(out["setup"], json::parse(R"({"allocations": 10, "channels": 9, "seconds": 2.0,
      "allocations_per_s": 5.0, "retransmissions": 1, "errors": {"401": 10, "486": 2}})"));
  EXPECT_EQ(out["flood"], json::parse(R"({"kind": "allocate-auth", "sent": 100, "answered": 90,
      "cycles": 30, "cycles_per_s": 15.0, "allocations_per_s": 20.0, "seconds": 2.0,
      "errors": {"486": 3}, "latency_us": {"p50": 1.0, "p90": 2.0, "p99": 3.0, "p99_9": 4.0,
      "max": 5.0, "mean": 6.0}})"));
  EXPECT_EQ(out["keepalive"],
            json::parse(R"({"sent": 7, "answered": 6, "refreshes": 5, "lost": 1})"));
}

TEST(Json, ReportsLoadByDirection) {
  const json load = Parse(BothOptions(), FullReport())["load"];
  EXPECT_THAT(
      Keys(load),
      UnorderedElementsAre("kind", "payload_bytes", "profile", "offered_pps", "seconds", "sent",
                           "received", "lost", "loss", "duplicated", "reordered", "late", "stray",
                           "corrupt", "sent_pps", "received_pps", "directions", "latency_us"));
  EXPECT_EQ(load["kind"], "both");
  EXPECT_EQ(load["payload_bytes"], 172);
  EXPECT_TRUE(load["profile"].is_null());
  EXPECT_EQ(load["sent"], 10);
  EXPECT_EQ(load["lost"], 1);
  EXPECT_DOUBLE_EQ(load["loss"], 0.1);
  EXPECT_DOUBLE_EQ(load["received_pps"], 4.5);
  EXPECT_EQ(load["latency_us"]["max"], 2.0);
  const json& directions = load["directions"];
  EXPECT_EQ(directions["to_peer"]["received"], 9);
  EXPECT_EQ(directions["to_peer"]["latency_us"]["p50"], 2.0);
  EXPECT_EQ(directions["to_client"]["sent"], 0);
  EXPECT_EQ(directions["to_client"]["loss"], 0.0);
  EXPECT_TRUE(directions["to_client"]["latency_us"].is_null());
}

TEST(Json, ADirectionWithoutLoadIsNull) {
  const FlowMeter meter = Measured();
  Report report;
  report.load = SummarizeLoad(5, 2, &meter, nullptr, kTscHz);
  EXPECT_TRUE(Parse(BothOptions(), report)["load"]["directions"]["to_client"].is_null());
}

TEST(Json, NamesTheProfileInsteadOfASize) {
  Options options = BothOptions();
  options.profile = *Profile::Named("imix", 32);
  const json load = Parse(options, FullReport())["load"];
  EXPECT_TRUE(load["payload_bytes"].is_null());
  EXPECT_EQ(load["profile"], "imix");
}

TEST(Json, ReportsTheSearch) {
  const json search = Parse(BothOptions(), FullReport())["search"];
  EXPECT_EQ(search["loss_bound"], 0.001);
  EXPECT_EQ(search["rate_pps"], 5.0);
  ASSERT_EQ(search["trials"].size(), 1u);
  EXPECT_EQ(search["trials"][0], json::parse(R"({"offered_pps": 5.0, "sent_pps": 5.0,
      "received_pps": 4.5, "loss": 0.1, "p99_us": 2.0, "passed": true})"));
}

TEST(Json, ASearchThatFoundNothingHasNoRate) {
  Report report;
  report.search = SearchResult{};
  const json out = Parse(BothOptions(), report);
  EXPECT_TRUE(out["search"]["rate_pps"].is_null());
  EXPECT_TRUE(out["search"]["trials"].empty());
}

TEST(Json, WhatWasNotMeasuredIsNull) {
  Report report;
  report.error = "no answer";
  const json out = Parse(Options(), report);
  EXPECT_EQ(out["ok"], false);
  EXPECT_EQ(out["error"], "no answer");
  for (const char* part : {"setup", "load", "search", "flood", "keepalive"}) {
    EXPECT_TRUE(out[part].is_null()) << part;
  }
}

TEST(Json, NothingIsDividedByZero) {
  Report report;
  report.setup = SetupResult{};
  const FlowMeter silent(Direction::kToPeer, 1);
  report.load = SummarizeLoad(0, 0, &silent, &silent, 0);
  report.search = SearchResult{0, {{*report.load, false}}};
  report.flood = FloodResult{};
  report.keepalive = KeepaliveResult{};
  Options options = BothOptions();
  options.flood = Flood::kAllocateAuth;
  const json out = Parse(options, report);
  EXPECT_TRUE(out["setup"]["allocations_per_s"].is_null());
  EXPECT_TRUE(out["load"]["sent_pps"].is_null());
  EXPECT_TRUE(out["load"]["latency_us"].is_null());
  EXPECT_TRUE(out["search"]["trials"][0]["p99_us"].is_null());
  EXPECT_TRUE(out["flood"]["cycles_per_s"].is_null());
  EXPECT_EQ(SummaryTable(options, report).find("nan"), std::string::npos);
}

TEST(Json, NumbersThatAreNoneBecomeNull) {
  Report report;
  report.setup = SetupResult{1, 1, std::numeric_limits<double>::quiet_NaN(), 0, {}};
  report.flood = FloodResult{};
  report.flood->latency = Latency{std::numeric_limits<double>::infinity(), 0, 0, 0, 0, 0};
  const json out = Parse(BothOptions(), report);
  EXPECT_TRUE(out["setup"]["seconds"].is_null());
  EXPECT_TRUE(out["flood"]["latency_us"]["p50"].is_null());
}

TEST(Json, SurvivesArgumentsThatAreNoText) {
  Options options;
  options.command = {"causeway-gen", "\xff\xfe"};
  EXPECT_EQ(Parse(options, Report())["command"].size(), 2u);
}

TEST(WriteJson, WritesTheFile) {
  Options options = BothOptions();
  options.json_file = ::testing::TempDir() + "/report_test.json";
  ASSERT_TRUE(WriteJson(options, FullReport()).ok());
  std::ifstream file(options.json_file);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_EQ(text.str(), ToJson(options, FullReport()));
  std::remove(options.json_file.c_str());
}

TEST(WriteJson, NamesTheFileThatItCannotWrite) {
  Options options;
  options.json_file = "/nowhere/x.json";
  EXPECT_EQ(WriteJson(options, Report()).message(),
            "--json /nowhere/x.json: No such file or directory: give a file that can be written");
  options.json_file = "/dev/full";
  EXPECT_EQ(WriteJson(options, Report()).message(),
            "--json /dev/full: No space left on device: give a file that can be written");
}

TEST(SummaryTable, SaysEveryResult) {
  Options options = BothOptions();
  options.flood = Flood::kAllocateAuth;
  options.loss_bound = 0.001;
  EXPECT_EQ(
      SummaryTable(options, FullReport()),
      "setup       10 allocations, 9 channels in 2.00 s: 5/s, 1 retransmissions; errors: 10 of "
      "401, "
      "2 of 486\n"
      "search      5/s with at most 0.1 % loss, 1 trials of 2 s each\n"
      "load        both, 172 bytes: 5/s offered, 5/s sent, 4/s received, for 2.0 s\n"
      "  to peer   sent 10, received 9, lost 1 (10.0000 %), duplicated 0, reordered 0, late 0, "
      "corrupt 0\n"
      "            p50 2.0  p90 2.0  p99 2.0  p99.9 2.0  max 2.0 us\n"
      "  to client sent 0, received 0, lost 0 (0.0000 %), duplicated 0, reordered 0, late 0, "
      "corrupt 0\n"
      "            -\n"
      "flood       allocate-auth: 100 sent (50/s), 90 answered, 30 cycles (15/s); errors: 3 of "
      "486\n"
      "            p50 1.0  p90 2.0  p99 3.0  p99.9 4.0  max 5.0 us\n"
      "keepalive   7 sent, 6 answered, 1 lost; 5 refreshes\n");
}

TEST(SummaryTable, SaysThatNoRatePassed) {
  Report report;
  report.search = SearchResult{};
  EXPECT_THAT(SummaryTable(BothOptions(), report),
              HasSubstr("no rate from 1000/s on with at most 0.1 % loss"));
}

TEST(ProgressLine, TellsPacketsInFlightFromLostOnes) {
  FlowCounts counts;
  counts.sent = 100;
  counts.received = 90;
  EXPECT_EQ(ProgressLine(3, counts, 4, Latency{1, 2, 3.25, 4, 5, 6}),
            "causeway-gen: t=3.0 sent=100 received=90 lost=6 p99_us=3.2");
  EXPECT_EQ(ProgressLine(3, counts, 40, std::nullopt),
            "causeway-gen: t=3.0 sent=100 received=90 lost=0 p99_us=-");
}

TEST(SummarizeLatency, TurnsCyclesIntoMicroseconds) {
  Histogram cycles;
  for (uint64_t i = 1; i <= 100; ++i) cycles.Record(i);
  const auto latency = SummarizeLatency(cycles, 1e6);
  ASSERT_TRUE(latency);
  EXPECT_DOUBLE_EQ(latency->p50_us, 50);
  EXPECT_DOUBLE_EQ(latency->p90_us, 90);
  EXPECT_DOUBLE_EQ(latency->p99_us, 99);
  EXPECT_DOUBLE_EQ(latency->p99_9_us, 100);
  EXPECT_DOUBLE_EQ(latency->max_us, 100);
  EXPECT_DOUBLE_EQ(latency->mean_us, 50.5);
  EXPECT_FALSE(SummarizeLatency(cycles, 0));
  EXPECT_FALSE(SummarizeLatency(Histogram(), 1e6));
}

}  // namespace
}  // namespace causeway::gen
