#include <csignal>
#include <cstdio>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "control/config/command_line.h"
#include "control/config/config.h"
#include "control/daemon/access.h"
#include "control/daemon/daemon.h"
#include "control/daemon/log.h"

namespace causeway::daemon {
namespace {

constexpr int kRuntimeError = 1;
constexpr int kUsageError = 2;

int Fail(const absl::Status& status, int exit_code) {
  LogFatal(absl::string_view(status.message()));
  return exit_code;
}

/// The whole configuration, credentials included.
absl::StatusOr<config::Config> Load(const config::CommandLine& command_line) {
  auto config = config::LoadConfig(command_line, UsableCpus());
  if (!config.ok()) return config;
  const auto access = MakeSnapshot(*config, {}, std::vector<uint8_t>(32));
  if (!access.ok()) return access.status();
  return config;
}

int PrintConfig(const config::Config& config) {
  std::string text = config::Describe(config);
  absl::StrAppend(&text, "# the dataplane will set aside ", Engine::MemoryNeeded(config.node) >> 20,
                  " MB\n");
  for (const std::string& warning : config.warnings) {
    absl::StrAppend(&text, "# warning: ", OneLine(warning), "\n");
  }
  std::fputs(text.c_str(), stdout);
  return 0;
}

int Serve(config::CommandLine command_line, config::Config config) {
  SetLogLevel(config.log_level);
  signal(SIGPIPE, SIG_IGN);
  Daemon::BlockSignals();
  auto daemon = Daemon::Start(std::move(command_line), std::move(config));
  if (!daemon.ok()) return Fail(daemon.status(), kRuntimeError);
  (*daemon)->Run();
  return 0;
}

int Main(int argc, char** argv) {
  SetUpLog();
  auto command_line = config::ParseCommandLine(argc, argv);
  config::ScrubSecrets(argc, argv);
  if (!command_line.ok()) return Fail(command_line.status(), kUsageError);
  if (!command_line->print.empty()) {
    std::fputs(command_line->print.c_str(), stdout);
    return 0;
  }
  auto config = Load(*command_line);
  if (!config.ok()) {
    return Fail(config.status(), command_line->check_config ? kRuntimeError : kUsageError);
  }
  if (command_line->check_config) return PrintConfig(*config);
  return Serve(*std::move(command_line), *std::move(config));
}

}  // namespace
}  // namespace causeway::daemon

int main(int argc, char** argv) {
  try {
    return causeway::daemon::Main(argc, argv);
  } catch (const std::bad_alloc&) {
    std::fputs("causewayd: error: out of memory: lower --max-allocations\n", stderr);
    return 1;
  }
}
