#include "control/config/credential_fields.h"
#include "control/config/fields.h"
#include "control/config/options.h"

namespace causeway::config {
namespace {

constexpr uint32_t kMaxLimit = 1'000'000'000;

using T = TenantConfig;
using L = TenantLimits;

}  // namespace

absl::Span<const Option<TenantConfig>> TenantOptions() {
  static const auto* const options = new std::vector<Option<T>>{
      {.name = "secrets",
       .field = TenantSecrets(),
       .value = "SECRET",
       .help = "secrets of the tenant's time-limited credentials, 1 to 4 of 16 to 256 bytes, the "
               "newest first; they must be given",
       .reload = Reload::kReload,
       .secret = Secret::kAll},
      {.name = "allow-peers",
       .field = List<T, Prefix>(&T::allow_peers, ParsePrefix, WritePrefix),
       .value = "CIDR",
       .help = "peers to allow beside those of allow-peer",
       .reload = Reload::kReload},
      {.name = "deny-peers",
       .field = List<T, Prefix>(&T::deny_peers, ParsePrefix, WritePrefix),
       .value = "CIDR",
       .help = "peers to deny beside those of deny-peer",
       .reload = Reload::kReload},
      {.name = "end-with-credential",
       .field = Flag(&T::end_with_credential),
       .help = "let no allocation of the tenant outlive the credential that it was made with",
       .reload = Reload::kReload},
  };
  return *options;
}

absl::Span<const Option<TenantLimits>> TenantLimitOptions() {
  static const auto* const options = new std::vector<Option<L>>{
      {.name = "allocations",
       .field = Number(&L::allocations, 1, kMaxLimit),
       .value = "N",
       .help = "allocations of the tenant at a time",
       .reload = Reload::kReload},
      {.name = "allocations-per-user",
       .field = Number(&L::allocations_per_user, 1, kMaxLimit),
       .value = "N",
       .help = "allocations of one of its users at a time, instead of user-quota",
       .reload = Reload::kReload},
      {.name = "kbps",
       .field = Number(&L::kbps, 1, kMaxLimit),
       .value = "N",
       .help = "1,000 bits a second of UDP payload, of each allocation, each way by itself",
       .reload = Reload::kReload},
      {.name = "packets-per-second",
       .field = Number(&L::packets_per_second, 1, kMaxLimit),
       .value = "N",
       .help = "packets a second, of each allocation, each way by itself",
       .reload = Reload::kReload},
  };
  return *options;
}

}  // namespace causeway::config
