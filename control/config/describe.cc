#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "control/config/config.h"
#include "control/config/toml.h"

namespace causeway::config {
namespace {

/// The value of a key; "" when the option is not given.
template <typename T>
std::string TomlValue(const Option<T>& option, const T& in) {
  std::vector<std::string> texts = option.field.write(in);
  const OptionKind kind = option.field.kind;
  if (kind == OptionKind::kFlag) return texts.empty() ? "false" : "true";
  for (std::string& text : texts) {
    text = Redact(option.secret, text);
    if (kind != OptionKind::kNumber) text = QuoteToml(text);
  }
  const std::string list = absl::StrJoin(texts, ", ");
  const bool is_list = kind == OptionKind::kList || kind == OptionKind::kItems;
  return is_list ? absl::StrCat("[", list, "]") : list;
}

/// A line for each option.
template <typename T>
void Append(absl::Span<const Option<T>> options, const T& in, std::string& out) {
  for (const Option<T>& option : options) {
    const std::string value = TomlValue(option, in);
    if (!value.empty()) absl::StrAppend(&out, option.name, " = ", value, "\n");
  }
}

/// With what was not given filled in.
Settings Complete(const Config& config) {
  Settings settings = config;
  settings.given_relay_prefixes = config.relay_prefixes;
  settings.max_allocations = config.limits.max_allocations;
  settings.workers = config.node.shards;
  return settings;
}

}  // namespace

std::string Describe(const Config& config) {
  std::string out;
  Append(Options(), Complete(config), out);
  for (const TenantConfig& tenant : config.tenants) {
    absl::StrAppend(&out, "\n[tenant.", tenant.name, "]\n");
    Append(TenantOptions(), tenant, out);
    absl::StrAppend(&out, "\n[tenant.", tenant.name, ".limits]\n");
    Append(TenantLimitOptions(), tenant.limits, out);
  }
  absl::StrAppend(&out, "# relay addresses in use: ", config.node.relay_addresses.size(), "\n");
  return out;
}

}  // namespace causeway::config
