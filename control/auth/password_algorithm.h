// The choice of password algorithm and its protection against bidding down (RFC 8489 sections 9.2.1
// and 9.2.4, third item).
#pragma once

#include <optional>

#include "absl/strings/string_view.h"
#include "control/stun/message.h"

namespace causeway::auth {

/// What PASSWORD-ALGORITHMS of a challenge lists, best first.
inline constexpr stun::PasswordAlgorithm kOfferedAlgorithms[] = {stun::PasswordAlgorithm::kSha256,
                                                                 stun::PasswordAlgorithm::kMd5};

/// The algorithm of the key that `request` was signed with; nullopt means that it deserves 400.
/// A `nonce` without the "password algorithms" feature is none of ours, and the request gets 438 at
/// best: PASSWORD-ALGORITHM is heeded all the same, so that the HMAC is checked under the key that
/// the client used.
std::optional<stun::PasswordAlgorithm> ChosenAlgorithm(const stun::Message& request,
                                                       absl::string_view nonce);

}  // namespace causeway::auth
