#include "control/daemon/log.h"

#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

namespace causeway::daemon {

void SetUpLog() {
  spdlog::set_default_logger(spdlog::stderr_logger_st("causewayd"));
  spdlog::set_pattern("causewayd: %l: %v");
}

void SetLogLevel(config::LogLevel level) {
  constexpr spdlog::level::level_enum kLevels[] = {spdlog::level::debug, spdlog::level::info,
                                                   spdlog::level::warn, spdlog::level::err};
  spdlog::set_level(kLevels[static_cast<int>(level)]);
}

std::string OneLine(absl::string_view text) {
  std::string line(text);
  for (char& c : line) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) c = '?';
  }
  return line;
}

void LogFatal(absl::string_view message) { spdlog::error("{}", OneLine(message)); }

}  // namespace causeway::daemon
