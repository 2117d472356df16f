#include "control/config/options.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"

namespace causeway::config {
namespace {

absl::Status TenantError(const TenantValues& tenant, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat(tenant.place, "[tenant.", tenant.name, "]: ", what));
}

/// A DNS label in lower case.
bool IsTenantName(absl::string_view name) {
  const bool characters = std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-';
  });
  return characters && !name.empty() && name.size() <= 63 && name.front() != '-' &&
         name.back() != '-';
}

absl::StatusOr<TenantConfig> ReadTenant(const TenantValues& given) {
  if (!IsTenantName(given.name)) {
    return TenantError(given,
                       "the name is a DNS label: 1 to 63 lower-case letters, digits and hyphens, "
                       "with no hyphen at either end");
  }
  if (given.name == "default") {
    return TenantError(given,
                       "the tenant default is what --auth-secret and the node's own options make");
  }
  TenantConfig tenant;
  tenant.name = given.name;
  const std::string table = absl::StrCat("tenant.", given.name, ".");
  absl::Status status = ReadOptions(TenantOptions(), given.options, table, tenant);
  if (!status.ok()) return status;
  status = ReadOptions(TenantLimitOptions(), given.limits, absl::StrCat(table, "limits."),
                       tenant.limits);
  if (!status.ok()) return status;
  if (tenant.secrets.empty()) {
    return TenantError(given, "secrets are missing: give 1 to 4, the newest first");
  }
  return tenant;
}

}  // namespace

bool IsOption(absl::string_view name) {
  return LookUpOption(Options(), name) != nullptr ||
         LookUpOption(CommandLineOptions(), name) != nullptr;
}

OptionValues Merge(const OptionValues& file, const OptionValues& command_line) {
  OptionValues merged = file;
  for (const auto& [name, values] : command_line) {
    auto& target = merged[name];
    if (LookUpOption(Options(), name)->field.kind != OptionKind::kList) target.clear();
    target.insert(target.end(), values.begin(), values.end());
  }
  return merged;
}

absl::StatusOr<Settings> ReadSettings(const OptionValues& values,
                                      absl::Span<const TenantValues> tenants) {
  Settings settings;
  absl::Status status = ReadOptions(Options(), values, "", settings);
  if (!status.ok()) return status;
  for (const TenantValues& given : tenants) {
    auto tenant = ReadTenant(given);
    if (!tenant.ok()) return tenant.status();
    settings.tenants.push_back(*std::move(tenant));
  }
  return settings;
}

std::vector<std::string> ChangedAtStartOnly(const Settings& running, const Settings& fresh) {
  std::vector<std::string> names;
  for (const Option<Settings>& option : Options()) {
    if (option.reload != Reload::kAtStart) continue;
    if (option.field.write(running) != option.field.write(fresh)) names.emplace_back(option.name);
  }
  return names;
}

}  // namespace causeway::config
