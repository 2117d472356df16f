// The command line of causeway-gen as text, not yet understood; options.h has the meaning.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace causeway::gen {

/// Values by option name, without dashes; a flag that is set has an empty value.
using OptionTexts = std::map<std::string, std::string, std::less<>>;

struct CommandLineTexts {
  /// --help or --version: print this and exit with 0.
  std::string print;
  OptionTexts values;
};

/// InvalidArgumentError in one line, as config::ReadFlags says.
absl::StatusOr<CommandLineTexts> ReadCommandLine(int argc, const char* const* argv);

/// The arguments, the password replaced by "***".
std::vector<std::string> MaskedCommand(int argc, const char* const* argv);

/// Overwrites the password in the process's own argument memory, so that `ps` does not show it.
/// Call it after ReadCommandLine, also when that failed.
void ScrubPassword(int argc, char** argv);

}  // namespace causeway::gen
