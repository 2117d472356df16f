// Files that hold settings and secrets.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace causeway::config {

/// The whole of a file of at most 16 MB. The error is one line that names the file.
absl::StatusOr<std::string> ReadFile(const std::string& path);

/// The lines of a file of secrets; empty lines and those that begin with '#' are left out.
struct SecretLine {
  int number;  // from 1
  std::string text;
};
absl::StatusOr<std::vector<SecretLine>> ReadSecretLines(const std::string& path);

/// A warning for the operator when others than the owner may read the file, else "".
std::string ReadableByOthers(const std::string& path);

}  // namespace causeway::config
