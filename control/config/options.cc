#include "control/config/options.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"

namespace causeway::config {
namespace {

size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

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

template <typename T>
void AddNames(absl::Span<const Option<T>> options, std::vector<std::string>& names) {
  for (const Option<T>& option : options) names.emplace_back(option.name);
}

}  // namespace

bool IsOption(absl::string_view name) {
  return LookUpOption(Options(), name) != nullptr ||
         LookUpOption(CommandLineOptions(), name) != nullptr;
}

std::string Nearest(absl::string_view name, absl::Span<const std::string> names) {
  std::string nearest;
  size_t best = std::max<size_t>(2, name.size() / 3) + 1;
  if (name.size() < 3) return "";
  for (const std::string& candidate : names) {
    const size_t distance = EditDistance(name, candidate);
    if (distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

std::string NearestOption(absl::string_view name) {
  std::vector<std::string> names;
  AddNames(Options(), names);
  AddNames(CommandLineOptions(), names);
  return Nearest(name, names);
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
