#include <utility>

#include "control/config/config.h"
#include "control/config/files.h"

namespace causeway::config {
namespace {

void WarnOfReadableSecrets(const CommandLine& command_line, const OptionValues& merged,
                           const OptionValues& file, Config& config) {
  std::vector<std::string> paths;
  if (file.contains("user") || file.contains("auth-secret")) {
    paths.push_back(command_line.config_file);
  }
  for (const char* name : {"user-file", "auth-secret-file"}) {
    if (merged.contains(name)) paths.push_back(merged.at(name).front());
  }
  for (const std::string& path : paths) {
    std::string warning = ReadableByOthers(path);
    if (!warning.empty()) config.warnings.push_back(std::move(warning));
  }
}

}  // namespace

absl::StatusOr<Config> LoadConfig(const CommandLine& command_line, unsigned usable_cpus) {
  OptionValues file;
  if (!command_line.config_file.empty()) {
    auto read = ReadTomlFile(command_line.config_file);
    if (!read.ok()) return read.status();
    file = *std::move(read);
  }
  const OptionValues merged = Merge(file, command_line.values);
  auto config = MakeConfig(merged, usable_cpus);
  if (config.ok()) WarnOfReadableSecrets(command_line, merged, file, *config);
  return config;
}

}  // namespace causeway::config
