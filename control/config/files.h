// Files that hold settings and secrets.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "control/config/options.h"

namespace causeway::config {

/// Reads a TOML file: one key for each option, named as its flag; a list for a repeatable one (and
/// for `address`), true or false for a flag. Errors name file and line, and are one line.
absl::StatusOr<OptionValues> ReadTomlFile(const std::string& path);
/// The same from text; `path` is for messages.
absl::StatusOr<OptionValues> ParseToml(const std::string& text, const std::string& path);

/// The lines of a file of secrets; empty lines and those that begin with '#' are left out.
struct SecretLine {
  int number;  // from 1
  std::string text;
};
absl::StatusOr<std::vector<SecretLine>> ReadSecretLines(const std::string& path);

/// A warning for the operator when others than the owner may read the file, else "".
std::string ReadableByOthers(const std::string& path);

}  // namespace causeway::config
