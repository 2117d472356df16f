#include "perf/gen/profile.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"

namespace causeway::gen {
namespace {

uint16_t PayloadOf(uint16_t ip_bytes, uint16_t overhead) {
  return ip_bytes < overhead + kMinPayload ? kMinPayload
                                           : static_cast<uint16_t>(ip_bytes - overhead);
}

/// 7:4:1, the large and the medium ones spread among the small.
std::vector<uint16_t> Imix(uint16_t overhead) {
  const uint16_t small = PayloadOf(40, overhead);
  const uint16_t medium = PayloadOf(576, overhead);
  const uint16_t large = PayloadOf(1500, overhead);
  return {small, medium, small, small, medium, small, large, small, medium, small, medium, small};
}

std::vector<uint16_t> Video() {
  return {1172, 1172, 1172, 1172, 1172, 1172, 1172, 1172, 620,  // a picture
          1056, 1056, 1056, 1056, 1056, 1056, 1056, 1056, 388,  //
          1140, 1140, 1140, 1140, 1140, 1140, 1140, 1140, 904,  //
          1012, 1012, 1012, 1012, 1012, 1012, 1012, 1012, 1012, 212};
}

}  // namespace

Profile::Profile(std::string name, std::vector<uint16_t> sizes)
    : name_(std::move(name)), sizes_(std::move(sizes)) {}

Profile Profile::Fixed(uint16_t payload_bytes) { return {"", {payload_bytes}}; }

absl::StatusOr<Profile> Profile::Named(absl::string_view name, uint16_t overhead) {
  if (name == "imix") return Profile("imix", Imix(overhead));
  if (name == "voice") return Profile("voice", {172});
  if (name == "video") return Profile("video", Video());
  return absl::InvalidArgumentError("no such profile: take imix, voice or video");
}

uint16_t Profile::largest() const { return *std::max_element(sizes_.begin(), sizes_.end()); }

double Profile::mean() const {
  return static_cast<double>(std::accumulate(sizes_.begin(), sizes_.end(), uint64_t{0})) /
         static_cast<double>(sizes_.size());
}

}  // namespace causeway::gen
