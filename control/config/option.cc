#include "control/config/option.h"

#include "absl/strings/strip.h"

namespace causeway::config {

std::string Redact(Secret secret, absl::string_view text) {
  constexpr absl::string_view kHidden = "***";
  if (secret == Secret::kNothing) return std::string(text);
  const size_t colon = secret == Secret::kAfterColon ? text.find(':') : absl::string_view::npos;
  if (colon == absl::string_view::npos) return std::string(kHidden);
  return absl::StrCat(text.substr(0, colon + 1), kHidden);
}

absl::Status AtPlace(const absl::Status& error, const GivenValue& value) {
  if (error.ok() || value.place.empty()) return error;
  absl::string_view message = error.message();
  if (!absl::ConsumePrefix(&message, "--")) return error;
  return absl::Status(error.code(), absl::StrCat(value.place, message));
}

}  // namespace causeway::config
