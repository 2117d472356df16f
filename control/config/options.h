// The declarations of all options, and what can be asked of them.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "control/config/option.h"
#include "control/config/settings.h"

namespace causeway::config {

/// What the command line says beside the settings.
struct CommandLine {
  /// --help, --version or --man: print this to standard output and exit with 0.
  std::string print;
  std::string config_file;  // empty: none
  bool check_config = false;
  bool manual = false;
  OptionValues values;
};

/// All in the order of the help text.
absl::Span<const Option<Settings>> Options();
/// Those that a configuration file cannot have.
absl::Span<const Option<CommandLine>> CommandLineOptions();
/// Those of `[tenant.NAME]`, and of its `limits`.
absl::Span<const Option<TenantConfig>> TenantOptions();
absl::Span<const Option<TenantLimits>> TenantLimitOptions();

/// True for the name of a flag, without its dashes.
bool IsOption(absl::string_view name);

/// What holds when both are given: lists are joined, the file's values first; of the rest the
/// command line's wins.
OptionValues Merge(const OptionValues& file, const OptionValues& command_line);

/// A table `[tenant.NAME]` as it was given.
struct TenantValues {
  std::string name;
  std::string place;  // "FILE:LINE: " of the table
  OptionValues options;
  OptionValues limits;
};

/// Checks every value by itself. Reads user-file and auth-secret-file. InvalidArgumentError: a
/// mistake, in one line, which holds no secret.
absl::StatusOr<Settings> ReadSettings(const OptionValues& values,
                                      absl::Span<const TenantValues> tenants = {});

/// Names of the options that differ and take effect only at the next start, in the order of the
/// help text.
std::vector<std::string> ChangedAtStartOnly(const Settings& running, const Settings& fresh);

}  // namespace causeway::config
