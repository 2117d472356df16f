#include <csignal>
#include <cstdio>
#include <string>

#include "absl/status/status.h"
#include "perf/gen/command_line.h"
#include "perf/gen/credentials.h"
#include "perf/gen/options.h"
#include "perf/gen/pcap_out.h"
#include "perf/gen/port.h"
#include "perf/gen/report.h"
#include "perf/gen/runner.h"

namespace causeway::gen {
namespace {

constexpr int kFailed = 1;
constexpr int kWrongOption = 2;
constexpr int kInterrupted = 130;

void PrintError(const absl::Status& status) {
  std::fprintf(stderr, "causeway-gen: error: %s\n", std::string(status.message()).c_str());
}

void HandleSignals() {
  struct sigaction action = {};
  action.sa_handler = [](int) { Interrupt(); };
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

absl::Status Measure(const Options& options, Credentials& credentials, Report& report) {
  std::unique_ptr<PcapOut> pcap;
  if (!options.pcap_file.empty()) {
    absl::StatusOr<std::unique_ptr<PcapOut>> opened =
        PcapOut::Open(options.pcap_file, options.pcap_packets);
    if (!opened.ok()) return opened.status();
    pcap = *std::move(opened);
  }
  absl::StatusOr<std::unique_ptr<Port>> port = Port::Open(options);
  if (!port.ok()) return port.status();
  absl::Status status = Runner(options, **port, credentials, pcap.get()).Run(report);
  if (pcap && status.ok()) return pcap->Close();
  return status;
}

int Run(const Options& options) {
  absl::StatusOr<Credentials> credentials =
      Credentials::Create(options.user, options.password, options.realm);
  if (!credentials.ok()) {
    PrintError(credentials.status());
    return kWrongOption;
  }
  HandleSignals();
  Report report;
  const absl::Status status = Measure(options, *credentials, report);
  const bool interrupted = absl::IsCancelled(status);
  if (!status.ok()) report.error = std::string(status.message());
  const absl::Status written = WriteJson(options, report);
  if (options.json_file != "-") std::fputs(SummaryTable(options, report).c_str(), stdout);
  if (!status.ok()) PrintError(status);
  if (!written.ok()) PrintError(written);
  if (interrupted) return kInterrupted;
  return status.ok() && written.ok() ? 0 : kFailed;
}

int Main(int argc, char** argv) {
  const absl::StatusOr<CommandLine> line = ParseOptions(argc, argv);
  ScrubPassword(argc, argv);
  if (!line.ok()) {
    PrintError(line.status());
    return kWrongOption;
  }
  if (!line->print.empty()) {
    std::fputs(line->print.c_str(), stdout);
    return 0;
  }
  return Run(line->options);
}

}  // namespace
}  // namespace causeway::gen

int main(int argc, char** argv) { return causeway::gen::Main(argc, argv); }
