// Fields of users and secrets. Their errors never quote a value; they give its number instead.
#pragma once

#include "control/config/option.h"
#include "control/config/settings.h"

namespace causeway::config {

/// Users, from the options themselves and from a file of theirs. No name twice.
Field<Settings> Users();
Field<Settings> UserFile();
/// Secrets of the node, in the same two ways.
Field<Settings> Secrets();
Field<Settings> SecretFile();
/// 1 to 4 secrets of 16 to 256 bytes.
Field<TenantConfig> TenantSecrets();

}  // namespace causeway::config
