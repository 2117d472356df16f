#include "control/auth/password_algorithm.h"

#include <iterator>

#include "control/auth/nonce.h"
#include "dataplane/byte_order.h"

namespace causeway::auth {

using stun::Attribute;
using stun::PasswordAlgorithm;

namespace {

bool IsOffered(uint16_t algorithm) {
  for (PasswordAlgorithm offered : kOfferedAlgorithms) {
    if (static_cast<uint16_t>(offered) == algorithm) return true;
  }
  return false;
}

bool ListsWhatWeOffered(stun::Bytes list) {
  if (list.size() != 4 * std::size(kOfferedAlgorithms)) return false;
  for (size_t i = 0; i < std::size(kOfferedAlgorithms); ++i) {
    const uint32_t entry = static_cast<uint32_t>(kOfferedAlgorithms[i]) << 16;
    if (LoadBe32(&list[4 * i]) != entry) return false;
  }
  return true;
}

}  // namespace

std::optional<PasswordAlgorithm> ChosenAlgorithm(const stun::Message& request,
                                                 absl::string_view nonce) {
  const stun::AttributeView* list = request.LookUp(Attribute::kPasswordAlgorithms);
  const stun::AttributeView* chosen = request.LookUp(Attribute::kPasswordAlgorithm);
  const bool bound = NonceFeatures(nonce).value_or(0) & kPasswordAlgorithmsFeature;
  if (chosen == nullptr && (list == nullptr || !bound)) return PasswordAlgorithm::kMd5;
  if (chosen == nullptr || chosen->value.size() != 4) return std::nullopt;
  if (bound && (list == nullptr || !ListsWhatWeOffered(list->value))) return std::nullopt;
  const uint32_t word = LoadBe32(chosen->value.data());
  const uint16_t algorithm = static_cast<uint16_t>(word >> 16);
  if ((word & 0xffff) != 0 || !IsOffered(algorithm)) return std::nullopt;
  return static_cast<PasswordAlgorithm>(algorithm);
}

}  // namespace causeway::auth
