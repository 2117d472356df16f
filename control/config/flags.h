// A command line as texts by flag, for causewayd and the tools; what the texts mean is the
// caller's.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "control/config/option.h"

namespace causeway::config {

/// One flag as --help tells of it.
struct Flag {
  std::string name;   // without dashes
  std::string value;  // what its value is called; empty: it takes none
  std::string help;
  bool repeats = false;  // may be given any number of times
  std::string heading = "Options";
};

struct Program {
  const char* name;
  const char* about;
  const char* footer = "";
};

struct FlagTexts {
  /// --help or --version: print this to standard output and exit with 0.
  std::string print;
  /// By name, only what is given; a flag that takes no value has one that is empty.
  std::map<std::string, std::vector<std::string>, std::less<>> values;
};

/// InvalidArgumentError, in one line, for an unknown flag (names the nearest), a flag without its
/// value, a value without its flag, and a flag given twice that does not repeat. Never quotes a
/// value, which might be a secret.
absl::StatusOr<FlagTexts> ReadFlags(const Program& program, absl::Span<const Flag> flags, int argc,
                                    const char* const* argv);

/// Overwrites what is secret of a flag's values in the process's own argument memory, so that `ps`
/// does not show it. Call it after ReadFlags, also when that failed.
void ScrubFlag(absl::string_view name, Secret secret, int argc, char** argv);

/// The one of `names` that a mistyped one most likely meant, or "" when none comes near.
std::string Nearest(absl::string_view name, absl::Span<const std::string> names);

}  // namespace causeway::config
