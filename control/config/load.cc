#include <algorithm>
#include <utility>

#include "control/config/config.h"
#include "control/config/files.h"
#include "control/config/toml.h"

namespace causeway::config {
namespace {

bool HoldSecrets(const FileValues& file) {
  if (!file.tenants.empty()) return true;
  return std::any_of(file.options.begin(), file.options.end(), [](const auto& entry) {
    return LookUpOption(Options(), entry.first)->secret != Secret::kNothing;
  });
}

void WarnOfReadableSecrets(const std::string& config_file, const FileValues& file, Config& config) {
  std::vector<std::string> paths;
  if (HoldSecrets(file)) paths.push_back(config_file);
  for (const std::string& path : {config.user_file, config.auth_secret_file}) {
    if (!path.empty()) paths.push_back(path);
  }
  for (const std::string& path : paths) {
    std::string warning = ReadableByOthers(path);
    if (!warning.empty()) config.warnings.push_back(std::move(warning));
  }
}

}  // namespace

absl::StatusOr<Config> LoadConfig(const CommandLine& command_line, unsigned usable_cpus) {
  FileValues file;
  if (!command_line.config_file.empty()) {
    auto read = ReadTomlFile(command_line.config_file);
    if (!read.ok()) return read.status();
    file = *std::move(read);
  }
  auto settings = ReadSettings(Merge(file.options, command_line.values), file.tenants);
  if (!settings.ok()) return settings.status();
  auto config = MakeConfig(*std::move(settings), usable_cpus);
  if (config.ok()) WarnOfReadableSecrets(command_line.config_file, file, *config);
  return config;
}

}  // namespace causeway::config
