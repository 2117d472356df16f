#include "control/config/credential_fields.h"

#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "control/config/fields.h"
#include "control/config/files.h"

namespace causeway::config {
namespace {

constexpr size_t kMaxTenantSecrets = 4;
constexpr size_t kMinTenantSecretSize = 16;
constexpr size_t kMaxTenantSecretSize = 256;

/// Numbers the values of one source, from 1.
class Numbering {
 public:
  int Of(const GivenValue& value) { return value.place.empty() ? ++on_line_ : ++in_file_; }

 private:
  int on_line_ = 0;
  int in_file_ = 0;
};

/// Adds users to `settings` and keeps their names apart.
class UserAdder {
 public:
  explicit UserAdder(Settings& settings) : settings_(settings) {
    for (const auto& user : settings.users) names_.insert(user.name);
  }

  absl::Status Add(absl::string_view origin, absl::string_view text) {
    auto user = ParseUser(origin, text);
    if (!user.ok()) return user.status();
    if (!names_.insert(user->name).second) {
      return absl::InvalidArgumentError(
          absl::StrCat(origin, ": user '", absl::CHexEscape(user->name), "' is given twice"));
    }
    settings_.users.push_back(*std::move(user));
    return absl::OkStatus();
  }

 private:
  Settings& settings_;
  absl::flat_hash_set<std::string> names_;
};

absl::Status ReadUsers(absl::string_view name, absl::Span<const GivenValue> values, Settings& out) {
  UserAdder adder(out);
  Numbering numbering;
  for (const GivenValue& value : values) {
    const std::string origin = absl::StrCat("--", name, ", value ", numbering.Of(value));
    if (absl::Status status = adder.Add(origin, value.text); !status.ok()) {
      return AtPlace(status, value);
    }
  }
  return absl::OkStatus();
}

absl::Status ReadUserFile(Settings& out) {
  auto lines = ReadSecretLines(out.user_file);
  if (!lines.ok()) return lines.status();
  UserAdder adder(out);
  for (const SecretLine& line : *lines) {
    absl::Status status = adder.Add(absl::StrCat(out.user_file, ":", line.number), line.text);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status ReadSecretFile(Settings& out) {
  auto lines = ReadSecretLines(out.auth_secret_file);
  if (!lines.ok()) return lines.status();
  for (SecretLine& line : *lines) out.secrets.push_back(std::move(line.text));
  return absl::OkStatus();
}

/// The name of a file whose lines `read_file` adds to what another option gives. That option's
/// field writes them too.
Field<Settings> FileOf(std::string Settings::*path, absl::Status (*read_file)(Settings&)) {
  Field<Settings> field = Text(path, ParsePath);
  field.read = [read_path = field.read, read_file](
                   absl::string_view name, absl::Span<const GivenValue> values, Settings& out) {
    absl::Status status = read_path(name, values, out);
    return status.ok() ? read_file(out) : status;
  };
  field.write = [](const Settings&) { return std::vector<std::string>(); };
  return field;
}

absl::Status ReadTenantSecrets(absl::string_view name, absl::Span<const GivenValue> values,
                               TenantConfig& out) {
  if (values.size() > kMaxTenantSecrets) {
    return AtPlace(absl::InvalidArgumentError(absl::StrCat(
                       "--", name, ": ", values.size(), " secrets; at most ", kMaxTenantSecrets)),
                   values.front());
  }
  Numbering numbering;
  for (const GivenValue& value : values) {
    const int number = numbering.Of(value);
    const size_t size = value.text.size();
    if (size < kMinTenantSecretSize || size > kMaxTenantSecretSize) {
      return AtPlace(absl::InvalidArgumentError(absl::StrCat(
                         "--", name, ", value ", number, ": ", size, " bytes; must be ",
                         kMinTenantSecretSize, " to ", kMaxTenantSecretSize)),
                     value);
    }
    out.secrets.push_back(value.text);
  }
  return absl::OkStatus();
}

}  // namespace

Field<Settings> Users() {
  return {OptionKind::kList, "", ReadUsers, [](const Settings& in) {
            std::vector<std::string> texts;
            for (const auto& user : in.users) {
              texts.push_back(absl::StrCat(user.name, ":", user.password));
            }
            return texts;
          }};
}

Field<Settings> UserFile() { return FileOf(&Settings::user_file, ReadUserFile); }

Field<Settings> Secrets() {
  return List<Settings, std::string>(&Settings::secrets, ParseSecret,
                                     [](const std::string& secret) { return secret; });
}

Field<Settings> SecretFile() { return FileOf(&Settings::auth_secret_file, ReadSecretFile); }

Field<TenantConfig> TenantSecrets() {
  return {OptionKind::kList, "", ReadTenantSecrets,
          [](const TenantConfig& in) { return in.secrets; }};
}

}  // namespace causeway::config
