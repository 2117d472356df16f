// The command line, parsed to text values; see options.h for the names and config.h for their
// meaning.
#pragma once

#include "absl/status/statusor.h"
#include "control/config/options.h"

namespace causeway::config {

/// InvalidArgumentError, in one line, for an unknown flag (names the nearest), a flag without its
/// value, a value without its flag, and a flag given twice that is not repeatable. Never quotes a
/// value, which might be a secret.
absl::StatusOr<CommandLine> ParseCommandLine(int argc, const char* const* argv);

/// Overwrites passwords and secrets in the process's own argument memory, so that `ps` does not
/// show them. Call it after ParseCommandLine, also when that failed.
void ScrubSecrets(int argc, char** argv);

}  // namespace causeway::config
