// The configuration file, parsed to text values; see options.h for the names.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "control/config/options.h"

namespace causeway::config {

struct FileValues {
  OptionValues options;
  std::vector<TenantValues> tenants;  // by name
};

/// Reads a TOML file: one key for each option, named as its flag and of its type, and tables
/// `[tenant.NAME]`. The values themselves are not checked here. Errors name file, line and key, are
/// one line, and quote no secret.
absl::StatusOr<FileValues> ReadTomlFile(const std::string& path);
/// The same from text; `path` is for messages.
absl::StatusOr<FileValues> ParseToml(const std::string& text, const std::string& path);

/// A TOML basic string. Control characters and quotes are escaped; UTF-8 stays.
std::string QuoteToml(absl::string_view text);

}  // namespace causeway::config
