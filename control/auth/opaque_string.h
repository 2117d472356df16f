// The OpaqueString profile (RFC 8265 section 4.2) of user names, realms and passwords.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace causeway::auth {

/// `text` as the profile makes it: spaces of other scripts become U+0020, then Unicode
/// Normalization Form C. InvalidArgumentError says why there is none: `text` is empty, is not
/// UTF-8, or holds a code point outside the FreeformClass of RFC 8264 (control, unassigned,
/// private, invisible). The message tells positions, never the text, which may be a password. Of
/// the code points that RFC 8264 allows in some contexts only, the joiners U+200C and U+200D are
/// refused and the others taken.
absl::StatusOr<std::string> OpaqueString(absl::string_view text);

/// Whether `text` is what OpaqueString makes of it. Cheap for ASCII.
bool IsOpaqueString(absl::string_view text);

}  // namespace causeway::auth
