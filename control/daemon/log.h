// The operator's log, on standard error: "causewayd: LEVEL: TEXT", a line each.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "control/config/config.h"

namespace causeway::daemon {

void SetUpLog();
void SetLogLevel(config::LogLevel level);

/// The text with control characters replaced by '?', so that what came from outside stays in its
/// line.
std::string OneLine(absl::string_view text);

/// The one line that says why the process ends: "causewayd: error: MESSAGE".
void LogFatal(absl::string_view message);

}  // namespace causeway::daemon
